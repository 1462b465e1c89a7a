//! Random numbers.

use rand::RngExt;
use rand_xoshiro::Xoshiro256PlusPlus;

pub(crate) type Rng = Xoshiro256PlusPlus;

/// A standard normal number (Box and Muller).
pub(crate) fn normal(rng: &mut Rng) -> f64 {
    let radius = (-2.0 * (1.0 - rng.random::<f64>()).ln()).sqrt();
    radius * (std::f64::consts::TAU * rng.random::<f64>()).cos()
}

pub(crate) fn normals(rng: &mut Rng, count: usize) -> Vec<f64> {
    (0..count).map(|_| normal(rng)).collect()
}

/// A distribution over `count` outcomes, uniform on the simplex; none has probability zero.
pub(crate) fn distribution(rng: &mut Rng, count: usize) -> Vec<f64> {
    let weights: Vec<f64> = (0..count).map(|_| 1e-3 - (1.0 - rng.random::<f64>()).ln()).collect();
    let sum: f64 = weights.iter().sum();
    weights.into_iter().map(|weight| weight / sum).collect()
}

/// A table of `rows` distributions.
pub(crate) fn policy(rng: &mut Rng, rows: usize, count: usize) -> Vec<f64> {
    (0..rows).flat_map(|_| distribution(rng, count)).collect()
}

/// One of `0..count`.
pub(crate) fn index(rng: &mut Rng, count: usize) -> usize {
    rng.random_range(0..count)
}

/// An outcome of a distribution.
pub(crate) fn outcome(rng: &mut Rng, distribution: &[f64]) -> usize {
    let mut left: f64 = rng.random();
    let mut last = 0;
    for (outcome, &chance) in distribution.iter().enumerate() {
        if chance > 0.0 {
            last = outcome;
        }
        left -= chance;
        if left < 0.0 {
            return outcome;
        }
    }
    // The distribution sums to one but for rounding.
    last
}
