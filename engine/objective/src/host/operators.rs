//! Operators, for every pair of operand types.
//!
//! They are registered for `Dynamic`, which Rhai's own operators come after: what a table here refuses stays
//! refused. A comparison with a traced side is a traced condition, never a boolean.

use rhai::Dynamic;

use crate::ops::{BinaryOp, CmpOp, Op, Span, UnaryOp};

use super::elementwise::{map, map_to, not_a_number};
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
            None => Err(Complaint::new(format!("-({int}) is too large for a whole number"))),
        },
        Operand::Float(float) => Ok((-float).into()),
        x => map(trace, at, "`-`", &[x], |trace, x| trace.graph.unary(UnaryOp::Neg, x[0], at)),
    }
}

/// `a < b` and its like.
pub(crate) fn compare(trace: &mut Trace, at: Span, op: CmpOp, a: Operand, b: Operand) -> Outcome {
    let symbol = format!("`{}`", op.symbol());
    if !a.is_traced() && !b.is_traced() {
        return plain::compare(op, &a, &b).map(Dynamic::from).ok_or_else(|| {
            Complaint::new(format!("{symbol} cannot compare {} with {}", a.describe(), b.describe()))
        });
    }
    for side in [&a, &b] {
        if let Operand::One(value) = side
            && value.kind == Kind::Condition
        {
            return Err(Complaint::new(format!("{symbol} compares a condition"))
                .hint("join conditions with &, | and !: (a < b) & (b < c)"));
        }
    }
    map_to(trace, at, &symbol, Kind::Condition, &[a, b], |trace, x| {
        trace.graph.push(Op::Compare(op, x[0], x[1]), at)
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
    map_to(trace, at, symbol, Kind::Condition, &sides, |trace, x| {
        let node = match op {
            Junction::And => Op::And(x[0], x[1]),
            Junction::Or => Op::Or(x[0], x[1]),
        };
        trace.graph.push(node, at)
    })
}

/// `!a`
pub(crate) fn not(trace: &mut Trace, at: Span, a: Operand) -> Outcome {
    if let Operand::Bool(truth) = a {
        return Ok((!truth).into());
    }
    let a = condition("`!`", a)?;
    map_to(trace, at, "`!`", Kind::Condition, &[a], |trace, x| trace.graph.push(Op::Not(x[0]), at))
}

/// `select(condition, if_true, if_false)`
pub(crate) fn select(trace: &mut Trace, at: Span, mut args: Vec<Operand>) -> Outcome {
    let if_false = args.pop().unwrap_or(Operand::Other("nothing".into()));
    let if_true = args.pop().unwrap_or(Operand::Other("nothing".into()));
    let chooser = args.pop().unwrap_or(Operand::Other("nothing".into()));
    let kind = match (&if_true, &if_false) {
        (Operand::One(a), Operand::One(b)) if a.kind == b.kind => match a.kind {
            kind @ (Kind::Condition | Kind::Flag | Kind::Action) => kind,
            _ => Kind::Number,
        },
        _ => Kind::Number,
    };
    // A condition that is known now still yields a traced value, so that the result's type does not hang
    // on a parameter's value.
    let chooser = match chooser {
        Operand::Bool(truth) => Operand::Int(i64::from(truth)),
        traced => condition("select", traced)?,
    };
    map_to(trace, at, "select", kind, &[chooser, if_true, if_false], |trace, x| {
        trace.graph.select(x[0], x[1], x[2], at)
    })
}

/// Lets conditions and flags through.
fn condition(name: &str, operand: Operand) -> Result<Operand, Complaint> {
    match &operand {
        Operand::Bool(truth) => return Ok(Operand::Int(i64::from(*truth))),
        Operand::One(value) if matches!(value.kind, Kind::Condition | Kind::Flag) => return Ok(operand),
        Operand::Steps(steps) if steps.0.iter().all(|v| matches!(v.kind, Kind::Condition | Kind::Flag)) => {
            return Ok(operand);
        }
        _ => {}
    }
    Err(Complaint::new(format!("{name} needs a condition, found {}", operand.describe()))
        .hint("compare it with something, as in x > 0"))
}
