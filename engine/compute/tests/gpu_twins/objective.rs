//! The objective's kernel: compiled from outside, swapped, refused.

use crate::Test;
use crate::case::{U, compare};
use crate::support::objectives;
use crate::support::scenarios::reads;
use kelvin_compute::objective::{MAX_PHASES, METRIC_SLOTS, PARAM_SLOTS};
use kelvin_compute::{CpuDevice, CpuObjective, Device, Error, Executor, ObjectiveBufs, ObjectiveIo};
use kelvin_compute::{ObjectiveKernel, Op, Plan, Program, Reads};
use std::sync::Arc;

const BATCH: usize = 37;
const OUTPUTS: usize = 5;

/// `grad = (trained − target) weight uniforms[SLOT]`; the loss is half the sum of squares of the
/// difference.
struct Difference<const SLOT: usize>;

impl<const SLOT: usize> CpuObjective for Difference<SLOT> {
    fn run(&self, io: ObjectiveIo<'_>) {
        for b in 0..io.batch {
            let mut loss = 0.0;
            for j in b * OUTPUTS..(b + 1) * OUTPUTS {
                let difference = io.trained[j] - io.target[j];
                io.grad[j] = difference * io.samples[b] * io.uniforms[SLOT];
                loss += 0.5 * difference * difference;
            }
            io.metrics[b * METRIC_SLOTS..][..METRIC_SLOTS].fill(0.0);
            io.metrics[b * METRIC_SLOTS] = loss;
        }
    }
}

/// The same as WGSL; it leaves out bindings 3 and 5.
fn wgsl(slot: usize) -> String {
    format!(
        "
        @group(0) @binding(0) var<uniform> uniforms: array<vec4<f32>, 16>;
        @group(0) @binding(1) var<storage, read> samples: array<f32>;
        @group(0) @binding(2) var<storage, read> trained: array<f32>;
        @group(0) @binding(4) var<storage, read> target_net: array<f32>;
        @group(0) @binding(6) var<storage, read_write> grad: array<f32>;
        @group(0) @binding(7) var<storage, read_write> metrics: array<f32>;
        @compute @workgroup_size(32)
        fn objective(@builtin(global_invocation_id) id: vec3<u32>) {{
            let b = id.x;
            if b >= {BATCH}u {{ return; }}
            var loss = 0.0;
            for (var j = b * {OUTPUTS}u; j < (b + 1u) * {OUTPUTS}u; j++) {{
                let difference = trained[j] - target_net[j];
                grad[j] = difference * samples[b] * uniforms[{slot} / 4][{slot} % 4];
                loss += 0.5 * difference * difference;
            }}
            for (var i = 0u; i < {METRIC_SLOTS}u; i++) {{ metrics[b * {METRIC_SLOTS}u + i] = 0.0; }}
            metrics[b * {METRIC_SLOTS}u] = loss;
        }}"
    )
}

fn both() -> Reads {
    reads(&[0], &[], &[1])
}

fn kernel<const SLOT: usize>(wgsl: String) -> ObjectiveKernel {
    ObjectiveKernel { wgsl, cpu: Arc::new(Difference::<SLOT>), reads: both(), phases: 0 }
}

/// A plan that is nothing but an objective, with data in its buffers.
struct Rig {
    executor: Box<dyn Executor>,
    program: Program,
    bufs: ObjectiveBufs,
}

impl Rig {
    fn new(device: &dyn Device) -> Result<Self, Error> {
        let mut plan = Plan::new();
        let bufs = ObjectiveBufs::new(&mut plan, BATCH, OUTPUTS, 1, &both());
        let program = plan.program("learn", vec![Op::Objective(bufs)]);
        let mut executor = device.compile(&plan)?;
        let len = BATCH * OUTPUTS;
        let ramp = |len: usize, step: f32| (0..len).map(|i| (i as f32 * step).sin()).collect::<Vec<_>>();
        executor.write(bufs.uniforms, &ramp(PARAM_SLOTS, 0.7))?;
        executor.write(bufs.samples, &ramp(6 * BATCH, 0.3))?;
        executor.write(bufs.trained, &ramp(len, 0.11))?;
        executor.write(bufs.target, &ramp(len, 0.13))?;
        Ok(Self { executor, program, bufs })
    }

    fn set(&mut self, kernel: &ObjectiveKernel) -> Result<(), Error> {
        let compiled = self.executor.objective_compiler().compile(kernel)?;
        self.executor.set_objective(compiled)
    }

    fn outputs(&mut self) -> Result<Vec<Vec<f32>>, Error> {
        self.executor.run(&[self.program])?;
        let mut outputs = vec![vec![f32::NAN; BATCH * OUTPUTS], vec![f32::NAN; BATCH * METRIC_SLOTS]];
        self.executor.read(self.bufs.grad, &mut outputs[0])?;
        self.executor.read(self.bufs.metrics, &mut outputs[1])?;
        Ok(outputs)
    }
}

pub fn tests() -> Vec<Test> {
    vec![
        (
            "objective: two kernels, one after the other".into(),
            Box::new(|device| swapped(device).map_err(text)?),
        ),
        (
            "objective: a bad text is refused, and the old one runs on".into(),
            Box::new(|d| refused(d).map_err(text)?),
        ),
        (
            "objective: entry points must be those that are run".into(),
            Box::new(|device| entry_points(device).map_err(text)?),
        ),
        ("objective: compiled on another thread".into(), Box::new(|device| elsewhere(device).map_err(text)?)),
        (
            "objective: running without one is an error".into(),
            Box::new(|device| missing(device).map_err(text)?),
        ),
        (
            "objective: one of another device is an error".into(),
            Box::new(|device| foreign(device).map_err(text)?),
        ),
    ]
}

fn text(error: Error) -> String {
    error.to_string()
}

/// A difference of numbers up to one, three products and five additions: a dozen roundings of numbers up to
/// 10.
fn agree(cpu: &[Vec<f32>], gpu: &[Vec<f32>]) -> Result<(), String> {
    compare(cpu, gpu, |_, _| 120.0 * U)
}

fn swapped(device: &dyn Device) -> Result<Result<(), String>, Error> {
    let (mut cpu, mut gpu) = (Rig::new(&CpuDevice)?, Rig::new(device)?);
    let mut seen = Vec::new();
    for kernel in [kernel::<1>(wgsl(1)), kernel::<6>(wgsl(6))] {
        cpu.set(&kernel)?;
        gpu.set(&kernel)?;
        let outputs = gpu.outputs()?;
        if let Err(reason) = agree(&cpu.outputs()?, &outputs) {
            return Ok(Err(reason));
        }
        seen.push(outputs);
    }
    Ok(if seen[0] == seen[1] { Err("the second kernel did not take effect".into()) } else { Ok(()) })
}

fn refused(device: &dyn Device) -> Result<Result<(), String>, Error> {
    let mut rig = Rig::new(device)?;
    rig.set(&kernel::<1>(wgsl(1)))?;
    let before = rig.outputs()?;
    let good = wgsl(1);
    let bad = [
        (good.replace("samples[b]", "sample[b]"), "sample"),
        (good.replace("var loss = 0.0;", "var loss = 0u;"), "loss"),
        (good.replace("fn objective", "fn main"), "entry point"),
        (good.replace("workgroup_size(32)", "workgroup_size(64)"), "workgroup size"),
        (good.replace("@binding(4)", "@binding(9)"), "9"),
        (good.replace("storage, read> trained", "storage, read_write> trained"), "binding: 2"),
        (String::new(), "entry point"),
    ];
    for (text, word) in bad {
        match rig.set(&kernel::<1>(text)) {
            Err(Error::Kernel { kernel, reason }) if kernel == "objective" && reason.contains(word) => {}
            Err(other) => return Ok(Err(format!("expected a kernel error about `{word}`: {other}"))),
            Ok(()) => return Ok(Err(format!("a text with a bad {word} was accepted"))),
        }
        if rig.outputs()? != before {
            return Ok(Err(format!("after the bad {word}, the old kernel gives something else")));
        }
    }
    Ok(Ok(()))
}

fn entry_points(device: &dyn Device) -> Result<Result<(), String>, Error> {
    let mut rig = Rig::new(device)?;
    let gather = objectives::gather(BATCH, OUTPUTS, &both());
    rig.set(&gather)?;
    let before = rig.outputs()?;
    let wide = gather.wgsl.replacen("workgroup_size(32)", "workgroup_size(16)", 1);
    let bad = [
        (gather.wgsl.clone(), 3, "no entry point `batch_means_2`"),
        (gather.wgsl.clone(), 1, "`batch_means_1` is none of"),
        (gather.wgsl.clone(), 0, "`batch_means_0` is none of"),
        (gather.wgsl.clone(), MAX_PHASES + 1, "at most 8"),
        (wide, 2, "workgroup size of `batch_means_0`"),
    ];
    for (wgsl, phases, words) in bad {
        match rig.set(&ObjectiveKernel { wgsl, phases, ..gather.clone() }) {
            Err(Error::Kernel { reason, .. }) if reason.contains(words) => {}
            other => return Ok(Err(format!("{phases} phases, not refused with `{words}`: {other:?}"))),
        }
        if rig.outputs()? != before {
            return Ok(Err(format!("after {phases} phases, the old kernel gives something else")));
        }
    }
    Ok(Ok(()))
}

fn elsewhere(device: &dyn Device) -> Result<Result<(), String>, Error> {
    let mut rig = Rig::new(device)?;
    rig.set(&kernel::<1>(wgsl(1)))?;
    let compiler = rig.executor.objective_compiler();
    let thread = std::thread::spawn(move || compiler.compile(&kernel::<6>(wgsl(6))));
    // The old one keeps running meanwhile.
    rig.outputs()?;
    let compiled = thread.join().map_err(|_| Error::Misuse("the compiling thread panicked".into()))??;
    rig.executor.set_objective(compiled)?;
    let mut cpu = Rig::new(&CpuDevice)?;
    cpu.set(&kernel::<6>(wgsl(6)))?;
    Ok(agree(&cpu.outputs()?, &rig.outputs()?))
}

fn missing(device: &dyn Device) -> Result<Result<(), String>, Error> {
    let mut rig = Rig::new(device)?;
    Ok(match rig.executor.run(&[rig.program]) {
        Err(Error::Misuse(_)) => Ok(()),
        other => Err(format!("{other:?}")),
    })
}

fn foreign(device: &dyn Device) -> Result<Result<(), String>, Error> {
    let cpu = Rig::new(&CpuDevice)?.executor.objective_compiler().compile(&kernel::<1>(wgsl(1)))?;
    Ok(match Rig::new(device)?.executor.set_objective(cpu) {
        Err(Error::Misuse(_)) => Ok(()),
        other => Err(format!("{other:?}")),
    })
}
