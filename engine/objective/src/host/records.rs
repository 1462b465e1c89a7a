//! The records a script is handed: `t` the transition, `net` the online network, `p` the parameters; `step`
//! and `stats` where it steers a run.

use rhai::Dynamic;

use crate::clock::EvalStats;
use crate::diagnostic::{did_you_mean, listing};
use crate::ops::{Field, Op, Pass, Span};
use crate::params::ParamKind;

use super::fields::{self, FIELDS, OUTPUTS, Read, Steering};
use super::operand::{Kind, Steps, Value};
use super::trace::{Complaint, Outcome, Phase, Trace};

/// A record; its fields are made when they are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Record {
    /// `t`: what is stored with the window, and the target network at `s_0`.
    Transition,
    /// `t.next`: the target network at the bootstrap state.
    TransitionNext,
    /// `t.steps`: what is stored per step, and the target network at `s_0` to `s_{n-1}`.
    TransitionSteps,
    /// `t.steps.next`: the target network at `s_1` to `s_n`.
    TransitionStepsNext,
    /// `net`: the online network at `s_0`.
    Net,
    /// `net.next`: the online network at the bootstrap state.
    NetNext,
    /// `net.steps`: the online network at `s_0` to `s_{n-1}`.
    NetSteps,
    /// `net.steps.next`: the online network at `s_1` to `s_n`.
    NetStepsNext,
    /// `p`: the parameters.
    Params,
    /// `step`, the argument of `schedule`.
    Step,
    /// `stats`, the argument of `on_eval`.
    EvalStats,
    /// `stats.params`: plain values of the parameters.
    CurrentParams,
}

impl Record {
    pub const ALL: [Record; 12] = [
        Self::Net,
        Self::NetNext,
        Self::NetSteps,
        Self::NetStepsNext,
        Self::Transition,
        Self::TransitionNext,
        Self::TransitionSteps,
        Self::TransitionStepsNext,
        Self::Params,
        Self::Step,
        Self::EvalStats,
        Self::CurrentParams,
    ];

    /// How a script writes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Transition => "t",
            Self::TransitionNext => "t.next",
            Self::TransitionSteps => "t.steps",
            Self::TransitionStepsNext => "t.steps.next",
            Self::Net => "net",
            Self::NetNext => "net.next",
            Self::NetSteps => "net.steps",
            Self::NetStepsNext => "net.steps.next",
            Self::Params => "p",
            Self::Step => "step",
            Self::EvalStats => "stats",
            Self::CurrentParams => "stats.params",
        }
    }

    /// What it is called in definitions.
    pub fn type_name(self) -> &'static str {
        match self {
            Self::Transition => "Transition",
            Self::TransitionNext => "TransitionNext",
            Self::TransitionSteps => "TransitionSteps",
            Self::TransitionStepsNext => "TransitionStepsNext",
            Self::Net => "Net",
            Self::NetNext => "NetNext",
            Self::NetSteps => "NetSteps",
            Self::NetStepsNext => "NetStepsNext",
            Self::Params => "Params",
            Self::Step => "Step",
            Self::EvalStats => "Stats",
            Self::CurrentParams => "CurrentParams",
        }
    }

    /// What it is, in a sentence.
    pub fn doc(self) -> &'static str {
        match self {
            Self::Transition => "`t`: the transitions of a window, and the target network's outputs.",
            Self::TransitionNext => "`t.next`: the target network at the bootstrap state.",
            Self::TransitionSteps => {
                "`t.steps`: the transitions and the target network, per step of the window."
            }
            Self::TransitionStepsNext => "`t.steps.next`: the target network after each step.",
            Self::Net => {
                "`net`: the online network's outputs, where gradients flow. In behave: those of the state to act in."
            }
            Self::NetNext => "`net.next`: the online network at the bootstrap state.",
            Self::NetSteps => "`net.steps`: the online network per step of the window.",
            Self::NetStepsNext => "`net.steps.next`: the online network after each step.",
            Self::Params => "`p`: the parameters that params() declares.",
            Self::Step => "`step`, the argument of schedule: how far the run has come.",
            Self::EvalStats => "`stats`, the argument of on_eval: the outcome of an evaluation.",
            Self::CurrentParams => "`stats.params`: the parameters' values now, plain.",
        }
    }

    /// Whether its outputs are lists of steps.
    pub fn is_per_step(self) -> bool {
        matches!(
            self,
            Self::NetSteps | Self::NetStepsNext | Self::TransitionSteps | Self::TransitionStepsNext
        )
    }

    /// Whether it holds plain numbers, for `schedule` and `on_eval`.
    pub fn is_steering(self) -> bool {
        matches!(self, Self::Step | Self::EvalStats | Self::CurrentParams)
    }

    /// Whether its fields are the script's parameters.
    fn is_params(self) -> bool {
        matches!(self, Self::Params | Self::CurrentParams)
    }

    /// Whether it holds network outputs.
    fn has_outputs(self) -> bool {
        OUTPUTS.iter().any(|&(record, ..)| record == self)
    }

    /// The forward passes whose outputs it holds, in a window of `window` steps: one, or one per step.
    fn passes(self, window: usize) -> Vec<Pass> {
        let Some(&(_, net, _)) = OUTPUTS.iter().find(|&&(record, ..)| record == self) else {
            return Vec::new();
        };
        let states = match self {
            Self::NetNext | Self::TransitionNext => window..window + 1,
            Self::NetSteps | Self::TransitionSteps => 0..window,
            Self::NetStepsNext | Self::TransitionStepsNext => 1..window + 1,
            _ => 0..1,
        };
        states.map(|state| Pass { net, state }).collect()
    }

    /// Reads a field.
    pub fn field(self, trace: &mut Trace, at: Span, field: &str) -> Outcome {
        trace.check_size()?;
        if self.is_params() {
            return self.param(trace, at, field);
        }
        match FIELDS.iter().find(|known| known.record == self && known.name == field) {
            Some(_) if trace.phase == Phase::Behave => Err(Complaint::new(format!(
                "`{}.{field}` does not exist in behave: it acts in one state, before anything has happened",
                self.name()
            ))
            .hint("there are the network's outputs in that state, such as net.q, and the parameters")),
            Some(known) => self.read(trace, at, known.read),
            None => self.output(trace, at, field),
        }
    }

    fn read(self, trace: &mut Trace, at: Span, read: Read) -> Outcome {
        let window = trace.layout.window;
        match read {
            Read::First(field, _) if is_reward(field) && window > 1 => {
                Err(Complaint::new(format!("`t.reward` is one reward, and this window has n = {window}"))
                    .hint(
                        "use discounted_return(t.steps.reward, p.gamma), or t.steps.reward[0] for the first",
                    ))
            }
            Read::First(field, kind) => Ok(Dynamic::from(stored(trace, at, field(0), kind))),
            // A window that ends in a terminal state keeps the flag up to its last step.
            Read::Last(field, kind) => {
                Ok(Dynamic::from(stored(trace, at, field(window.saturating_sub(1)), kind)))
            }
            Read::Each(field, kind) => {
                let steps: Steps = (0..window).map(|step| stored(trace, at, field(step), kind)).collect();
                Ok(Dynamic::from(steps))
            }
            Read::Weight => Ok(Dynamic::from(stored(trace, at, Field::Weight, Kind::Number))),
            Read::Window => Ok((window as i64).into()),
            Read::Inner(record) => Ok(Dynamic::from(record)),
            Read::Steering(what) => Ok(steering(trace.stats.as_ref(), what)),
        }
    }

    /// A parameter: traced where it is live and the script runs on symbols, else plain.
    fn param(self, trace: &mut Trace, at: Span, name: &str) -> Outcome {
        let Some(param) = trace.params.iter().find(|param| param.name == name) else {
            return Err(self.unknown(trace, name));
        };
        let current = match (self, &trace.stats) {
            (Self::CurrentParams, Some(stats)) => stats.params.get(name),
            _ => trace.statics.get(name),
        };
        let now = current.copied().unwrap_or(param.default);
        match param.kind {
            ParamKind::Live { .. } if self == Self::CurrentParams => Ok(now.into()),
            ParamKind::Live { slot } => Ok(Dynamic::from(trace.push(Op::Param(slot), Kind::Number, at))),
            ParamKind::StaticInt => Ok((now as i64).into()),
            ParamKind::StaticBool => Ok((now != 0.0).into()),
        }
    }

    fn output(self, trace: &mut Trace, at: Span, name: &str) -> Outcome {
        let head = fields::HEADS.iter().map(|&(head, _)| head).find(|head| head.name() == name);
        let (true, Some(head)) = (self.has_outputs(), head) else { return Err(self.unknown(trace, name)) };
        if !trace.layout.heads.contains(&head) {
            let heads = trace.layout.heads.iter().chain([&head]).map(|head| format!("{:?}", head.name()));
            let heads = heads.collect::<Vec<_>>().join(", ");
            return Err(Complaint::new(format!("this network has no head `{}`", head.name()))
                .hint(format!("heads are chosen in config(): heads: [{heads}]")));
        }
        let read = |pass, trace: &mut Trace| trace.push(Op::Output(pass, head), Kind::Number, at);
        let passes = self.passes(trace.layout.window);
        Ok(match passes[..] {
            [pass] if !self.is_per_step() => Dynamic::from(read(pass, trace)),
            _ => Dynamic::from(passes.into_iter().map(|pass| read(pass, trace)).collect::<Steps>()),
        })
    }

    fn unknown(self, trace: &Trace, name: &str) -> Complaint {
        let mut known: Vec<&str> = Vec::new();
        if trace.phase != Phase::Behave {
            let own = FIELDS.iter().filter(|field| field.record == self);
            known.extend(own.map(|field| field.name));
        }
        if self.has_outputs() {
            known.extend(trace.layout.heads.iter().map(|head| head.name()));
        }
        if self.is_params() {
            known.extend(trace.params.iter().map(|param| param.name.as_str()));
        }
        let record = self.name();
        let what = if self.is_params() { "parameter" } else { "field" };
        let complaint = Complaint::new(format!("`{record}` has no {what} `{name}`"));
        if known.is_empty() {
            return complaint.hint("params() declares none");
        }
        let near =
            did_you_mean(name, known.iter().copied()).map(|near| format!("did you mean {record}.{near}? "));
        let near = near.or_else(|| match () {
            () if self.is_params() => None,
            () if trace.params.iter().any(|param| param.name == name) && trace.phase.is_traced() => {
                Some(format!("did you mean p.{name}? "))
            }
            () if trace.phase == Phase::Behave => None,
            () => fields::elsewhere(self, name).map(|instead| format!("write {instead}. ")),
        });
        complaint.hint(format!("{}{record} has {}", near.unwrap_or_default(), listing(known)))
    }
}

/// A stored number of the sample; a reward as the script's `reward` makes it.
fn stored(trace: &mut Trace, at: Span, field: Field, kind: Kind) -> Value {
    match (field, &trace.rewards) {
        (Field::Reward(step), Some(rewards)) => rewards[step],
        _ => trace.push(Op::Sample(field), kind, at),
    }
}

fn is_reward(field: fn(usize) -> Field) -> bool {
    matches!(field(0), Field::Reward(_))
}

fn steering(stats: Option<&EvalStats>, what: Steering) -> Dynamic {
    let none = EvalStats::default();
    let stats = stats.unwrap_or(&none);
    let whole = |number: u64| Dynamic::from(i64::try_from(number).unwrap_or(i64::MAX));
    match what {
        Steering::Frames => whole(stats.clock.frames),
        Steering::AgentSteps => whole(stats.clock.agent_steps),
        Steering::Updates => whole(stats.clock.updates),
        Steering::Progress => stats.clock.progress.into(),
        Steering::Episodes => whole(stats.episodes as u64),
        Steering::MeanReturn => stats.mean_return.into(),
        Steering::StdReturn => stats.std_return.into(),
        Steering::BestReturn => stats.best_return.into(),
    }
}
