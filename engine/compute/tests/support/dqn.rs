//! The hard DQN objective by hand: one-step target, Huber loss with threshold 1.

use kelvin_compute::objective::METRIC_SLOTS;
use kelvin_compute::{CpuObjective, ObjectiveIo, ObjectiveKernel, Reads};
use std::sync::Arc;

/// `uniforms[0]` is the discount. Only the CPU form exists.
pub struct Dqn;

impl CpuObjective for Dqn {
    fn run(&self, io: ObjectiveIo<'_>) {
        let (batch, outputs) = (io.batch, io.trained.len() / io.batch);
        let gamma = io.uniforms[0];
        io.grad.fill(0.0);
        io.metrics.fill(0.0);
        for i in 0..batch {
            let [reward, terminated, action] = [0, 1, 2].map(|field| io.samples[field * batch + i]);
            let next = &io.target[i * outputs..(i + 1) * outputs];
            let v_next = next.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            let at = i * outputs + action as usize;
            let error = io.trained[at] - (reward + gamma * (1.0 - terminated) * v_next);
            let loss = if error.abs() <= 1.0 { 0.5 * error * error } else { error.abs() - 0.5 };
            io.grad[at] = error.clamp(-1.0, 1.0) / batch as f32;
            io.metrics[i * METRIC_SLOTS] = loss;
            io.metrics[i * METRIC_SLOTS + 1] = error.abs();
        }
    }
}

/// The online network at `s_t`, the target network one step later.
pub fn reads() -> Reads {
    Reads { trained: vec![0], online: vec![], target: vec![1] }
}

/// As [`kelvin_compute::ObjectiveCompiler::compile`] takes it.
pub fn kernel() -> ObjectiveKernel {
    ObjectiveKernel { wgsl: String::new(), cpu: Arc::new(Dqn), reads: reads(), phases: 0 }
}
