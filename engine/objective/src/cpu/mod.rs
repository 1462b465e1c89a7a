//! The CPU kernel: a linear program over reused slots, run once a sample.
//!
//! Each node becomes a step that writes one number or `[actions]` numbers into a scratch buffer. A slot is
//! free again after the last step that reads it, so the scratch stays in the first cache level. Steps that no
//! sample changes (constants, parameters, batch means and what follows from them) run once a call. Batch means
//! make further passes over the batch, see [`stages`](crate::stages).

mod build;
mod single;
mod step;

use crate::layout::Layout;
use crate::lower::Lowered;
#[cfg(doc)]
use crate::reads::Reads;
use crate::reads::Region;
use crate::real::Real;
use build::Builder;
use step::{Buffers, Place, Step};

/// Buffers of one call, in the shapes of the kernel's binding table. The regions `trained`, `online` and
/// `target` hold the states that [`Reads`] lists, in its order.
pub struct KernelIo<'a, T> {
    /// `[param_slots]`.
    pub uniforms: &'a [T],
    /// `[fields, batch]`.
    pub samples: &'a [T],
    /// `[trained states, batch, outputs]`, online network where a gradient reaches it.
    pub trained: &'a [T],
    /// `[online states, batch, outputs]`, online network where it is only read.
    pub online: &'a [T],
    /// `[target states, batch, outputs]`, target network.
    pub target: &'a [T],
    /// As `trained`, every element written.
    pub grad: &'a mut [T],
    /// `[batch, metric_slots]`, every element written: loss, metrics, zeros.
    pub metrics: &'a mut [T],
}

/// The objective as a program for the CPU. Immutable: threads may share it.
#[derive(Clone, Debug)]
pub struct CpuKernel {
    batch: usize,
    actions: usize,
    outputs: usize,
    metric_slots: usize,
    scratch: usize,
    /// Passes over the batch, each with the means that the next ones need; the last one is the objective.
    stages: Vec<Stage>,
    /// Number of states in each region.
    states: [usize; 3],
    /// Where loss and metrics are, by slot of the metrics buffer.
    reported: Vec<Place>,
    grads: Vec<Row>,
}

/// One pass over the batch.
#[derive(Clone, Debug)]
struct Stage {
    /// Steps that are the same for every sample.
    once: Vec<Step>,
    /// Steps of every sample.
    each: Vec<Step>,
    means: Vec<Mean>,
}

/// What a mean is taken of, and where it goes.
#[derive(Clone, Copy, Debug)]
struct Mean {
    of: Place,
    to: Place,
}

/// The gradient of one head at one state: where it goes and where it is.
#[derive(Clone, Copy, Debug)]
struct Row {
    position: usize,
    column: usize,
    width: usize,
    from: Place,
}

impl CpuKernel {
    pub(crate) fn new(lowered: &Lowered, layout: &Layout) -> Self {
        Builder::new(lowered, layout).kernel()
    }

    /// Computes loss, metrics and gradient of every sample. The loss is NaN where a network that the objective
    /// reads has an output that is not finite.
    ///
    /// # Panics
    /// If a buffer that the objective reads or writes is shorter than its shape.
    pub fn run<T: Real>(&self, io: KernelIo<'_, T>) {
        let KernelIo { grad, metrics, .. } = io;
        let buffers = Buffers {
            batch: self.batch,
            actions: self.actions,
            outputs: self.outputs,
            uniforms: io.uniforms,
            samples: io.samples,
            regions: [io.trained, io.online, io.target],
        };
        let mut scratch = vec![T::ZERO; self.scratch];
        for stage in &self.stages {
            for step in &stage.once {
                step.run(&mut scratch, &buffers, 0);
            }
            if !stage.means.is_empty() {
                self.means(stage, &mut scratch, &buffers);
            }
        }
        let Some(last) = self.stages.last() else { return };
        for (sample, metrics) in metrics.chunks_exact_mut(self.metric_slots).take(self.batch).enumerate() {
            for step in &last.each {
                step.run(&mut scratch, &buffers, sample);
            }
            for row in &self.grads {
                let start = (row.position * self.batch + sample) * self.outputs + row.column;
                for (k, element) in grad[start..][..row.width].iter_mut().enumerate() {
                    *element = scratch[row.from.at(k)];
                }
            }
            metrics.fill(T::ZERO);
            for (slot, place) in metrics.iter_mut().zip(&self.reported) {
                *slot = scratch[place.at(0)];
            }
            // As on the GPU: what a script makes of a broken network's outputs may look sound.
            if !buffers.are_finite(self.states, sample) {
                metrics[0] = T::NAN;
            }
        }
    }

    /// The means of a stage, from one pass over the batch.
    fn means<T: Real>(&self, stage: &Stage, scratch: &mut [T], buffers: &Buffers<'_, T>) {
        let mut sums = vec![T::ZERO; stage.means.len()];
        for sample in 0..self.batch {
            for step in &stage.each {
                step.run(scratch, buffers, sample);
            }
            for (sum, mean) in sums.iter_mut().zip(&stage.means) {
                *sum = *sum + scratch[mean.of.at(0)];
            }
        }
        for (sum, mean) in sums.into_iter().zip(&stage.means) {
            scratch[mean.to.at(0)] = sum / T::from_f64(self.batch as f64);
        }
    }
}

impl Region {
    /// Position among the regions of [`Buffers`].
    fn index(self) -> usize {
        self as usize
    }
}
