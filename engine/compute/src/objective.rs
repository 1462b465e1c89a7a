//! What an objective kernel must look like: the contract between the script compiler and the devices.
//!
//! This crate does not know scripts. It is handed the same objective twice, as WGSL and as a CPU function,
//! and runs the one that fits its device as the op [`Op::Objective`](crate::Op).
//!
//! Bindings of the WGSL text, all in group 0. A text may leave out those it does not use.
//!
//! | binding | declaration | shape |
//! |---|---|---|
//! | 0 | `var<uniform> uniforms: array<vec4<f32>, PARAM_SLOTS / 4>` | live parameters |
//! | 1 | `var<storage, read> samples: array<f32>` | `[sample_fields(n), batch]` |
//! | 2 | `var<storage, read> trained: array<f32>` | `[trained states, batch, outputs]` |
//! | 3 | `var<storage, read> online: array<f32>` | `[online states, batch, outputs]` |
//! | 4 | `var<storage, read> target_net: array<f32>` | `[target states, batch, outputs]` |
//! | 5 | `var<storage, read_write> stats: array<f32>` | `[STAT_SLOTS]`, means over the batch |
//! | 6 | `var<storage, read_write> grad: array<f32>` | as `trained`, every element written |
//! | 7 | `var<storage, read_write> metrics: array<f32>` | `[batch, METRIC_SLOTS]`, loss in slot 0 |
//!
//! Names are free. [`Reads`] says which states a region holds: the outputs of sample `i` at the region's `k`-th
//! state begin at `(k * batch + i) * outputs`. A region without states has one row, of no meaning.
//!
//! The entry point `objective` has workgroup size [`WORKGROUP`] and one invocation a sample
//! (`global_invocation_id.x`, guarded against the batch size). A kernel that needs means over the batch has
//! entry points `batch_means_0`, `batch_means_1`, … as well: they run before `objective`, in order, each as one
//! workgroup of [`WORKGROUP`], and each sees what those before it wrote to `stats`. Workgroup memory is not
//! zeroed.
//!
//! `samples` is field-major. For a window of `n` steps the fields are `reward[0..n]`, `terminated[0..n]`,
//! `action[0..n]`, `behaviour_logp[0..n]`, `valid[0..n]` and `weight`.

use crate::Error;
use std::sync::Arc;

/// Live parameters a script may have.
pub const PARAM_SLOTS: usize = 64;
/// Numbers reported per sample: the loss, then up to 15 metrics.
pub const METRIC_SLOTS: usize = 16;
/// Means over the batch that a kernel may take.
pub const STAT_SLOTS: usize = 32;
/// Invocations a workgroup of an objective kernel.
pub const WORKGROUP: u32 = 32;
/// Passes of batch means that a kernel may need before the objective.
pub const MAX_PHASES: usize = 8;

/// Number of sample fields of a window of `n` steps.
pub fn sample_fields(n: usize) -> usize {
    5 * n + 1
}

/// The states of a window whose outputs an objective reads. State 0 is `s_t`, state `n` the bootstrap state.
///
/// Each list is strictly ascending. They are the three regions of outputs a kernel binds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Reads {
    /// States of the online network that a gradient reaches; at least one.
    pub trained: Vec<usize>,
    /// States of the online network that are read without a gradient; none of `trained`.
    pub online: Vec<usize>,
    /// States of the target network.
    pub target: Vec<usize>,
}

impl Reads {
    /// Every state that is read, ascending: the states of a [`Batch`](crate::Batch)'s observations.
    pub fn states(&self) -> Vec<usize> {
        let mut states = [&self.trained[..], &self.online, &self.target].concat();
        states.sort_unstable();
        states.dedup();
        states
    }

    /// Refuses lists that are not as documented above, for a window of `n` steps.
    pub(crate) fn check(&self, n: usize) -> Result<(), Error> {
        let misuse = |reason: String| Err(Error::Misuse(format!("reads: {reason}")));
        if self.trained.is_empty() {
            return misuse("no state is trained, so there is nothing to learn".into());
        }
        for (name, list) in [("trained", &self.trained), ("online", &self.online), ("target", &self.target)] {
            if !list.is_sorted_by(|a, b| a < b) {
                return misuse(format!("`{name}` is not strictly ascending: {list:?}"));
            }
            if let Some(state) = list.last().filter(|state| **state > n) {
                return misuse(format!("`{name}` names state {state} of a window of {n} steps"));
            }
        }
        match self.online.iter().find(|state| self.trained.contains(state)) {
            Some(state) => misuse(format!("state {state} is in `trained` and in `online`")),
            None => Ok(()),
        }
    }
}

/// Slices in the shapes of the table above.
pub struct ObjectiveIo<'a> {
    /// Samples.
    pub batch: usize,
    /// `[PARAM_SLOTS]`.
    pub uniforms: &'a [f32],
    /// `[fields, batch]`.
    pub samples: &'a [f32],
    /// `[trained states, batch, outputs]`.
    pub trained: &'a [f32],
    /// `[online states, batch, outputs]`.
    pub online: &'a [f32],
    /// `[target states, batch, outputs]`.
    pub target: &'a [f32],
    /// As `trained`, every element written.
    pub grad: &'a mut [f32],
    /// `[batch, METRIC_SLOTS]`.
    pub metrics: &'a mut [f32],
}

/// The CPU twin of an objective kernel.
pub trait CpuObjective: Send + Sync {
    /// Takes its batch means, if any, and fills `grad` and `metrics`.
    fn run(&self, io: ObjectiveIo<'_>);
}

/// One objective in both forms.
#[derive(Clone)]
pub struct ObjectiveKernel {
    /// For GPU devices.
    pub wgsl: String,
    /// For the CPU device.
    pub cpu: Arc<dyn CpuObjective>,
    /// The outputs it reads.
    pub reads: Reads,
    /// Passes of batch means before the objective, at most [`MAX_PHASES`].
    pub phases: usize,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reads(trained: &[usize], online: &[usize], target: &[usize]) -> Reads {
        Reads { trained: trained.into(), online: online.into(), target: target.into() }
    }

    #[test]
    fn states_are_the_ascending_union() {
        assert_eq!(reads(&[0, 2], &[5], &[0, 1, 5]).states(), [0, 1, 2, 5]);
        assert_eq!(reads(&[3], &[], &[]).states(), [3]);
    }

    #[test]
    fn illegal_reads_are_refused() {
        reads(&[0, 2], &[1], &[0, 1, 2]).check(2).unwrap();
        let illegal = [
            (reads(&[], &[0], &[1]), "nothing to learn"),
            (reads(&[1, 0], &[], &[]), "`trained` is not strictly ascending"),
            (reads(&[0], &[1, 1], &[]), "`online` is not strictly ascending"),
            (reads(&[0], &[], &[3]), "`target` names state 3 of a window of 2"),
            (reads(&[0, 1], &[1], &[]), "state 1 is in `trained` and in `online`"),
        ];
        for (reads, words) in illegal {
            let message = reads.check(2).unwrap_err().to_string();
            assert!(message.contains(words), "{message}");
        }
    }
}
