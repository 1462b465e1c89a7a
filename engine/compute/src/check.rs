//! What a legal plan is. Devices check a plan once, when they compile it, and then trust it.

use crate::objective::{METRIC_SLOTS, PARAM_SLOTS, STAT_SLOTS};
use crate::{AdamStep, Buf, ByteBuf, ConvShape, DenseShape, Error, Images, LayerParams, Op, Plan, guard};

/// A buffer an op touches, and how many elements of it.
struct Access {
    buf: Buf,
    len: usize,
    written: bool,
}

fn read(buf: Buf, len: usize) -> Access {
    Access { buf, len, written: false }
}

fn write(buf: Buf, len: usize) -> Access {
    Access { buf, len, written: true }
}

impl Plan {
    /// Checks that every op has a shape that can be run, stays inside its buffers, and writes to no buffer
    /// that it also names in another place (which WGSL forbids and the CPU cannot borrow).
    pub fn check(&self) -> Result<(), Error> {
        for (name, ops) in &self.programs {
            for op in ops {
                self.check_op(op)
                    .map_err(|reason| Error::Misuse(format!("program `{name}`: {reason}: {op:?}")))?;
            }
        }
        Ok(())
    }

    fn check_op(&self, op: &Op) -> Result<(), String> {
        if !has_shape(op) {
            return Err("a dimension is zero, or a kernel is larger than its image".into());
        }
        if let Some((ByteBuf(index), len)) = frames(op) {
            let spec = self.byte_bufs.get(index).ok_or("a byte buffer of another plan")?;
            if spec.len < len {
                return Err(format!("byte buffer `{}` is too short", spec.name));
            }
        }
        let accesses = accesses(op);
        for (i, access) in accesses.iter().enumerate() {
            let spec = self.bufs.get(access.buf.0).ok_or("a buffer of another plan")?;
            if spec.len < access.len {
                return Err(format!("buffer `{}` has {} elements, not {}", spec.name, spec.len, access.len));
            }
            let shared = accesses.iter().enumerate().any(|(j, other)| i != j && access.buf == other.buf);
            if access.written && shared {
                return Err(format!("buffer `{}` is written and named twice", spec.name));
            }
        }
        Ok(())
    }
}

/// Whether every dimension is positive and, for a convolution, the kernel fits the image.
fn has_shape(op: &Op) -> bool {
    let conv = |s: &ConvShape| {
        let dims = [s.batch, s.c_in, s.c_out, s.kernel, s.stride];
        !dims.contains(&0) && s.kernel <= s.height && s.kernel <= s.width
    };
    let dense = |s: &DenseShape| s.batch > 0 && s.inputs > 0 && s.outputs > 0;
    match op {
        Op::DecodeFrames { batch, stack, pixels, .. } => *batch > 0 && *stack > 0 && *pixels > 0,
        Op::Conv2dForward { shape, .. }
        | Op::Conv2dBackwardInput { shape, .. }
        | Op::Conv2dBackwardParams { shape, .. } => conv(shape),
        Op::DenseForward { shape, .. }
        | Op::DenseBackwardInput { shape, .. }
        | Op::DenseBackwardParams { shape, .. } => dense(shape),
        Op::Objective(o) => o.batch > 0 && o.outputs > 0 && o.states[0] > 0,
        Op::ColumnMeans { count, width, .. } => *count > 0 && *width > 0,
        Op::ClipNorm { ranges, .. } => ranges.iter().all(|range| range.start < range.end),
        Op::Guard { samples, grad_len, .. } => *samples > 0 && *grad_len > 0,
        Op::Adam { len, .. } | Op::RmsProp { len, .. } | Op::Copy { len, .. } => *len > 0,
    }
}

/// The bytes that an op reads: their buffer, and where the last of them ends.
fn frames(op: &Op) -> Option<(ByteBuf, usize)> {
    match op {
        Op::DecodeFrames { bytes, from, batch, stack, pixels, .. } => {
            Some((*bytes, (from + batch) * stack * pixels))
        }
        Op::Conv2dForward { shape, x: Images::Frames { bytes, from }, .. }
        | Op::Conv2dBackwardParams { shape, x: Images::Frames { bytes, from }, .. } => {
            Some((*bytes, (from + shape.batch) * shape.input_len()))
        }
        _ => None,
    }
}

/// Every `f32` buffer the op names. A flat buffer that holds weight and bias counts once.
fn accesses(op: &Op) -> Vec<Access> {
    let layer_end =
        |layer: &LayerParams, weight: usize, bias: usize| (layer.weight + weight).max(layer.bias + bias);
    let conv_end = |s: &ConvShape, layer: &LayerParams| layer_end(layer, s.weight_len(), s.c_out);
    let dense_end = |s: &DenseShape, layer: &LayerParams| layer_end(layer, s.inputs * s.outputs, s.outputs);
    let images = |x: &Images, s: &ConvShape| match x {
        Images::Floats(x) => Some(read(*x, s.batch * s.input_len())),
        Images::Frames { .. } => None,
    };
    match op {
        Op::DecodeFrames { out, to, batch, stack, pixels, .. } => {
            vec![write(*out, (to + batch) * stack * pixels)]
        }
        Op::Conv2dForward { shape: s, x, params, layer, y, .. } => {
            let others = [read(*params, conv_end(s, layer)), write(*y, s.batch * s.output_len())];
            images(x, s).into_iter().chain(others).collect()
        }
        Op::Conv2dBackwardInput { shape: s, dy, params, layer, relu, dx } => [
            read(*dy, s.batch * s.output_len()),
            read(*params, conv_end(s, layer)),
            write(*dx, s.batch * s.input_len()),
        ]
        .into_iter()
        .chain(relu.map(|relu| read(relu, s.batch * s.input_len())))
        .collect(),
        Op::Conv2dBackwardParams { shape: s, x, dy, grads, layer } => {
            let others = [read(*dy, s.batch * s.output_len()), write(*grads, conv_end(s, layer))];
            images(x, s).into_iter().chain(others).collect()
        }
        Op::DenseForward { shape: s, x, params, layer, y, .. } => vec![
            read(*x, s.batch * s.inputs),
            read(*params, dense_end(s, layer)),
            write(*y, s.batch * s.outputs),
        ],
        Op::DenseBackwardInput { shape: s, dy, params, layer, relu, dx } => [
            read(*dy, s.batch * s.outputs),
            read(*params, dense_end(s, layer)),
            write(*dx, s.batch * s.inputs),
        ]
        .into_iter()
        .chain(relu.map(|relu| read(relu, s.batch * s.inputs)))
        .collect(),
        Op::DenseBackwardParams { shape: s, x, dy, grads, layer } => vec![
            read(*x, s.batch * s.inputs),
            read(*dy, s.batch * s.outputs),
            write(*grads, dense_end(s, layer)),
        ],
        Op::Objective(o) => {
            let [trained, online, target] = o.lens();
            vec![
                read(o.uniforms, PARAM_SLOTS),
                read(o.samples, o.batch),
                read(o.trained, trained),
                read(o.online, online),
                read(o.target, target),
                write(o.stats, STAT_SLOTS),
                write(o.grad, trained),
                write(o.metrics, o.batch * METRIC_SLOTS),
            ]
        }
        Op::ColumnMeans { rows, means, count, width } => {
            vec![read(*rows, count * width), write(*means, *width)]
        }
        Op::ClipNorm { grads, ranges, norms, .. } => vec![
            write(*grads, ranges.iter().map(|range| range.end).max().unwrap_or(0)),
            write(*norms, ranges.len()),
        ],
        Op::Guard { metrics, samples, grad, grad_len, norms, norm_count, guard, .. } => vec![
            read(*metrics, samples * METRIC_SLOTS),
            read(*grad, *grad_len),
            read(*norms, *norm_count),
            write(*guard, guard::LEN),
        ],
        Op::Adam { params, grads, m, v, hyper, guard, len, .. } => vec![
            write(*params, *len),
            read(*grads, *len),
            write(*m, *len),
            write(*v, *len),
            read(*hyper, AdamStep::LEN),
            read(*guard, guard::LEN),
        ],
        Op::RmsProp { params, grads, square, hyper, guard, len, .. } => vec![
            write(*params, *len),
            read(*grads, *len),
            write(*square, *len),
            read(*hyper, AdamStep::LEN),
            read(*guard, guard::LEN),
        ],
        Op::Copy { from, to, len } => vec![read(*from, *len), write(*to, *len)],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_op(op: impl FnOnce(&mut Plan) -> Op) -> Result<(), Error> {
        let mut plan = Plan::new();
        let op = op(&mut plan);
        plan.program("p", vec![op]);
        plan.check()
    }

    #[test]
    fn a_legal_plan_passes() {
        with_op(|p| Op::Copy { from: p.buf("a", 4), to: p.buf("b", 4), len: 4 }).unwrap();
    }

    #[test]
    fn illegal_plans_name_the_program_and_the_buffer() {
        let short = with_op(|p| Op::Copy { from: p.buf("a", 3), to: p.buf("b", 4), len: 4 });
        let aliased = with_op(|p| {
            let a = p.buf("a", 4);
            Op::Copy { from: a, to: a, len: 4 }
        });
        let foreign = with_op(|p| Op::Copy { from: p.buf("a", 4), to: Buf(7), len: 4 });
        let kernel = ConvShape { batch: 1, height: 7, width: 9, c_in: 1, c_out: 1, kernel: 8, stride: 4 };
        let too_large = with_op(|p| Op::Conv2dBackwardInput {
            shape: kernel,
            dy: p.buf("dy", 100),
            params: p.buf("params", 100),
            layer: LayerParams { weight: 0, bias: 64 },
            relu: None,
            dx: p.buf("dx", 100),
        });
        for (result, words) in
            [(short, "`a`"), (aliased, "twice"), (foreign, "another plan"), (too_large, "kernel")]
        {
            let message = result.unwrap_err().to_string();
            assert!(message.contains("`p`") && message.contains(words), "{message}");
        }
    }
}
