//! A trainable network on a device: the one plan of a run, and calls that launch parts of it.

use crate::network::{Network, Pass};
use crate::objective::{METRIC_SLOTS, PARAM_SLOTS, sample_fields};
use crate::{AdamStep, Buf, ByteBuf, CompiledObjective, Device, Error, Executor, NetSpec, ObjectiveBufs};
use crate::{ObjectiveCompiler, ObsShape, Op, Passes, Plan, Program};

/// Gradient clipping by L2 norm.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Clip {
    /// Gradients are left as they are.
    None,
    /// Each weight and each bias by itself.
    PerTensor(f32),
    /// All parameters as one vector.
    Global(f32),
}

/// Adam's constants; the learning rate is an argument of [`Model::update`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AdamSpec {
    /// Decay of the mean gradient.
    pub beta1: f32,
    /// Decay of the mean squared gradient.
    pub beta2: f32,
    /// Added outside the square root.
    pub epsilon: f32,
}

/// Everything that fixes a model's plan.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelSpec {
    /// Network.
    pub net: NetSpec,
    /// Observations.
    pub obs: ObsShape,
    /// Columns of the output layer, all heads together.
    pub outputs: usize,
    /// Samples an update.
    pub batch: usize,
    /// Observations a call of [`Model::act`].
    pub act_batch: usize,
    /// Steps a window, `n`.
    pub window: usize,
    /// Optimizer.
    pub adam: AdamSpec,
    /// Gradient clipping.
    pub clip: Clip,
    /// Of the initial parameters.
    pub seed: u64,
}

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

/// The buffers that calls write or read.
struct Bufs {
    obs: ByteBuf,
    next_obs: ByteBuf,
    act_obs: ByteBuf,
    act_y: Buf,
    online: Buf,
    target: Buf,
    m: Buf,
    v: Buf,
    hyper: Buf,
    uniforms: Buf,
    samples: Buf,
    means: Buf,
}

struct Programs {
    act: Program,
    decode_obs: Program,
    decode_next_obs: Program,
    online: Program,
    online_next: Program,
    target: Program,
    target_next: Program,
    learn: Program,
    means: Program,
    sync_target: Program,
}

impl Model {
    /// Compiles a plan for `spec` on `device`, with fresh parameters and a target network equal to the online
    /// one.
    pub fn new(device: &dyn Device, spec: ModelSpec) -> Result<Self, Error> {
        check_spec(&spec)?;
        let network = Network::new(&spec.net, spec.obs, spec.outputs)?;
        let (plan, bufs, programs) = build(&spec, &network);
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

impl Bufs {
    /// What a checkpoint holds, with its prefix.
    fn learned(&self) -> [(&'static str, Buf); 4] {
        [("online", self.online), ("target", self.target), ("adam.m", self.m), ("adam.v", self.v)]
    }
}

/// All buffers and programs of a model.
fn build(spec: &ModelSpec, network: &Network) -> (Plan, Bufs, Programs) {
    let mut plan = Plan::new();
    let (batch, outputs, params) = (spec.batch, spec.outputs, network.param_len());
    let bufs = Bufs {
        obs: plan.byte_buf("obs", batch * spec.obs.len()),
        next_obs: plan.byte_buf("next_obs", batch * spec.obs.len()),
        act_obs: plan.byte_buf("act.obs", spec.act_batch * spec.obs.len()),
        act_y: plan.buf("act.y", spec.act_batch * outputs),
        online: plan.buf("online", params),
        target: plan.buf("target", params),
        m: plan.buf("adam.m", params),
        v: plan.buf("adam.v", params),
        hyper: plan.buf("adam.hyper", AdamStep::LEN),
        uniforms: plan.buf("uniforms", PARAM_SLOTS),
        samples: plan.buf("samples", sample_fields(spec.window) * batch),
        means: plan.buf("means", METRIC_SLOTS),
    };
    let x = plan.buf("x", batch * spec.obs.len());
    let next_x = plan.buf("next_x", batch * spec.obs.len());
    let act_x = plan.buf("act.x", spec.act_batch * spec.obs.len());
    // The online pass at `s_t` keeps its activations for the backward pass; all others share one set.
    let hidden = network.hidden_bufs(&mut plan, "hidden", batch);
    let passing = network.hidden_bufs(&mut plan, "passing", batch);
    let act_hidden = network.hidden_bufs(&mut plan, "act.hidden", spec.act_batch);
    let hidden_grads = network.hidden_bufs(&mut plan, "hidden_grad", batch);
    let grads = plan.buf("grads", params);
    let mut output = |name: &str| plan.buf(name, batch * outputs);
    let objective = ObjectiveBufs {
        batch,
        outputs,
        uniforms: bufs.uniforms,
        samples: bufs.samples,
        online: output("y.online"),
        online_next: output("y.online_next"),
        target: output("y.target"),
        target_next: output("y.target_next"),
        grad: output("y.grad"),
        metrics: plan.buf("metrics", batch * METRIC_SLOTS),
    };

    let online = Pass { batch, params: bufs.online, x, hidden: &hidden, y: objective.online };
    let other = |params, x, y| network.forward(&Pass { batch, params, x, hidden: &passing, y });
    let mut act = vec![decode(spec, spec.act_batch, bufs.act_obs, act_x)];
    let act_pass =
        Pass { batch: spec.act_batch, params: bufs.online, x: act_x, hidden: &act_hidden, y: bufs.act_y };
    act.extend(network.forward(&act_pass));
    let mut learn = vec![Op::Objective(objective)];
    learn.extend(network.backward(&online, objective.grad, &hidden_grads, grads));
    learn.extend(clip(spec.clip, network, grads));
    let AdamSpec { beta1, beta2, epsilon } = spec.adam;
    let Bufs { online: weights, m, v, hyper, .. } = bufs;
    learn.push(Op::Adam { params: weights, grads, m, v, hyper, beta1, beta2, epsilon, len: params });
    let means =
        Op::ColumnMeans { rows: objective.metrics, means: bufs.means, count: batch, width: METRIC_SLOTS };

    let programs = Programs {
        act: plan.program("act", act),
        decode_obs: plan.program("decode_obs", vec![decode(spec, batch, bufs.obs, x)]),
        decode_next_obs: plan.program("decode_next_obs", vec![decode(spec, batch, bufs.next_obs, next_x)]),
        online: plan.program("online", network.forward(&online)),
        online_next: plan.program("online_next", other(bufs.online, next_x, objective.online_next)),
        target: plan.program("target", other(bufs.target, x, objective.target)),
        target_next: plan.program("target_next", other(bufs.target, next_x, objective.target_next)),
        learn: plan.program("learn", learn),
        means: plan.program("means", vec![means]),
        sync_target: plan
            .program("sync_target", vec![Op::Copy { from: bufs.online, to: bufs.target, len: params }]),
    };
    (plan, bufs, programs)
}

fn decode(spec: &ModelSpec, batch: usize, bytes: ByteBuf, out: Buf) -> Op {
    Op::DecodeFrames { bytes, out, batch, stack: spec.obs.stack, pixels: spec.obs.pixels() }
}

fn clip(clip: Clip, network: &Network, grads: Buf) -> Option<Op> {
    let (ranges, max_norm) = match clip {
        Clip::None => return None,
        Clip::PerTensor(max_norm) => {
            (network.tensors().iter().map(|tensor| tensor.range()).collect(), max_norm)
        }
        Clip::Global(max_norm) => (std::iter::once(0..network.param_len()).collect(), max_norm),
    };
    Some(Op::ClipNorm { grads, ranges, max_norm })
}

/// No dimension of a model, nor a stacked observation in bytes, may exceed these, so that no product overflows.
const MAX_DIMENSION: usize = 1 << 16;
const MAX_OBS_BYTES: u128 = 1 << 24;

fn check_spec(spec: &ModelSpec) -> Result<(), Error> {
    let ObsShape { stack, height, width } = spec.obs;
    let hidden: &[usize] = match &spec.net {
        NetSpec::Nature => &[],
        NetSpec::Mlp { hidden } => hidden,
    };
    let dimensions = [
        ("obs.stack", stack),
        ("obs.height", height),
        ("obs.width", width),
        ("outputs", spec.outputs),
        ("batch", spec.batch),
        ("act_batch", spec.act_batch),
        ("window", spec.window),
    ];
    for (name, size) in dimensions.into_iter().chain(hidden.iter().map(|size| ("hidden", *size))) {
        if size == 0 || size > MAX_DIMENSION {
            return Err(Error::Unsupported(format!(
                "{name} is {size}; it must be from 1 to {MAX_DIMENSION}"
            )));
        }
    }
    // At most 2^48, from three dimensions that were checked above.
    let obs_bytes = stack as u128 * height as u128 * width as u128;
    if obs_bytes > MAX_OBS_BYTES {
        return Err(Error::Unsupported(format!(
            "an observation of {obs_bytes} bytes; at most {MAX_OBS_BYTES}"
        )));
    }
    Ok(())
}

fn check_len(what: &str, found: usize, expected: usize) -> Result<(), Error> {
    if found == expected {
        return Ok(());
    }
    Err(Error::Misuse(format!("{what} has {found} elements, this model needs {expected}")))
}
