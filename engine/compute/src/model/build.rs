//! The one plan of a model: every buffer and every program it will ever use.

use super::{AdamSpec, Clip, ModelSpec};
use crate::network::{Network, Pass};
use crate::objective::{METRIC_SLOTS, PARAM_SLOTS, sample_fields};
use crate::{AdamStep, Buf, ByteBuf, ObjectiveBufs, Op, Plan, Program};

/// The buffers that calls write or read.
pub(super) struct Bufs {
    pub(super) obs: ByteBuf,
    pub(super) next_obs: ByteBuf,
    pub(super) act_obs: ByteBuf,
    pub(super) act_y: Buf,
    pub(super) online: Buf,
    pub(super) target: Buf,
    pub(super) m: Buf,
    pub(super) v: Buf,
    pub(super) hyper: Buf,
    pub(super) uniforms: Buf,
    pub(super) samples: Buf,
    pub(super) means: Buf,
}

/// The programs that calls launch.
pub(super) struct Programs {
    pub(super) act: Program,
    pub(super) decode_obs: Program,
    pub(super) decode_next_obs: Program,
    pub(super) online: Program,
    pub(super) online_next: Program,
    pub(super) target: Program,
    pub(super) target_next: Program,
    pub(super) learn: Program,
    pub(super) means: Program,
    pub(super) sync_target: Program,
}

impl Bufs {
    /// What a checkpoint holds, with its prefix.
    pub(super) fn learned(&self) -> [(&'static str, Buf); 4] {
        [("online", self.online), ("target", self.target), ("adam.m", self.m), ("adam.v", self.v)]
    }
}

/// All buffers and programs of a model.
pub(super) fn build(spec: &ModelSpec, network: &Network) -> (Plan, Bufs, Programs) {
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
