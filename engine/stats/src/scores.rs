//! Runs by game, and what they come to.

use crate::sample::{iqm_in_place, iqm_of_lists, mean, median};
use serde::Serialize;

/// Scores of one game: one a run.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Game {
    /// What it is called.
    pub name: String,
    /// A score for each run, in any order.
    pub runs: Vec<f64>,
}

/// Scores of one variant: runs by game. At least one game, each with at least one run, and every score is finite.
///
/// Games may have different numbers of runs, and count the same all the same: where a game has fewer, each of them counts
/// for more. With as many runs in every game, all numbers are those of rliable, which asks for that.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Scores {
    games: Vec<Game>,
}

/// Scores that nothing can be said of.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScoresError {
    /// No game at all.
    #[error("there are no games")]
    NoGames,
    /// A game without runs.
    #[error("{0} has no runs")]
    NoRuns(String),
    /// A score that is infinite or no number.
    #[error("a score of {0} is not finite")]
    NotFinite(String),
    /// The same name twice.
    #[error("{0} is there twice")]
    Twice(String),
    /// Two variants that were not played on the same games.
    #[error("the games differ: {0} is missing on one side")]
    OtherGames(String),
}

impl Scores {
    /// Takes games with their runs, and puts them in the order of their names.
    ///
    /// # Errors
    /// No game, a game without runs, one named twice, or a score that is not finite.
    pub fn new(games: impl IntoIterator<Item = (String, Vec<f64>)>) -> Result<Self, ScoresError> {
        let mut games: Vec<Game> = games.into_iter().map(|(name, runs)| Game { name, runs }).collect();
        games.sort_by(|a, b| a.name.cmp(&b.name));
        if games.is_empty() {
            return Err(ScoresError::NoGames);
        }
        if let Some(pair) = games.windows(2).find(|pair| pair[0].name == pair[1].name) {
            return Err(ScoresError::Twice(pair[0].name.clone()));
        }
        for Game { name, runs } in &games {
            if runs.is_empty() {
                return Err(ScoresError::NoRuns(name.clone()));
            }
            if !runs.iter().all(|score| score.is_finite()) {
                return Err(ScoresError::NotFinite(name.clone()));
            }
        }
        Ok(Self { games })
    }

    /// The games, by name.
    pub fn games(&self) -> &[Game] {
        &self.games
    }

    /// Number of runs, over all games.
    pub fn runs(&self) -> usize {
        self.games.iter().map(|game| game.runs.len()).sum()
    }

    /// The scores of every game, each divided into what `per_game` makes of it: to normalise them.
    ///
    /// # Errors
    /// A score that is not finite any more.
    pub fn map(&self, per_game: impl Fn(&str, f64) -> f64) -> Result<Self, ScoresError> {
        Self::new(self.games.iter().map(|Game { name, runs }| {
            (name.clone(), runs.iter().map(|score| per_game(name, *score)).collect())
        }))
    }

    /// Runs by game, without the names.
    pub(crate) fn strata(&self) -> Vec<&[f64]> {
        self.games.iter().map(|game| &*game.runs).collect()
    }
}

// What `Bootstrap` takes intervals of. By the invariants of `Scores`, which resampling keeps, no list here is empty; NaN
// could come of nothing else.

/// Mean over games of the mean over runs.
pub(crate) fn mean_of_games(strata: &[&[f64]]) -> f64 {
    mean(&means(strata)).unwrap_or(f64::NAN)
}

/// Median over games of the mean over runs.
pub(crate) fn median_of_games(strata: &[&[f64]]) -> f64 {
    median(&means(strata)).unwrap_or(f64::NAN)
}

/// Interquartile mean over all runs of all games: the mean of the middle half, that of a game with half as many runs as
/// others having each of its runs twice.
pub(crate) fn pooled_iqm(strata: &[&[f64]]) -> f64 {
    let equal = strata.windows(2).all(|pair| pair[0].len() == pair[1].len());
    let iqm = match equal {
        true => iqm_in_place(&mut strata.concat()),
        false => iqm_of_lists(strata.iter().copied(), &mut Vec::new()),
    };
    iqm.unwrap_or(f64::NAN)
}

/// How far runs stay below `target` in the mean over games, those above it counted as on it: 0 is as good as can be.
pub(crate) fn gap(strata: &[&[f64]], target: f64) -> f64 {
    let clipped = |runs: &&[f64]| mean(&runs.iter().map(|score| score.min(target)).collect::<Vec<_>>());
    target - mean(&strata.iter().filter_map(clipped).collect::<Vec<_>>()).unwrap_or(f64::NAN)
}

fn means(strata: &[&[f64]]) -> Vec<f64> {
    strata.iter().filter_map(|runs| mean(runs)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scores(games: &[(&str, &[f64])]) -> Result<Scores, ScoresError> {
        Scores::new(games.iter().map(|(name, runs)| ((*name).to_owned(), runs.to_vec())))
    }

    #[test]
    fn games_are_sorted_and_pooled_by_hand() {
        let scores =
            scores(&[("qbert", &[4.0, 2.0]), ("pong", &[1.0, 1.0, 1.0, 9.0]), ("breakout", &[0.0])]).unwrap();
        assert_eq!(scores.games()[0].name, "breakout");
        assert_eq!(scores.runs(), 7);
        let strata = scores.strata();
        assert_eq!(mean_of_games(&strata), 2.0, "means 0, 3, 3");
        assert_eq!(median_of_games(&strata), 3.0);
        // 0 0 0 | 0 1 1 1 2 2 | 4 4 9: of twelve, three go at either end.
        assert_eq!(pooled_iqm(&strata), 7.0 / 6.0);
        assert_eq!(gap(&strata, 2.0), 2.0 - (0.0 + 5.0 / 4.0 + 2.0) / 3.0);
        let doubled = scores.map(|game, score| if game == "pong" { 0.0 } else { 2.0 * score }).unwrap();
        assert_eq!(doubled.games()[2].runs, [8.0, 4.0]);
        assert!(doubled.map(|_, score| 1.0 / score).is_err());
    }

    #[test]
    fn what_nothing_can_be_said_of_is_refused() {
        assert_eq!(scores(&[]), Err(ScoresError::NoGames));
        assert_eq!(scores(&[("pong", &[])]), Err(ScoresError::NoRuns("pong".to_owned())));
        assert_eq!(scores(&[("pong", &[f64::NAN])]), Err(ScoresError::NotFinite("pong".to_owned())));
        assert_eq!(scores(&[("a", &[1.0]), ("a", &[2.0])]), Err(ScoresError::Twice("a".to_owned())));
    }
}
