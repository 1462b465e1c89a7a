//! Performance profiles: how many runs are better than each score.

use crate::bootstrap::Bootstrap;
use crate::sample::mean;
use crate::scores::Scores;
use serde::Serialize;

/// The share of runs with more than each of a list of scores (the run-score distribution of Agarwal et al.): a curve
/// above another one is better at every score, and where two cross neither is better everywhere. Games count the same.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Profile {
    /// The scores, as they were asked for.
    pub scores: Vec<f64>,
    /// Share of runs above each.
    pub share: Vec<f64>,
    /// Lower end of its interval, point by point.
    pub low: Vec<f64>,
    /// Upper end.
    pub high: Vec<f64>,
}

impl Profile {
    /// Takes the profile at these scores.
    pub fn new(scores: &Scores, at: &[f64], bootstrap: &Bootstrap) -> Self {
        let strata = scores.strata();
        // Scores have a game, whose share is a number.
        let share = at.iter().map(|at| mean(&shares(&strata, *at)).unwrap_or(f64::NAN)).collect();
        // How many runs of a game are above a score follows from which runs were drawn: count them once, not by score.
        let above: Vec<Vec<Vec<f64>>> = strata
            .iter()
            .map(|runs| {
                runs.iter().map(|run| at.iter().map(|at| f64::from(u8::from(run > at))).collect()).collect()
            })
            .collect();
        let mut results = vec![Vec::with_capacity(bootstrap.resamples); at.len()];
        for mut draws in bootstrap.draws() {
            let mut sums = vec![0.0; at.len()];
            for runs in &above {
                for _ in 0..runs.len() {
                    let run = &runs[draws.below(runs.len())];
                    sums.iter_mut().zip(run).for_each(|(sum, above)| *sum += above / runs.len() as f64);
                }
            }
            let games = above.len() as f64;
            results.iter_mut().zip(sums).for_each(|(results, sum)| results.push(sum / games));
        }
        let (low, high) = results.iter_mut().map(|results| bootstrap.ends(results)).unzip();
        Self { scores: at.to_vec(), share, low, high }
    }
}

/// By game, the share of runs above a score.
fn shares(strata: &[&[f64]], at: f64) -> Vec<f64> {
    strata
        .iter()
        .map(|runs| runs.iter().filter(|score| **score > at).count() as f64 / runs.len() as f64)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_fall_from_one_to_none_and_what_equals_a_score_is_not_above_it() {
        let games = [("a".to_owned(), vec![0.0, 1.0]), ("b".to_owned(), vec![0.5, 0.5, 2.0, 2.0])];
        let scores = Scores::new(games).unwrap();
        let bootstrap = Bootstrap { resamples: 300, ..Bootstrap::default() };
        let profile = Profile::new(&scores, &[-1.0, 0.0, 0.5, 1.5, 2.0], &bootstrap);
        assert_eq!(profile.share, [1.0, 0.75, 0.5, 0.25, 0.0]);
        for (share, (low, high)) in profile.share.iter().zip(profile.low.iter().zip(&profile.high)) {
            assert!(low <= share && share <= high && *low >= 0.0 && *high <= 1.0);
        }
        assert!(profile.low[2] < 0.5 && profile.high[2] > 0.5);
    }
}
