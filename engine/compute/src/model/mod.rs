//! A trainable network on a device: the one plan of a run, and calls that launch parts of it.

mod build;
mod spec;
mod state;

pub use spec::{AdamSpec, Clip, ModelSpec, Optimizer, RmsPropSpec};
pub use state::{ModelState, Tensor};

use crate::guard;
use crate::network::{Network, TensorSpec};
use crate::objective::{METRIC_SLOTS, PARAM_SLOTS, sample_fields};
use crate::{
    AdamStep, CompiledObjective, Cost, Device, Error, Executor, Faults, ObjectiveCompiler, OnFault, Op, Plan,
    Reads,
};
use build::{Bufs, Programs};
use kelvin_trace::span;

/// What one update learns from.
#[derive(Clone, Copy, Debug)]
pub struct Batch<'a> {
    /// `[states, batch, stack, height, width]`, planar bytes, for the states of [`Reads::states`] in their order.
    pub obs: &'a [u8],
    /// `[fields, batch]`, as [`crate::objective`] orders them.
    pub samples: &'a [f32],
}

/// What an objective was shown, or would be.
#[derive(Clone, Debug, PartialEq)]
pub struct Outputs {
    /// `[trained states, batch, outputs]`.
    pub trained: Vec<f32>,
    /// `[online states, batch, outputs]`.
    pub online: Vec<f32>,
    /// `[target states, batch, outputs]`.
    pub target: Vec<f32>,
}

/// What there is to say of the updates since the last report.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// Batch means of the last update: the loss, then the objective's metrics.
    pub means: [f32; METRIC_SLOTS],
    /// L2 norms of the last update's gradient, before clipping, in the order of [`Model::grad_norm_names`].
    pub grad_norms: Vec<f32>,
    /// `None` if every update since the last report was finite.
    pub faults: Option<Faults>,
}

/// An online and a target network, their optimizer and their objective, compiled for one device.
pub struct Model {
    spec: ModelSpec,
    network: Network,
    /// What the executor was made from.
    plan: Plan,
    executor: Box<dyn Executor>,
    bufs: Bufs,
    programs: Programs,
    norm_names: Vec<String>,
    has_objective: bool,
    updates: u64,
    /// `updates` when the guard was last cleared.
    reported: u64,
}

impl Model {
    /// Compiles a plan for `spec` on `device`, with fresh parameters and a target network equal to the online
    /// one.
    pub fn new(device: &dyn Device, spec: ModelSpec) -> Result<Self, Error> {
        let mut model = Self::blank(device, spec)?;
        let params = model.spec.init.draw(&model.network, model.spec.seed);
        model.executor.write(model.bufs.online, &params)?;
        model.executor.write(model.bufs.target, &params)?;
        if let Optimizer::RmsProp(_) = model.spec.optimizer {
            model.executor.write(model.bufs.moments[0].1, &vec![1.0; params.len()])?;
        }
        Ok(model)
    }

    /// The same with nothing but zeros, for one that is to [import](Model::import) or to [take over](Model::take_over):
    /// drawing millions of weights takes longer than an update, orthogonal ones some tenths of a second.
    pub fn blank(device: &dyn Device, spec: ModelSpec) -> Result<Self, Error> {
        spec.check()?;
        let network = Network::new(&spec.net, spec.obs, spec.outputs)?;
        let (plan, bufs, programs, norm_names) = build::build(&spec, &network)?;
        let executor = device.compile(&plan)?;
        let (has_objective, updates, reported) = (false, 0, 0);
        Ok(Self {
            spec,
            network,
            plan,
            executor,
            bufs,
            programs,
            norm_names,
            has_objective,
            updates,
            reported,
        })
    }

    /// What it was made from.
    pub fn spec(&self) -> &ModelSpec {
        &self.spec
    }

    /// The kernels of an update, in order: their labels in a profile, and what they cost at the least.
    pub fn update_kernels(&self) -> impl Iterator<Item = (String, Cost)> {
        let Programs { forward, objective, backward, step, .. } = self.programs;
        let ops = [forward, objective, backward, step].into_iter().flat_map(|program| self.plan.ops(program));
        ops.map(|op| (op.label(), op.cost()))
    }

    /// What an update costs at the least.
    pub fn update_cost(&self) -> Cost {
        self.update_kernels().map(|(_, cost)| cost).sum()
    }

    /// What acting for a batch of environments costs at the least.
    pub fn act_cost(&self) -> Cost {
        self.plan.ops(self.programs.act).iter().map(Op::cost).sum()
    }

    /// Compiles objectives for this model, on any thread.
    pub fn compiler(&self) -> Box<dyn ObjectiveCompiler> {
        self.executor.objective_compiler()
    }

    /// Takes effect at the next update. Refuses an objective with other reads than [`ModelSpec::reads`]: it needs
    /// another plan, so another model, which can [take over](Model::take_over) from this one.
    pub fn set_objective(&mut self, reads: &Reads, objective: CompiledObjective) -> Result<(), Error> {
        if *reads != self.spec.reads {
            return Err(Error::Misuse(format!(
                "an objective that reads {reads:?} for a model made for {:?}",
                self.spec.reads
            )));
        }
        self.executor.set_objective(objective)?;
        self.has_objective = true;
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
        self.executor.write(self.bufs.objective.uniforms, values)
    }

    /// Online outputs `[act_batch, outputs]` at `obs`, `[act_batch, stack, height, width]`.
    pub fn act(&mut self, obs: &[u8], outputs: &mut [f32]) -> Result<(), Error> {
        check_len("act: obs", obs.len(), self.spec.act_batch * self.spec.obs.len())?;
        check_len("act: outputs", outputs.len(), self.spec.act_batch * self.spec.outputs)?;
        {
            let _span = span("upload");
            self.executor.write_bytes(self.bufs.act_obs, obs)?;
        }
        self.executor.run(&[self.programs.act])?;
        let _span = span("wait");
        self.executor.read(self.bufs.act_y, outputs)
    }

    /// Outputs `[outputs]` of the target network at one observation, `[stack, height, width]`; for a model with
    /// [`ModelSpec::consults`].
    pub fn consult(&mut self, obs: &[u8], outputs: &mut [f32]) -> Result<(), Error> {
        let (Some((obs_buf, y)), Some(program)) = (self.bufs.consult, self.programs.consult) else {
            return Err(Error::Misuse("consult: the model was made without `ModelSpec::consults`".into()));
        };
        check_len("consult: obs", obs.len(), self.spec.obs.len())?;
        check_len("consult: outputs", outputs.len(), self.spec.outputs)?;
        {
            let _span = span("upload");
            self.executor.write_bytes(obs_buf, obs)?;
        }
        self.executor.run(&[program])?;
        let _span = span("wait");
        self.executor.read(y, outputs)
    }

    /// One step of gradient descent on the objective. Does not wait for the device. Where its numbers are not
    /// finite, [`ModelSpec::on_fault`] says what it does, and the next [`Model::report`] tells.
    pub fn update(&mut self, batch: &Batch<'_>, learning_rate: f32) -> Result<(), Error> {
        self.needs_objective("update")?;
        self.check_batch("update", batch)?;
        let (beta1, beta2) = match self.spec.optimizer {
            Optimizer::Adam(AdamSpec { beta1, beta2, .. }) => (beta1, beta2),
            // Nothing to correct.
            Optimizer::RmsProp(_) => (0.0, 0.0),
        };
        let step = AdamStep::new(learning_rate, beta1, beta2, self.updates + 1);
        self.executor.write(self.bufs.hyper, &step.to_array())?;
        self.write_batch(batch)?;
        let Programs { forward, objective, backward, step, .. } = self.programs;
        self.executor.run(&[forward, objective, backward, step])?;
        self.updates += 1;
        Ok(())
    }

    /// The outputs that an update with this batch would show its objective: forward passes, and nothing else.
    /// Waits for the device.
    pub fn outputs(&mut self, batch: &Batch<'_>) -> Result<Outputs, Error> {
        self.check_batch("outputs", batch)?;
        self.write_batch(batch)?;
        self.executor.run(&[self.programs.forward])?;
        let o = &self.bufs.objective;
        let [mut trained, mut online, mut target] = o.lens().map(|len| vec![0.0; len]);
        let mut wanted = [(o.trained, &mut trained[..]), (o.online, &mut online), (o.target, &mut target)];
        self.executor.read_all(&mut wanted)?;
        Ok(Outputs { trained, online, target })
    }

    /// The gradient of the objective on this batch with respect to every online parameter, in the order of
    /// [`Model::tensors`]; nothing is clipped or changed. `weigh` may change the gradient of the trained outputs,
    /// `[trained states, batch, outputs]`, from which it follows. Waits for the device.
    pub fn gradient(&mut self, batch: &Batch<'_>, weigh: impl FnOnce(&mut [f32])) -> Result<Vec<f32>, Error> {
        self.needs_objective("gradient")?;
        self.check_batch("gradient", batch)?;
        self.write_batch(batch)?;
        let Programs { forward, objective, backward, .. } = self.programs;
        self.executor.run(&[forward, objective])?;
        let [trained, ..] = self.bufs.objective.lens();
        let mut of_outputs = vec![0.0; trained];
        self.executor.read(self.bufs.objective.grad, &mut of_outputs)?;
        weigh(&mut of_outputs);
        self.executor.write(self.bufs.objective.grad, &of_outputs)?;
        self.executor.run(&[backward])?;
        let mut grads = vec![0.0; self.network.param_len()];
        self.executor.read(self.bufs.grads, &mut grads)?;
        Ok(grads)
    }

    /// Names, shapes and places of the parameters.
    pub fn tensors(&self) -> &[TensorSpec] {
        self.network.tensors()
    }

    /// Reads, in one wait for the device, what there is to say of the last update, and of faults since the last
    /// report. Under [`OnFault::Stop`] a fault also takes [`Model::updates`] back to before the broken update, whose
    /// state this model still has, and the next update runs again.
    pub fn report(&mut self) -> Result<Report, Error> {
        let mut means = [0.0; METRIC_SLOTS];
        let mut counts = [0.0; guard::LEN];
        let mut grad_norms = vec![0.0; self.norm_names.len()];
        self.executor.run(&[self.programs.means])?;
        let _span = span("wait");
        self.executor.read_all(&mut [
            (self.bufs.means, &mut means),
            (self.bufs.guard, &mut counts),
            (self.bufs.norms, &mut grad_norms),
        ])?;
        let [first, broken, skipped] =
            [guard::FIRST, guard::BROKEN, guard::SKIPPED].map(|slot| counts[slot] as u64);
        let faults = (broken > 0).then_some(Faults { first: self.reported + first, broken, skipped });
        if faults.is_some() && self.spec.on_fault == OnFault::Stop {
            self.updates -= skipped;
        }
        self.clear_guard()?;
        Ok(Report { means, grad_norms, faults })
    }

    /// What [`Report::grad_norms`] belong to: each tensor, or `global` where the gradient is clipped as a whole.
    pub fn grad_norm_names(&self) -> &[String] {
        &self.norm_names
    }

    /// Runs what acting, an update and a report launch once, on whatever the buffers hold, and lets nothing come of
    /// it: memory is touched and drivers compile here instead of in the first update. Forgets faults.
    pub fn warm(&mut self) -> Result<(), Error> {
        self.needs_objective("warm")?;
        let mut counts = [0.0; guard::LEN];
        counts[guard::HOLD] = 1.0;
        self.executor.write(self.bufs.guard, &counts)?;
        let Programs { act, consult, forward, objective, backward, step, .. } = self.programs;
        self.executor.run(&[act, forward, objective, backward, step])?;
        consult.map_or(Ok(()), |consult| self.executor.run(&[consult]))?;
        self.executor.run(&[self.programs.means])?;
        self.executor.read(self.bufs.guard, &mut counts)?;
        self.clear_guard()
    }

    /// Copies the online parameters to the target network.
    pub fn sync_target(&mut self) -> Result<(), Error> {
        self.executor.run(&[self.programs.sync_target])
    }

    /// Draws another target network, as with this seed.
    pub fn draw_target(&mut self, seed: u64) -> Result<(), Error> {
        let params = self.spec.init.draw(&self.network, seed);
        self.executor.write(self.bufs.target, &params)
    }

    /// Updates made since the parameters were fresh; those that [`OnFault::Skip`] skipped count, too.
    pub fn updates(&self) -> u64 {
        self.updates
    }

    fn needs_objective(&self, call: &str) -> Result<(), Error> {
        if self.has_objective {
            return Ok(());
        }
        Err(Error::Misuse(format!(
            "{call} before an objective was set; call `set_objective` with a compiled one first"
        )))
    }

    fn check_batch(&self, call: &str, batch: &Batch<'_>) -> Result<(), Error> {
        let rows = self.bufs.states * self.spec.batch;
        check_len(format_args!("{call}: obs"), batch.obs.len(), rows * self.spec.obs.len())?;
        let samples = sample_fields(self.spec.window) * self.spec.batch;
        check_len(format_args!("{call}: samples"), batch.samples.len(), samples)
    }

    fn write_batch(&mut self, batch: &Batch<'_>) -> Result<(), Error> {
        let _span = span("upload");
        self.executor.write(self.bufs.objective.samples, batch.samples)?;
        self.executor.write_bytes(self.bufs.obs, batch.obs)
    }

    fn clear_guard(&mut self) -> Result<(), Error> {
        self.reported = self.updates;
        self.executor.write(self.bufs.guard, &[0.0; guard::LEN])
    }
}

fn check_len(what: impl std::fmt::Display, found: usize, expected: usize) -> Result<(), Error> {
    if found == expected {
        return Ok(());
    }
    Err(Error::Misuse(format!("{what} has {found} elements, this model needs {expected}")))
}
