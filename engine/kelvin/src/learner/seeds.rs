//! One seed, several independent streams.

use rand::{Rng, SeedableRng};
use rand_xoshiro::SplitMix64;

/// Seeds of everything random in a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Seeds {
    /// Initial weights.
    pub weights: u64,
    /// ε-greedy choices.
    pub exploration: u64,
    /// Replay sampling.
    pub sampling: u64,
    /// Environments.
    pub envs: u64,
}

impl Seeds {
    /// The seeds of the run with this seed, or of its continuation from agent step `from`: a continuation
    /// plays new episodes, so that its environments must not repeat those of the start.
    pub fn new(seed: u64, from: u64) -> Self {
        let mut stream = SplitMix64::seed_from_u64(seed);
        let (weights, exploration, sampling, envs) =
            (stream.next_u64(), stream.next_u64(), stream.next_u64(), stream.next_u64());
        let envs = match from {
            0 => envs,
            from => SplitMix64::seed_from_u64(envs ^ from).next_u64(),
        };
        Self { weights, exploration, sampling, envs }
    }
}
