//! Intervals by resampling: how far another set of seeds might have said otherwise.

use crate::sample::quantile_of_sorted;
use crate::scores::{Scores, gap, mean_of_games, median_of_games, pooled_iqm};
use rand::{RngExt, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;
use serde::Serialize;

/// An estimate, and the interval that it might as well have come to.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Interval {
    /// The statistic of the sample itself.
    pub estimate: f64,
    /// Lower end of the interval.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

/// A stratified percentile bootstrap: the seeds of each game are drawn with replacement, as many as there are, and the
/// statistic is taken of each such sample; the interval holds the middle `level` of the results. The games stay, so that
/// it says what other seeds would do and not what other games would.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bootstrap {
    /// Samples drawn. The ends of an interval shake by about one part in a hundred of its length with 10 000.
    pub resamples: usize,
    /// Share of the results within the interval.
    pub level: f64,
    /// Of the draws: the same seed, the same interval.
    pub seed: u64,
}

impl Default for Bootstrap {
    fn default() -> Self {
        Self { resamples: 10_000, level: 0.95, seed: 0 }
    }
}

impl Bootstrap {
    /// The mean over games of mean scores, with its interval.
    pub fn mean(&self, scores: &Scores) -> Interval {
        self.interval(&scores.strata(), mean_of_games)
    }

    /// The median over games of mean scores.
    pub fn median(&self, scores: &Scores) -> Interval {
        self.interval(&scores.strata(), median_of_games)
    }

    /// The interquartile mean over runs and games.
    pub fn iqm(&self, scores: &Scores) -> Interval {
        self.interval(&scores.strata(), pooled_iqm)
    }

    /// The optimality gap to `target`.
    pub fn optimality_gap(&self, scores: &Scores, target: f64) -> Interval {
        self.interval(&scores.strata(), |strata| gap(strata, target))
    }

    /// Any statistic of lists of numbers, each a stratum of its own.
    pub fn interval(&self, strata: &[&[f64]], statistic: impl Fn(&[&[f64]]) -> f64) -> Interval {
        let mut drawn: Vec<Vec<f64>> = strata.iter().map(|runs| runs.to_vec()).collect();
        let results = self.draws().map(|mut draws| {
            for (drawn, runs) in drawn.iter_mut().zip(strata) {
                drawn.iter_mut().for_each(|place| *place = runs[draws.below(runs.len())]);
            }
            statistic(&drawn.iter().map(Vec::as_slice).collect::<Vec<_>>())
        });
        self.around(statistic(strata), results.collect())
    }

    /// The interval around an estimate, from the results of all samples.
    pub(crate) fn around(&self, estimate: f64, mut results: Vec<f64>) -> Interval {
        let (low, high) = self.ends(&mut results);
        Interval { estimate, low, high }
    }

    /// The ends of the interval; sorts the results.
    pub(crate) fn ends(&self, results: &mut [f64]) -> (f64, f64) {
        results.sort_unstable_by(f64::total_cmp);
        let tail = (1.0 - self.level) / 2.0;
        let end = |at| quantile_of_sorted(results, at).unwrap_or(f64::NAN);
        (end(tail), end(1.0 - tail))
    }

    /// A stream of random numbers for each sample. Each has its own, so that a sample's draws do not depend on how
    /// much the samples before it have drawn.
    pub(crate) fn draws(&self) -> impl Iterator<Item = Draws> {
        let mut seeds = Xoshiro256PlusPlus::seed_from_u64(self.seed);
        (0..self.resamples).map(move |_| Draws(Xoshiro256PlusPlus::seed_from_u64(seeds.random())))
    }
}

/// The random choices of one sample.
pub(crate) struct Draws(Xoshiro256PlusPlus);

impl Draws {
    /// A number below `count`, which is not zero.
    pub(crate) fn below(&mut self, count: usize) -> usize {
        self.0.random_range(0..count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_seed_one_interval_and_games_are_never_mixed() {
        let games = [("a".to_owned(), vec![1.0, 2.0, 4.0]), ("b".to_owned(), vec![100.0, 101.0])];
        let scores = Scores::new(games).unwrap();
        let bootstrap = Bootstrap { resamples: 500, ..Bootstrap::default() };
        let interval = bootstrap.mean(&scores);
        assert_eq!(interval, bootstrap.mean(&scores));
        let first =
            |seed| Bootstrap { seed, ..bootstrap }.draws().next().map(|mut draws| draws.below(1 << 30));
        assert_ne!(first(0), first(1));
        assert!(interval.low < interval.estimate && interval.estimate < interval.high, "{interval:?}");
        // If games were drawn too, half of the samples would have two a's or two b's.
        assert!(interval.low >= (1.0 + 100.0) / 2.0 && interval.high <= (4.0 + 101.0) / 2.0, "{interval:?}");
    }

    #[test]
    fn a_single_seed_says_nothing_of_others() {
        let scores = Scores::new([("a".to_owned(), vec![3.0])]).unwrap();
        let interval = Bootstrap::default().iqm(&scores);
        assert_eq!(interval, Interval { estimate: 3.0, low: 3.0, high: 3.0 });
    }

    #[test]
    fn no_samples_have_no_interval() {
        let scores = Scores::new([("a".to_owned(), vec![3.0, 4.0])]).unwrap();
        let interval = Bootstrap { resamples: 0, ..Bootstrap::default() }.iqm(&scores);
        assert!(interval.estimate == 3.5 && interval.low.is_nan() && interval.high.is_nan());
    }
}
