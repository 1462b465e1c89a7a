//! Functions of one or more numbers, element by element.

use crate::ops::{BinaryOp, CmpOp, Op, Span, UnaryOp};

use super::broadcast::map;
use super::operand::Operand;
use super::plain;
use super::trace::{Complaint, Outcome, Trace};
use super::vocabulary::Function;

pub(crate) const FUNCTIONS: &[Function] = &[
    Function {
        name: "exp",
        signatures: &["exp(x: Numbers) -> Numbers"],
        usage: "exp(x)",
        doc: "e to the power of x, element by element.",
        run: |trace, at, args| unary(trace, at, "exp", UnaryOp::Exp, f64::exp, args),
    },
    Function {
        name: "log",
        signatures: &["log(x: Numbers) -> Numbers"],
        usage: "log(x), the natural logarithm",
        doc: "Natural logarithm, element by element. Of probabilities take log_softmax, which keeps its digits.",
        run: |trace, at, args| unary(trace, at, "log", UnaryOp::Log, f64::ln, args),
    },
    Function {
        name: "sqrt",
        signatures: &["sqrt(x: Numbers) -> Numbers"],
        usage: "sqrt(x)",
        doc: "Square root, element by element. Its slope at 0 is infinite: add a small number inside.",
        run: |trace, at, args| unary(trace, at, "sqrt", UnaryOp::Sqrt, f64::sqrt, args),
    },
    Function {
        name: "abs",
        signatures: &["abs(x: Numbers) -> Numbers"],
        usage: "abs(x)",
        doc: "Absolute value, element by element; its gradient at 0 is 0.",
        run: |trace, at, args| unary(trace, at, "abs", UnaryOp::Abs, f64::abs, args),
    },
    Function {
        name: "sign",
        signatures: &["sign(x: Numbers) -> Numbers"],
        usage: "sign(x), which is -1, 0 or 1",
        doc: "-1, 0 or 1, element by element; no gradient flows through it.",
        run: sign,
    },
    Function {
        name: "tanh",
        signatures: &["tanh(x: Numbers) -> Numbers"],
        usage: "tanh(x)",
        doc: "Hyperbolic tangent, element by element.",
        run: |trace, at, args| unary(trace, at, "tanh", UnaryOp::Tanh, f64::tanh, args),
    },
    Function {
        name: "sigmoid",
        signatures: &["sigmoid(x: Numbers) -> Numbers"],
        usage: "sigmoid(x)",
        doc: "1 / (1 + exp(-x)), element by element.",
        run: |trace, at, args| {
            unary(trace, at, "sigmoid", UnaryOp::Sigmoid, |x| 1.0 / (1.0 + (-x).exp()), args)
        },
    },
    Function {
        name: "clip",
        signatures: &["clip(x: Numbers, low: Numbers, high: Numbers) -> Numbers"],
        usage: "clip(x, low, high)",
        doc: "min(max(x, low), high), element by element. Between the bounds and on them the gradient passes, \
              beyond them it is 0.",
        run: clip,
    },
    Function {
        name: "huber",
        signatures: &["huber(error: Numbers, delta: Numbers) -> Numbers"],
        usage: "huber(error, delta)",
        doc: "Huber's loss, element by element: error² / 2 where |error| ≤ delta, and beyond it \
              delta (|error| - delta / 2), so that the gradient is the error clipped to ±delta.",
        run: huber,
    },
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

/// `(x > 0) - (x < 0)`: comparisons, through which no gradient flows.
fn sign(trace: &mut Trace, at: Span, args: Vec<Operand>) -> Outcome {
    match args[0] {
        Operand::Int(int) => return Ok(int.signum().into()),
        Operand::Float(float) => {
            return Ok((f64::from(u8::from(float > 0.0)) - f64::from(u8::from(float < 0.0))).into());
        }
        _ => {}
    }
    map(trace, at, "sign", &args, |trace, x| {
        let zero = trace.graph.constant(0.0);
        let above = trace.graph.push(Op::Compare(CmpOp::Gt, x[0], zero), at);
        let below = trace.graph.push(Op::Compare(CmpOp::Lt, x[0], zero), at);
        trace.graph.sub(above, below, at)
    })
}

fn clip(trace: &mut Trace, at: Span, args: Vec<Operand>) -> Outcome {
    if let (Some(low), Some(high)) = (args[1].plain(), args[2].plain())
        && low > high
    {
        return Err(Complaint::new(format!("clip between {low} and {high} leaves nothing"))
            .hint("the lower bound comes first: clip(x, low, high)")
            .about_value());
    }
    if let [Some(x), Some(low), Some(high)] = [args[0].plain(), args[1].plain(), args[2].plain()] {
        return plain::result("clip", x.max(low).min(high));
    }
    map(trace, at, "clip", &args, |trace, x| trace.graph.clip(x[0], x[1], x[2], at))
}

fn huber(trace: &mut Trace, at: Span, args: Vec<Operand>) -> Outcome {
    match args[1].plain() {
        Some(delta) if delta <= 0.0 => {
            return Err(Complaint::new(format!("the threshold of huber is {delta}"))
                .hint("use a positive one: huber(error, 1.0)")
                .about_value());
        }
        Some(delta) => {
            if let Some(error) = args[0].plain() {
                let size = error.abs();
                let parabola = size <= delta;
                let loss = if parabola { 0.5 * size * size } else { delta * (size - 0.5 * delta) };
                return plain::result("huber", loss);
            }
        }
        None => {}
    }
    map(trace, at, "huber", &args, |trace, x| trace.graph.huber(x[0], x[1], at))
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
