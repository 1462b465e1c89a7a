//! A whole model on either device: every program of a plan, in the order of an update.

use crate::Test;
use crate::case::compare;
use crate::dqn;
use kelvin_compute::{AdamSpec, Batch, Clip, CpuDevice, Device, Error, Model, ModelSpec, NetSpec, ObsShape};

const UPDATES: usize = 3;

pub fn tests() -> Vec<Test> {
    vec![
        (
            "model: MLP, 3 updates".into(),
            Box::new(|device| {
                let obs = ObsShape { stack: 1, height: 5, width: 5 };
                learns_alike(device, NetSpec::Mlp { hidden: vec![33, 20] }, obs, 37, Clip::Global(0.5))
            }),
        ),
        (
            "model: Nature, 3 updates".into(),
            Box::new(|device| {
                let obs = ObsShape { stack: 4, height: 84, width: 84 };
                learns_alike(device, NetSpec::Nature, obs, 3, Clip::PerTensor(10.0))
            }),
        ),
    ]
}

/// The same updates on both devices: metrics of each, and the network's outputs at the end.
fn learns_alike(
    device: &dyn Device,
    net: NetSpec,
    obs: ObsShape,
    batch: usize,
    clip: Clip,
) -> Result<(), String> {
    let adam = AdamSpec { beta1: 0.9, beta2: 0.999, epsilon: 1e-3 };
    let spec = ModelSpec { net, obs, outputs: 6, batch, act_batch: 2, window: 1, adam, clip, seed: 5 };
    let run = |device| learn(device, &spec).map_err(|error| error.to_string());
    let (cpu, gpu, again) = (run(&CpuDevice)?, run(device)?, run(device)?);
    if gpu != again {
        return Err("a second model gave other bits".into());
    }
    // Adam divides a gradient by its own size: where that is near ε, rounding of 1e-6 becomes a change of
    // 1e-6 / ε of a step of 1e-3, in any direction. Three such steps leave about 1e-5 of an output of order
    // one.
    compare(&cpu, &gpu, |output, i| 1e-4 * f64::from(cpu[output][i].abs().max(0.1)))
}

fn learn(device: &dyn Device, spec: &ModelSpec) -> Result<Vec<Vec<f32>>, Error> {
    let mut model = Model::new(device, spec.clone())?;
    let mut kernel = dqn::kernel();
    kernel.wgsl = include_str!("dqn.wgsl")
        .replace("BATCH", &format!("{}u", spec.batch))
        .replace("OUTPUTS", &format!("{}u", spec.outputs));
    let objective = model.compiler().compile(&kernel)?;
    model.set_objective(kernel.passes, objective)?;
    model.set_uniforms(&[0.99])?;

    let bytes = |len: usize, salt: u32| -> Vec<u8> {
        (0..len as u32).map(|i| ((i + salt).wrapping_mul(2_654_435_761) >> 24) as u8).collect()
    };
    let samples: Vec<f32> = (0..4 * spec.batch)
        .map(|i| match (i / spec.batch, i % spec.batch) {
            (0, sample) => (sample as f32).sin(),
            (1, sample) => f32::from(u8::from(sample % 5 == 4)),
            (2, sample) => (sample % spec.outputs) as f32,
            _ => 1.0,
        })
        .collect();
    let mut outputs = Vec::new();
    for update in 0..UPDATES as u32 {
        let len = spec.batch * spec.obs.len();
        let (obs, next_obs) = (bytes(len, update), bytes(len, update + 1000));
        model.update(&Batch { obs: &obs, next_obs: &next_obs, samples: &samples }, 1e-3)?;
        outputs.push(model.metrics()?[..2].to_vec());
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
