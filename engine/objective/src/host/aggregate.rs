//! Functions over an axis: the actions of a value, or the steps of a list.

use rhai::Dynamic;

use crate::ops::{BinaryOp, NodeId, Op, ReduceOp, Shape, Span, UnaryOp};

use super::elementwise::{extremum, list_to_steps, not_a_number};
use super::operand::{Kind, Operand, Value};
use super::trace::{Complaint, Outcome, Trace};
use super::vocabulary::Function;

/// Functions that bring an axis down to a scalar, and those that normalise over the actions.
pub(crate) const FUNCTIONS: &[Function] = &[
    Function::new("sum", &[1], "sum(x), over the actions or the steps", |trace, at, args| {
        match axis(trace, at, "sum", &args[0])? {
            Axis::Actions(x) => number(trace.graph.sum(x, at)),
            Axis::Steps(steps) => number(fold(trace, BinaryOp::Add, &steps, at)),
        }
    }),
    Function::new("mean", &[1], "mean(x), over the actions or the steps", |trace, at, args| {
        match axis(trace, at, "mean", &args[0])? {
            Axis::Actions(x) => number(trace.graph.mean(x, at)),
            Axis::Steps(steps) => {
                let sum = fold(trace, BinaryOp::Add, &steps, at);
                let count = trace.graph.constant(steps.len() as f64);
                number(trace.graph.div(sum, count, at))
            }
        }
    }),
    Function::new(
        "max",
        &[1, 2],
        "max(x) over the actions or the steps, max(x, y) of two",
        |trace, at, args| {
            if args.len() == 2 {
                return extremum(trace, at, BinaryOp::Max, args);
            }
            match axis(trace, at, "max", &args[0])? {
                Axis::Actions(x) => number(trace.graph.max(x, at)),
                Axis::Steps(steps) => number(fold(trace, BinaryOp::Max, &steps, at)),
            }
        },
    ),
    Function::new(
        "min",
        &[1, 2],
        "min(x) over the actions or the steps, min(x, y) of two",
        |trace, at, args| {
            if args.len() == 2 {
                return extremum(trace, at, BinaryOp::Min, args);
            }
            match axis(trace, at, "min", &args[0])? {
                // The graph has one ordered reduction: min x = -max(-x), exactly.
                Axis::Actions(x) => {
                    let negated = trace.graph.unary(UnaryOp::Neg, x, at);
                    let max = trace.graph.push(Op::Reduce(ReduceOp::Max, negated), at);
                    number(trace.graph.unary(UnaryOp::Neg, max, at))
                }
                Axis::Steps(steps) => number(fold(trace, BinaryOp::Min, &steps, at)),
            }
        },
    ),
    Function::new("logsumexp", &[1], "logsumexp(x), over the actions", |trace, at, args| {
        let x = actions(trace, at, "logsumexp", &args[0])?;
        number(trace.graph.log_sum_exp(x, at))
    }),
    Function::new("logmeanexp", &[1], "logmeanexp(x), over the actions", |trace, at, args| {
        let x = actions(trace, at, "logmeanexp", &args[0])?;
        number(trace.graph.log_mean_exp(x, at))
    }),
    Function::new("softmax", &[1], "softmax(x), over the actions", |trace, at, args| {
        let x = actions(trace, at, "softmax", &args[0])?;
        value(trace.graph.softmax(x, at), Kind::Probabilities(x))
    }),
    Function::new("log_softmax", &[1], "log_softmax(x), over the actions", |trace, at, args| {
        let x = actions(trace, at, "log_softmax", &args[0])?;
        value(trace.graph.log_softmax(x, at), Kind::LogProbabilities(x))
    }),
    Function::new("entropy", &[1], "entropy(softmax(x)), in nats", |trace, at, args| {
        let logits = policy("entropy", &args[0])?;
        number(trace.graph.entropy_of_logits(logits, at))
    }),
    Function::new(
        "kl",
        &[1, 2],
        "kl(softmax(x), softmax(y)), or kl(softmax(x)) against the uniform policy, in nats",
        |trace, at, args| {
            let logits = policy("kl", &args[0])?;
            match args.get(1) {
                Some(reference) => {
                    let reference = policy("kl", reference)?;
                    number(trace.graph.kl_of_logits(logits, reference, at))
                }
                // KL against the uniform policy is log|A| - entropy.
                None => {
                    let entropy = trace.graph.entropy_of_logits(logits, at);
                    let log_actions = trace.graph.constant((trace.layout.actions as f64).ln());
                    number(trace.graph.sub(log_actions, entropy, at))
                }
            }
        },
    ),
    Function::new("argmax", &[1], "argmax(x), the action with the largest x", |trace, at, args| {
        let x = actions(trace, at, "argmax", &args[0])?;
        value(trace.graph.push(Op::ArgMax(x), at), Kind::Action)
    }),
    Function::new("len", &[1], "len(x), the number of actions, steps or elements", |trace, _, args| {
        match &args[0] {
            Operand::Steps(steps) => Ok((steps.0.len() as i64).into()),
            Operand::List(items) => Ok((items.len() as i64).into()),
            Operand::Text(text) => Ok((text.chars().count() as i64).into()),
            Operand::One(value) if trace.graph.shape(value.node) == Shape::Action => {
                Ok((trace.layout.actions as i64).into())
            }
            other => Err(Complaint::new(format!("len of {}, which has no axis", other.describe()))
                .hint("len(net.q) is the number of actions, len(t.steps.reward) that of steps")),
        }
    }),
];

/// The axis that a value has.
enum Axis {
    Actions(NodeId),
    Steps(Vec<NodeId>),
}

fn axis(trace: &mut Trace, at: Span, name: &str, operand: &Operand) -> Result<Axis, Complaint> {
    trace.check_size()?;
    match list_to_steps(trace, at, operand)? {
        Operand::One(value) if trace.graph.shape(value.node) == Shape::Action => {
            Ok(Axis::Actions(value.node))
        }
        Operand::Steps(steps) if !steps.0.is_empty() => {
            Ok(Axis::Steps(steps.0.iter().map(|value| value.node).collect()))
        }
        Operand::Steps(_) => Err(Complaint::new(format!("{name} of an empty list"))),
        operand @ (Operand::One(_) | Operand::Int(_) | Operand::Float(_)) => {
            let complaint =
                Complaint::new(format!("{name} of {}, which is one number already", operand.describe()));
            Err(complaint
                .hint(format!("{name} goes over an axis: the actions of net.q, the steps of t.steps.reward")))
        }
        other => Err(not_a_number(name, &other)),
    }
}

fn actions(trace: &mut Trace, at: Span, name: &str, operand: &Operand) -> Result<NodeId, Complaint> {
    match axis(trace, at, name, operand)? {
        Axis::Actions(x) => Ok(x),
        Axis::Steps(_) => {
            Err(Complaint::new(format!("{name} goes over the actions, and this is a list of steps"))
                .hint("give it one number per action, such as net.q or t.next.q"))
        }
    }
}

/// The logits of a policy. The functions of policies go back to them: through the probabilities, digits
/// would be lost where one of them is nearly 0.
fn policy(name: &str, operand: &Operand) -> Result<NodeId, Complaint> {
    match operand {
        Operand::One(Value {
            kind: Kind::Probabilities(logits) | Kind::LogProbabilities(logits), ..
        }) => Ok(*logits),
        other => Err(Complaint::new(format!("{name} needs a policy, found {}", other.describe())).hint(
            format!("make one of preferences: {name}(softmax(net.q / p.tau)), {name}(softmax(net.logits))"),
        )),
    }
}

fn fold(trace: &mut Trace, op: BinaryOp, steps: &[NodeId], at: Span) -> NodeId {
    let (&first, rest) = steps.split_first().expect("axis() lets no empty list through");
    rest.iter().fold(first, |sum, &step| trace.graph.binary(op, sum, step, at))
}

fn number(node: NodeId) -> Outcome {
    value(node, Kind::Number)
}

fn value(node: NodeId, kind: Kind) -> Outcome {
    Ok(Dynamic::from(Value { node, kind }))
}
