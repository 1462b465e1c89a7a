//! Functions that belong to training: choices per sample, where gradients flow, what is reported.

use rhai::Dynamic;

use crate::ops::{NodeId, Op, Shape, Span};

use super::broadcast::{lift, map_values};
use super::operand::{Kind, Operand};
use super::operators::select;
use super::trace::{Complaint, Outcome, Phase, Trace};
use super::vocabulary::Function;

/// Longest name of a metric.
const MAX_NAME: usize = 32;

pub(crate) const FUNCTIONS: &[Function] = &[
    Function {
        name: "select",
        signatures: &["select(condition: Condition, if_true: Numbers, if_false: Numbers) -> Numbers"],
        usage: "select(condition, if_true, if_false)",
        doc: "if_true where the condition holds, else if_false, for each sample (and action, and step) by \
              itself. The side that is not taken has no influence, not even when it is not a number.",
        run: select,
    },
    Function {
        name: "stop_gradient",
        signatures: &["stop_gradient(x: Numbers) -> Numbers"],
        usage: "stop_gradient(x)",
        doc: "x, as a constant: no gradient flows through it. The result of target() is stopped by itself.",
        run: |trace, at, args| stop_gradient(trace, at, &args[0]),
    },
    Function {
        name: "scale_gradient",
        signatures: &["scale_gradient(x: Numbers, factor: Number) -> Numbers"],
        usage: "scale_gradient(x, factor)",
        doc: "x, with its gradient multiplied by the factor; no gradient flows into the factor. A negative \
              factor reverses the gradient.",
        run: scale_gradient,
    },
    Function {
        name: "metric",
        signatures: &["metric(name: String, value: Number)"],
        usage: "metric(\"name\", value)",
        doc: "Reports the mean over the batch of one number per sample, under this name, beside the loss. At \
              most 15, in target, loss and metrics.",
        run: metric,
    },
];

/// The value, without its gradient; also what becomes of the result of `target`.
pub(crate) fn stop_gradient(trace: &mut Trace, at: Span, x: &Operand) -> Outcome {
    each(trace, at, "stop_gradient", std::slice::from_ref(x), |trace, x, _| trace.graph.stop_gradient(x, at))
}

fn scale_gradient(trace: &mut Trace, at: Span, args: Vec<Operand>) -> Outcome {
    if let Operand::One(factor) = &args[1]
        && factor.shape == Shape::Action
    {
        return Err(Complaint::new("the factor of scale_gradient has one number per action")
            .hint("give it one number, or one per step: mean(x), max(x), x[t.action]"));
    }
    each(trace, at, "scale_gradient", &args, |trace, x, rest| {
        trace.graph.push(Op::ScaleGradient(x, rest[0]), at)
    })
}

/// Applies `f` to the first of the operands, with the others beside it, and keeps what it means. Plain
/// numbers have no gradient and stay what they are.
fn each(
    trace: &mut Trace,
    at: Span,
    name: &str,
    operands: &[Operand],
    mut f: impl FnMut(&mut Trace, NodeId, &[NodeId]) -> NodeId,
) -> Outcome {
    match operands[0] {
        Operand::Int(int) => return Ok(int.into()),
        Operand::Float(float) => return Ok(float.into()),
        _ => {}
    }
    map_values(trace, at, name, operands, |trace, values| {
        let rest: Vec<NodeId> = values[1..].iter().map(|value| value.node).collect();
        // A policy with other gradients is the policy of logits with those gradients.
        let kind = match values[0].kind {
            Kind::Probabilities(logits) => Kind::Probabilities(f(trace, logits, &rest)),
            Kind::LogProbabilities(logits) => Kind::LogProbabilities(f(trace, logits, &rest)),
            kind => kind,
        };
        (f(trace, values[0].node, &rest), kind)
    })
}

fn metric(trace: &mut Trace, at: Span, args: Vec<Operand>) -> Outcome {
    if trace.phase != Phase::Trace {
        return Err(Complaint::new("metric belongs in target, loss or metrics")
            .hint("these see whole batches of transitions; move it to one of them"));
    }
    let Operand::Text(name) = &args[0] else {
        return Err(Complaint::new(format!("the name of a metric is a text, not {}", args[0].describe()))
            .hint("write metric(\"name\", value)"));
    };
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    let starts_well = name.starts_with(|c: char| c.is_ascii_lowercase());
    if !starts_well || !name.chars().all(plain) || name.len() > MAX_NAME {
        return Err(Complaint::new(format!("{name:?} cannot name a metric"))
            .hint(format!("use a to z, 0 to 9 and _, at most {MAX_NAME}, a letter first: \"td_abs\"")));
    }
    if name == "loss" {
        return Err(Complaint::new("the loss is recorded by itself").hint("give this metric another name"));
    }
    if trace.metrics.iter().any(|(known, _)| known == name) {
        return Err(Complaint::new(format!("metric {name:?} is recorded twice"))
            .hint("every metric has its own name"));
    }
    let most = trace.layout.metric_slots.saturating_sub(1);
    if trace.metrics.len() >= most {
        return Err(Complaint::new(format!("metric {name:?} is one too many: a script may record {most}"))
            .hint("leave out the ones that are read least"));
    }
    let node = match &args[1] {
        Operand::Steps(_) | Operand::List(_) => {
            return Err(Complaint::new(format!("metric {name:?} has one number per step"))
                .hint("record one number per sample: metric(\"name\", mean(x))"));
        }
        value => {
            let value = lift(trace, at, "metric", value)?;
            if value.shape == Shape::Action {
                return Err(Complaint::new(format!("metric {name:?} has one number per action"))
                    .hint("record one number per sample: mean(x), max(x) or x[t.action]"));
            }
            value.node
        }
    };
    trace.metrics.push((name.clone(), node));
    Ok(Dynamic::UNIT)
}
