//! One value of one sample: what is computed beside training, such as the policy that acts.

use super::CpuKernel;
use super::step::Buffers;

impl CpuKernel {
    /// Writes what the kernel of a batch of one reports first, a number or one per action, without allocating
    /// once the scratch has grown. `online` is one row of outputs. The kernel has no batch means.
    ///
    /// # Panics
    /// If a buffer is shorter than its shape.
    pub(crate) fn value(&self, uniforms: &[f32], online: &[f32], scratch: &mut Vec<f32>, out: &mut [f32]) {
        let buffers = Buffers {
            batch: 1,
            actions: self.actions,
            outputs: self.outputs,
            uniforms,
            samples: &[],
            regions: [&[], online, &[]],
        };
        scratch.resize(self.scratch.max(scratch.len()), 0.0);
        for step in self.stages.iter().flat_map(|stage| stage.once.iter().chain(&stage.each)) {
            step.run(scratch, &buffers, 0);
        }
        for (k, out) in out.iter_mut().enumerate() {
            *out = scratch[self.reported[0].at(k)];
        }
    }
}
