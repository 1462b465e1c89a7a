//! A whole model on either device: every program of a plan, in the order of an update.

use crate::Test;
use crate::case::compare;
use crate::support::scenarios::reads;
use crate::support::{dqn, objectives};
use kelvin_compute::objective::sample_fields;
use kelvin_compute::{
    AdamSpec, Batch, Clip, CpuDevice, Device, Error, Init, Model, ModelSpec, NetSpec, ObsShape, Optimizer,
};
use kelvin_compute::{ObjectiveKernel, OnFault};

const UPDATES: usize = 3;
const OUTPUTS: usize = 6;

const SMALL: ObsShape = ObsShape { stack: 1, height: 5, width: 5 };
const ATARI: ObsShape = ObsShape { stack: 4, height: 84, width: 84 };

pub fn tests() -> Vec<Test> {
    vec![
        (
            "model: MLP, 3 updates of DQN".into(),
            Box::new(|device| learns_alike(device, &mlp(37, 1, Clip::Global(0.5)), &dqn(37))),
        ),
        (
            "model: Nature, 3 updates of DQN".into(),
            Box::new(|device| {
                let spec = ModelSpec { net: NetSpec::Nature, obs: ATARI, ..mlp(3, 1, Clip::PerTensor(10.0)) };
                learns_alike(device, &spec, &dqn(3))
            }),
        ),
        (
            "model: MLP, 3 updates of a window".into(),
            Box::new(|device| {
                let kernel = objectives::pull(21, OUTPUTS, 5, &reads(&[0, 2, 3], &[4, 5], &[0, 5]));
                learns_alike(device, &mlp(21, 5, Clip::None), &kernel)
            }),
        ),
        (
            "model: Nature, 3 updates of a window".into(),
            Box::new(|device| {
                let kernel = objectives::pull(2, OUTPUTS, 3, &reads(&[0, 1, 2], &[], &[1, 2, 3]));
                let spec = ModelSpec { net: NetSpec::Nature, obs: ATARI, ..mlp(2, 3, Clip::Global(1.0)) };
                learns_alike(device, &spec, &kernel)
            }),
        ),
        (
            "model: Nature, the target network at one observation of 18 actions".into(),
            Box::new(consults_alike),
        ),
        (
            "model: MLP, 3 updates with batch means".into(),
            Box::new(|device| {
                let kernel = objectives::gather(37, OUTPUTS, &reads(&[0], &[], &[]));
                learns_alike(device, &mlp(37, 1, Clip::None), &kernel)
            }),
        ),
    ]
}

/// A specification but for its reads.
fn mlp(batch: usize, window: usize, clip: Clip) -> ModelSpec {
    ModelSpec {
        net: NetSpec::Mlp { hidden: vec![33, 20] },
        obs: SMALL,
        outputs: OUTPUTS,
        batch,
        act_batch: 2,
        consults: false,
        window,
        reads: Default::default(),
        optimizer: Optimizer::Adam(AdamSpec { beta1: 0.9, beta2: 0.999, epsilon: 1e-3 }),
        init: Init::Glorot,
        clip,
        on_fault: OnFault::Stop,
        seed: 5,
    }
}

fn dqn(batch: usize) -> ObjectiveKernel {
    let wgsl = include_str!("dqn.wgsl")
        .replace("BATCH", &format!("{batch}u"))
        .replace("OUTPUTS", &format!("{OUTPUTS}u"));
    ObjectiveKernel { wgsl, ..dqn::kernel() }
}

/// The same updates on both devices: metrics of each, and the network's outputs at the end.
fn learns_alike(device: &dyn Device, spec: &ModelSpec, kernel: &ObjectiveKernel) -> Result<(), String> {
    let spec = ModelSpec { reads: kernel.reads.clone(), ..spec.clone() };
    let run = |device| learn(device, &spec, kernel).map_err(|error| error.to_string());
    let (cpu, gpu, again) = (run(&CpuDevice)?, run(device)?, run(device)?);
    if gpu != again {
        return Err("a second model gave other bits".into());
    }
    // Adam divides a gradient by its own size: where that is near ε, rounding of 1e-6 becomes a change of
    // 1e-6 / ε of a step of 1e-3, in any direction. Three such steps leave about 1e-5 of an output of order
    // one.
    compare(&cpu, &gpu, |output, i| 1e-4 * f64::from(cpu[output][i].abs().max(0.1)))
}

/// The target network at one observation, on both devices; the online network is another by then.
fn consults_alike(device: &dyn Device) -> Result<(), String> {
    let spec = ModelSpec {
        net: NetSpec::Nature,
        obs: ATARI,
        outputs: 18,
        consults: true,
        reads: reads(&[0], &[], &[]),
        ..mlp(1, 1, Clip::PerTensor(10.0))
    };
    let run = |device: &dyn Device| {
        let mut model = Model::new(device, spec.clone())?;
        model.draw_target(6)?;
        let (mut target, mut online) = (vec![f32::NAN; 18], vec![f32::NAN; 2 * 18]);
        let obs = bytes(2 * ATARI.len(), 7);
        model.act(&obs, &mut online)?;
        model.consult(&obs[..ATARI.len()], &mut target)?;
        Ok((target, online))
    };
    let run = |device| run(device).map_err(|error: Error| error.to_string());
    let ((cpu, online), (gpu, _)) = (run(&CpuDevice)?, run(device)?);
    let apart = cpu.iter().zip(&online).fold(0.0f32, |most, (a, b)| most.max((a - b).abs()));
    if apart < 0.01 {
        return Err(format!("the two networks differ by {apart}"));
    }
    // One forward pass, the sums of which have up to 3136 terms.
    compare(std::slice::from_ref(&cpu), &[gpu], |_, i| 1e-5 * f64::from(cpu[i].abs().max(0.1)))
}

fn bytes(len: usize, salt: u32) -> Vec<u8> {
    (0..len as u32).map(|i| ((i + salt).wrapping_mul(2_654_435_761) >> 24) as u8).collect()
}

fn learn(device: &dyn Device, spec: &ModelSpec, kernel: &ObjectiveKernel) -> Result<Vec<Vec<f32>>, Error> {
    let mut model = Model::new(device, spec.clone())?;
    let objective = model.compiler().compile(kernel)?;
    model.set_objective(&kernel.reads, objective)?;
    model.set_uniforms(&[0.99])?;

    // Of a window of one step: reward, terminated, action. What a longer one makes of them does not matter.
    let samples: Vec<f32> = (0..sample_fields(spec.window) * spec.batch)
        .map(|i| match (i / spec.batch, i % spec.batch) {
            (0, sample) => (sample as f32).sin(),
            (1, sample) => f32::from(u8::from(sample % 5 == 4)),
            (2, sample) => (sample % spec.outputs) as f32,
            _ => 1.0,
        })
        .collect();
    let mut outputs = Vec::new();
    for update in 0..UPDATES as u32 {
        let obs = bytes(spec.reads.states().len() * spec.batch * spec.obs.len(), 1000 * update);
        model.update(&Batch { obs: &obs, samples: &samples }, 1e-3)?;
        let report = model.report()?;
        outputs.push(report.means[..2].to_vec());
        outputs.push(report.grad_norms);
        if update == 1 {
            model.sync_target()?;
        }
    }
    let mut q = vec![f32::NAN; spec.act_batch * spec.outputs];
    model.act(&bytes(spec.act_batch * spec.obs.len(), 7), &mut q)?;
    outputs.push(q);
    let tensors = model.export()?.tensors;
    outputs.extend(
        tensors.into_iter().filter(|tensor| tensor.name.starts_with("online.")).map(|tensor| tensor.data),
    );
    Ok(outputs)
}
