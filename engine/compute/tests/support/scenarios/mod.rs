//! What a model must do on any device, each a function that says what went wrong.

pub mod faults;
pub mod windows;

use super::objectives;
use kelvin_compute::{
    AdamSpec, Batch, Clip, Device, Error, Init, Model, ModelSpec, ModelState, NetSpec, ObsShape, Optimizer,
};
use kelvin_compute::{ObjectiveKernel, OnFault, Reads};

/// A scenario and its name.
pub type Scenario = (&'static str, fn(&dyn Device) -> Result<(), String>);

pub const OBS: ObsShape = ObsShape { stack: 2, height: 3, width: 5 };
pub const BATCH: usize = 37;
pub const OUTPUTS: usize = 3;
/// Steps of a window.
pub const N: usize = 4;

pub fn all() -> Vec<Scenario> {
    [faults::ALL, windows::ALL].concat()
}

pub fn reads(trained: &[usize], online: &[usize], target: &[usize]) -> Reads {
    Reads { trained: trained.into(), online: online.into(), target: target.into() }
}

pub fn spec(reads: &Reads) -> ModelSpec {
    ModelSpec {
        net: NetSpec::Mlp { hidden: vec![20, 9] },
        obs: OBS,
        outputs: OUTPUTS,
        batch: BATCH,
        act_batch: BATCH,
        consults: false,
        window: N,
        reads: reads.clone(),
        optimizer: Optimizer::Adam(AdamSpec { beta1: 0.9, beta2: 0.999, epsilon: 1e-4 }),
        init: Init::Glorot,
        clip: Clip::None,
        on_fault: OnFault::Stop,
        seed: 3,
    }
}

/// A model with its objective.
pub fn with_kernel(device: &dyn Device, spec: ModelSpec, kernel: &ObjectiveKernel) -> Result<Model, String> {
    let mut model = Model::new(device, spec).map_err(text)?;
    let compiled = model.compiler().compile(kernel).map_err(text)?;
    model.set_objective(&kernel.reads, compiled).map_err(text)?;
    Ok(model)
}

/// A model that pulls.
pub fn pulling(device: &dyn Device, spec: ModelSpec) -> Result<Model, String> {
    let kernel = objectives::pull(BATCH, OUTPUTS, N, &spec.reads);
    with_kernel(device, spec, &kernel)
}

/// The bytes of one state of one batch: `[batch, stack, height, width]`.
pub fn observation(seed: usize, state: usize) -> Vec<u8> {
    super::random_bytes((100 * seed + state) as u64, BATCH * OBS.len())
}

/// Makes an update with the batch of this seed.
pub fn update(model: &mut Model, seed: usize) -> Result<(), String> {
    update_with(model, seed, 1.0)
}

/// As [`update`], with this weight for one of the samples.
pub fn update_with(model: &mut Model, seed: usize, weight: f32) -> Result<(), String> {
    let (obs, mut samples) = batch(model, seed);
    samples[5 * N * BATCH + 33] = weight;
    model.update(&Batch { obs: &obs, samples: &samples }, 1e-2).map_err(text)
}

/// Observations of the states a model reads, and samples.
pub fn batch(model: &Model, seed: usize) -> (Vec<u8>, Vec<f32>) {
    let obs = model.spec().reads.states().into_iter().flat_map(|state| observation(seed, state)).collect();
    let mut samples = super::random(seed as u64, (5 * N + 1) * BATCH);
    samples[5 * N * BATCH..].fill(1.0);
    (obs, samples)
}

pub fn export(model: &mut Model) -> Result<ModelState, String> {
    model.export().map_err(text)
}

pub fn text(error: Error) -> String {
    error.to_string()
}

/// An error unless the two are equal, to the bit if they are floats.
pub fn same<T: PartialEq>(what: &str, found: &T, expected: &T) -> Result<(), String> {
    if found == expected { Ok(()) } else { Err(format!("{what} is not what it must be")) }
}

/// An error unless it holds.
pub fn ensure(holds: bool, otherwise: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(otherwise()) }
}
