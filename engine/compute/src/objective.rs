//! What an objective kernel must look like: the contract between the script compiler and the devices.
//!
//! This crate does not know scripts. It is handed the same objective twice, as WGSL and as a CPU function,
//! and runs the one that fits its device as the op [`Op::Objective`](crate::Op).
//!
//! Bindings of the WGSL text, all in group 0; entry point `objective`, workgroup size [`WORKGROUP`], one
//! invocation a sample (`global_invocation_id.x`, guarded against the batch size):
//!
//! | binding | declaration | shape |
//! |---|---|---|
//! | 0 | `var<uniform> uniforms: array<vec4<f32>, PARAM_SLOTS / 4>` | live parameters |
//! | 1 | `var<storage, read> samples: array<f32>` | `[fields, batch]` |
//! | 2 | `var<storage, read> online: array<f32>` | `[batch, outputs]` |
//! | 3 | `var<storage, read> online_next: array<f32>` | `[batch, outputs]` |
//! | 4 | `var<storage, read> target_now: array<f32>` | `[batch, outputs]` |
//! | 5 | `var<storage, read> target_next: array<f32>` | `[batch, outputs]` |
//! | 6 | `var<storage, read_write> grad: array<f32>` | `[batch, outputs]`, every element written |
//! | 7 | `var<storage, read_write> metrics: array<f32>` | `[batch, METRIC_SLOTS]`, loss in slot 0 |
//!
//! A text may leave out bindings it does not use. `samples` is field-major; for a window of `n` steps the
//! fields are `reward[0..n]`, `terminated[0..n]`, `action[0..n]`, `weight`: `3 n + 1` in all.

use std::sync::Arc;

/// Live parameters a script may have.
pub const PARAM_SLOTS: usize = 64;
/// Numbers reported per sample: the loss, then up to 15 metrics.
pub const METRIC_SLOTS: usize = 16;
/// Invocations a workgroup of an objective kernel.
pub const WORKGROUP: u32 = 32;

/// Number of sample fields of a window of `n` steps.
pub fn sample_fields(n: usize) -> usize {
    3 * n + 1
}

/// The forward passes an objective may ask for, beside the online network at `s_t` which always runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Passes {
    /// Online network at the bootstrap state.
    pub online_next: bool,
    /// Target network at `s_t`.
    pub target: bool,
    /// Target network at the bootstrap state.
    pub target_next: bool,
}

/// Slices in the shapes of the table above.
pub struct ObjectiveIo<'a> {
    /// Samples.
    pub batch: usize,
    /// `[PARAM_SLOTS]`.
    pub uniforms: &'a [f32],
    /// `[fields, batch]`.
    pub samples: &'a [f32],
    /// `[batch, outputs]`.
    pub online: &'a [f32],
    /// `[batch, outputs]`.
    pub online_next: &'a [f32],
    /// `[batch, outputs]`.
    pub target: &'a [f32],
    /// `[batch, outputs]`.
    pub target_next: &'a [f32],
    /// `[batch, outputs]`, every element written.
    pub grad: &'a mut [f32],
    /// `[batch, METRIC_SLOTS]`.
    pub metrics: &'a mut [f32],
}

/// The CPU twin of an objective kernel.
pub trait CpuObjective: Send + Sync {
    /// Fills `grad` and `metrics`.
    fn run(&self, io: ObjectiveIo<'_>);
}

/// One objective in both forms.
#[derive(Clone)]
pub struct ObjectiveKernel {
    /// For GPU devices.
    pub wgsl: String,
    /// For the CPU device.
    pub cpu: Arc<dyn CpuObjective>,
    /// Forward passes whose outputs it reads.
    pub passes: Passes,
}
