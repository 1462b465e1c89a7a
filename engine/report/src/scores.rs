//! One number a run: what a table is made of.

use crate::curves::{Source, points};
use crate::run::Run;
use serde::Serialize;

/// The two scores of a run.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Score {
    /// Mean return at the end: over the last window of training episodes, or of the last evaluation.
    pub last: f64,
    /// The largest such mean at any time. It is chosen by looking, and so better than what the run would do again.
    pub best: f64,
    /// Episodes that `last` is the mean of.
    pub episodes: usize,
}

/// A run's scores; none where nothing was played to its end.
pub(crate) fn score(run: &Run, source: Source, window: usize) -> Option<Score> {
    let points = points(run, source, window);
    let last = points.last()?.mean;
    // Means of less than a window do not compete: the first episode alone may be the luckiest.
    let full = match source {
        Source::Training => points.get(window.max(1) - 1..).unwrap_or_default(),
        Source::Evaluation => &points,
    };
    let best = full.iter().map(|point| point.mean).fold(last, f64::max);
    let episodes = match source {
        Source::Training => points.len().min(window.max(1)),
        Source::Evaluation => run.history.evaluations.last().map_or(0, |evaluation| evaluation.episodes),
    };
    Some(Score { last, best, episodes }).filter(|score| score.last.is_finite() && score.best.is_finite())
}
