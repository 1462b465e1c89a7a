//! Functions that belong to training: where gradients flow, returns, metrics, and what `config()` and
//! `params()` are written with.

use rhai::Dynamic;

use crate::ops::{NodeId, Op, Shape, Span};
use crate::params::ParamKind;

use super::elementwise::{lift, list_to_steps, not_a_number};
use super::operand::{Kind, Operand, Steps, Value};
use super::operators::select;
use super::plain;
use super::trace::{Complaint, Outcome, Phase, Trace};
use super::vocabulary::Function;

/// Longest name of a metric.
const MAX_NAME: usize = 32;

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

/// Functions of training.
pub(crate) const FUNCTIONS: &[Function] = &[
    Function::new("select", &[3], "select(condition, if_true, if_false)", select),
    Function::new("stop_gradient", &[1], "stop_gradient(x)", |trace, at, args| {
        stop_gradient(trace, at, &args[0])
    }),
    Function::new("scale_gradient", &[2], "scale_gradient(x, factor)", |trace, at, args| {
        let factor = scalar(trace, at, "the factor of scale_gradient", &args[1])?;
        each(trace, at, "scale_gradient", &args[0], |trace, node| {
            trace.graph.push(Op::ScaleGradient(node, factor), at)
        })
    }),
    Function::new("discounted_return", &[2], "discounted_return(t.steps.reward, p.gamma)", discounted_return),
    Function::new("metric", &[2], "metric(\"name\", value)", metric),
    Function::new(
        "param",
        &[2, 4],
        "param(default, min, max, \"doc\") or param(true, \"doc\")",
        |trace, at, args| param(trace, at, "param", args),
    ),
    Function::new("param_int", &[4], "param_int(default, min, max, \"doc\")", |trace, at, args| {
        param(trace, at, "param_int", args)
    }),
    Function::new("epsilon_greedy", &[2], "epsilon_greedy(start, end)", |trace, _, args| {
        only_in(trace, Phase::Load, "epsilon_greedy", "config()")?;
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
    }),
];

fn only_in(trace: &Trace, phase: Phase, name: &str, place: &str) -> Result<(), Complaint> {
    if trace.phase == phase {
        return Ok(());
    }
    Err(Complaint::new(format!("{name} belongs in {place}")).hint(format!("move it to {place}")))
}

/// The value, without its gradient; also what becomes of the result of `target`.
pub(crate) fn stop_gradient(trace: &mut Trace, at: Span, x: &Operand) -> Outcome {
    each(trace, at, "stop_gradient", x, |trace, node| trace.graph.stop_gradient(node, at))
}

/// Applies `f` to the nodes of a value and keeps what it means.
fn each(
    trace: &mut Trace,
    at: Span,
    name: &str,
    operand: &Operand,
    mut f: impl FnMut(&mut Trace, NodeId) -> NodeId,
) -> Outcome {
    let mut one = |trace: &mut Trace, value: Value| {
        // A policy with other gradients is the policy of logits with those gradients.
        let kind = match value.kind {
            Kind::Probabilities(logits) => Kind::Probabilities(f(trace, logits)),
            Kind::LogProbabilities(logits) => Kind::LogProbabilities(f(trace, logits)),
            kind => kind,
        };
        Value { node: f(trace, value.node), kind }
    };
    match list_to_steps(trace, at, operand)? {
        Operand::One(value) => Ok(Dynamic::from(one(trace, value))),
        Operand::Steps(steps) => {
            let steps: Vec<Value> = steps.into_iter().map(|value| one(trace, value)).collect();
            Ok(Dynamic::from(Steps(steps.into())))
        }
        Operand::Int(int) => Ok(int.into()),
        Operand::Float(float) => Ok(float.into()),
        other => Err(not_a_number(name, &other)),
    }
}

/// A node for a plain or traced scalar.
fn scalar(trace: &mut Trace, at: Span, what: &str, operand: &Operand) -> Result<NodeId, Complaint> {
    let node = lift(trace, at, what, operand)?;
    match trace.graph.shape(node) {
        Shape::Scalar => Ok(node),
        Shape::Action => {
            Err(Complaint::new(format!("{what} has one number per action, and must be one number"))
                .hint("index it by an action, or reduce it: x[t.action], sum(x), mean(x), max(x)"))
        }
    }
}

/// `Σ_d γ^d r_d`, from the last step backwards.
fn discounted_return(trace: &mut Trace, at: Span, args: Vec<Operand>) -> Outcome {
    let hint = "it takes one number per step: discounted_return(t.steps.reward, p.gamma)";
    let steps = match list_to_steps(trace, at, &args[0])? {
        Operand::Steps(steps) if !steps.0.is_empty() => steps,
        other => return Err(Complaint::new(format!("discounted_return of {}", other.describe())).hint(hint)),
    };
    let gamma = scalar(trace, at, "the discount", &args[1])?;
    let mut rest = steps.into_iter().rev();
    let last = rest.next().expect("the list is not empty").node;
    let node = rest.fold(last, |later, step| {
        let discounted = trace.graph.mul(gamma, later, at);
        trace.graph.add(step.node, discounted, at)
    });
    Ok(Dynamic::from(Value { node, kind: Kind::Number }))
}

fn metric(trace: &mut Trace, at: Span, args: Vec<Operand>) -> Outcome {
    only_in(trace, Phase::Trace, "metric", "target or loss")?;
    let Operand::Text(name) = &args[0] else {
        return Err(Complaint::new(format!("the name of a metric is a text, not {}", args[0].describe()))
            .hint("write metric(\"name\", value)"));
    };
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    let starts_well = name.starts_with(|c: char| c.is_ascii_lowercase());
    if !starts_well || !name.chars().all(plain) || name.len() > MAX_NAME {
        return Err(Complaint::new(format!("{name:?} cannot name a metric"))
            .hint(format!("use a to z, 0 to 9 and _, at most {MAX_NAME}, a letter first: \"td_abs\"")));
    }
    if name == "loss" {
        return Err(Complaint::new("the loss is recorded by itself").hint("give this metric another name"));
    }
    if trace.metrics.iter().any(|(known, _)| known == name) {
        return Err(Complaint::new(format!("metric {name:?} is recorded twice"))
            .hint("every metric has its own name"));
    }
    let most = trace.layout.metric_slots.saturating_sub(1);
    if trace.metrics.len() >= most {
        return Err(Complaint::new(format!("metric {name:?} is one too many: a script may record {most}"))
            .hint("leave out the ones that are read least"));
    }
    let node = match &args[1] {
        Operand::Steps(_) | Operand::List(_) => {
            return Err(Complaint::new(format!("metric {name:?} has one number per step"))
                .hint("record one number per sample: metric(\"name\", mean(x))"));
        }
        value => {
            let node = lift(trace, at, "metric", value)?;
            if trace.graph.shape(node) == Shape::Action {
                return Err(Complaint::new(format!("metric {name:?} has one number per action"))
                    .hint("record one number per sample: mean(x), max(x) or x[t.action]"));
            }
            node
        }
    };
    trace.metrics.push((name.clone(), node));
    Ok(Dynamic::UNIT)
}

/// `param(0.1, 0.0, 1.0, "…")` is live, `param(3, 1, 10, "…")` and `param(true, "…")` are static.
fn param(trace: &mut Trace, at: Span, name: &str, mut args: Vec<Operand>) -> Outcome {
    only_in(trace, Phase::Load, name, "params()")?;
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
                return Err(Complaint::new(format!("the {what} value is {}, not a number", arg.describe())));
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
