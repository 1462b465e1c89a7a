//! Runs a plan over vectors.

use super::bands::Input;
use super::scratch::ScratchPool;
use super::{CpuCompiled, CpuCompiler};
use super::{adam, clip_norm, column_means, copy, decode_frames, guard, matmul, rmsprop};
use super::{conv2d_backward_input, conv2d_backward_params, conv2d_forward};
use super::{dense_backward_input, dense_backward_params, dense_forward};
use crate::objective::METRIC_SLOTS;
use crate::{
    Buf, ByteBuf, CompiledObjective, ConvShape, Error, Executor, Images, LayerParams, ObjectiveCompiler, Op,
    Plan, Program,
};
use crate::{CpuObjective, ObjectiveBufs, ObjectiveIo};
use kelvin_trace::span_with;
use std::any::Any;
use std::mem;
use std::sync::Arc;

pub(super) struct CpuExecutor {
    plan: Plan,
    memory: Memory,
    objective: Option<Arc<dyn CpuObjective>>,
}

/// The plan's buffers, and working memory that kernels share.
struct Memory {
    bufs: Vec<Vec<f32>>,
    bytes: Vec<Vec<u8>>,
    /// Partial sums, column panels: one kernel at a time uses it, as a whole.
    shared: Vec<f32>,
    /// Bands of convolutions: many tasks at a time.
    scratch: ScratchPool,
}

impl CpuExecutor {
    pub(super) fn new(plan: &Plan) -> Result<Self, Error> {
        plan.check()?;
        matmul::leave_operands_in_place();
        let shared = plan.programs.iter().flat_map(|(_, ops)| ops).map(shared_len).max().unwrap_or(0);
        let bufs = plan.bufs.iter().map(|spec| zeros(&spec.name, spec.len)).collect::<Result<_, _>>()?;
        let bytes =
            plan.byte_bufs.iter().map(|spec| zeros(&spec.name, spec.len)).collect::<Result<_, _>>()?;
        let shared = zeros("working memory", shared)?;
        let memory = Memory { bufs, bytes, shared, scratch: ScratchPool::default() };
        Ok(Self { plan: plan.clone(), memory, objective: None })
    }
}

impl Executor for CpuExecutor {
    fn write(&mut self, buf: Buf, data: &[f32]) -> Result<(), Error> {
        let to = self.memory.bufs.get_mut(buf.0).and_then(|to| to.get_mut(..data.len()));
        to.ok_or_else(|| outside("write", buf.0, data.len()))?.copy_from_slice(data);
        Ok(())
    }

    fn write_bytes(&mut self, buf: ByteBuf, data: &[u8]) -> Result<(), Error> {
        let to = self.memory.bytes.get_mut(buf.0).and_then(|to| to.get_mut(..data.len()));
        to.ok_or_else(|| outside("write of bytes", buf.0, data.len()))?.copy_from_slice(data);
        Ok(())
    }

    fn run(&mut self, programs: &[Program]) -> Result<(), Error> {
        for program in programs {
            let (_, ops) = self
                .plan
                .programs
                .get(program.0)
                .ok_or_else(|| Error::Misuse(format!("program {} belongs to another plan", program.0)))?;
            for op in ops {
                let _span = span_with(|| op.label());
                self.memory.run(op, self.objective.as_deref())?;
            }
        }
        Ok(())
    }

    fn read_all(&mut self, wanted: &mut [(Buf, &mut [f32])]) -> Result<(), Error> {
        for (buf, out) in wanted {
            let from = self.memory.bufs.get(buf.0).and_then(|from| from.get(..out.len()));
            out.copy_from_slice(from.ok_or_else(|| outside("read", buf.0, out.len()))?);
        }
        Ok(())
    }

    /// Swaps, so that `from` stays whole.
    fn take_over(&mut self, from: &mut dyn Executor, pairs: &[(Buf, Buf)]) -> Result<(), Error> {
        let from = from.as_any_mut().downcast_mut::<Self>();
        let from =
            from.ok_or_else(|| Error::Misuse("buffers of another device cannot be taken over".into()))?;
        for (ours, theirs) in pairs {
            let lens = (self.memory.len(*ours), from.memory.len(*theirs));
            if lens.0.is_none() || lens.0 != lens.1 {
                return Err(Error::Misuse(format!("buffers {ours:?} and {theirs:?} differ in length")));
            }
        }
        for (ours, theirs) in pairs {
            mem::swap(&mut self.memory.bufs[ours.0], &mut from.memory.bufs[theirs.0]);
        }
        Ok(())
    }

    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }

    fn set_objective(&mut self, objective: CompiledObjective) -> Result<(), Error> {
        let CpuCompiled(objective) = *objective.0.downcast::<CpuCompiled>().map_err(|_| {
            Error::Misuse("an objective compiled by another device was given to the CPU".into())
        })?;
        self.objective = Some(objective);
        Ok(())
    }

    fn objective_compiler(&self) -> Box<dyn ObjectiveCompiler> {
        Box::new(CpuCompiler)
    }
}

impl Memory {
    fn len(&self, buf: Buf) -> Option<usize> {
        self.bufs.get(buf.0).map(Vec::len)
    }

    /// Runs one op of a checked plan: its buffers exist, are long enough, and none is written twice.
    fn run(&mut self, op: &Op, objective: Option<&dyn CpuObjective>) -> Result<(), Error> {
        let Self { bufs, bytes, shared, scratch } = self;
        match op {
            Op::DecodeFrames { bytes: source, from, out, to, batch, stack, pixels } => {
                let image = stack * pixels;
                let images = |first: usize| first * image..(first + batch) * image;
                let (source, out) = (&bytes[source.0][images(*from)], &mut bufs[out.0][images(*to)]);
                decode_frames::run(source, out, *stack, *pixels);
            }
            Op::Conv2dForward { shape, x, params, layer, y, relu } => writing(bufs, *y, |y, bufs| {
                let (weight, bias) = parts(&bufs[params.0], layer, shape.weight_len(), shape.c_out);
                let y = &mut y[..shape.batch * shape.output_len()];
                conv2d_forward::run(shape, input(x, shape, bufs, bytes), weight, bias, y, *relu, scratch);
            }),
            Op::Conv2dBackwardInput { shape, dy, params, layer, relu, dx } => {
                writing(bufs, *dx, |dx, bufs| {
                    let (weight, _) = parts(&bufs[params.0], layer, shape.weight_len(), shape.c_out);
                    let dx = &mut dx[..shape.batch * shape.input_len()];
                    let relu = relu.map(|relu| &bufs[relu.0][..dx.len()]);
                    conv2d_backward_input::run(
                        shape,
                        &bufs[dy.0][..shape.batch * shape.output_len()],
                        weight,
                        relu,
                        dx,
                        shared,
                        scratch,
                    );
                })
            }
            Op::Conv2dBackwardParams { shape, x, dy, grads, layer } => {
                writing(bufs, *grads, |grads, bufs| {
                    let (dw, db) = parts_mut(grads, layer, shape.weight_len(), shape.c_out)?;
                    let dy = &bufs[dy.0][..shape.batch * shape.output_len()];
                    let x = input(x, shape, bufs, bytes);
                    conv2d_backward_params::run(shape, x, dy, dw, db, shared, scratch);
                    Ok(())
                })?
            }
            Op::DenseForward { shape, x, params, layer, y, relu } => writing(bufs, *y, |y, bufs| {
                let (weight, bias) =
                    parts(&bufs[params.0], layer, shape.inputs * shape.outputs, shape.outputs);
                let x = &bufs[x.0][..shape.batch * shape.inputs];
                dense_forward::run(
                    shape,
                    x,
                    weight,
                    bias,
                    &mut y[..shape.batch * shape.outputs],
                    *relu,
                    shared,
                );
            }),
            Op::DenseBackwardInput { shape, dy, params, layer, relu, dx } => {
                writing(bufs, *dx, |dx, bufs| {
                    let (weight, _) =
                        parts(&bufs[params.0], layer, shape.inputs * shape.outputs, shape.outputs);
                    let dx = &mut dx[..shape.batch * shape.inputs];
                    let relu = relu.map(|relu| &bufs[relu.0][..dx.len()]);
                    dense_backward_input::run(
                        shape,
                        &bufs[dy.0][..shape.batch * shape.outputs],
                        weight,
                        relu,
                        dx,
                        shared,
                    );
                })
            }
            Op::DenseBackwardParams { shape, x, dy, grads, layer } => {
                writing(bufs, *grads, |grads, bufs| {
                    let (dw, db) = parts_mut(grads, layer, shape.inputs * shape.outputs, shape.outputs)?;
                    let dy = &bufs[dy.0][..shape.batch * shape.outputs];
                    dense_backward_params::run(shape, &bufs[x.0][..shape.batch * shape.inputs], dy, dw, db);
                    Ok(())
                })?
            }
            Op::Objective(o) => {
                let objective = objective.ok_or_else(|| Error::Misuse("no objective has been set".into()))?;
                run_objective(bufs, o, objective);
            }
            Op::ColumnMeans { rows, means, count, width } => writing(bufs, *means, |means, bufs| {
                column_means::run(&bufs[rows.0][..count * width], &mut means[..*width], *count);
            }),
            Op::ClipNorm { grads, ranges, max_norm, norms } => writing(bufs, *grads, |grads, bufs| {
                clip_norm::run(grads, ranges, *max_norm, &mut bufs[norms.0], shared);
            }),
            Op::Guard { metrics, samples, grad, grad_len, norms, norm_count, guard: state, on_fault } => {
                writing(bufs, *state, |state, bufs| {
                    let metrics = &bufs[metrics.0][..samples * METRIC_SLOTS];
                    let (grad, norms) = (&bufs[grad.0][..*grad_len], &bufs[norms.0][..*norm_count]);
                    guard::run(metrics, grad, norms, state, *on_fault);
                });
            }
            Op::Adam { params, grads, m, v, hyper, guard: state, beta1, beta2, epsilon, len } => {
                let constants = adam::Constants { beta1: *beta1, beta2: *beta2, epsilon: *epsilon };
                writing(bufs, *params, |params, bufs| {
                    writing(bufs, *m, |m, bufs| {
                        writing(bufs, *v, |v, bufs| {
                            let (params, m, v) = (&mut params[..*len], &mut m[..*len], &mut v[..*len]);
                            let (grads, hyper) = (&bufs[grads.0][..*len], &bufs[hyper.0]);
                            adam::run(params, grads, m, v, hyper, &bufs[state.0], constants);
                        });
                    });
                });
            }
            Op::RmsProp { params, grads, square, hyper, guard: state, decay, epsilon, len } => {
                writing(bufs, *params, |params, bufs| {
                    writing(bufs, *square, |square, bufs| {
                        let (params, square) = (&mut params[..*len], &mut square[..*len]);
                        let (grads, hyper) = (&bufs[grads.0][..*len], &bufs[hyper.0]);
                        rmsprop::run(params, grads, square, hyper, &bufs[state.0], (*decay, *epsilon));
                    });
                });
            }
            Op::Copy { from, to, len } => writing(bufs, *to, |to, bufs| {
                copy::run(&bufs[from.0][..*len], &mut to[..*len]);
            }),
        }
        Ok(())
    }
}

fn run_objective(bufs: &mut [Vec<f32>], o: &ObjectiveBufs, objective: &dyn CpuObjective) {
    let [trained, online, target] = o.lens();
    writing(bufs, o.grad, |grad, bufs| {
        writing(bufs, o.metrics, |metrics, bufs| {
            objective.run(ObjectiveIo {
                batch: o.batch,
                uniforms: &bufs[o.uniforms.0],
                samples: &bufs[o.samples.0],
                trained: &bufs[o.trained.0][..trained],
                online: &bufs[o.online.0][..online],
                target: &bufs[o.target.0][..target],
                grad: &mut grad[..trained],
                metrics,
            });
        });
    });
}

/// Takes one buffer out of the table for the time of `work`, which may read, or take in turn, the others.
fn writing<R>(bufs: &mut [Vec<f32>], buf: Buf, work: impl FnOnce(&mut [f32], &mut [Vec<f32>]) -> R) -> R {
    let mut taken = mem::take(&mut bufs[buf.0]);
    let result = work(&mut taken, bufs);
    bufs[buf.0] = taken;
    result
}

/// The images that a convolution reads.
fn input<'a>(x: &Images, shape: &ConvShape, bufs: &'a [Vec<f32>], bytes: &'a [Vec<u8>]) -> Input<'a> {
    match x {
        Images::Floats(x) => Input::Floats(&bufs[x.0]),
        Images::Frames { bytes: source, from } => Input::Frames(&bytes[source.0][from * shape.input_len()..]),
    }
}

/// A layer's weight and bias.
fn parts<'a>(flat: &'a [f32], layer: &LayerParams, weight: usize, bias: usize) -> (&'a [f32], &'a [f32]) {
    (&flat[layer.weight..layer.weight + weight], &flat[layer.bias..layer.bias + bias])
}

fn parts_mut<'a>(
    flat: &'a mut [f32],
    layer: &LayerParams,
    weight: usize,
    bias: usize,
) -> Result<(&'a mut [f32], &'a mut [f32]), Error> {
    let ranges = [layer.weight..layer.weight + weight, layer.bias..layer.bias + bias];
    match flat.get_disjoint_mut(ranges) {
        Ok([weight, bias]) => Ok((weight, bias)),
        Err(_) => Err(Error::Misuse(format!("weight and bias gradient overlap: {layer:?}"))),
    }
}

/// Floats of [`Memory::shared`] that an op needs.
fn shared_len(op: &Op) -> usize {
    match op {
        Op::Conv2dBackwardParams { shape, .. } => conv2d_backward_params::partials_len(shape),
        Op::Conv2dBackwardInput { shape, .. } => shape.weight_len(),
        Op::DenseForward { shape, .. } => shape.batch * shape.outputs,
        Op::DenseBackwardInput { shape, .. } => shape.batch * shape.inputs,
        Op::ClipNorm { ranges, .. } => {
            clip_norm::partials_len(ranges.iter().map(ExactSizeIterator::len).max().unwrap_or(0))
        }
        _ => 0,
    }
}

fn zeros<T: Clone + Default>(name: &str, len: usize) -> Result<Vec<T>, Error> {
    let mut values = Vec::new();
    values.try_reserve_exact(len).map_err(|_| {
        Error::Unsupported(format!("no memory for buffer `{name}` of {len} elements; {}", Error::LESS))
    })?;
    values.resize(len, T::default());
    Ok(values)
}

fn outside(what: &str, index: usize, len: usize) -> Error {
    Error::Misuse(format!("{what} of {len} elements goes beyond buffer {index}"))
}
