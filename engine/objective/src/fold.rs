//! Constant folding.

use crate::graph::Graph;
use crate::ops::Op;
use crate::real::{binary, compare, is_true, number, unary};

/// The value of `op` if its operands are all constants and the result can be written as an `f32`. A result
/// that cannot (`1 / 0`, `log(-1)`, `1e30 * 1e30`) stays an operation, and compiling it is an error at its
/// place in the script.
pub(crate) fn fold(graph: &Graph, op: &Op) -> Option<f64> {
    let constant = |id| graph.as_constant(id);
    let value = match *op {
        Op::Unary(op, x) => unary(op, constant(x)?),
        Op::Binary(op, a, b) => binary(op, constant(a)?, constant(b)?),
        Op::Compare(op, a, b) => number(compare(op, constant(a)?, constant(b)?)),
        Op::And(a, b) => number(is_true(constant(a)?) && is_true(constant(b)?)),
        Op::Or(a, b) => number(is_true(constant(a)?) || is_true(constant(b)?)),
        Op::Not(a) => number(!is_true(constant(a)?)),
        Op::Select(c, a, b) => {
            let (a, b) = (constant(a)?, constant(b)?);
            if is_true(constant(c)?) { a } else { b }
        }
        Op::BatchMean(x) | Op::StopGradient(x) | Op::ScaleGradient(x, _) => constant(x)?,
        Op::Const(_) | Op::Param(_) | Op::Sample(_) | Op::Output(..) => return None,
        Op::At(..) | Op::OneHot(_) | Op::Reduce(..) | Op::ArgMax(_) => return None,
    };
    fits_f32(value).then_some(value)
}

/// Whether a number survives as an `f32`: finite, and not flushed to zero unless it is zero.
pub(crate) fn fits_f32(value: f64) -> bool {
    let single = value as f32;
    single.is_finite() && (single != 0.0 || value == 0.0)
}
