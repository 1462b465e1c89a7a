//! What a learner carries over a checkpoint, beside its model, memory and environments.

use super::readings::Readings;
use super::rollout::Rollout;
use super::seeds::Seeds;
use crate::config::{Config, LearnerName};
use crate::params::Steered;
use crate::units::{AgentSteps, Updates};
use rand::SeedableRng;
use rand_xoshiro::Xoshiro256PlusPlus;
use serde::{Deserialize, Serialize};

/// More agent steps than a run takes in a lifetime.
const MOST_STEPS: u64 = 1 << 48;

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
    /// Whether an environment shows the first frame of an episode.
    pub(super) first: Vec<bool>,
    /// How far the rollout that is being played has come, if that is what is learned from.
    pub(super) rollout: Option<Rollout>,
}

/// What is remembered of a run's evaluations.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Evaluations {
    /// How many there were, or should have been.
    pub done: u64,
    /// Agent steps from one to the next, by which they are counted.
    pub every: u64,
    /// The best mean return among them.
    pub best: Option<f64>,
}

impl LearnerState {
    pub(super) fn new(seeds: &Seeds, config: &Config) -> Self {
        Self {
            agent_steps: AgentSteps(0),
            updates: Updates(0),
            steered: Steered::default(),
            evaluations: Evaluations { every: config.eval_every, ..Evaluations::default() },
            exploration: Xoshiro256PlusPlus::seed_from_u64(seeds.exploration),
            sampling: Xoshiro256PlusPlus::seed_from_u64(seeds.sampling),
            readings: Readings::default(),
            first: vec![true; config.envs],
            rollout: rollout(config),
        }
    }

    /// Takes note that all environments begin episodes.
    pub(super) fn begin_episodes(&mut self, config: &Config) {
        self.first.fill(true);
        self.rollout = rollout(config);
    }

    /// Whether a run of this kind can have been there.
    pub(super) fn fits(&self, config: &Config) -> bool {
        let rollout = match (&self.rollout, rollout(config)) {
            (Some(rollout), Some(begun)) => rollout.follows(&begun),
            (saved, begun) => saved.is_none() && begun.is_none(),
        };
        let (updates, agent_steps) = (self.updates.0, self.agent_steps.0);
        self.first.len() == config.envs && rollout && updates <= agent_steps && agent_steps < MOST_STEPS
    }
}

/// A rollout at its beginning, for a learner from rollouts.
fn rollout(config: &Config) -> Option<Rollout> {
    (config.learner == LearnerName::Rollout).then(|| Rollout::new(config.n, config.envs))
}
