//! What `params()` and `config()` are written with.

use rhai::Dynamic;

use crate::ops::Span;
use crate::params::ParamKind;

use super::operand::Operand;
use super::plain;
use super::trace::{Complaint, Outcome, Phase, Trace};
use super::vocabulary::Function;

/// What `param(…)` returns; its name is the key it stands at.
#[derive(Clone, Debug)]
pub(crate) struct ParamSpec {
    pub doc: String,
    pub default: f64,
    pub min: f64,
    pub max: f64,
    /// The slot of a live one is decided once all are known.
    pub kind: ParamKind,
    pub span: Span,
}

pub(crate) const FUNCTIONS: &[Function] = &[
    Function {
        name: "param",
        signatures: &[
            "param(default: bool, doc: String) -> Parameter",
            "param(default: float, min: float, max: float, doc: String) -> Parameter",
        ],
        usage: "param(default, min, max, \"doc\") or param(true, \"doc\")",
        doc: "Declares a parameter in params(). Written with fractions it is live: it may change while the run \
              goes on, at no cost. Whole numbers and booleans are static: plain in the script, and a change of \
              one compiles it anew.",
        run: |trace, at, args| param(trace, at, "param", args),
    },
    Function {
        name: "param_int",
        signatures: &["param_int(default: int, min: int, max: int, doc: String) -> Parameter"],
        usage: "param_int(default, min, max, \"doc\")",
        doc: "Declares a static whole number in params(), as param does for four whole numbers, and says so.",
        run: |trace, at, args| param(trace, at, "param_int", args),
    },
    Function {
        name: "epsilon_greedy",
        signatures: &["epsilon_greedy(start: float, end: float) -> Schedule"],
        usage: "epsilon_greedy(start, end)",
        doc: "Exploration for config(): the probability of a uniformly random action, at the start of the run \
              and in the end.",
        run: epsilon_greedy,
    },
];

fn only_in_load(trace: &Trace, name: &str, place: &str) -> Result<(), Complaint> {
    if trace.phase == Phase::Load {
        return Ok(());
    }
    Err(Complaint::new(format!("{name} belongs in {place}")).hint(format!("move it to {place}")))
}

fn epsilon_greedy(trace: &mut Trace, _: Span, args: Vec<Operand>) -> Outcome {
    only_in_load(trace, "epsilon_greedy", "config()")?;
    let mut map = rhai::Map::from([("kind".into(), "epsilon_greedy".into())]);
    for (key, arg) in ["start", "end"].into_iter().zip(&args) {
        match arg.plain() {
            Some(epsilon) if (0.0..=1.0).contains(&epsilon) => map.insert(key.into(), epsilon.into()),
            _ => {
                return Err(Complaint::new(format!("epsilon_greedy's {key} is {}", arg.describe()))
                    .hint("it is the probability of a random action, from 0 to 1"));
            }
        };
    }
    Ok(map.into())
}

/// `param(0.1, 0.0, 1.0, "…")` is live, `param(3, 1, 10, "…")` and `param(true, "…")` are static.
fn param(trace: &mut Trace, at: Span, name: &str, mut args: Vec<Operand>) -> Outcome {
    only_in_load(trace, name, "params()")?;
    let doc = match args.pop() {
        Some(Operand::Text(doc)) if !doc.trim().is_empty() => doc,
        _ => {
            return Err(Complaint::new("a parameter needs a few words on what it means")
                .hint("write param(0.1, 0.001, 10.0, \"temperature\")"));
        }
    };
    if let [Operand::Bool(default)] = args[..] {
        let kind = ParamKind::StaticBool;
        let default = f64::from(u8::from(default));
        return Ok(Dynamic::from(ParamSpec { doc, default, min: 0.0, max: 1.0, kind, span: at }));
    }
    let [default, min, max] = &args[..] else {
        return Err(Complaint::new("a number needs a range").hint("write param(default, min, max, \"doc\")"));
    };
    let all_whole = args.iter().all(|arg| matches!(arg, Operand::Int(_)));
    if name == "param_int" && !all_whole {
        return Err(
            Complaint::new("param_int takes whole numbers").hint("write param_int(3, 1, 10, \"doc\")")
        );
    }
    let mut numbers = [0.0; 3];
    for ((number, arg), what) in
        numbers.iter_mut().zip([default, min, max]).zip(["default", "least", "greatest"])
    {
        *number = match arg.plain() {
            Some(number) if number.is_finite() && number.abs() <= f64::from(f32::MAX) => number,
            Some(number) => {
                return Err(Complaint::new(format!("the {what} value {} is too large", plain::show(number)))
                    .hint("kernels compute with 32-bit floats, up to 3.4e38"));
            }
            None => {
                return Err(Complaint::new(format!("the {what} value is {}, not a number", arg.describe()))
                    .hint("the arguments are param(default, min, max, \"doc\")"));
            }
        };
    }
    let [default, min, max] = numbers;
    if min >= max {
        return Err(Complaint::new(format!("the range from {min} to {max} is empty"))
            .hint("the arguments are param(default, min, max, \"doc\")"));
    }
    if !(min..=max).contains(&default) {
        return Err(Complaint::new(format!(
            "the default {default} lies outside the range from {min} to {max}"
        ))
        .hint("the arguments are param(default, min, max, \"doc\")"));
    }
    let kind = if all_whole { ParamKind::StaticInt } else { ParamKind::Live { slot: 0 } };
    Ok(Dynamic::from(ParamSpec { doc, default, min, max, kind, span: at }))
}
