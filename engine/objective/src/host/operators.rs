//! Operators, for every pair of operand types.
//!
//! They are registered for `Dynamic`, which Rhai's own operators come after: what a table here refuses stays
//! refused. A comparison with a traced side is a traced condition, never a boolean.

use rhai::Dynamic;

use crate::ops::{BinaryOp, CmpOp, Op, Span, UnaryOp};

use super::broadcast::{map, map_values, not_a_number};
use super::operand::{Kind, Operand};
use super::plain;
use super::trace::{Complaint, Outcome, Trace};

/// Arithmetic operators.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Arithmetic {
    Add,
    Sub,
    Mul,
    Div,
    Remainder,
    Pow,
}

impl Arithmetic {
    pub const ALL: [Self; 6] = [Self::Add, Self::Sub, Self::Mul, Self::Div, Self::Remainder, Self::Pow];

    pub fn symbol(self) -> &'static str {
        match self {
            Self::Add => "+",
            Self::Sub => "-",
            Self::Mul => "*",
            Self::Div => "/",
            Self::Remainder => "%",
            Self::Pow => "**",
        }
    }

    /// The operator that assigns as it computes.
    pub fn assigning(self) -> &'static str {
        match self {
            Self::Add => "+=",
            Self::Sub => "-=",
            Self::Mul => "*=",
            Self::Div => "/=",
            Self::Remainder => "%=",
            Self::Pow => "**=",
        }
    }
}

/// `a + b` and its like.
pub(crate) fn arithmetic(trace: &mut Trace, at: Span, op: Arithmetic, a: Operand, b: Operand) -> Outcome {
    if let Some(outcome) = plain::arithmetic(op, &a, &b) {
        return outcome;
    }
    if let (Arithmetic::Add, Operand::Text(_), _) | (Arithmetic::Add, _, Operand::Text(_)) = (op, &a, &b) {
        return join(a, b);
    }
    let symbol = format!("`{}`", op.symbol());
    let binary = match op {
        Arithmetic::Add => BinaryOp::Add,
        Arithmetic::Sub => BinaryOp::Sub,
        Arithmetic::Mul => BinaryOp::Mul,
        Arithmetic::Div => BinaryOp::Div,
        Arithmetic::Pow => {
            return map(trace, at, &symbol, &[a, b], |trace, x| trace.graph.pow(x[0], x[1], at));
        }
        Arithmetic::Remainder if a.is_traced() || b.is_traced() => {
            return Err(Complaint::new("`%` does not work on traced values")
                .hint("a kernel has no remainder; use it on plain numbers only"));
        }
        Arithmetic::Remainder => {
            let culprit = if a.plain().is_none() { &a } else { &b };
            return Err(not_a_number(&symbol, culprit));
        }
    };
    map(trace, at, &symbol, &[a, b], |trace, x| trace.graph.binary(binary, x[0], x[1], at))
}

/// Texts are joined with texts and plain numbers, to build names.
fn join(a: Operand, b: Operand) -> Outcome {
    let text = |operand: &Operand| match operand {
        Operand::Text(text) => Ok(text.clone()),
        Operand::Int(int) => Ok(int.to_string()),
        Operand::Float(float) => Ok(float.to_string()),
        other => Err(Complaint::new(format!("a text cannot be joined with {}", other.describe())).hint(
            "a traced value has no digits while the script runs; to watch it, use metric(\"name\", value)",
        )),
    };
    Ok((text(&a)? + text(&b)?.as_str()).into())
}

/// `-x`
pub(crate) fn negate(trace: &mut Trace, at: Span, x: Operand) -> Outcome {
    match x {
        Operand::Int(int) => match int.checked_neg() {
            Some(int) => Ok(int.into()),
            None => Err(Complaint::new(format!("-({int}) is too large for a whole number"))
                .hint("write it with a fraction, as in 1.0, to compute with such sizes")),
        },
        Operand::Float(float) => Ok((-float).into()),
        x => map(trace, at, "`-`", &[x], |trace, x| trace.graph.unary(UnaryOp::Neg, x[0], at)),
    }
}

/// `a < b` and its like.
pub(crate) fn compare(trace: &mut Trace, at: Span, op: CmpOp, a: Operand, b: Operand) -> Outcome {
    let symbol = format!("`{}`", op.symbol());
    let by_element = |side: &Operand| side.is_traced() || matches!(side, Operand::List(_));
    if !by_element(&a) && !by_element(&b) {
        return plain::compare(op, &a, &b).map(Dynamic::from).ok_or_else(|| {
            Complaint::new(format!("{symbol} cannot compare {} with {}", a.describe(), b.describe()))
                .hint("numbers are compared with numbers, texts with texts")
        });
    }
    for side in [&a, &b] {
        let conditions = match side {
            Operand::One(value) => value.kind == Kind::Condition,
            Operand::Steps(steps) => !steps.0.is_empty() && steps.all(|kind| kind == Kind::Condition),
            _ => false,
        };
        if conditions {
            return Err(Complaint::new(format!("{symbol} compares a condition"))
                .hint("join conditions with &, | and !: (a < b) & (b < c)"));
        }
    }
    map_values(trace, at, &symbol, &[a, b], |trace, x| {
        (trace.graph.push(Op::Compare(op, x[0].node, x[1].node), at), Kind::Condition)
    })
}

/// Joins two conditions.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Junction {
    And,
    Or,
}

/// `a & b`, `a | b`
pub(crate) fn junction(trace: &mut Trace, at: Span, op: Junction, a: Operand, b: Operand) -> Outcome {
    let (symbol, result): (_, fn(bool, bool) -> bool) = match op {
        Junction::And => ("`&`", |a, b| a && b),
        Junction::Or => ("`|`", |a, b| a || b),
    };
    if let (&Operand::Bool(a), &Operand::Bool(b)) = (&a, &b) {
        return Ok(result(a, b).into());
    }
    let sides = [condition(symbol, a)?, condition(symbol, b)?];
    map_values(trace, at, symbol, &sides, |trace, x| {
        let node = match op {
            Junction::And => Op::And(x[0].node, x[1].node),
            Junction::Or => Op::Or(x[0].node, x[1].node),
        };
        (trace.graph.push(node, at), Kind::Condition)
    })
}

/// `!a`
pub(crate) fn not(trace: &mut Trace, at: Span, a: Operand) -> Outcome {
    if let Operand::Bool(truth) = a {
        return Ok((!truth).into());
    }
    let a = condition("`!`", a)?;
    map_values(trace, at, "`!`", &[a], |trace, x| (trace.graph.push(Op::Not(x[0].node), at), Kind::Condition))
}

/// `select(condition, if_true, if_false)`
pub(crate) fn select(trace: &mut Trace, at: Span, mut args: Vec<Operand>) -> Outcome {
    args[0] = condition("select", args[0].clone())?;
    map_values(trace, at, "select", &args, |trace, x| {
        let kind = match (x[1].kind, x[2].kind) {
            (a, b) if a != b => Kind::Number,
            (kind @ (Kind::Condition | Kind::Flag | Kind::Action), _) => kind,
            _ => Kind::Number,
        };
        (trace.graph.select(x[0].node, x[1].node, x[2].node, at), kind)
    })
}

/// Lets conditions and flags through.
fn condition(name: &str, operand: Operand) -> Result<Operand, Complaint> {
    match &operand {
        Operand::Bool(truth) => return Ok(Operand::Int(i64::from(*truth))),
        Operand::One(value) if matches!(value.kind, Kind::Condition | Kind::Flag) => return Ok(operand),
        Operand::Steps(steps) if steps.all(|kind| matches!(kind, Kind::Condition | Kind::Flag)) => {
            return Ok(operand);
        }
        _ => {}
    }
    Err(Complaint::new(format!("{name} needs a condition, found {}", operand.describe()))
        .hint("compare it with something, as in x > 0"))
}
