//! The functions that run on symbols: `reward`, `target`, `loss`, `metrics`, `behave`.

use rhai::Dynamic;

use crate::diagnostic::Diagnostic;
use crate::entry::Entry;
use crate::host::{self, Complaint, Kind, Operand, Phase, Record, Steps, Value};
use crate::ops::{Field, NodeId, Op, Shape, Span};
use crate::run::{NOTHING, Run};

impl Run<'_> {
    /// Runs `reward`, `target`, `loss` and `metrics` on symbolic values; the node of the sample's loss.
    pub fn loss(&self, entry: Entry) -> Result<NodeId, Diagnostic> {
        if let Some(count) = entry.reward {
            self.rewards(count)?;
        }
        let [net, t, p] = [Record::Net, Record::Transition, Record::Params].map(Dynamic::from);
        let mut arguments = vec![net, t, p];
        let mut y = None;
        if let Some(count) = entry.target {
            let target = self.stopped(self.call("target", arguments[3 - count..].to_vec())?, count)?;
            y = Some(Operand::read(target.clone()));
            arguments.insert(1, target);
        }
        let value = self.call("loss", arguments.clone())?;
        let at = self.result("loss", entry.loss);
        let loss = self
            .check_loss(&Operand::read(value), y.as_ref(), at)
            .map_err(|complaint| self.fail(at, complaint))?;
        if let Some(count) = entry.metrics {
            // Without y, where there is one.
            arguments.drain(1..1 + arguments.len() - count);
            let result = Operand::read(self.call("metrics", arguments)?);
            if !result.is_nothing() {
                let message = format!("`metrics` returns {}, which nobody reads", result.describe());
                let complaint = Complaint::new(message).hint("report it: metric(\"name\", value);");
                return Err(self.fail(self.result("metrics", count), complaint));
            }
        }
        Ok(loss)
    }

    /// Runs `reward` on the reward of each step; what the script then reads as rewards.
    fn rewards(&self, count: usize) -> Result<(), Diagnostic> {
        let before = self.host.with(|trace| std::mem::replace(&mut trace.phase, Phase::Reward));
        let at = self.result("reward", count);
        let window = self.host.with(|trace| trace.layout.window);
        let mut rewards = Vec::with_capacity(window);
        for step in 0..window {
            let stored =
                self.host.with(|trace| trace.push(Op::Sample(Field::Reward(step)), Kind::Number, Span::NONE));
            let mut arguments = vec![Dynamic::from(stored), Dynamic::from(Record::Params)];
            arguments.truncate(count);
            let made = Operand::read(self.call("reward", arguments)?);
            let made = match made {
                Operand::One(Value { kind: Kind::Condition | Kind::Flag, .. }) => {
                    Err(Complaint::new("`reward` returns a condition, not a number")
                        .hint("choose a number by it: select(r > 0, 1, 0)"))
                }
                made if made.is_nothing() => Err(Complaint::new("`reward` returns nothing").hint(NOTHING)),
                made => self.host.with(|trace| host::scalar(trace, at, "the result of `reward`", &made)),
            };
            let made = made.map_err(|complaint| self.fail(at, complaint))?;
            rewards.push(match step {
                0 => made,
                // A step that was not taken earns nothing, whatever `reward` makes of nothing.
                _ => self.host.with(|trace| {
                    let valid = trace.push(Op::Sample(Field::Valid(step)), Kind::Flag, at).node;
                    let zero = trace.graph.constant(0.0);
                    Value { node: trace.graph.select(valid, made.node, zero, at), ..made }
                }),
            });
        }
        self.host.with(|trace| {
            trace.rewards = Some(rewards);
            trace.phase = before;
        });
        Ok(())
    }

    /// The target, as a number that the loss sends no gradient into.
    fn stopped(&self, y: Dynamic, count: usize) -> Result<Dynamic, Diagnostic> {
        let at = self.result("target", count);
        let y = Operand::read(y);
        let hint = match &y {
            y if y.is_nothing() => NOTHING,
            _ => "return one number per sample, or one per action or step",
        };
        self.host.with(|trace| host::stop_gradient(trace, at, &y)).map_err(|_| {
            self.fail(
                at,
                Complaint::new(format!("`target` returns {}, not a number", y.describe())).hint(hint),
            )
        })
    }

    fn check_loss(&self, value: &Operand, y: Option<&Operand>, at: Span) -> Result<NodeId, Complaint> {
        let wrong = |message: String, hint: &str| Err(Complaint::new(message).hint(hint));
        let shape = "the loss has the wrong shape:";
        let is_condition = |kind| matches!(kind, Kind::Condition | Kind::Flag);
        match value {
            Operand::One(value) if is_condition(value.kind) => {
                wrong("the loss is a condition, which has no gradient".into(), "return a number")
            }
            Operand::One(Value { node, shape: Shape::Scalar, .. }) => Ok(*node),
            Operand::One(_) => wrong(
                format!("{shape} one number per action, and it must be one per sample or step"),
                match y {
                    Some(Operand::One(Value { shape: Shape::Action, .. })) => {
                        "y has one number per action, since `target` returns that: reduce it there, max(t.next.q), \
                         or take y[t.action]"
                    }
                    _ => "index by the action taken, net.q[t.action], or reduce with sum(x) or mean(x)",
                },
            ),
            Operand::List(_) => {
                let steps = self.host.with(|trace| host::list_to_steps(trace, at, value))?;
                self.check_loss(&steps, y, at)
            }
            Operand::Steps(steps) if steps.shape() == Shape::Action => wrong(
                format!("{shape} one number per step and action, and it must be one per sample or step"),
                "index by the actions taken, x[t.steps.action], or reduce with sum(x, \"action\")",
            ),
            Operand::Steps(steps) if !steps.0.is_empty() && steps.all(is_condition) => {
                wrong("the loss is a condition per step, which has no gradient".into(), "return numbers")
            }
            Operand::Steps(steps) => self.host.with(|trace| mean_over_window(trace, steps, at)),
            Operand::Int(_) | Operand::Float(_) => wrong(
                format!("the loss is {}, the same for every network", value.describe()),
                "compute it from net, such as net.q[t.action]",
            ),
            nothing if nothing.is_nothing() => wrong("`loss` returns nothing".into(), NOTHING),
            other => wrong(
                format!("the loss is {}, not a number", other.describe()),
                "return one number per sample, or one per step",
            ),
        }
    }

    /// Runs `behave` on the symbolic outputs of one state: a node with one number per action.
    pub fn behave(&self) -> Result<NodeId, Diagnostic> {
        let arguments = [Record::Net, Record::Params].map(Dynamic::from).to_vec();
        let policy = Operand::read(self.call("behave", arguments)?);
        let wrong = |message: String, hint: &str| {
            Err(self.fail(self.result("behave", 2), Complaint::new(message).hint(hint)))
        };
        match &policy {
            Operand::One(Value { kind: Kind::LogProbabilities(_), .. }) => wrong(
                "`behave` returns logarithms of probabilities, and must return probabilities".into(),
                "write softmax instead of log_softmax",
            ),
            Operand::One(Value { node, shape: Shape::Action, .. }) => {
                let op = self.host.with(|trace| *trace.graph.op(*node));
                match op {
                    Op::Output(_, head) => wrong(
                        format!("`behave` returns net.{}, and must return probabilities", head.name()),
                        "make a policy of it: softmax(net.logits), softmax(net.q / p.tau)",
                    ),
                    _ => Ok(*node),
                }
            }
            Operand::One(Value { kind: Kind::Action, .. }) => wrong(
                "`behave` returns an action, and must return one probability per action".into(),
                "the action is drawn from them; to act greedily leave behave out",
            ),
            nothing if nothing.is_nothing() => wrong("`behave` returns nothing".into(), NOTHING),
            other => wrong(
                format!("`behave` returns {}, not one probability per action", other.describe()),
                "return a policy, such as softmax(net.q / p.tau)",
            ),
        }
    }
}

/// `Σ_d valid_d x_d / n`. A step after a termination was not taken: what its loss would be has no influence.
fn mean_over_window(trace: &mut host::Trace, steps: &Steps, at: Span) -> Result<NodeId, Complaint> {
    let window = trace.layout.window;
    if steps.0.len() != window {
        return Err(Complaint::new(format!(
            "the loss has {} numbers, and the window {window} steps",
            steps.0.len()
        ))
        .hint("return one number per sample, or one per step of the window"));
    }
    let zero = trace.graph.constant(0.0);
    let mut total = None;
    for (step, value) in steps.0.iter().enumerate() {
        trace.check_size()?;
        let valid = trace.push(Op::Sample(Field::Valid(step)), Kind::Flag, at).node;
        let term = trace.graph.select(valid, value.node, zero, at);
        total = Some(total.map_or(term, |total| trace.graph.add(total, term, at)));
    }
    let count = trace.graph.constant(window as f64);
    let total = total.unwrap_or(zero);
    Ok(trace.graph.div(total, count, at))
}
