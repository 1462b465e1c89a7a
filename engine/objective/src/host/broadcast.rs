//! Broadcasting by name: plain numbers and scalars go along with either axis, `step` or `action`, and what
//! has one axis goes along with what has both. One number per step and one per action do not meet: the
//! table of all pairs that numpy would make of them is never what an objective means.

use rhai::Dynamic;

use crate::ops::{NodeId, Op, Shape, Span};

use super::operand::{Kind, Operand, Steps, Value};
use super::plain;
use super::trace::{Complaint, Outcome, Trace};

/// Applies `f` to every element of the operands; the result is a number.
pub(crate) fn map(
    trace: &mut Trace,
    at: Span,
    name: &str,
    operands: &[Operand],
    mut f: impl FnMut(&mut Trace, &[NodeId]) -> NodeId,
) -> Outcome {
    map_values(trace, at, name, operands, |trace, values| {
        let nodes: Vec<NodeId> = values.iter().map(|value| value.node).collect();
        (f(trace, &nodes), Kind::Number)
    })
}

/// Applies `f` to every element of the operands; it also says what the result means.
pub(crate) fn map_values(
    trace: &mut Trace,
    at: Span,
    name: &str,
    operands: &[Operand],
    mut f: impl FnMut(&mut Trace, &[Value]) -> (NodeId, Kind),
) -> Outcome {
    let operands: Vec<Aligned> =
        operands.iter().map(|operand| align(trace, at, name, operand)).collect::<Result<_, _>>()?;
    let Some(length) = common_length(name, &operands)? else {
        let values: Vec<Value> = operands.iter().map(|operand| operand.at(0)).collect();
        let (node, kind) = f(trace, &values);
        return Ok(Dynamic::from(trace.value(node, kind)));
    };
    check_axes(name, &operands)?;
    let mut steps = Vec::with_capacity(length);
    for step in 0..length {
        trace.check_size()?;
        let values: Vec<Value> = operands.iter().map(|operand| operand.at(step)).collect();
        let (node, kind) = f(trace, &values);
        steps.push(trace.value(node, kind));
    }
    Ok(Dynamic::from(Steps(steps.into())))
}

/// An operand with its plain numbers made nodes.
enum Aligned {
    /// The same at every step.
    Fixed(Value),
    PerStep(Steps),
}

impl Aligned {
    fn at(&self, step: usize) -> Value {
        match self {
            Self::Fixed(value) => *value,
            Self::PerStep(steps) => steps.0[step],
        }
    }
}

fn align(trace: &mut Trace, at: Span, name: &str, operand: &Operand) -> Result<Aligned, Complaint> {
    Ok(match list_to_steps(trace, at, operand)? {
        Operand::Steps(steps) => Aligned::PerStep(steps),
        operand => Aligned::Fixed(lift(trace, at, name, &operand)?),
    })
}

/// The number of steps of those operands that have any.
fn common_length(name: &str, operands: &[Aligned]) -> Result<Option<usize>, Complaint> {
    let mut lengths = operands.iter().filter_map(|operand| match operand {
        Aligned::PerStep(steps) => Some(steps.0.len()),
        Aligned::Fixed(_) => None,
    });
    let Some(length) = lengths.next() else { return Ok(None) };
    match lengths.find(|&other| other != length) {
        None => Ok(Some(length)),
        Some(other) => Err(Complaint::new(format!("{name} of {length} steps and {other} steps"))
            .hint("values per step are combined step by step, so both need the same number of steps")),
    }
}

/// A result with both axes needs an operand that has both.
fn check_axes(name: &str, operands: &[Aligned]) -> Result<(), Complaint> {
    let any = |test: fn(&Aligned) -> bool| operands.iter().any(test);
    let both = any(|operand| matches!(operand, Aligned::PerStep(steps) if steps.shape() == Shape::Action));
    let actions = any(|operand| matches!(operand, Aligned::Fixed(value) if value.shape == Shape::Action));
    if both || !actions {
        return Ok(());
    }
    Err(Complaint::new(format!("{name} of one number per step and one number per action")).hint(
        "bring one of them down to a scalar: index by an action, sum(…), max(…), discounted_return(…), a step \
         such as t.steps.reward[0]; or give both axes to one of them, as net.steps.q has",
    ))
}

/// A value for an operand that is one number or one number per action.
pub(crate) fn lift(trace: &mut Trace, at: Span, name: &str, operand: &Operand) -> Result<Value, Complaint> {
    trace.check_size()?;
    match operand {
        Operand::Int(_) | Operand::Float(_) => {
            let number = operand.plain().unwrap_or_default();
            plain::check(number)?;
            Ok(trace.push(Op::constant(number), Kind::Number, at))
        }
        Operand::One(value) => Ok(*value),
        Operand::Bool(truth) => Err(Complaint::new(format!("{name} of {truth}, which is not a number"))
            .hint("write select(condition, a, b), or `if` for a condition that is plain true or false")),
        other => Err(not_a_number(name, other)),
    }
}

/// A value for a plain or traced number without axes.
pub(crate) fn scalar(trace: &mut Trace, at: Span, what: &str, operand: &Operand) -> Result<Value, Complaint> {
    if let Operand::Steps(_) | Operand::List(_) = operand {
        return Err(Complaint::new(format!("{what} has one number per step, and must be one number"))
            .hint("take one step, x[0], or reduce it: sum(x), mean(x), max(x)"));
    }
    let value = lift(trace, at, what, operand)?;
    match value.shape {
        Shape::Scalar => Ok(value),
        Shape::Action => {
            Err(Complaint::new(format!("{what} has one number per action, and must be one number"))
                .hint("index it by an action, or reduce it: x[t.action], sum(x), mean(x), max(x)"))
        }
    }
}

/// The refusal of an operand that is no number at all.
pub(crate) fn not_a_number(name: &str, operand: &Operand) -> Complaint {
    let complaint = Complaint::new(format!("{name} needs numbers, found {}", operand.describe()));
    match operand {
        Operand::Text(_) => complaint.hint("texts only name things: metric(\"name\", value)"),
        Operand::Other(kind) if kind.starts_with("the record") => {
            complaint.hint("name one of its fields, such as t.reward, net.q or p.gamma")
        }
        operand if operand.is_nothing() => {
            complaint.hint("a function returns its last expression; a `let` or an assignment has no value")
        }
        _ => complaint.hint("numbers are plain, such as 0.5, or read from t, net and p"),
    }
}

/// A list that holds numbers is a list of steps.
pub(crate) fn list_to_steps(trace: &mut Trace, at: Span, operand: &Operand) -> Result<Operand, Complaint> {
    let Operand::List(items) = operand else { return Ok(operand.clone()) };
    let mut steps: Vec<Value> = Vec::with_capacity(items.len());
    for item in items {
        let value = lift(trace, at, "a list", item)?;
        if steps.first().is_some_and(|first| first.shape != value.shape) {
            return Err(Complaint::new("this list holds single numbers and one number per action")
                .hint("the elements of a list, one per step, are of one shape"));
        }
        steps.push(value);
    }
    Ok(Operand::Steps(Steps(steps.into())))
}

/// What was computed from plain numbers alone is plain again, so that `if sum(list) > 1 { … }` may be
/// decided while the script runs.
pub(crate) fn settle(trace: &Trace, result: Dynamic) -> Dynamic {
    let number = |value: &Value| {
        let number = trace.graph.as_constant(value.node)?;
        Some(match value.kind {
            Kind::Condition => Dynamic::from(number != 0.0),
            _ => Dynamic::from(number),
        })
    };
    match Operand::read(result.clone()) {
        Operand::One(value) => number(&value).unwrap_or(result),
        Operand::Steps(steps) => {
            let numbers: Option<rhai::Array> = steps.0.iter().map(number).collect();
            numbers.map_or(result, Dynamic::from)
        }
        _ => result,
    }
}
