//! What `schedule` and `on_eval` are told about a run.

use std::collections::BTreeMap;

/// How far a run has come.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Clock {
    /// Frames of the emulators, repeated ones included.
    pub frames: u64,
    /// Actions chosen, over all environments.
    pub agent_steps: u64,
    /// Updates of the network.
    pub updates: u64,
    /// Fraction of the run that is done, 0 to 1.
    pub progress: f64,
}

/// Outcome of an evaluation.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct EvalStats {
    /// Episodes played.
    pub episodes: usize,
    /// Mean return of an episode.
    pub mean_return: f64,
    /// Standard deviation of the returns.
    pub std_return: f64,
    /// Largest mean return of all evaluations so far, this one included.
    pub best_return: f64,
    /// When it happened.
    pub clock: Clock,
    /// The parameters' values by name; one that is missing has its default.
    pub params: BTreeMap<String, f64>,
}
