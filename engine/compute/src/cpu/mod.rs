//! The native device: `gemm` and rayon, one file a kernel, each the twin of the WGSL file of its name.
//!
//! Work is split at places that depend on shapes alone and partial sums are added in a fixed order, so a
//! result has the same bits for any number of threads.

mod adam;
mod bands;
mod bias;
mod clip_norm;
mod column_means;
mod columns;
mod conv2d_backward_input;
mod conv2d_backward_params;
mod conv2d_forward;
mod copy;
mod decode_frames;
mod dense_backward_input;
mod dense_backward_params;
mod dense_forward;
mod executor;
mod guard;
mod matmul;
mod reduce;
mod relu_mask;
mod rmsprop;
mod scratch;

use crate::{
    CompiledObjective, CpuObjective, Device, Error, Executor, ObjectiveCompiler, ObjectiveKernel, Plan,
};
use std::sync::Arc;

/// Runs `work`, inlined, with the widest vectors of this processor instead of the least that its kind has. The closure
/// must be `#[inline(always)]`, and so must what it calls: else it is compiled by itself, for the least. Every lane computes what scalar code would, so the bits stay the same.
#[inline(always)]
fn vectorized<R>(work: impl FnOnce() -> R) -> R {
    pulp::Arch::new().dispatch(work)
}

/// The processor this program runs on; kernels run on the rayon pool of the calling thread.
#[derive(Clone, Copy, Debug, Default)]
pub struct CpuDevice;

impl Device for CpuDevice {
    fn describe(&self) -> String {
        format!("cpu, {} threads", rayon::current_num_threads())
    }

    fn on_cpu(&self) -> bool {
        true
    }

    fn compile(&self, plan: &Plan) -> Result<Box<dyn Executor>, Error> {
        Ok(Box::new(executor::CpuExecutor::new(plan)?))
    }
}

/// There is nothing to compile: an objective's CPU form is a function already.
struct CpuCompiler;

impl ObjectiveCompiler for CpuCompiler {
    fn compile(&self, kernel: &ObjectiveKernel) -> Result<CompiledObjective, Error> {
        Ok(CompiledObjective(Box::new(CpuCompiled(Arc::clone(&kernel.cpu)))))
    }
}

/// What a [`CompiledObjective`] of this device holds.
struct CpuCompiled(Arc<dyn CpuObjective>);
