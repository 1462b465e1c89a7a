//! Ops to kernel launches: which kernels, with which constants, over which buffers, in how many workgroups.
//! Pure: no device is involved, so shapes are decided here and nowhere else.

use super::clip_chunks::{CHUNK_WORDS, clip_chunks};
use super::kernels::{self, Kernel};
use super::split::{Product, one_invocation};
use crate::objective::METRIC_SLOTS;
use crate::{Buf, ConvShape, DenseShape, Error, Images, LayerParams, ObjectiveBufs, OnFault, Op};
use std::ops::Range;

/// Workgroups in one dimension of a dispatch, at most: the least that WebGPU promises.
pub(super) const MAX_GROUPS: usize = 65_535;
/// Invocations a workgroup of the kernels that take one element, or one part of a sum, each.
pub(super) const LANES: usize = 256;

/// What a launch binds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Slot {
    /// A float buffer of the plan.
    Buf(usize),
    /// A byte buffer of the plan.
    Bytes(usize),
    /// The plan's scratch buffer: parts of split sums.
    Scratch,
    /// A constant table, by its index in [`Lowering::tables`].
    Table(usize),
}

impl From<Buf> for Slot {
    fn from(buf: Buf) -> Self {
        Slot::Buf(buf.0)
    }
}

/// One dispatch of a built-in kernel.
#[derive(Debug)]
pub(super) struct Launch {
    pub(super) kernel: &'static Kernel,
    pub(super) constants: Vec<(&'static str, f64)>,
    pub(super) bindings: Vec<Slot>,
    pub(super) groups: [u32; 3],
}

/// One dispatch.
#[derive(Debug)]
pub(super) enum Step {
    Launch(Launch),
    Objective(ObjectiveBufs),
}

/// The ops of a plan, lowered one after another.
#[derive(Debug, Default)]
pub(super) struct Lowering {
    /// Constant buffers that launches read.
    pub(super) tables: Vec<Vec<u32>>,
    /// Floats of scratch that the hungriest launch needs.
    pub(super) scratch_len: usize,
}

impl Lowering {
    /// The dispatches of an op of a checked plan.
    pub(super) fn lower(&mut self, op: &Op) -> Result<Vec<Step>, Error> {
        if let Op::Objective(bufs) = op {
            return Ok(vec![Step::Objective(*bufs)]);
        }
        let launches = match op {
            Op::DecodeFrames { bytes, from, out, to, batch, stack, pixels } => vec![elementwise(
                &kernels::DECODE_FRAMES,
                constants([
                    ("FROM", from * stack * pixels),
                    ("TO", to * stack * pixels),
                    ("BATCH", *batch),
                    ("STACK", *stack),
                    ("PIXELS", *pixels),
                ]),
                vec![Slot::Bytes(bytes.0), (*out).into()],
                batch * stack * pixels,
            )],
            Op::Conv2dForward { shape, x, params, layer, y, relu } => {
                let kernels = [&kernels::CONV2D_FORWARD, &kernels::CONV2D_FORWARD_FRAMES];
                let (kernel, x, place) = images(kernels, x, shape);
                let constants = chain([patch_constants(shape), place, constants([("WEIGHT", layer.weight)])]);
                self.forward(kernel, conv_product(shape), constants, (x, *params, *y), layer, *relu)
            }
            Op::DenseForward { shape, x, params, layer, y, relu } => {
                let product = Product { rows: shape.batch, cols: shape.outputs, depth: shape.inputs };
                let constants = constants([("WEIGHT", layer.weight)]);
                self.forward(
                    &kernels::DENSE_FORWARD,
                    product,
                    constants,
                    ((*x).into(), *params, *y),
                    layer,
                    *relu,
                )
            }
            Op::Conv2dBackwardParams { shape, x, dy, grads, layer } => {
                let forward = conv_product(shape);
                let product = Product { rows: forward.depth + 1, cols: forward.cols, depth: forward.rows };
                let kernels = [&kernels::CONV2D_BACKWARD_PARAMS, &kernels::CONV2D_BACKWARD_PARAMS_FRAMES];
                let (kernel, x, place) = images(kernels, x, shape);
                let constants = chain([patch_constants(shape), place]);
                self.backward_params(kernel, product, constants, (x, *dy, *grads), layer)
            }
            Op::DenseBackwardParams { shape, x, dy, grads, layer } => {
                let product = Product { rows: shape.inputs + 1, cols: shape.outputs, depth: shape.batch };
                self.backward_params(
                    &kernels::DENSE_BACKWARD_PARAMS,
                    product,
                    vec![],
                    ((*x).into(), *dy, *grads),
                    layer,
                )
            }
            Op::Conv2dBackwardInput { shape, dy, params, layer, dx } => {
                vec![conv2d_backward_input(shape, *dy, *params, layer, *dx)?]
            }
            Op::DenseBackwardInput { shape, dy, params, layer, dx } => {
                vec![dense_backward_input(shape, *dy, *params, layer, *dx)?]
            }
            Op::ReluBackward { y, dy, len } => vec![elementwise(
                &kernels::RELU_BACKWARD,
                constants([("LEN", *len)]),
                vec![(*y).into(), (*dy).into()],
                *len,
            )],
            Op::Copy { from, to, len } => vec![elementwise(
                &kernels::COPY,
                constants([("LEN", *len)]),
                vec![(*from).into(), (*to).into()],
                *len,
            )],
            Op::Adam { params, grads, m, v, hyper, guard, beta1, beta2, epsilon, len } => vec![elementwise(
                &kernels::ADAM,
                vec![
                    ("LEN", *len as f64),
                    ("BETA1", f64::from(*beta1)),
                    ("BETA2", f64::from(*beta2)),
                    ("EPSILON", f64::from(*epsilon)),
                ],
                [*grads, *hyper, *guard, *params, *m, *v].map(Slot::from).to_vec(),
                *len,
            )],
            Op::RmsProp { params, grads, square, hyper, guard, decay, epsilon, len } => vec![elementwise(
                &kernels::RMSPROP,
                vec![("LEN", *len as f64), ("DECAY", f64::from(*decay)), ("EPSILON", f64::from(*epsilon))],
                [*grads, *hyper, *guard, *params, *square].map(Slot::from).to_vec(),
                *len,
            )],
            Op::ColumnMeans { rows, means, count, width } => vec![Launch {
                kernel: &kernels::COLUMN_MEANS,
                constants: constants([("COUNT", *count), ("WIDTH", *width)]),
                bindings: vec![(*rows).into(), (*means).into()],
                groups: [*width as u32, 1, 1],
            }],
            Op::ClipNorm { grads, ranges, max_norm, norms } => {
                self.clip_norm(*grads, ranges, *max_norm, *norms)
            }
            Op::Guard { metrics, samples, grad, grad_len, norms, norm_count, guard, on_fault } => {
                let turns = [*samples, *grad_len, *norm_count].map(|len| len.div_ceil(LANES)).iter().sum();
                one_invocation("guard", turns)?;
                let sizes = constants([
                    ("SAMPLES", *samples),
                    ("WIDTH", METRIC_SLOTS),
                    ("GRAD_LEN", *grad_len),
                    ("NORMS", *norm_count),
                    ("SKIP", usize::from(*on_fault == OnFault::Skip)),
                    ("STOP", usize::from(*on_fault == OnFault::Stop)),
                ]);
                let bindings = [*metrics, *grad, *norms, *guard].map(Slot::from).to_vec();
                vec![Launch { kernel: &kernels::GUARD, constants: sizes, bindings, groups: [1, 1, 1] }]
            }
            Op::Objective(_) => unreachable!("returned above"),
        };
        for launch in &launches {
            if launch.groups.iter().any(|groups| *groups as usize > MAX_GROUPS) {
                let (name, groups) = (launch.kernel.name, launch.groups);
                let reason =
                    format!("{name} needs {groups:?} workgroups, more than {MAX_GROUPS} in one dimension");
                return Err(Error::Unsupported(format!("{reason}; {}", Error::LESS)));
            }
        }
        Ok(launches.into_iter().map(Step::Launch).collect())
    }

    fn forward(
        &mut self,
        kernel: &'static Kernel,
        product: Product,
        layer_constants: Vec<(&'static str, f64)>,
        (x, params, y): (Slot, Buf, Buf),
        layer: &LayerParams,
        relu: bool,
    ) -> Vec<Launch> {
        let split = product.split();
        let finish = vec![("BIAS", layer.bias as f64), ("RELU", f64::from(u8::from(relu)))];
        let launch = |y: Slot| Launch {
            kernel,
            constants: chain([product.constants(split), layer_constants, finish.clone()]),
            bindings: vec![x, params.into(), y],
            groups: product.groups(split),
        };
        if split.parts == 1 {
            return vec![launch(y.into())];
        }
        self.need_scratch(split.parts * product.len());
        let sizes = constants([("SPLITS", split.parts), ("LEN", product.len()), ("COLS", product.cols)]);
        let reduce = elementwise(
            &kernels::REDUCE_FORWARD,
            chain([sizes, finish.clone()]),
            vec![Slot::Scratch, params.into(), y.into()],
            product.len(),
        );
        vec![launch(Slot::Scratch), reduce]
    }

    fn backward_params(
        &mut self,
        kernel: &'static Kernel,
        product: Product,
        layer_constants: Vec<(&'static str, f64)>,
        (x, dy, grads): (Slot, Buf, Buf),
        layer: &LayerParams,
    ) -> Vec<Launch> {
        let split = product.split();
        let places = constants([("WEIGHT", layer.weight), ("BIAS", layer.bias)]);
        let launch = |grads: Slot| Launch {
            kernel,
            constants: chain([product.constants(split), layer_constants, places.clone()]),
            bindings: vec![x, dy.into(), grads],
            groups: product.groups(split),
        };
        if split.parts == 1 {
            return vec![launch(grads.into())];
        }
        self.need_scratch(split.parts * product.len());
        let weight_len = product.len() - product.cols;
        let sizes = constants([("SPLITS", split.parts), ("LEN", product.len()), ("WEIGHT_LEN", weight_len)]);
        let reduce = elementwise(
            &kernels::REDUCE_BACKWARD_PARAMS,
            chain([sizes, places.clone()]),
            vec![Slot::Scratch, grads.into()],
            product.len(),
        );
        vec![launch(Slot::Scratch), reduce]
    }

    fn clip_norm(
        &mut self,
        grads: Buf,
        ranges: &[Range<usize>],
        max_norm: Option<f32>,
        norms: Buf,
    ) -> Vec<Launch> {
        let table = clip_chunks(ranges);
        let chunks = table.len() / CHUNK_WORDS;
        if chunks == 0 {
            return vec![];
        }
        self.need_scratch(chunks);
        self.tables.push(table);
        let table = Slot::Table(self.tables.len() - 1);
        let groups = [chunks as u32, 1, 1];
        vec![
            Launch {
                kernel: &kernels::CLIP_NORM_SQUARES,
                constants: vec![],
                bindings: vec![table, grads.into(), Slot::Scratch],
                groups,
            },
            Launch {
                kernel: &kernels::CLIP_NORM_SCALE,
                constants: vec![
                    ("CLIP", f64::from(u8::from(max_norm.is_some()))),
                    ("MAX_NORM", f64::from(max_norm.unwrap_or_default())),
                ],
                bindings: vec![table, Slot::Scratch, grads.into(), norms.into()],
                groups,
            },
        ]
    }

    fn need_scratch(&mut self, len: usize) {
        self.scratch_len = self.scratch_len.max(len);
    }
}

/// The kernel of two, for floats and for frames, that reads such images, what it binds, and what it must know of them.
fn images(
    [of_floats, of_frames]: [&'static Kernel; 2],
    x: &Images,
    shape: &ConvShape,
) -> (&'static Kernel, Slot, Vec<(&'static str, f64)>) {
    match x {
        Images::Floats(x) => (of_floats, (*x).into(), vec![]),
        Images::Frames { bytes, from } => {
            (of_frames, Slot::Bytes(bytes.0), constants([("FROM", from * shape.input_len())]))
        }
    }
}

/// A convolution as the product of a patch matrix and its weights.
fn conv_product(shape: &ConvShape) -> Product {
    Product {
        rows: shape.batch * shape.out_height() * shape.out_width(),
        cols: shape.c_out,
        depth: shape.kernel * shape.kernel * shape.c_in,
    }
}

fn patch_constants(shape: &ConvShape) -> Vec<(&'static str, f64)> {
    constants([
        ("HEIGHT", shape.height),
        ("WIDTH", shape.width),
        ("C_IN", shape.c_in),
        ("KERNEL", shape.kernel),
        ("STRIDE", shape.stride),
        ("OUT_HEIGHT", shape.out_height()),
        ("OUT_WIDTH", shape.out_width()),
    ])
}

fn conv2d_backward_input(
    shape: &ConvShape,
    dy: Buf,
    params: Buf,
    layer: &LayerParams,
    dx: Buf,
) -> Result<Launch, Error> {
    let taps = shape.kernel.div_ceil(shape.stride);
    let (height, width) = (shape.height.div_ceil(shape.stride), shape.width.div_ceil(shape.stride));
    let product =
        Product { rows: shape.batch * height * width, cols: shape.c_in, depth: taps * taps * shape.c_out };
    let split = product.whole("conv2d_backward_input", shape.stride * shape.stride)?;
    let sizes = constants([
        ("WEIGHT", layer.weight),
        ("HEIGHT", shape.height),
        ("WIDTH", shape.width),
        ("C_OUT", shape.c_out),
        ("KERNEL", shape.kernel),
        ("STRIDE", shape.stride),
        ("OUT_HEIGHT", shape.out_height()),
        ("OUT_WIDTH", shape.out_width()),
        ("TAPS", taps),
        ("PHASE_HEIGHT", height),
        ("PHASE_WIDTH", width),
    ]);
    Ok(Launch {
        kernel: &kernels::CONV2D_BACKWARD_INPUT,
        constants: chain([product.constants(split), sizes]),
        bindings: vec![dy.into(), params.into(), dx.into()],
        groups: product.groups(split),
    })
}

fn dense_backward_input(
    shape: &DenseShape,
    dy: Buf,
    params: Buf,
    layer: &LayerParams,
    dx: Buf,
) -> Result<Launch, Error> {
    let product = Product { rows: shape.batch, cols: shape.inputs, depth: shape.outputs };
    let split = product.whole("dense_backward_input", 1)?;
    Ok(Launch {
        kernel: &kernels::DENSE_BACKWARD_INPUT,
        constants: chain([product.constants(split), constants([("WEIGHT", layer.weight)])]),
        bindings: vec![dy.into(), params.into(), dx.into()],
        groups: product.groups(split),
    })
}

/// One invocation an element, workgroups in a grid when they are many.
fn elementwise(
    kernel: &'static Kernel,
    constants: Vec<(&'static str, f64)>,
    bindings: Vec<Slot>,
    len: usize,
) -> Launch {
    let workgroups = len.div_ceil(LANES);
    let rows = workgroups.div_ceil(MAX_GROUPS);
    Launch { kernel, constants, bindings, groups: [workgroups.div_ceil(rows) as u32, rows as u32, 1] }
}

fn constants<const N: usize>(values: [(&'static str, usize); N]) -> Vec<(&'static str, f64)> {
    values.map(|(name, value)| (name, value as f64)).to_vec()
}

fn chain<const N: usize>(parts: [Vec<(&'static str, f64)>; N]) -> Vec<(&'static str, f64)> {
    parts.concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_elements_become_a_grid_that_covers_them() {
        for len in [1, 256, 257, MAX_GROUPS * LANES, MAX_GROUPS * LANES + 1, 100_000_000] {
            let [x, y, z] =
                elementwise(&kernels::COPY, vec![], vec![], len).groups.map(|groups| groups as usize);
            assert!(x <= MAX_GROUPS && y <= MAX_GROUPS && z == 1);
            assert!(x * y * LANES >= len && x * (y - 1) * LANES < len, "{len}: {x} × {y}");
        }
    }
}
