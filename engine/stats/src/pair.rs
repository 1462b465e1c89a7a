//! Two variants on the same games: how probably one beats the other, and by how much.

use crate::bootstrap::{Bootstrap, Interval};
use crate::scores::{Scores, ScoresError, pooled_iqm};

/// Scores of two variants on the same games. Their numbers of runs may differ.
#[derive(Clone, Copy, Debug)]
pub struct Pair<'a> {
    x: &'a Scores,
    y: &'a Scores,
}

impl<'a> Pair<'a> {
    /// Pairs them up.
    ///
    /// # Errors
    /// A game that only one of them has played.
    pub fn new(x: &'a Scores, y: &'a Scores) -> Result<Self, ScoresError> {
        let names = |scores: &'a Scores| scores.games().iter().map(|game| game.name.as_str());
        for (one, other) in [(x, y), (y, x)] {
            if let Some(lone) = names(one).find(|name| !names(other).any(|other| other == *name)) {
                return Err(ScoresError::OtherGames(lone.to_owned()));
            }
        }
        Ok(Self { x, y })
    }

    /// How probably a run of x scores more than a run of y on the same game, in the mean over games; a draw is half a
    /// win.
    pub fn improvement(&self, bootstrap: &Bootstrap) -> Interval {
        self.interval(bootstrap, improvement)
    }

    /// x less y, of interquartile means over runs and games.
    pub fn iqm_difference(&self, bootstrap: &Bootstrap) -> Interval {
        self.interval(bootstrap, |x, y| pooled_iqm(x) - pooled_iqm(y))
    }

    /// Any statistic of both, the seeds of each game of each variant drawn independently.
    fn interval(&self, bootstrap: &Bootstrap, statistic: impl Fn(&[&[f64]], &[&[f64]]) -> f64) -> Interval {
        let both = [self.x.strata(), self.y.strata()].concat();
        bootstrap.interval(&both, |strata| {
            let (x, y) = strata.split_at(self.x.games().len());
            statistic(x, y)
        })
    }
}

fn improvement(x: &[&[f64]], y: &[&[f64]]) -> f64 {
    let wins = x.iter().zip(y).map(|(x, y)| wins(x, y) / (x.len() * y.len()) as f64);
    wins.sum::<f64>() / x.len() as f64
}

/// Pairs in which x is more, and half of those in which both are the same: Mann and Whitney's U.
pub(crate) fn wins(x: &[f64], y: &[f64]) -> f64 {
    let pairs = x.iter().flat_map(|x| y.iter().map(move |y| (x, y)));
    pairs.map(|(x, y)| if x > y { 1.0 } else { 0.5 * f64::from(u8::from(x == y)) }).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scores(games: &[(&str, &[f64])]) -> Scores {
        Scores::new(games.iter().map(|(name, runs)| ((*name).to_owned(), runs.to_vec()))).unwrap()
    }

    #[test]
    fn wins_and_draws_by_hand() {
        let x = scores(&[("a", &[1.0, 3.0]), ("b", &[5.0])]);
        let y = scores(&[("b", &[5.0, 6.0]), ("a", &[1.0, 2.0, 4.0])]);
        let pair = Pair::new(&x, &y).unwrap();
        let bootstrap = Bootstrap { resamples: 200, ..Bootstrap::default() };
        // a: 1 against 1 is a draw; 3 beats 1 and 2. b: 5 against 5 is a draw.
        let improvement = pair.improvement(&bootstrap);
        assert!((improvement.estimate - (2.5 / 6.0 + 0.5 / 2.0) / 2.0).abs() < 1e-15, "{improvement:?}");
        assert!(improvement.low < improvement.estimate && improvement.estimate < improvement.high);
        let back = Pair::new(&y, &x).unwrap().improvement(&bootstrap);
        assert!((improvement.estimate + back.estimate - 1.0).abs() < 1e-15);
        let difference = pair.iqm_difference(&bootstrap);
        // A game's runs weigh as much as another's: of 1 3 5 with weights of a quarter, a quarter and a half, 3 and half of
        // the 5 are left; of 1 2 4 5 6 with a sixth, a sixth, a sixth, a quarter and a quarter, half of the 2, 4 and 5.
        let left = (2.0 / 12.0 + 4.0 / 6.0 + 5.0 / 4.0) / 0.5;
        assert!((difference.estimate - (4.0 - left)).abs() < 1e-12, "{difference:?}");
    }

    #[test]
    fn other_games_are_no_pair() {
        let (x, y) = (scores(&[("a", &[1.0]), ("b", &[1.0])]), scores(&[("a", &[1.0])]));
        assert_eq!(Pair::new(&x, &y).err(), Some(ScoresError::OtherGames("b".to_owned())));
        assert_eq!(Pair::new(&y, &x).err(), Some(ScoresError::OtherGames("b".to_owned())));
    }
}
