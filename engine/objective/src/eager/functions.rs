//! Functions of the language.

use std::rc::Rc;

use super::calculus::{self, Local};
use super::evaluation::{Evaluation, Outcome};
use super::lists::{self, Summary};
use super::number::{Machine, Number, Rounding, Slope};
use super::value::{Item, Value, across, each, map};

/// Name, number of arguments, what it does.
pub(super) type Function = (&'static str, usize, fn(&mut Evaluation, &[Item]) -> Outcome);

/// Every function that `target`, `loss`, `metrics` and `reward` may call.
pub(super) const FUNCTIONS: &[Function] = &[
    ("exp", 1, |e, x| elementwise(e, x, calculus::exp)),
    ("log", 1, |e, x| elementwise(e, x, calculus::log)),
    ("sqrt", 1, |e, x| elementwise(e, x, calculus::sqrt)),
    ("abs", 1, |e, x| whole(e, x, calculus::abs)),
    ("sign", 1, |e, x| whole(e, x, calculus::sign)),
    ("tanh", 1, |e, x| elementwise(e, x, calculus::tanh)),
    ("sigmoid", 1, |e, x| elementwise(e, x, calculus::sigmoid)),
    ("clip", 3, |e, x| elementwise(e, x, calculus::clip)),
    ("huber", 2, |e, x| elementwise(e, x, calculus::huber)),
    ("select", 3, |e, x| each(x, |x| Ok(map(&mut e.machine, x, calculus::select)))),
    ("min", 1, |e, x| along(e, &x[0], None, lists::min)),
    ("max", 1, |e, x| along(e, &x[0], None, lists::max)),
    ("sum", 1, |e, x| along(e, &x[0], None, lists::sum)),
    ("mean", 1, |e, x| along(e, &x[0], None, lists::mean)),
    ("min", 2, |e, x| extremum(e, x, lists::min, calculus::min)),
    ("max", 2, |e, x| extremum(e, x, lists::max, calculus::max)),
    ("sum", 2, |e, x| along(e, &x[0], Some(&x[1]), lists::sum)),
    ("mean", 2, |e, x| along(e, &x[0], Some(&x[1]), lists::mean)),
    ("logsumexp", 1, |e, x| over_actions(e, x, lists::log_sum_exp)),
    ("logmeanexp", 1, |e, x| over_actions(e, x, lists::log_mean_exp)),
    ("softmax", 1, |e, x| policy(e, x, lists::softmax)),
    ("log_softmax", 1, |e, x| policy(e, x, lists::log_softmax)),
    ("entropy", 1, |e, x| each(x, |x| Ok(logits(&x[0])?.over_actions(&mut e.machine, lists::entropy)))),
    ("kl", 1, |e, x| each(x, |x| kl_to_uniform(e, &x[0]))),
    ("kl", 2, |e, x| each(x, |x| kl(e, &x[0], &x[1]))),
    ("argmax", 1, |e, x| over_actions(e, x, first_of_the_largest)),
    ("len", 1, |e, x| length(e, &x[0])),
    ("stop_gradient", 1, |_, x| stop_gradient(&x[0])),
    ("scale_gradient", 2, |e, x| scale_gradient(e, x)),
    ("batch_mean", 1, |e, x| batch_mean(e, &x[0])),
    ("discounted_return", 2, discounted_return),
    ("lambda_return", 5, lambda_return),
    ("metric", 2, |e, x| e.metric(&x[0], &x[1])),
];

/// Plain numbers in, plain number out; otherwise element by element.
fn elementwise<const N: usize>(
    evaluation: &mut Evaluation,
    x: &[Item],
    rule: fn([f64; N]) -> Local<N>,
) -> Outcome {
    let plain: Vec<f64> = x.iter().filter_map(Item::plain).collect();
    match <[f64; N]>::try_from(plain) {
        Ok(plain) => Ok(Item::Float(rule(plain).value)),
        Err(_) => each(x, |x| Ok(map(&mut evaluation.machine, x, rule))),
    }
}

/// As `elementwise`, for functions that make whole numbers of whole ones.
fn whole(evaluation: &mut Evaluation, x: &[Item], rule: fn([f64; 1]) -> Local<1>) -> Outcome {
    match (&x[0], elementwise(evaluation, x, rule)?) {
        (Item::Int(_), Item::Float(float)) => Ok(Item::Int(float as i64)),
        (_, result) => Ok(result),
    }
}

/// `min(x, y)`, or `min(x, "axis")`.
fn extremum(
    evaluation: &mut Evaluation,
    x: &[Item],
    of_list: fn(&[f64]) -> Summary,
    of_two: fn([f64; 2]) -> Local<2>,
) -> Outcome {
    match (&x[0], &x[1]) {
        (list, axis @ Item::Text(_)) => along(evaluation, list, Some(axis), of_list),
        (Item::Int(a), Item::Int(b)) => {
            let first = of_two([*a as f64, *b as f64]).slopes[0].is_some();
            Ok(Item::Int(if first { *a } else { *b }))
        }
        _ => elementwise(evaluation, x, of_two),
    }
}

/// Brings an axis down: the one that is named, or the only one.
fn along(evaluation: &mut Evaluation, x: &Item, axis: Option<&Item>, f: fn(&[f64]) -> Summary) -> Outcome {
    let machine = &mut evaluation.machine;
    let axis = match axis {
        Some(Item::Text(axis)) => Some(axis.as_str()),
        Some(other) => return Err(format!("{other:.40?} is not an axis")),
        None => None,
    };
    match (x.steps()?, axis) {
        (Some(steps), Some("action")) => {
            let steps = steps.iter().map(|step| step.over_actions(machine, f));
            Ok(Item::Steps(steps.collect()))
        }
        (Some(steps), Some("step") | None) if !steps.is_empty() => Ok(Item::One(across(machine, &steps, f))),
        (None, Some("action") | None) => Ok(Item::One(x.one()?.over_actions(machine, f))),
        _ => Err("this value has no such axis".into()),
    }
}

fn over_actions(evaluation: &mut Evaluation, x: &[Item], f: fn(&[f64]) -> Summary) -> Outcome {
    each(x, |x| Ok(x[0].over_actions(&mut evaluation.machine, f)))
}

fn first_of_the_largest(x: &[f64]) -> Summary {
    Summary::flat(lists::first_of_the_largest(x) as f64, x.len())
}

fn policy(evaluation: &mut Evaluation, x: &[Item], f: fn(&mut Machine, &[Number]) -> Vec<Number>) -> Outcome {
    each(x, |x| {
        let mut values = x[0].map_rows(|row| f(&mut evaluation.machine, row));
        values.logits = Some(Rc::new(x[0].clone()));
        Ok(values)
    })
}

fn logits(value: &Value) -> Result<&Value, String> {
    value.logits.as_deref().ok_or_else(|| "this is no softmax(…)".to_owned())
}

/// `Σ p log (p / q)`: the logits of both in one row.
fn kl(evaluation: &mut Evaluation, p: &Value, q: &Value) -> Result<Value, String> {
    Ok(Value::beside(logits(p)?, logits(q)?).over_actions(&mut evaluation.machine, lists::kl))
}

/// The uniform policy is the one of equal logits.
fn kl_to_uniform(evaluation: &mut Evaluation, p: &Value) -> Result<Value, String> {
    let equal = logits(p)?.map_rows(|row| vec![Number::constant(0.0); row.len()]);
    Ok(Value::beside(logits(p)?, &equal).over_actions(&mut evaluation.machine, lists::kl))
}

fn length(evaluation: &Evaluation, x: &Item) -> Outcome {
    match x {
        Item::Steps(steps) => Ok(Item::Int(steps.len() as i64)),
        Item::List(items) => Ok(Item::Int(items.len() as i64)),
        Item::Text(text) => Ok(Item::Int(text.chars().count() as i64)),
        Item::One(value) if value.per_action => Ok(Item::Int(evaluation.layout.actions as i64)),
        other => Err(format!("{other:.40?} has no length")),
    }
}

/// What `reward` made of the reward of a step, where that step was taken.
pub(super) fn earned(evaluation: &mut Evaluation, step: usize, reward: Value) -> Result<Value, String> {
    let taken = evaluation.stored("valid", step)?;
    Ok(map(&mut evaluation.machine, &[taken, reward, Value::uniform(0.0)], calculus::select))
}

/// The value without its derivative; a policy's logits lose theirs too.
pub(super) fn stop_gradient(x: &Item) -> Outcome {
    fn stopped(value: &Value) -> Value {
        let mut result = value.map_rows(|row| row.iter().map(|x| Number::constant(x.value)).collect());
        result.known = value.known;
        result.logits = value.logits.as_deref().map(|logits| Rc::new(stopped(logits)));
        result
    }
    match x.plain() {
        Some(_) => Ok(x.clone()),
        None => each(std::slice::from_ref(x), |x| Ok(stopped(&x[0]))),
    }
}

/// The value, with its derivative multiplied by a number that has none itself.
fn scale_gradient(evaluation: &mut Evaluation, x: &[Item]) -> Outcome {
    fn scaled(machine: &mut Machine, value: &Value, factor: &Value) -> Value {
        let mut result = map(machine, &[value.clone(), factor.clone()], |[x, factor]| Local {
            value: x,
            rounding: Rounding::NONE,
            slopes: [Some(Slope::close(factor)), None],
        });
        result.known = value.known;
        result.logits = value.logits.as_deref().map(|logits| Rc::new(scaled(machine, logits, factor)));
        result
    }
    match x[0].plain() {
        Some(_) => Ok(x[0].clone()),
        None => each(x, |x| Ok(scaled(&mut evaluation.machine, &x[0], &x[1]))),
    }
}

/// Plain numbers are their own mean.
fn batch_mean(evaluation: &mut Evaluation, x: &Item) -> Outcome {
    match x.plain() {
        Some(_) => Ok(x.clone()),
        None => {
            each(std::slice::from_ref(x), |x| Ok(x[0].over_samples(&mut evaluation.machine, lists::mean)))
        }
    }
}

/// `Σ_d γ^d r_d`, by Horner's rule.
fn discounted_return(evaluation: &mut Evaluation, x: &[Item]) -> Outcome {
    let (rewards, gamma) = (x[0].steps()?.ok_or("no list of rewards")?, x[1].one()?);
    let mut rewards = rewards.iter().rev();
    let last = rewards.next().ok_or("no rewards")?.clone();
    let total = rewards.fold(last, |later, reward| {
        map(&mut evaluation.machine, &[reward.clone(), later, gamma.clone()], calculus::discounted)
    });
    Ok(Item::One(total))
}

/// λ-returns of every step. After the last there is only the value of the state that it leads to.
fn lambda_return(evaluation: &mut Evaluation, x: &[Item]) -> Outcome {
    let list = |item: &Item| item.steps()?.ok_or_else(|| "a list of steps is missing".to_owned());
    let (rewards, terminated, values) = (list(&x[0])?, list(&x[1])?, list(&x[2])?);
    let (gamma, lambda) = (x[3].one()?, x[4].one()?);
    let machine = &mut evaluation.machine;
    let mut returns: Vec<Value> = Vec::with_capacity(values.len());
    for ((reward, terminated), value) in rewards.iter().zip(&*terminated).zip(&*values).rev() {
        let ahead = match (returns.last(), lambda.as_known()) {
            (None, _) | (_, Some(0.0)) => value.clone(),
            (Some(later), Some(1.0)) => later.clone(),
            (Some(later), _) => {
                map(machine, &[value.clone(), later.clone(), lambda.clone()], calculus::mixed)
            }
        };
        let operands = [reward.clone(), terminated.clone(), ahead, gamma.clone()];
        returns.push(map(machine, &operands, calculus::backup));
    }
    returns.reverse();
    Ok(Item::Steps(returns.into()))
}
