//! Functions of a list of numbers, each with its derivatives: what the action axis, the step axis and the batch
//! are brought down with.
//!
//! Exponentials are taken of differences from the largest number, so that none of them overflows.

use super::calculus::residue_of_sum;
use super::number::{Machine, Number, Rounding, Slope};

/// A function of a list at one point.
pub(super) struct Summary {
    value: f64,
    rounding: Rounding,
    /// One for each number of the list.
    slopes: Vec<Option<Slope>>,
}

impl Summary {
    /// A number that jumps, or stays as it is.
    pub fn flat(value: f64, length: usize) -> Self {
        Self { value, rounding: Rounding::NONE, slopes: vec![None; length] }
    }
}

/// Applies a function to a list.
pub(super) fn reduce(machine: &mut Machine, list: &[Number], f: fn(&[f64]) -> Summary) -> Number {
    let summary = f(&values(list));
    machine.number(summary.value, summary.rounding, list.iter().zip(summary.slopes))
}

fn values(list: &[Number]) -> Vec<f64> {
    list.iter().map(|number| number.value).collect()
}

pub(super) fn sum(x: &[f64]) -> Summary {
    let size = x.iter().map(|x| x.abs()).sum();
    let mut exact = true;
    let value = x.iter().fold(0.0, |sum, &x| {
        exact &= residue_of_sum(sum, x) == 0.0;
        sum + x
    });
    Summary { value, rounding: Rounding { size, exact }, slopes: vec![Some(Slope::exact(1.0)); x.len()] }
}

pub(super) fn mean(x: &[f64]) -> Summary {
    let (count, total) = (x.len() as f64, sum(x));
    let value = total.value / count;
    let exact = total.rounding.exact && value.mul_add(count, -total.value) == 0.0;
    let rounding = Rounding { size: total.rounding.size / count, exact };
    Summary { value, rounding, slopes: vec![Some(Slope::close(1.0 / count)); x.len()] }
}

/// The first of the largest.
pub(super) fn max(x: &[f64]) -> Summary {
    choice(x, first_of_the_largest(x))
}

/// The first of the smallest.
pub(super) fn min(x: &[f64]) -> Summary {
    let negated: Vec<f64> = x.iter().map(|x| -x).collect();
    choice(x, first_of_the_largest(&negated))
}

fn choice(x: &[f64], chosen: usize) -> Summary {
    let slopes = (0..x.len()).map(|index| (index == chosen).then_some(Slope::exact(1.0))).collect();
    Summary { value: x[chosen], rounding: Rounding::NONE, slopes }
}

/// What is not a number counts as the largest of all.
pub(super) fn first_of_the_largest(x: &[f64]) -> usize {
    if let Some(nan) = x.iter().position(|x| x.is_nan()) {
        return nan;
    }
    let mut best = 0;
    for (index, value) in x.iter().enumerate() {
        if *value > x[best] {
            best = index;
        }
    }
    best
}

pub(super) fn log_sum_exp(x: &[f64]) -> Summary {
    let policy = Policy::of(x);
    policy.log_of_total(policy.log_total)
}

pub(super) fn log_mean_exp(x: &[f64]) -> Summary {
    let policy = Policy::of(x);
    policy.log_of_total((policy.total / x.len() as f64).ln())
}

/// `-Σ p log p`, with the derivative `-p (log p + entropy)`.
pub(super) fn entropy(x: &[f64]) -> Summary {
    let Policy { p, log_p, .. } = Policy::of(x);
    let value: f64 = -p.iter().zip(&log_p).map(|(p, log_p)| p * log_p).sum::<f64>();
    let slopes = p
        .iter()
        .zip(&log_p)
        .map(|(p, log_p)| Some(Slope::rounded(-p * (log_p + value), p * (1.0 + log_p.abs() + value))));
    // Every logarithm is off by a unit in proportion to itself and to 1.
    Summary { value, rounding: Rounding::of(1.0 + value), slopes: slopes.collect() }
}

/// `Σ p log (p / q)` of two policies, whose logits follow one another.
pub(super) fn kl(x: &[f64]) -> Summary {
    let (x, y) = x.split_at(x.len() / 2);
    let (of, from) = (Policy::of(x), Policy::of(y));
    let ratios: Vec<f64> = of.log_p.iter().zip(&from.log_p).map(|(p, q)| p - q).collect();
    let sizes: Vec<f64> = of.log_p.iter().zip(&from.log_p).map(|(p, q)| 1.0 + p.abs() + q.abs()).collect();
    let value: f64 = of.p.iter().zip(&ratios).map(|(p, ratio)| p * ratio).sum();
    let size = of.p.iter().zip(&sizes).map(|(p, size)| p * size).sum();
    let by_first =
        of.p.iter()
            .zip(&ratios)
            .zip(&sizes)
            .map(|((p, ratio), size)| Some(Slope::rounded(p * (ratio - value), p * (size + value.abs()))));
    let by_second = from.p.iter().zip(&of.p).map(|(q, p)| Some(Slope::rounded(q - p, q + p)));
    Summary { value, rounding: Rounding::of(size), slopes: by_first.chain(by_second).collect() }
}

/// `log p` for every action, with the derivative `δ - p`.
pub(super) fn log_softmax(machine: &mut Machine, x: &[Number]) -> Vec<Number> {
    let policy = Policy::of(&values(x));
    let log_total = reduce(machine, x, log_sum_exp);
    let size = policy.log_total.abs();
    let terms = x.iter().zip(&policy.log_p);
    terms
        .map(|(x, &log_p)| {
            let terms = [(x, Some(Slope::exact(1.0))), (&log_total, Some(Slope::exact(-1.0)))];
            machine.number(log_p, Rounding::of(1.0 + log_p.abs() + size), terms)
        })
        .collect()
}

/// `p` for every action, with the derivative `p (δ - p)`.
pub(super) fn softmax(machine: &mut Machine, x: &[Number]) -> Vec<Number> {
    let policy = Policy::of(&values(x));
    let log_total = reduce(machine, x, log_sum_exp);
    let terms = x.iter().zip(&policy.p).zip(&policy.log_p);
    terms
        .map(|((x, &p), log_p)| {
            let terms = [(x, Some(Slope::close(p))), (&log_total, Some(Slope::close(-p)))];
            machine.number(p, Rounding::of(p * (1.0 + log_p.abs())), terms)
        })
        .collect()
}

/// Probabilities in proportion to `exp x`.
struct Policy {
    largest: f64,
    /// `Σ exp(x - largest)`, and its logarithm.
    total: f64,
    log_total: f64,
    p: Vec<f64>,
    log_p: Vec<f64>,
}

impl Policy {
    fn of(x: &[f64]) -> Self {
        let largest = x[first_of_the_largest(x)];
        let weights: Vec<f64> = x.iter().map(|x| (x - largest).exp()).collect();
        let total: f64 = weights.iter().sum();
        let log_total = total.ln();
        Self {
            p: weights.iter().map(|weight| weight / total).collect(),
            log_p: x.iter().map(|x| (x - largest) - log_total).collect(),
            largest,
            total,
            log_total,
        }
    }

    /// The largest number and `log` above it; its derivatives are the probabilities.
    fn log_of_total(&self, log: f64) -> Summary {
        let slopes = self.p.iter().zip(&self.log_p);
        let slopes = slopes.map(|(p, log_p)| Some(Slope::rounded(*p, p * (1.0 + log_p.abs()))));
        let rounding = Rounding::of(1.0 + self.largest.abs() + log.abs());
        Summary { value: self.largest + log, rounding, slopes: slopes.collect() }
    }
}
