//! Objectives by hand, in both forms, for models of any reads.

use kelvin_compute::objective::{METRIC_SLOTS, STAT_SLOTS};
use kelvin_compute::{CpuObjective, ObjectiveIo, ObjectiveKernel, Reads};
use std::sync::Arc;

/// Pulls every trained output of a sample towards one number: the first reward, and a tenth of the first output
/// of every row that is read without a gradient. Trained state `s` weighs `s + 1`, a sample what its weight says.
struct Pull {
    n: usize,
    reads: Reads,
}

impl CpuObjective for Pull {
    fn run(&self, io: ObjectiveIo<'_>) {
        let (batch, states) = (io.batch, &self.reads.trained);
        let outputs = io.trained.len() / batch / states.len();
        io.metrics.fill(0.0);
        for i in 0..batch {
            let mut aim = io.samples[i];
            for region in [io.online, io.target] {
                for rows in region.chunks_exact(batch * outputs) {
                    aim += 0.1 * rows[i * outputs];
                }
            }
            let weight = io.samples[5 * self.n * batch + i];
            for (k, state) in states.iter().enumerate() {
                for at in (k * batch + i) * outputs..(k * batch + i + 1) * outputs {
                    let (error, factor) = (io.trained[at] - aim, weight * (state + 1) as f32);
                    io.grad[at] = factor * error / batch as f32;
                    io.metrics[i * METRIC_SLOTS] += 0.5 * factor * error * error;
                }
            }
        }
    }
}

/// See [`Pull`].
pub fn pull(batch: usize, outputs: usize, n: usize, reads: &Reads) -> ObjectiveKernel {
    let states: Vec<_> = reads.trained.iter().map(|state| format!("{}.0", state + 1)).collect();
    let wgsl = format!(
        "
        @group(0) @binding(1) var<storage, read> samples: array<f32>;
        @group(0) @binding(2) var<storage, read> trained: array<f32>;
        @group(0) @binding(3) var<storage, read> online: array<f32>;
        @group(0) @binding(4) var<storage, read> target_net: array<f32>;
        @group(0) @binding(6) var<storage, read_write> grad: array<f32>;
        @group(0) @binding(7) var<storage, read_write> metrics: array<f32>;
        @compute @workgroup_size(32)
        fn objective(@builtin(global_invocation_id) id: vec3<u32>) {{
            let i = id.x;
            if i >= {batch}u {{ return; }}
            var aim = samples[i];
            for (var k = 0u; k < {online}u; k++) {{ aim += 0.1 * online[(k * {batch}u + i) * {outputs}u]; }}
            for (var k = 0u; k < {target}u; k++) {{ aim += 0.1 * target_net[(k * {batch}u + i) * {outputs}u]; }}
            var factors = array<f32, {trained}>({states});
            var loss = 0.0;
            for (var k = 0u; k < {trained}u; k++) {{
                for (var j = 0u; j < {outputs}u; j++) {{
                    let at = (k * {batch}u + i) * {outputs}u + j;
                    let error = trained[at] - aim;
                    let factor = samples[{weights}u + i] * factors[k];
                    grad[at] = factor * error / {batch}.0;
                    loss += 0.5 * factor * error * error;
                }}
            }}
            for (var m = 1u; m < {METRIC_SLOTS}u; m++) {{ metrics[i * {METRIC_SLOTS}u + m] = 0.0; }}
            metrics[i * {METRIC_SLOTS}u] = loss;
        }}",
        weights = 5 * n * batch,
        online = reads.online.len(),
        target = reads.target.len(),
        trained = reads.trained.len(),
        states = states.join(", "),
    );
    let cpu = Arc::new(Pull { n, reads: reads.clone() });
    ObjectiveKernel { wgsl, cpu, reads: reads.clone(), phases: 0 }
}

/// Needs the mean of the first output over the batch, then the mean square of the distances to that mean, then
/// pulls towards the mean, the more the further outputs are apart. The metric beside the loss is the mean.
struct Gather;

impl CpuObjective for Gather {
    fn run(&self, io: ObjectiveIo<'_>) {
        let outputs = io.trained.len() / io.batch;
        let firsts = || io.trained.iter().step_by(outputs);
        let mean = firsts().sum::<f32>() / io.batch as f32;
        let spread = firsts().map(|y| (y - mean) * (y - mean)).sum::<f32>() / io.batch as f32;
        io.grad.fill(0.0);
        io.metrics.fill(0.0);
        for i in 0..io.batch {
            io.grad[i * outputs] = (io.trained[i * outputs] - mean) * spread;
            io.metrics[i * METRIC_SLOTS] = spread;
            io.metrics[i * METRIC_SLOTS + 1] = mean;
        }
    }
}

/// See [`Gather`]; `reads` must name one trained state.
pub fn gather(batch: usize, outputs: usize, reads: &Reads) -> ObjectiveKernel {
    // The slots at both ends of `stats`.
    let last = STAT_SLOTS - 1;
    let phase = |name: &str, term: &str, slot: usize| {
        format!(
            "
            @compute @workgroup_size(32)
            fn {name}(@builtin(local_invocation_index) lane: u32) {{
                var sum = 0.0;
                for (var i = lane; i < {batch}u; i += 32u) {{
                    let y = trained[i * {outputs}u];
                    sum += {term};
                }}
                partial[lane] = sum;
                workgroupBarrier();
                if lane == 0u {{
                    var total = 0.0;
                    for (var l = 0u; l < 32u; l++) {{ total += partial[l]; }}
                    stats[{slot}] = total / {batch}.0;
                }}
            }}"
        )
    };
    let wgsl = format!(
        "
        @group(0) @binding(2) var<storage, read> trained: array<f32>;
        @group(0) @binding(5) var<storage, read_write> stats: array<f32>;
        @group(0) @binding(6) var<storage, read_write> grad: array<f32>;
        @group(0) @binding(7) var<storage, read_write> metrics: array<f32>;
        var<workgroup> partial: array<f32, 32>;
        {}{}
        @compute @workgroup_size(32)
        fn objective(@builtin(global_invocation_id) id: vec3<u32>) {{
            let i = id.x;
            if i >= {batch}u {{ return; }}
            for (var j = 0u; j < {outputs}u; j++) {{ grad[i * {outputs}u + j] = 0.0; }}
            grad[i * {outputs}u] = (trained[i * {outputs}u] - stats[{last}]) * stats[0];
            for (var m = 0u; m < {METRIC_SLOTS}u; m++) {{ metrics[i * {METRIC_SLOTS}u + m] = 0.0; }}
            metrics[i * {METRIC_SLOTS}u] = stats[0];
            metrics[i * {METRIC_SLOTS}u + 1u] = stats[{last}];
        }}",
        phase("batch_means_0", "y", last),
        phase("batch_means_1", &format!("(y - stats[{last}]) * (y - stats[{last}])"), 0),
    );
    ObjectiveKernel { wgsl, cpu: Arc::new(Gather), reads: reads.clone(), phases: 2 }
}
