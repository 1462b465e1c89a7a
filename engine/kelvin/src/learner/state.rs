//! What a learner carries over a checkpoint, beside its model and memory.

use super::readings::Readings;
use super::seeds::Seeds;
use crate::params::Steered;
use crate::units::{AgentSteps, Updates};
use rand::SeedableRng;
use rand_xoshiro::Xoshiro256PlusPlus;
use serde::{Deserialize, Serialize};

/// Counters, random streams, and what was said about parameters.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LearnerState {
    /// Decisions taken.
    pub agent_steps: AgentSteps,
    /// Optimizer steps taken.
    pub updates: Updates,
    /// Values that were set while the run went on.
    #[serde(default)]
    pub steered: Steered,
    /// Evaluations so far.
    #[serde(default)]
    pub evaluations: Evaluations,
    pub(super) exploration: Xoshiro256PlusPlus,
    pub(super) sampling: Xoshiro256PlusPlus,
    /// Metrics since the last record.
    pub(super) readings: Readings,
}

/// What is remembered of a run's evaluations.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Evaluations {
    /// How many there were, or should have been.
    pub done: u64,
    /// The best mean return among them.
    pub best: Option<f64>,
}

impl LearnerState {
    pub(super) fn new(seeds: &Seeds) -> Self {
        Self {
            agent_steps: AgentSteps(0),
            updates: Updates(0),
            steered: Steered::default(),
            evaluations: Evaluations::default(),
            exploration: Xoshiro256PlusPlus::seed_from_u64(seeds.exploration),
            sampling: Xoshiro256PlusPlus::seed_from_u64(seeds.sampling),
            readings: Readings::default(),
        }
    }
}
