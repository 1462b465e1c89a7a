//! `x[index]`: an action of a value, a step of a list.

use rhai::Dynamic;

use crate::ops::{Op, Shape, Span};

use super::operand::{Kind, Operand, Steps, Value};
use super::trace::{Complaint, Outcome, Trace};

/// `x[index]` of a traced value.
pub(crate) fn element(trace: &mut Trace, at: Span, of: Value, index: Operand) -> Outcome {
    trace.check_size()?;
    if let Operand::Text(field) = &index {
        return Err(no_field("a traced value", field));
    }
    if of.shape == Shape::Scalar {
        return Err(Complaint::new("this is one number per sample and cannot be indexed")
            .hint("index a value that has one number per action, such as net.q"));
    }
    let actions = trace.layout.actions;
    let index = match index {
        Operand::One(value) if is_action(value) => value.node,
        Operand::Int(int) if (0..actions as i64).contains(&int) => trace.graph.constant(int as f64),
        Operand::Int(int) => {
            return Err(Complaint::new(format!("action {int} is out of range: there are {actions} actions"))
                .hint(format!("they are numbered 0 to {}", actions.saturating_sub(1))));
        }
        Operand::Steps(_) | Operand::List(_) => {
            return Err(Complaint::new(
                "this value belongs to one state, and the index to the steps of a window",
            )
            .hint(
                "use t.action, the action taken in that state; per step it is net.steps.q[t.steps.action]",
            ));
        }
        other => {
            return Err(Complaint::new(format!("an action is needed here, found {}", other.describe()))
                .hint("index by t.action, argmax(x) or a whole number"));
        }
    };
    Ok(Dynamic::from(trace.push(Op::At(of.node, index), Kind::Number, at)))
}

/// `x[index]` of a list of steps: a plain step, or an action of each step.
pub(crate) fn step(trace: &mut Trace, at: Span, of: &Steps, index: Operand) -> Outcome {
    trace.check_size()?;
    let length = of.0.len();
    let per_action = of.shape() == Shape::Action;
    match index {
        Operand::Text(field) => Err(no_field("a list of steps", &field)),
        Operand::Int(int) => match usize::try_from(int).ok().and_then(|index| of.0.get(index)) {
            Some(value) => Ok(Dynamic::from(*value)),
            None => Err(Complaint::new(format!("step {int} is out of range: there are {length} steps"))
                .hint("they are numbered 0 to t.n - 1")),
        },
        Operand::Steps(actions) if per_action && actions.0.iter().all(|&value| is_action(value)) => {
            if actions.0.len() != length {
                return Err(Complaint::new(format!("{length} steps are indexed by {}", actions.0.len()))
                    .hint("the actions are one per step: net.steps.q[t.steps.action]"));
            }
            let mut picked = Vec::with_capacity(length);
            for (of, action) in of.0.iter().zip(actions.0.iter()) {
                trace.check_size()?;
                picked.push(trace.push(Op::At(of.node, action.node), Kind::Number, at));
            }
            Ok(Dynamic::from(Steps(picked.into())))
        }
        Operand::One(value) if per_action && is_action(value) => Err(Complaint::new(
            "this value has one row per step, and the index is one action for all of them",
        )
        .hint("index by the action of each step, net.steps.q[t.steps.action]; or take a step first, x[0]")),
        other if per_action => Err(Complaint::new(format!(
            "a step, or the action of each step, is needed here, found {}",
            other.describe()
        ))
        .hint("write x[0] for a step, x[t.steps.action] for the action of each step")),
        other => {
            Err(Complaint::new(format!("steps are indexed by plain whole numbers, not {}", other.describe()))
                .hint("write t.steps.reward[0], or for i in 0..t.n { … }"))
        }
    }
}

fn is_action(value: Value) -> bool {
    value.kind == Kind::Action && value.shape == Shape::Scalar
}

fn no_field(what: &str, field: &str) -> Complaint {
    Complaint::new(format!("{what} has no field `{field}`")).hint("fields belong to the records t, net and p")
}
