//! Operators of the language, on plain numbers and on values.

use super::calculus;
use super::evaluation::{Evaluation, Outcome};
use super::value::{Item, each, map};

/// Arithmetic operators, and the form that assigns.
pub(super) const ARITHMETIC: [(&str, &str); 6] =
    [("+", "+="), ("-", "-="), ("*", "*="), ("/", "/="), ("%", "%="), ("**", "**=")];

/// Operators whose result is true or false, for each sample.
pub(super) const LOGIC: [&str; 8] = ["<", "<=", ">", ">=", "==", "!=", "&", "|"];

/// `a op b`
pub(super) fn arithmetic(evaluation: &mut Evaluation, op: &str, a: &Item, b: &Item) -> Outcome {
    match (a, b) {
        (Item::Int(a), Item::Int(b)) => return whole(op, *a, *b),
        (Item::Text(_), _) | (_, Item::Text(_)) if op == "+" => {
            return Ok(Item::Text(text(a)? + text(b)?.as_str()));
        }
        _ => {}
    }
    if let (Some(x), Some(y)) = (a.plain(), b.plain()) {
        return Ok(Item::Float(match op {
            "+" => x + y,
            "-" => x - y,
            "*" => x * y,
            "/" => x / y,
            "%" => x % y,
            _ => x.powf(y),
        }));
    }
    let machine = &mut evaluation.machine;
    each(&[a.clone(), b.clone()], |x| match op {
        "+" => Ok(map(machine, x, calculus::add)),
        "-" => Ok(map(machine, x, calculus::sub)),
        "*" => Ok(map(machine, x, calculus::mul)),
        "/" => Ok(map(machine, x, calculus::div)),
        "**" => match x[1].as_known() {
            // Beyond, the language needs a base that is not negative.
            Some(n) if n.fract() == 0.0 && n.abs() <= 64.0 => {
                Ok(map(machine, x, calculus::whole_power(n as i32)))
            }
            _ => Ok(map(machine, x, calculus::power)),
        },
        _ => Err(format!("`{op}` is for plain numbers")),
    })
}

/// Whole numbers stay whole or are refused.
fn whole(op: &str, a: i64, b: i64) -> Outcome {
    let result = match op {
        "+" => a.checked_add(b),
        "-" => a.checked_sub(b),
        "*" => a.checked_mul(b),
        "/" => a.checked_div(b).filter(|quotient| quotient * b == a),
        "%" => a.checked_rem(b),
        _ => u32::try_from(b).ok().and_then(|b| a.checked_pow(b)),
    };
    result.map(Item::Int).ok_or_else(|| format!("{a} {op} {b} is not a whole number"))
}

fn text(item: &Item) -> Result<String, String> {
    match item {
        Item::Text(text) => Ok(text.clone()),
        Item::Int(int) => Ok(int.to_string()),
        Item::Float(float) => Ok(float.to_string()),
        other => Err(format!("{other:.40?} has no text")),
    }
}

/// `-x`
pub(super) fn negate(evaluation: &mut Evaluation, x: &Item) -> Outcome {
    match x {
        Item::Int(int) => int.checked_neg().map(Item::Int).ok_or_else(|| format!("-({int}) is too large")),
        Item::Float(float) => Ok(Item::Float(-float)),
        x => each(std::slice::from_ref(x), |x| Ok(map(&mut evaluation.machine, x, calculus::neg))),
    }
}

/// Comparisons, `&` and `|`.
pub(super) fn logic(evaluation: &mut Evaluation, op: &str, a: &Item, b: &Item) -> Outcome {
    let plain = match (a, b) {
        (Item::Bool(a), Item::Bool(b)) => Some(holds(op, f64::from(u8::from(*a)), f64::from(u8::from(*b)))),
        (Item::Int(a), Item::Int(b)) => Some(ordered(op, a.cmp(b))),
        (Item::Text(a), Item::Text(b)) => Some(ordered(op, a.cmp(b))),
        _ => a.plain().zip(b.plain()).map(|(a, b)| holds(op, a, b)),
    };
    if let Some(truth) = plain {
        return Ok(Item::Bool(truth));
    }
    let rule = calculus::truth(|[a, b]| holds(op, a, b));
    each(&[a.clone(), b.clone()], |x| Ok(map(&mut evaluation.machine, x, &rule)))
}

fn holds(op: &str, a: f64, b: f64) -> bool {
    match op {
        "<" => a < b,
        "<=" => a <= b,
        ">" => a > b,
        ">=" => a >= b,
        "==" => a == b,
        "!=" => a != b,
        "&" => a != 0.0 && b != 0.0,
        _ => a != 0.0 || b != 0.0,
    }
}

fn ordered(op: &str, order: std::cmp::Ordering) -> bool {
    holds(op, f64::from(order as i8), 0.0)
}

/// `!x`
pub(super) fn not(evaluation: &mut Evaluation, x: &Item) -> Outcome {
    match x {
        Item::Bool(truth) => Ok(Item::Bool(!truth)),
        x => {
            let rule = calculus::truth(|[x]: [f64; 1]| x == 0.0);
            each(std::slice::from_ref(x), |x| Ok(map(&mut evaluation.machine, x, &rule)))
        }
    }
}
