//! Broadcasting by name: plain numbers and scalars go along with either axis, and the two axes, `step` and
//! `action`, never meet.

use std::rc::Rc;

use rhai::Dynamic;

use crate::ops::{BinaryOp, NodeId, Shape, Span, UnaryOp};

use super::operand::{Kind, Operand, Steps, Value};
use super::plain;
use super::trace::{Complaint, Outcome, Trace};
use super::vocabulary::Function;

/// Functions of one or more numbers, element by element.
pub(crate) const FUNCTIONS: &[Function] = &[
    Function::new("exp", &[1], "exp(x)", |trace, at, args| {
        unary(trace, at, "exp", UnaryOp::Exp, f64::exp, args)
    }),
    Function::new("log", &[1], "log(x), the natural logarithm", |trace, at, args| {
        unary(trace, at, "log", UnaryOp::Log, f64::ln, args)
    }),
    Function::new("sqrt", &[1], "sqrt(x)", |trace, at, args| {
        unary(trace, at, "sqrt", UnaryOp::Sqrt, f64::sqrt, args)
    }),
    Function::new("abs", &[1], "abs(x)", |trace, at, args| {
        unary(trace, at, "abs", UnaryOp::Abs, f64::abs, args)
    }),
    Function::new("tanh", &[1], "tanh(x)", |trace, at, args| {
        unary(trace, at, "tanh", UnaryOp::Tanh, f64::tanh, args)
    }),
    Function::new("sigmoid", &[1], "sigmoid(x)", |trace, at, args| {
        unary(trace, at, "sigmoid", UnaryOp::Sigmoid, |x| 1.0 / (1.0 + (-x).exp()), args)
    }),
    Function::new("clip", &[3], "clip(x, low, high)", |trace, at, args| {
        if let [Some(x), Some(low), Some(high)] = [args[0].plain(), args[1].plain(), args[2].plain()] {
            return plain::result("clip", x.max(low).min(high));
        }
        if let (Some(low), Some(high)) = (args[1].plain(), args[2].plain())
            && low > high
        {
            return Err(Complaint::new(format!("clip between {low} and {high} leaves nothing"))
                .hint("the lower bound comes first: clip(x, low, high)"));
        }
        map(trace, at, "clip", &args, |trace, x| trace.graph.clip(x[0], x[1], x[2], at))
    }),
    Function::new("huber", &[2], "huber(error, delta)", |trace, at, args| {
        match args[1].plain() {
            Some(delta) if delta <= 0.0 => {
                return Err(Complaint::new(format!("the threshold of huber is {delta}"))
                    .hint("use a positive one: huber(error, 1.0)"));
            }
            Some(delta) if args[0].plain().is_some() => {
                let size = args[0].plain().unwrap_or_default().abs();
                let parabola = size <= delta;
                return plain::result(
                    "huber",
                    if parabola { 0.5 * size * size } else { delta * (size - 0.5 * delta) },
                );
            }
            _ => {}
        }
        map(trace, at, "huber", &args, |trace, x| trace.graph.huber(x[0], x[1], at))
    }),
];

fn unary(
    trace: &mut Trace,
    at: Span,
    name: &str,
    op: UnaryOp,
    on_numbers: fn(f64) -> f64,
    args: Vec<Operand>,
) -> Outcome {
    if let Operand::Int(int) = args[0]
        && op == UnaryOp::Abs
    {
        return Ok(int.saturating_abs().into());
    }
    if let Some(x) = args[0].plain() {
        return plain::result(&format!("{name}({})", plain::show(x)), on_numbers(x));
    }
    map(trace, at, name, &args, |trace, x| trace.graph.unary(op, x[0], at))
}

/// The smaller or larger of two, for `min` and `max`.
pub(crate) fn extremum(trace: &mut Trace, at: Span, op: BinaryOp, args: Vec<Operand>) -> Outcome {
    let pick_first = |a: f64, b: f64| if op == BinaryOp::Min { a <= b } else { a >= b };
    match (&args[0], &args[1]) {
        (Operand::Int(a), Operand::Int(b)) => {
            return Ok(if op == BinaryOp::Min { *a.min(b) } else { *a.max(b) }.into());
        }
        (a, b) => {
            if let (Some(a), Some(b)) = (a.plain(), b.plain()) {
                return plain::result(op.name(), if pick_first(a, b) { a } else { b });
            }
        }
    }
    map(trace, at, op.name(), &args, |trace, x| trace.graph.binary(op, x[0], x[1], at))
}

/// Applies `f` to every element of the operands; the result is a number.
pub(crate) fn map(
    trace: &mut Trace,
    at: Span,
    name: &str,
    operands: &[Operand],
    f: impl FnMut(&mut Trace, &[NodeId]) -> NodeId,
) -> Outcome {
    map_to(trace, at, name, Kind::Number, operands, f)
}

/// Applies `f` to every element of the operands; the result is of the given kind.
pub(crate) fn map_to(
    trace: &mut Trace,
    at: Span,
    name: &str,
    kind: Kind,
    operands: &[Operand],
    mut f: impl FnMut(&mut Trace, &[NodeId]) -> NodeId,
) -> Outcome {
    let operands: Vec<Operand> =
        operands.iter().map(|operand| list_to_steps(trace, at, operand)).collect::<Result<_, _>>()?;
    let mut lengths = operands.iter().filter_map(|operand| match operand {
        Operand::Steps(steps) => Some(steps.0.len()),
        _ => None,
    });
    let Some(length) = lengths.next() else {
        let nodes =
            operands.iter().map(|operand| lift(trace, at, name, operand)).collect::<Result<Vec<_>, _>>()?;
        return Ok(Dynamic::from(Value { node: f(trace, &nodes), kind }));
    };
    if let Some(other) = lengths.find(|&other| other != length) {
        return Err(Complaint::new(format!("{name} of {length} steps and {other} steps"))
            .hint("values per step are combined step by step, so both need the same number of steps"));
    }
    let mut steps = Vec::with_capacity(length);
    for step in 0..length {
        let nodes = operands.iter().map(|operand| match operand {
            Operand::Steps(steps) => Ok(steps.0[step].node),
            other => {
                let node = lift(trace, at, name, other)?;
                match trace.graph.shape(node) {
                    Shape::Scalar => Ok(node),
                    Shape::Action => Err(axes_meet(name)),
                }
            }
        });
        let nodes = nodes.collect::<Result<Vec<_>, _>>()?;
        steps.push(Value { node: f(trace, &nodes), kind });
    }
    Ok(Dynamic::from(Steps(steps.into())))
}

fn axes_meet(name: &str) -> Complaint {
    Complaint::new(format!("{name} of one number per step and one number per action")).hint(
        "bring one of them down to a scalar first: index by an action, sum(…), max(…), \
         discounted_return(…), or a step such as t.steps.reward[0]",
    )
}

/// A node for an operand that is one number or one number per action.
pub(crate) fn lift(trace: &mut Trace, at: Span, name: &str, operand: &Operand) -> Result<NodeId, Complaint> {
    trace.check_size()?;
    match operand {
        Operand::Int(_) | Operand::Float(_) => {
            let number = operand.plain().unwrap_or_default();
            plain::check(number)?;
            Ok(trace.graph.push(crate::ops::Op::constant(number), at))
        }
        Operand::One(value) => Ok(value.node),
        Operand::Bool(truth) => Err(Complaint::new(format!("{name} of {truth}, which is not a number"))
            .hint("write select(condition, a, b), or `if` for a condition that is plain true or false")),
        other => Err(not_a_number(name, other)),
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
        Operand::Other(kind) if kind == "nothing" => {
            complaint.hint("a function returns its last expression; a `let` or an assignment has no value")
        }
        _ => complaint,
    }
}

/// A list that holds one scalar per element is a list of steps.
pub(crate) fn list_to_steps(trace: &mut Trace, at: Span, operand: &Operand) -> Result<Operand, Complaint> {
    let Operand::List(items) = operand else { return Ok(operand.clone()) };
    let mut steps = Vec::with_capacity(items.len());
    for item in items {
        let node = lift(trace, at, "a list", item)?;
        if trace.graph.shape(node) == Shape::Action {
            return Err(Complaint::new("this list holds one number per action in an element")
                .hint("a list that is computed with holds scalars, one per step"));
        }
        let kind = if let Operand::One(value) = item { value.kind } else { Kind::Number };
        steps.push(Value { node, kind });
    }
    Ok(Operand::Steps(Steps(Rc::from(steps))))
}
