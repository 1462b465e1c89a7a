//! The one plan of a model: every buffer and every program it will ever use.

use super::{AdamSpec, Clip, ModelSpec, Optimizer, RmsPropSpec};
use crate::network::{Network, Pass};
use crate::objective::METRIC_SLOTS;
use crate::{AdamStep, Buf, ByteBuf, Error, Images, ObjectiveBufs, Op, Plan, Program, guard};

/// The buffers that calls write or read.
pub(super) struct Bufs {
    pub(super) obs: ByteBuf,
    /// States in `obs`.
    pub(super) states: usize,
    pub(super) act_obs: ByteBuf,
    pub(super) act_y: Buf,
    /// Observation and outputs of the target network by itself.
    pub(super) consult: Option<(ByteBuf, Buf)>,
    pub(super) online: Buf,
    pub(super) target: Buf,
    /// What the optimizer remembers, a buffer shaped like the parameters for each name.
    pub(super) moments: Vec<(&'static str, Buf)>,
    pub(super) grads: Buf,
    pub(super) hyper: Buf,
    pub(super) guard: Buf,
    pub(super) norms: Buf,
    pub(super) means: Buf,
    pub(super) objective: ObjectiveBufs,
}

/// The programs that calls launch.
pub(super) struct Programs {
    pub(super) act: Program,
    pub(super) consult: Option<Program>,
    /// Everything the objective reads.
    pub(super) forward: Program,
    /// Loss, metrics, and the gradient of the outputs.
    pub(super) objective: Program,
    /// From that the gradient of all parameters.
    pub(super) backward: Program,
    /// Clipping, the guard, and the optimizer's step.
    pub(super) step: Program,
    pub(super) means: Program,
    pub(super) sync_target: Program,
}

impl Bufs {
    /// What a checkpoint holds, with its prefix.
    pub(super) fn learned(&self) -> impl Iterator<Item = (&'static str, Buf)> + use<> {
        let networks = [("online", self.online), ("target", self.target)];
        networks.into_iter().chain(self.moments.clone())
    }
}

/// All buffers and programs of a model, and the names of its gradient norms.
pub(super) fn build(
    spec: &ModelSpec,
    network: &Network,
) -> Result<(Plan, Bufs, Programs, Vec<String>), Error> {
    let mut plan = Plan::new();
    let (batch, outputs, params) = (spec.batch, spec.outputs, network.param_len());
    let (norm_names, ranges, max_norm) = clip(spec.clip, network);
    let objective = ObjectiveBufs::new(&mut plan, batch, outputs, spec.window, &spec.reads);
    let states = spec.reads.states().len();
    let bufs = Bufs {
        obs: plan.byte_buf("obs", states * batch * spec.obs.len()),
        states,
        act_obs: plan.byte_buf("act.obs", spec.act_batch * spec.obs.len()),
        act_y: plan.buf("act.y", spec.act_batch * outputs),
        consult: spec
            .consults
            .then(|| (plan.byte_buf("consult.obs", spec.obs.len()), plan.buf("consult.y", outputs))),
        online: plan.buf("online", params),
        target: plan.buf("target", params),
        moments: moments(&spec.optimizer).iter().map(|name| (*name, plan.buf(*name, params))).collect(),
        grads: plan.buf("grads", params),
        hyper: plan.buf("adam.hyper", AdamStep::LEN),
        guard: plan.buf("guard", guard::LEN),
        norms: plan.buf("grad_norms", norm_names.len()),
        means: plan.buf("means", METRIC_SLOTS),
        objective,
    };
    let (forward, x) = forward(&mut plan, spec, network, &bufs)?;

    let rows = spec.reads.trained.len() * batch;
    let hidden = network.hidden_bufs(&mut plan, "hidden", rows);
    let hidden_grads = network.hidden_bufs(&mut plan, "hidden_grad", rows);
    let trained = Pass { batch: rows, params: bufs.online, x, hidden: &hidden, y: objective.trained };
    let forward: Vec<_> = forward.into_iter().chain(network.forward(&trained)?).collect();
    let Bufs { grads, guard, norms, means, .. } = bufs;
    let backward = network.backward(&trained, objective.grad, &hidden_grads, grads)?;
    let step = vec![
        Op::ClipNorm { grads, ranges, max_norm, norms },
        Op::Guard {
            metrics: objective.metrics,
            samples: batch,
            grad: objective.grad,
            grad_len: rows * outputs,
            norms,
            norm_count: norm_names.len(),
            guard,
            on_fault: spec.on_fault,
        },
        optimize(&spec.optimizer, &bufs, params),
    ];

    let mut alone = |pass: &Alone| pass.program(&mut plan, spec, network);
    let act = alone(&Alone {
        name: "act",
        batch: spec.act_batch,
        obs: bufs.act_obs,
        params: bufs.online,
        y: bufs.act_y,
    })?;
    let consult =
        bufs.consult.map(|(obs, y)| Alone { name: "consult", batch: 1, obs, params: bufs.target, y });
    let programs = Programs {
        act,
        consult: consult.map(|pass| alone(&pass)).transpose()?,
        forward: plan.program("forward", forward),
        objective: plan.program("objective", vec![Op::Objective(objective)]),
        backward: plan.program("backward", backward),
        step: plan.program("step", step),
        means: plan.program(
            "means",
            vec![Op::ColumnMeans { rows: objective.metrics, means, count: batch, width: METRIC_SLOTS }],
        ),
        sync_target: plan
            .program("sync_target", vec![Op::Copy { from: bufs.online, to: bufs.target, len: params }]),
    };
    Ok((plan, bufs, programs, norm_names))
}

/// Names of what an optimizer remembers.
fn moments(optimizer: &Optimizer) -> &'static [&'static str] {
    match optimizer {
        Optimizer::Adam(_) => &["adam.m", "adam.v"],
        Optimizer::RmsProp(_) => &["rmsprop.square"],
    }
}

/// The launch that changes the parameters.
fn optimize(optimizer: &Optimizer, bufs: &Bufs, len: usize) -> Op {
    let Bufs { online: params, grads, hyper, guard, .. } = *bufs;
    let moment = |index: usize| bufs.moments[index].1;
    match *optimizer {
        Optimizer::Adam(AdamSpec { beta1, beta2, epsilon }) => {
            let (m, v) = (moment(0), moment(1));
            Op::Adam { params, grads, m, v, hyper, guard, beta1, beta2, epsilon, len }
        }
        Optimizer::RmsProp(RmsPropSpec { decay, epsilon }) => {
            Op::RmsProp { params, grads, square: moment(0), hyper, guard, decay, epsilon, len }
        }
    }
}

/// Every pass but the trained one, which comes last because the backward pass needs what it leaves behind; and the
/// observations of the trained states.
fn forward(
    plan: &mut Plan,
    spec: &ModelSpec,
    network: &Network,
    bufs: &Bufs,
) -> Result<(Vec<Op>, Images), Error> {
    let mut inputs =
        Inputs { spec, obs: bufs.obs, takes_frames: network.takes_frames(), decoded: Vec::new() };
    let regions = [
        ("online", &spec.reads.online, bufs.online, bufs.objective.online),
        ("target", &spec.reads.target, bufs.target, bufs.objective.target),
    ];
    let regions = regions.into_iter().filter(|(_, states, ..)| !states.is_empty());
    let largest = regions.clone().map(|(_, states, ..)| states.len()).max();
    // No pass needs the activations of another, so all share one set.
    let passing =
        largest.map(|states| network.hidden_bufs(plan, "passing", states * spec.batch)).unwrap_or_default();
    let mut ops = Vec::new();
    for (name, states, params, y) in regions {
        let x = inputs.images(plan, &mut ops, name, states);
        let batch = states.len() * spec.batch;
        ops.extend(network.forward(&Pass { batch, params, x, hidden: &passing, y })?);
    }
    let x = inputs.images(plan, &mut ops, "trained", &spec.reads.trained);
    Ok((ops, x))
}

/// The observations of lists of states.
struct Inputs<'a> {
    spec: &'a ModelSpec,
    obs: ByteBuf,
    takes_frames: bool,
    decoded: Vec<(&'a [usize], Buf)>,
}

impl<'a> Inputs<'a> {
    /// Those of `states`: as they are, where the network takes them and they lie side by side; else as floats, by ops
    /// that are added if these are the first to need them.
    fn images(&mut self, plan: &mut Plan, ops: &mut Vec<Op>, name: &str, states: &'a [usize]) -> Images {
        let (batch, all) = (self.spec.batch, self.spec.reads.states());
        let places: Vec<_> = (0..all.len()).filter(|place| states.contains(&all[*place])).collect();
        let runs: Vec<_> = places.chunk_by(|a, b| a + 1 == *b).collect();
        if let [run] = runs[..]
            && self.takes_frames
        {
            return Images::Frames { bytes: self.obs, from: run[0] * batch };
        }
        if let Some((_, x)) = self.decoded.iter().find(|(list, _)| *list == states) {
            return Images::Floats(*x);
        }
        let x = plan.buf(format!("x.{name}"), states.len() * batch * self.spec.obs.len());
        let mut to = 0;
        for run in runs {
            let images = run.len() * batch;
            ops.push(decode(self.spec, self.obs, run[0] * batch, x, to, images));
            to += images;
        }
        self.decoded.push((states, x));
        Images::Floats(x)
    }
}

/// A forward pass by itself, over observations and buffers of its own.
struct Alone {
    name: &'static str,
    batch: usize,
    obs: ByteBuf,
    params: Buf,
    y: Buf,
}

impl Alone {
    fn program(&self, plan: &mut Plan, spec: &ModelSpec, network: &Network) -> Result<Program, Error> {
        let Self { name, batch, obs, params, y } = *self;
        let hidden = network.hidden_bufs(plan, &format!("{name}.hidden"), batch);
        let mut ops = Vec::new();
        let x = if network.takes_frames() {
            Images::Frames { bytes: obs, from: 0 }
        } else {
            let x = plan.buf(format!("{name}.x"), batch * spec.obs.len());
            ops.push(decode(spec, obs, 0, x, 0, batch));
            Images::Floats(x)
        };
        ops.extend(network.forward(&Pass { batch, params, x, hidden: &hidden, y })?);
        Ok(plan.program(name, ops))
    }
}

fn decode(spec: &ModelSpec, bytes: ByteBuf, from: usize, out: Buf, to: usize, batch: usize) -> Op {
    Op::DecodeFrames { bytes, from, out, to, batch, stack: spec.obs.stack, pixels: spec.obs.pixels() }
}

/// Names and ranges of the gradient norms, and what to clip them to.
fn clip(clip: Clip, network: &Network) -> (Vec<String>, Vec<std::ops::Range<usize>>, Option<f32>) {
    let tensors = || network.tensors().iter().map(|tensor| (tensor.name.clone(), tensor.range())).unzip();
    match clip {
        Clip::None => {
            let (names, ranges) = tensors();
            (names, ranges, None)
        }
        Clip::PerTensor(max_norm) => {
            let (names, ranges) = tensors();
            (names, ranges, Some(max_norm))
        }
        Clip::Global(max_norm) => {
            (vec!["global".to_owned()], std::iter::once(0..network.param_len()).collect(), Some(max_norm))
        }
    }
}
