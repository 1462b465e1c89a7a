//! The records a script is handed: `t` the transition, `net` the online network, `p` the parameters.

use rhai::Dynamic;

use crate::diagnostic::{did_you_mean, listing};
use crate::ops::{Field, Head, Op, Pass, Shape, Span};
use crate::params::ParamKind;

use super::operand::{Kind, Operand, Steps, Value};
use super::trace::{Complaint, Outcome, Trace};

/// A record; its fields are made when they are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Record {
    /// `t`: what the replay stored, and the target network at `s_t`.
    Transition,
    /// `t.next`: the target network at the bootstrap state.
    TransitionNext,
    /// `t.steps`: what the replay stored, per step of the window.
    TransitionSteps,
    /// `net`: the online network at `s_t`.
    Net,
    /// `net.next`: the online network at the bootstrap state.
    NetNext,
    /// `p`: the parameters.
    Params,
}

impl Record {
    /// How a script writes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Transition => "t",
            Self::TransitionNext => "t.next",
            Self::TransitionSteps => "t.steps",
            Self::Net => "net",
            Self::NetNext => "net.next",
            Self::Params => "p",
        }
    }

    /// The forward pass whose outputs it holds.
    fn pass(self) -> Option<Pass> {
        match self {
            Self::Transition => Some(Pass::Target),
            Self::TransitionNext => Some(Pass::TargetNext),
            Self::Net => Some(Pass::Online),
            Self::NetNext => Some(Pass::OnlineNext),
            Self::TransitionSteps | Self::Params => None,
        }
    }

    /// Names of its fields beside network outputs and parameters.
    fn own_fields(self) -> &'static [&'static str] {
        match self {
            Self::Transition => &["reward", "action", "terminated", "weight", "n", "steps", "next"],
            Self::TransitionSteps => &["reward", "action", "terminated"],
            Self::Net => &["next"],
            Self::TransitionNext | Self::NetNext | Self::Params => &[],
        }
    }

    /// Reads a field.
    pub fn field(self, trace: &mut Trace, at: Span, field: &str) -> Outcome {
        let last = trace.layout.window.saturating_sub(1);
        let one = |trace: &mut Trace, field, kind| Ok(Dynamic::from(trace.push(Op::Sample(field), kind, at)));
        match (self, field) {
            (Self::Transition, "reward") if trace.layout.window > 1 => Err(Complaint::new(format!(
                "`t.reward` is one reward, and this window has n = {}",
                trace.layout.window
            ))
            .hint("use discounted_return(t.steps.reward, p.gamma), or t.steps.reward[0] for the first")),
            (Self::Transition, "reward") => one(trace, Field::Reward(0), Kind::Number),
            (Self::Transition, "action") => one(trace, Field::Action(0), Kind::Action),
            // A window that ends in a terminal state keeps the flag up to its last step.
            (Self::Transition, "terminated") => one(trace, Field::Terminated(last), Kind::Flag),
            (Self::Transition, "weight") => one(trace, Field::Weight, Kind::Number),
            (Self::Transition, "n") => Ok((trace.layout.window as i64).into()),
            (Self::Transition, "steps") => Ok(Dynamic::from(Self::TransitionSteps)),
            (Self::Transition, "next") => Ok(Dynamic::from(Self::TransitionNext)),
            (Self::Net, "next") => Ok(Dynamic::from(Self::NetNext)),
            (Self::TransitionSteps, "reward") => Ok(steps(trace, at, Field::Reward, Kind::Number)),
            (Self::TransitionSteps, "action") => Ok(steps(trace, at, Field::Action, Kind::Action)),
            (Self::TransitionSteps, "terminated") => Ok(steps(trace, at, Field::Terminated, Kind::Flag)),
            (Self::Params, name) => self.param(trace, at, name),
            (record, name) => record.output(trace, at, name),
        }
    }

    fn param(self, trace: &mut Trace, at: Span, name: &str) -> Outcome {
        let Some(param) = trace.params.iter().find(|param| param.name == name) else {
            return Err(self.unknown(trace, name));
        };
        let now = trace.statics.get(name).copied().unwrap_or(param.default);
        match param.kind {
            ParamKind::Live { slot } => Ok(Dynamic::from(trace.push(Op::Param(slot), Kind::Number, at))),
            ParamKind::StaticInt => Ok((now as i64).into()),
            ParamKind::StaticBool => Ok((now != 0.0).into()),
        }
    }

    fn output(self, trace: &mut Trace, at: Span, name: &str) -> Outcome {
        let head = [Head::Q, Head::Logits, Head::V].into_iter().find(|head| head.name() == name);
        match (self.pass(), head) {
            (Some(pass), Some(head)) if trace.layout.heads.contains(&head) => {
                Ok(Dynamic::from(trace.push(Op::Output(pass, head), Kind::Number, at)))
            }
            (Some(_), Some(head)) => {
                let heads = trace.layout.heads.iter().chain([&head]).map(|head| format!("{:?}", head.name()));
                let heads = heads.collect::<Vec<_>>().join(", ");
                Err(Complaint::new(format!("this network has no head `{}`", head.name()))
                    .hint(format!("heads are chosen in config(): heads: [{heads}]")))
            }
            _ => Err(self.unknown(trace, name)),
        }
    }

    fn unknown(self, trace: &Trace, name: &str) -> Complaint {
        let mut fields: Vec<&str> = self.own_fields().to_vec();
        if self.pass().is_some() {
            fields.extend(trace.layout.heads.iter().map(|head| head.name()));
        }
        if self == Self::Params {
            fields.extend(trace.params.iter().map(|param| param.name.as_str()));
        }
        let record = self.name();
        let what = if self == Self::Params { "parameter" } else { "field" };
        let near = did_you_mean(name, fields.iter().copied());
        let near = near.map(|near| format!("did you mean {record}.{near}? ")).unwrap_or_default();
        let complaint = Complaint::new(format!("`{record}` has no {what} `{name}`"));
        if fields.is_empty() {
            return complaint.hint("params() declares none");
        }
        complaint.hint(format!("{near}{record} has {}", listing(fields)))
    }
}

fn steps(trace: &mut Trace, at: Span, field: fn(usize) -> Field, kind: Kind) -> Dynamic {
    let steps: Vec<Value> =
        (0..trace.layout.window).map(|step| trace.push(Op::Sample(field(step)), kind, at)).collect();
    Dynamic::from(Steps(steps.into()))
}

/// `x[index]` of a traced value.
pub(crate) fn element(trace: &mut Trace, at: Span, of: Value, index: Operand) -> Outcome {
    if let Operand::Text(field) = &index {
        return Err(Complaint::new(format!("a traced value has no field `{field}`"))
            .hint("fields belong to the records t, net and p"));
    }
    if trace.graph.shape(of.node) == Shape::Scalar {
        return Err(Complaint::new("this is one number per sample and cannot be indexed")
            .hint("index a value that has one number per action, such as net.q"));
    }
    let actions = trace.layout.actions;
    let index = match index {
        Operand::One(value) if value.kind == Kind::Action => value.node,
        Operand::Int(int) if (0..actions as i64).contains(&int) => trace.graph.constant(int as f64),
        Operand::Int(int) => {
            return Err(Complaint::new(format!("action {int} is out of range: there are {actions} actions"))
                .hint(format!("they are numbered 0 to {}", actions.saturating_sub(1))));
        }
        Operand::Steps(_) => {
            return Err(Complaint::new(
                "this value belongs to one state, and the index to the steps of a window",
            )
            .hint("use t.action, the action taken in that state"));
        }
        other => {
            return Err(Complaint::new(format!("an action is needed here, found {}", other.describe()))
                .hint("index by t.action, argmax(x) or a whole number"));
        }
    };
    Ok(Dynamic::from(trace.push(Op::At(of.node, index), Kind::Number, at)))
}

/// `x[index]` of a list of steps.
pub(crate) fn step(of: &Steps, index: Operand) -> Outcome {
    let length = of.0.len();
    match index {
        Operand::Int(int) => match usize::try_from(int).ok().and_then(|index| of.0.get(index)) {
            Some(value) => Ok(Dynamic::from(*value)),
            None => Err(Complaint::new(format!("step {int} is out of range: there are {length} steps"))
                .hint("they are numbered 0 to t.n - 1")),
        },
        other => {
            Err(Complaint::new(format!("steps are indexed by plain whole numbers, not {}", other.describe()))
                .hint("write t.steps.reward[0], or for i in 0..t.n { … }"))
        }
    }
}
