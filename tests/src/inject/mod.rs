//! Faults, injected into real runs: what a machine, a disk or a bad day does to them, and what must be left of them.
//!
//! Every run here is one whose end is known, from the same run left alone: whatever was done to it, it must come to the same
//! bits, or say which file keeps it from that.

pub mod damage;
pub mod kills;
#[cfg(target_os = "linux")]
pub mod limits;

use crate::cuts::Short;
use std::collections::BTreeMap;
use std::fmt;

/// The run that things are done to: short, with a memory that is cut into segments, and several checkpoints.
const CATCH: Short = Short {
    script: "dqn",
    env: "catch",
    args: &["--frames", "40k", "--set", "replay_capacity=20000", "--set", "checkpoint_every=5000"],
};

/// What came of a number of injections of one kind.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// How often each outcome came.
    pub outcomes: BTreeMap<String, u64>,
}

impl Tally {
    /// Counts an outcome.
    pub fn count(&mut self, outcome: impl Into<String>) {
        self.add(outcome, 1);
    }

    /// Counts it so many times.
    pub fn add(&mut self, outcome: impl Into<String>, times: u64) {
        *self.outcomes.entry(outcome.into()).or_default() += times;
    }

    /// Counts all that another did.
    pub fn take(&mut self, other: Self) {
        other.outcomes.into_iter().for_each(|(outcome, times)| self.add(outcome, times));
    }

    /// Injections in all.
    pub fn total(&self) -> u64 {
        self.outcomes.values().sum()
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let told: Vec<_> =
            self.outcomes.iter().map(|(outcome, times)| format!("{times} {outcome}")).collect();
        f.write_str(&told.join("; "))
    }
}
