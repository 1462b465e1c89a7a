//! Tests of one game: might two variants be the same, and the seeds alone have made the difference?
//!
//! With as few seeds as are usual, a rank test cannot come below a p-value that is not small at all: 0.1 for three
//! against three. Welch's test can, at the price of taking scores for normally distributed; Colas et al. 2018, *How Many
//! Random Seeds?*, found it the most robust of the common ones. Where several games are tested, [`holm`] corrects for it.

use crate::pair::wins;
use crate::sample::{mean, std};
use serde::Serialize;
use statrs::distribution::{ContinuousCDF, Normal, StudentsT};

/// What a test of two samples says.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Outcome {
    /// Welch's t or Mann and Whitney's U, of the first sample.
    pub statistic: f64,
    /// Two-sided: how probably samples of one distribution would differ as much.
    pub p: f64,
}

/// Welch's test: do the means differ, where the variances may? None of fewer than two values on a side, and none
/// where neither side varies.
pub fn welch(x: &[f64], y: &[f64]) -> Option<Outcome> {
    let spread = |values: &[f64]| Some(std(values)?.powi(2) / values.len() as f64);
    let (x_spread, y_spread) = (spread(x)?, spread(y)?);
    let both = x_spread + y_spread;
    let t = (mean(x)? - mean(y)?) / both.sqrt();
    let freedom =
        both.powi(2) / (x_spread.powi(2) / (x.len() - 1) as f64 + y_spread.powi(2) / (y.len() - 1) as f64);
    let distribution = StudentsT::new(0.0, 1.0, freedom).ok().filter(|_| t.is_finite())?;
    Some(Outcome { statistic: t, p: 2.0 * distribution.cdf(-t.abs()) })
}

/// Largest product of the samples' sizes for which all orders are counted.
const EXACT: usize = 2500;

/// Mann and Whitney's test: does one sample tend to be larger? Exact, by counting all orders, unless two values are the
/// same or the samples are large; then by the normal distribution, corrected for ties and continuity. None of an empty
/// sample, and none where all values are the same.
// Of the distributions' crate, only the normal approximation is sound: its exact p-values are 1 whenever the first
// sample is not the larger one (0.19.1).
pub fn mann_whitney(x: &[f64], y: &[f64]) -> Option<Outcome> {
    if x.is_empty() || y.is_empty() {
        return None;
    }
    let u = wins(x, y);
    let pairs = x.len() * y.len();
    let smaller = u.min(pairs as f64 - u);
    let mut all = [x, y].concat();
    all.sort_unstable_by(f64::total_cmp);
    let p = if pairs <= EXACT && all.windows(2).all(|pair| pair[0] < pair[1]) {
        2.0 * lower_tail(x.len(), y.len(), smaller as usize)
    } else {
        let count = all.len() as f64;
        let cubes = |ties: &[f64]| (ties.len() as f64).powi(3) - ties.len() as f64;
        let ties: f64 = all.chunk_by(|a, b| a == b).map(cubes).sum();
        let variance = pairs as f64 / 12.0 * (count + 1.0 - ties / (count * (count - 1.0)));
        let z = (pairs as f64 / 2.0 - smaller - 0.5) / variance.sqrt();
        if variance <= 0.0 {
            return None;
        }
        2.0 * Normal::standard().cdf(-z)
    };
    Some(Outcome { statistic: u, p: p.clamp(0.0, 1.0) })
}

/// How probably U is `most` or less, `most` being at most half of all pairs, where all orders of the values are as
/// probable.
fn lower_tail(x: usize, y: usize, most: usize) -> f64 {
    // Orders with U = u are the coefficients of the Gaussian binomial Π (1 - q^(y+i)) / (1 - q^i), i from 1 to x. Up to
    // the middle they grow with u and with i, so that what a difference rounds off is small beside what it leaves;
    // beyond, it would be larger than the rarest orders are many.
    let mut orders = vec![0.0; most + 1];
    orders[0] = 1.0;
    for i in 1..=x {
        for u in (y + i..orders.len()).rev() {
            orders[u] -= orders[u - y - i];
        }
        for u in i..orders.len() {
            orders[u] += orders[u - i];
        }
    }
    let all: f64 = (1..=x).map(|i| (y + i) as f64 / i as f64).product();
    orders.iter().sum::<f64>() / all
}

/// Holm's correction: p-values of several tests, such that one below 0.05 is wrong in at most 1 of 20 such families.
pub fn holm(p: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p.len()).collect();
    order.sort_by(|a, b| p[*a].total_cmp(&p[*b]));
    let (mut corrected, mut least) = (vec![0.0; p.len()], 0.0f64);
    for (rank, index) in order.into_iter().enumerate() {
        least = least.max(((p.len() - rank) as f64 * p[index]).min(1.0));
        corrected[index] = least;
    }
    corrected
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_smallest_u_of_all_orders() {
        // Three against three: 20 orders, of which one has U = 0, one 1, two 2 and three each 3 and 4.
        for (most, orders) in [(0, 1.0), (1, 2.0), (2, 4.0), (3, 7.0), (4, 10.0)] {
            assert!((lower_tail(3, 3, most) - orders / 20.0).abs() < 1e-15, "{most}");
        }
        // Fifty against fifty: 10²⁹ orders, and half of them, the middle aside, below the middle.
        let half = lower_tail(50, 50, 1250);
        assert!((0.5..0.51).contains(&half), "{half}");
    }

    #[test]
    fn the_rarest_orders_of_large_samples_are_counted_exactly() {
        // Binomial coefficients of 80 over 40 and 100 over 50.
        for (count, all) in [(40u32, 107_507_208_733_336_176_461_620.0), (50, 1.008_913_445_455_641_9e29)] {
            let low: Vec<f64> = (0..count).map(f64::from).collect();
            let high: Vec<f64> = (count..2 * count).map(f64::from).collect();
            // The largest of the low ones a place up, and two: one order with U = 0, one 1, two 2.
            for (place, orders) in [(-0.5, 1.0), (0.5, 2.0), (1.5, 4.0)] {
                let mut low = low.clone();
                low[count as usize - 1] = f64::from(count) + place;
                for (x, y) in [(&low, &high), (&high, &low)] {
                    let p = mann_whitney(x, y).unwrap().p;
                    let exact = 2.0 * orders / all;
                    // The binomial coefficient is a product of 50 factors.
                    assert!((p - exact).abs() <= 1e-13 * exact, "{count}, {place}: {p}, not {exact}");
                }
            }
        }
    }

    #[test]
    fn what_cannot_be_tested_says_so() {
        assert_eq!(welch(&[1.0], &[1.0, 2.0]), None);
        assert_eq!(welch(&[1.0, 1.0], &[2.0, 2.0]), None);
        assert_eq!(mann_whitney(&[], &[1.0]), None);
        assert_eq!(mann_whitney(&[1.0, 1.0], &[1.0]), None);
        assert_eq!(mann_whitney(&[1.0], &[2.0]).unwrap(), Outcome { statistic: 0.0, p: 1.0 });
    }

    #[test]
    fn more_tests_need_smaller_p_values() {
        let corrected = holm(&[0.01, 0.04, 0.03]);
        for (corrected, by_hand) in corrected.iter().zip([0.03, 0.06, 0.06]) {
            assert!((corrected - by_hand).abs() < 1e-15);
        }
        assert_eq!(holm(&[0.9, 0.8]), [1.0, 1.0]);
        assert!(holm(&[]).is_empty());
    }
}
