//! The four expressions that everything is made of, written as the paper defines them.
//!
//! They share nothing but their arguments: (11), (2) and (13) are compared in the table, so none may be computed from
//! another.

use crate::number::Number;

/// The temperatures of most rows.
pub(crate) const TEMPERATURES: [f64; 4] = [1e-3, 0.1, 1.0, 10.0];

/// The discounts of most rows.
pub(crate) const DISCOUNTS: [f64; 4] = [0.5, 0.9, 0.99, 0.999];

/// The largest number.
pub(crate) fn largest<T: Number>(q: &[T]) -> f64 {
    q.iter().map(|q| q.value()).fold(f64::NEG_INFINITY, f64::max)
}

/// `v = τ log E_{a~π̄}[exp(q(a)/τ)]` (11, 29, 55).
pub(crate) fn value<T: Number>(q: &[T], reference: &[f64], tau: f64) -> T {
    // Shifted by the largest, so that nothing overflows; the shift cancels.
    let top = largest(q);
    let terms = q.iter().zip(reference).map(|(&q, &reference)| ((q - top) / tau).exp() * reference);
    sum(terms).ln() * tau + top
}

/// `π(a) = π̄(a) exp(q(a)/τ) / E_{a'~π̄}[exp(q(a')/τ)]` (2, 28, 56): normalised weights, without `v`.
pub(crate) fn boltzmann<T: Number>(q: &[T], reference: &[f64], tau: f64) -> Vec<T> {
    let top = largest(q);
    let weight = |(&q, &reference): (&T, &f64)| ((q - top) / tau).exp() * reference;
    let weights: Vec<T> = q.iter().zip(reference).map(weight).collect();
    let total = sum(weights.iter().copied());
    weights.into_iter().map(|weight| weight / total).collect()
}

/// `log(π_q/π̄) = (q − v)/τ` (14, 32, 57), which has no underflow where the policy has one.
pub(crate) fn log_ratio<T: Number>(q: &[T], reference: &[f64], tau: f64) -> Vec<T> {
    let v = value(q, reference, tau);
    q.iter().map(|&q| (q - v) / tau).collect()
}

/// `KL[π ‖ π̄] = Σ_a π log(π/π̄)`, from the probabilities.
pub(crate) fn kl<T: Number>(pi: &[T], reference: &[f64]) -> T {
    let possible = pi.iter().zip(reference).filter(|(pi, _)| pi.value() > 0.0);
    sum(possible.map(|(&pi, &reference)| pi * (pi / reference).ln()))
}

/// `Σ_a π(a) x(a)`.
pub(crate) fn mean<T: Number>(pi: &[T], x: &[f64]) -> T {
    sum(pi.iter().zip(x).map(|(&pi, &x)| pi * x))
}

/// The softmax of logits.
pub(crate) fn softmax<T: Number>(logits: &[T]) -> Vec<T> {
    boltzmann(logits, &vec![1.0; logits.len()], 1.0)
}

pub(crate) fn sum<T: Number>(terms: impl Iterator<Item = T>) -> T {
    terms.fold(T::from(0.0), |sum, term| sum + term)
}

/// The uniform distribution over `count` actions.
pub(crate) fn uniform(count: usize) -> Vec<f64> {
    vec![1.0 / count as f64; count]
}

/// The largest absolute number.
pub(crate) fn size(numbers: &[f64]) -> f64 {
    numbers.iter().fold(0.0, |size, number| number.abs().max(size))
}

/// Largest minus smallest.
pub(crate) fn range(numbers: &[f64]) -> f64 {
    largest(numbers) - numbers.iter().copied().fold(f64::INFINITY, f64::min)
}

/// How much a relative rounding of `q` grows in `π_q`: `exp` turns an absolute error of its argument, at most
/// `ε |q − max q| / τ`, into a relative one.
pub(crate) fn condition(q: &[f64], tau: f64) -> f64 {
    1.0 + range(q) / tau
}

/// Adds with a correction of the rounding (Neumaier), so that a mean over thousands of paths rounds like one over two.
#[derive(Default)]
pub(crate) struct Sum {
    sum: f64,
    lost: f64,
}

impl Sum {
    pub(crate) fn add(&mut self, term: f64) {
        let new = self.sum + term;
        let (large, small) = if self.sum.abs() >= term.abs() { (self.sum, term) } else { (term, self.sum) };
        self.lost += (large - new) + small;
        self.sum = new;
    }

    pub(crate) fn total(&self) -> f64 {
        self.sum + self.lost
    }
}
