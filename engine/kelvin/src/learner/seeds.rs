//! One seed, several independent streams.

use rand::{Rng, SeedableRng};
use rand_xoshiro::SplitMix64;

/// Seeds of everything random in a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Seeds {
    /// Initial weights.
    pub weights: u64,
    /// The behaviour policy's choices.
    pub exploration: u64,
    /// Replay sampling.
    pub sampling: u64,
    /// Environments.
    pub envs: u64,
    /// Environments and choices of the evaluations.
    pub evaluation: u64,
}

impl Seeds {
    /// The seeds of the run with this seed.
    pub fn new(seed: u64) -> Self {
        let mut stream = SplitMix64::seed_from_u64(seed);
        let mut next = || stream.next_u64();
        Self { weights: next(), exploration: next(), sampling: next(), envs: next(), evaluation: next() }
    }
}

/// Another seed for each moment `at` of a run, counted in agent steps; at its start the seed itself.
pub(super) fn from_step(seed: u64, at: u64) -> u64 {
    match at {
        0 => seed,
        at => SplitMix64::seed_from_u64(seed ^ at).next_u64(),
    }
}
