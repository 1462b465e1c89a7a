//! A trainable network on a device: the one plan of a run, and calls that launch parts of it.

mod build;
mod spec;

pub use spec::{AdamSpec, Clip, ModelSpec};

use crate::network::Network;
use crate::objective::{METRIC_SLOTS, PARAM_SLOTS, sample_fields};
use crate::{AdamStep, CompiledObjective, Device, Error, Executor, ObjectiveCompiler, Passes};
use build::{Bufs, Programs};

/// What one update learns from. Observations are `[batch, stack, height, width]` bytes, planar.
#[derive(Clone, Copy, Debug)]
pub struct Batch<'a> {
    /// At `s_t`.
    pub obs: &'a [u8],
    /// At the bootstrap state.
    pub next_obs: &'a [u8],
    /// `[fields, batch]`, as [`crate::objective`] orders them.
    pub samples: &'a [f32],
}

/// One named tensor of a [`ModelState`].
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor {
    /// `online.`, `target.`, `adam.m.` or `adam.v.`, then the parameter's name, as in `online.conv1.weight`.
    pub name: String,
    /// Dimensions, row-major.
    pub shape: Vec<usize>,
    /// Elements.
    pub data: Vec<f32>,
}

/// All that a model learned. A model that imports it goes on with the same bits.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelState {
    /// Parameters and moments.
    pub tensors: Vec<Tensor>,
    /// Updates made.
    pub updates: u64,
}

/// An online and a target network, their optimizer and their objective, compiled for one device.
pub struct Model {
    spec: ModelSpec,
    network: Network,
    executor: Box<dyn Executor>,
    bufs: Bufs,
    programs: Programs,
    passes: Option<Passes>,
    updates: u64,
}

impl Model {
    /// Compiles a plan for `spec` on `device`, with fresh parameters and a target network equal to the online
    /// one.
    pub fn new(device: &dyn Device, spec: ModelSpec) -> Result<Self, Error> {
        spec.check()?;
        let network = Network::new(&spec.net, spec.obs, spec.outputs)?;
        let (plan, bufs, programs) = build::build(&spec, &network);
        let mut executor = device.compile(&plan)?;
        let params = network.initial_params(spec.seed);
        executor.write(bufs.online, &params)?;
        executor.write(bufs.target, &params)?;
        Ok(Self { spec, network, executor, bufs, programs, passes: None, updates: 0 })
    }

    /// What it was made from.
    pub fn spec(&self) -> &ModelSpec {
        &self.spec
    }

    /// Compiles objectives for this model, on any thread.
    pub fn compiler(&self) -> Box<dyn ObjectiveCompiler> {
        self.executor.objective_compiler()
    }

    /// Takes effect at the next update, which runs the online network at `s_t` and the passes named.
    pub fn set_objective(&mut self, passes: Passes, objective: CompiledObjective) -> Result<(), Error> {
        self.executor.set_objective(objective)?;
        self.passes = Some(passes);
        Ok(())
    }

    /// Sets the live parameters of the objective: the first `values.len()` of [`PARAM_SLOTS`] slots.
    pub fn set_uniforms(&mut self, values: &[f32]) -> Result<(), Error> {
        if values.len() > PARAM_SLOTS {
            return Err(Error::Misuse(format!(
                "{} live parameters; there are {PARAM_SLOTS} slots",
                values.len()
            )));
        }
        self.executor.write(self.bufs.uniforms, values)
    }

    /// Online outputs `[act_batch, outputs]` at `obs`, `[act_batch, stack, height, width]`.
    pub fn act(&mut self, obs: &[u8], outputs: &mut [f32]) -> Result<(), Error> {
        check_len("act: obs", obs.len(), self.spec.act_batch * self.spec.obs.len())?;
        check_len("act: outputs", outputs.len(), self.spec.act_batch * self.spec.outputs)?;
        self.executor.write_bytes(self.bufs.act_obs, obs)?;
        self.executor.run(&[self.programs.act])?;
        self.executor.read(self.bufs.act_y, outputs)
    }

    /// One step of gradient descent on the objective. Does not wait for the device.
    pub fn update(&mut self, batch: &Batch<'_>, learning_rate: f32) -> Result<(), Error> {
        let passes = self.passes.ok_or_else(|| {
            Error::Misuse(
                "update before an objective was set; call `set_objective` with a compiled one first".into(),
            )
        })?;
        let obs_len = self.spec.batch * self.spec.obs.len();
        check_len("update: obs", batch.obs.len(), obs_len)?;
        check_len("update: next_obs", batch.next_obs.len(), obs_len)?;
        let samples = sample_fields(self.spec.window) * self.spec.batch;
        check_len("update: samples", batch.samples.len(), samples)?;

        let AdamSpec { beta1, beta2, .. } = self.spec.adam;
        let step = AdamStep::new(learning_rate, beta1, beta2, self.updates + 1);
        self.executor.write(self.bufs.hyper, &step.to_array())?;
        self.executor.write(self.bufs.samples, batch.samples)?;
        self.executor.write_bytes(self.bufs.obs, batch.obs)?;
        let next = passes.online_next || passes.target_next;
        if next {
            self.executor.write_bytes(self.bufs.next_obs, batch.next_obs)?;
        }
        let p = &self.programs;
        let wanted = [
            (true, p.decode_obs),
            (next, p.decode_next_obs),
            (passes.online_next, p.online_next),
            (passes.target, p.target),
            (passes.target_next, p.target_next),
            (true, p.online),
            (true, p.learn),
        ];
        let mut launched = [p.learn; 7];
        let mut count = 0;
        for (_, program) in wanted.into_iter().filter(|(wanted, _)| *wanted) {
            launched[count] = program;
            count += 1;
        }
        self.executor.run(&launched[..count])?;
        self.updates += 1;
        Ok(())
    }

    /// Batch means of the last update: the loss, then the objective's metrics. Waits for the device.
    pub fn metrics(&mut self) -> Result<[f32; METRIC_SLOTS], Error> {
        let mut means = [0.0; METRIC_SLOTS];
        self.executor.run(&[self.programs.means])?;
        self.executor.read(self.bufs.means, &mut means)?;
        Ok(means)
    }

    /// Copies the online parameters to the target network.
    pub fn sync_target(&mut self) -> Result<(), Error> {
        self.executor.run(&[self.programs.sync_target])
    }

    /// Updates made since the parameters were fresh.
    pub fn updates(&self) -> u64 {
        self.updates
    }

    /// Waits for the device and copies everything learned.
    pub fn export(&mut self) -> Result<ModelState, Error> {
        let mut tensors = Vec::new();
        let mut flat = vec![0.0; self.network.param_len()];
        for (prefix, buf) in self.bufs.learned() {
            self.executor.read(buf, &mut flat)?;
            tensors.extend(self.network.tensors().iter().map(|tensor| Tensor {
                name: format!("{prefix}.{}", tensor.name),
                shape: tensor.shape.clone(),
                data: flat[tensor.range()].to_vec(),
            }));
        }
        Ok(ModelState { tensors, updates: self.updates })
    }

    /// Replaces everything learned. On an error, which names the tensor, nothing was changed.
    pub fn import(&mut self, state: &ModelState) -> Result<(), Error> {
        let expected = self.bufs.learned().len() * self.network.tensors().len();
        if state.tensors.len() != expected {
            let found = state.tensors.len();
            return Err(Error::Misuse(format!("a state of {found} tensors for a model of {expected}")));
        }
        let mut staged = Vec::new();
        for (prefix, buf) in self.bufs.learned() {
            let mut flat = vec![0.0; self.network.param_len()];
            for spec in self.network.tensors() {
                let name = format!("{prefix}.{}", spec.name);
                let tensor = state.tensors.iter().find(|tensor| tensor.name == name);
                let tensor =
                    tensor.ok_or_else(|| Error::Misuse(format!("the state has no tensor `{name}`")))?;
                let to = &mut flat[spec.range()];
                if tensor.shape != spec.shape || tensor.data.len() != to.len() {
                    return Err(Error::Misuse(format!(
                        "tensor `{name}` has shape {:?} and {} elements, the model needs {:?}",
                        tensor.shape,
                        tensor.data.len(),
                        spec.shape
                    )));
                }
                to.copy_from_slice(&tensor.data);
            }
            staged.push((buf, flat));
        }
        for (buf, flat) in staged {
            self.executor.write(buf, &flat)?;
        }
        self.updates = state.updates;
        Ok(())
    }
}

fn check_len(what: &str, found: usize, expected: usize) -> Result<(), Error> {
    if found == expected {
        return Ok(());
    }
    Err(Error::Misuse(format!("{what} has {found} elements, this model needs {expected}")))
}
