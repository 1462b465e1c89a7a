//! Numbers that the script knows while it runs: `1 / 2`, `exp(1)`, `t.n - 1`.
//!
//! They behave as in mathematics or not at all. Rhai divides whole numbers by cutting the fraction off, and
//! calls floats equal that are near each other; here the first is an error and the second does not happen.

use std::cmp::Ordering;

use rhai::Dynamic;

use crate::ops::CmpOp;

use super::operand::Operand;
use super::operators::Arithmetic;
use super::trace::{Complaint, Outcome};

/// A number as a reader would write it.
pub(crate) fn show(number: f64) -> String {
    match number.abs() {
        size if size != 0.0 && !(1e-5..1e15).contains(&size) && number.is_finite() => format!("{number:e}"),
        _ => number.to_string(),
    }
}

/// A number as a result, if it is one.
pub(crate) fn result(what: &str, number: f64) -> Outcome {
    if number.is_finite() {
        return Ok(number.into());
    }
    let kind = if number.is_nan() { "not a number" } else { "not finite" };
    Err(Complaint::new(format!("{what} is {kind}"))
        .hint("this is computed once, while the script is traced")
        .about_value())
}

/// Refuses numbers that the kernel's 32-bit floats cannot hold.
pub(crate) fn check(number: f64) -> Result<(), Complaint> {
    if number.is_finite() && number.abs() <= f64::from(f32::MAX) {
        return Ok(());
    }
    Err(Complaint::new(format!("the constant {} is not a finite 32-bit number", show(number)))
        .hint("kernels compute with 32-bit floats, up to 3.4e38")
        .about_value())
}

/// `a op b` of two plain numbers; `None` if one of them is not plain.
pub(crate) fn arithmetic(op: Arithmetic, a: &Operand, b: &Operand) -> Option<Outcome> {
    if let (&Operand::Int(a), &Operand::Int(b)) = (a, b) {
        return Some(whole(op, a, b));
    }
    let (x, y) = (a.plain()?, b.plain()?);
    let number = match op {
        Arithmetic::Add => x + y,
        Arithmetic::Sub => x - y,
        Arithmetic::Mul => x * y,
        Arithmetic::Div => x / y,
        Arithmetic::Remainder => x % y,
        Arithmetic::Pow => x.powf(y),
    };
    Some(result(&format!("{} {} {}", show(x), op.symbol(), show(y)), number))
}

fn whole(op: Arithmetic, a: i64, b: i64) -> Outcome {
    let overflow =
        || Complaint::new(format!("{a} {} {b} is too large for a whole number", op.symbol())).about_value();
    let done = |result: Option<i64>| {
        result
            .map(Dynamic::from)
            .ok_or_else(|| overflow().hint(format!("write {a}.0 to compute with fractions")))
    };
    match op {
        Arithmetic::Add => done(a.checked_add(b)),
        Arithmetic::Sub => done(a.checked_sub(b)),
        Arithmetic::Mul => done(a.checked_mul(b)),
        Arithmetic::Div | Arithmetic::Remainder if b == 0 => {
            Err(Complaint::new(format!("{a} {} 0 is not a number", op.symbol()))
                .hint("nothing can be divided by zero")
                .about_value())
        }
        Arithmetic::Remainder => done(a.checked_rem(b)),
        Arithmetic::Div => match a.checked_rem(b) {
            Some(0) => done(a.checked_div(b)),
            Some(_) => Err(Complaint::new(format!("{a} / {b} of whole numbers would drop the fraction"))
                .hint(format!("write {a}.0 / {b}; of variables, 1.0 * x / y"))),
            None => done(None),
        },
        Arithmetic::Pow => match u32::try_from(b) {
            Ok(b) => done(a.checked_pow(b)),
            Err(_) if b < 0 => {
                Err(Complaint::new(format!("{a} ** {b} of whole numbers would drop the fraction"))
                    .hint(format!("write {a}.0 ** {b}")))
            }
            Err(_) => done(None),
        },
    }
}

/// `a op b` of two plain values; `None` if they cannot be compared.
pub(crate) fn compare(op: CmpOp, a: &Operand, b: &Operand) -> Option<bool> {
    let order = match (a, b) {
        (Operand::Int(a), Operand::Int(b)) => a.partial_cmp(b),
        (Operand::Text(a), Operand::Text(b)) => a.partial_cmp(b),
        (Operand::Bool(a), Operand::Bool(b)) if matches!(op, CmpOp::Eq | CmpOp::Ne) => a.partial_cmp(b),
        (a, b) => a.plain()?.partial_cmp(&b.plain()?),
    };
    let order = order?;
    Some(match op {
        CmpOp::Lt => order == Ordering::Less,
        CmpOp::Le => order != Ordering::Greater,
        CmpOp::Gt => order == Ordering::Greater,
        CmpOp::Ge => order != Ordering::Less,
        CmpOp::Eq => order == Ordering::Equal,
        CmpOp::Ne => order != Ordering::Equal,
    })
}
