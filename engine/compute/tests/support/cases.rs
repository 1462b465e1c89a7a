//! The ops at awkward sizes. `cases::all()` is what a device has to get right.
//!
//! Tolerances: inputs lie in −1..1, so a sum of `k` products has partial sums below about `√k`, and `f32`
//! rounds each to `ε √k / 2` at most; over `k` of them errors add up to `ε k` with a margin of two at the
//! sizes used here. A wrong or missing term is off by 0.1 or more, thousands of times that.

use super::{Case, random, random_bytes};
use kelvin_compute::objective::METRIC_SLOTS;
use kelvin_compute::{AdamStep, ConvShape, DenseShape, Images, LayerParams, OnFault, Op};
use std::slice;

fn sum_tolerance(terms: usize) -> f64 {
    2.0 * f64::from(f32::EPSILON) * terms.max(8) as f64
}

pub fn all() -> Vec<Case> {
    let mut cases = Vec::new();
    for shape in conv_shapes().into_iter().chain(large_conv_shapes()) {
        cases.extend([conv_forward(shape, true), conv_forward(shape, false)]);
        cases.extend([conv_backward_input(shape, true), conv_backward_input(shape, false)]);
        cases.push(conv_backward_params(shape));
        cases.extend([conv_forward_frames(shape), conv_backward_params_frames(shape)]);
    }
    for shape in dense_shapes().into_iter().chain(large_dense_shapes()) {
        cases.extend([dense_forward(shape, true), dense_forward(shape, false)]);
        cases.extend([dense_backward_input(shape, true), dense_backward_input(shape, false)]);
        cases.push(dense_backward_params(shape));
    }
    cases.extend(decode_frames());
    cases.push(copy());
    cases.extend([(1, 16), (7, 16), (256, 1), (33, 50)].map(|(count, width)| column_means(count, width)));
    cases.extend(clip_norm());
    cases.extend(adam());
    cases.extend(rmsprop());
    cases.extend(guard());
    cases
}

/// Strides that do not divide, one and three channels, one image, one output pixel, 18 outputs.
pub fn conv_shapes() -> Vec<ConvShape> {
    [
        (1, 8, 8, 4, 3, 8, 4),
        (2, 11, 10, 3, 5, 3, 2),
        (3, 9, 7, 1, 18, 4, 3),
        (5, 6, 6, 2, 33, 1, 1),
        (1, 5, 13, 16, 4, 4, 2),
        (17, 4, 5, 1, 1, 2, 1),
    ]
    .map(conv)
    .to_vec()
}

/// The layers of the Nature network, with enough images that the first two make the CPU add several products
/// up within each of its partial sums.
fn large_conv_shapes() -> Vec<ConvShape> {
    [(6, 84, 84, 4, 32, 8, 4), (14, 20, 20, 32, 64, 4, 2), (9, 9, 9, 64, 64, 3, 1)].map(conv).to_vec()
}

fn conv(
    (batch, height, width, c_in, c_out, kernel, stride): (usize, usize, usize, usize, usize, usize, usize),
) -> ConvShape {
    ConvShape { batch, height, width, c_in, c_out, kernel, stride }
}

pub fn dense_shapes() -> Vec<DenseShape> {
    [(1, 1, 1), (1, 3, 2), (5, 7, 18), (33, 13, 6), (1, 40, 70)].map(dense).to_vec()
}

fn large_dense_shapes() -> Vec<DenseShape> {
    [(3, 3136, 512), (40, 65, 129), (130, 512, 18), (70, 129, 64)].map(dense).to_vec()
}

fn dense((batch, inputs, outputs): (usize, usize, usize)) -> DenseShape {
    DenseShape { batch, inputs, outputs }
}

/// A layer that starts at an odd offset, with its bias before its weight, so that offsets are not guessed.
fn layer(weight_len: usize, bias_len: usize) -> (LayerParams, usize) {
    (LayerParams { bias: 3, weight: 3 + bias_len + 2 }, 3 + bias_len + 2 + weight_len + 1)
}

pub fn conv_forward(shape: ConvShape, relu: bool) -> Case {
    let terms = shape.kernel * shape.kernel * shape.c_in;
    let mut case = Case::new(format!("conv2d_forward relu={relu} {shape:?}"), sum_tolerance(terms));
    let (layer, len) = layer(shape.weight_len(), shape.c_out);
    let x = Images::Floats(case.buf("x", random(1, shape.batch * shape.input_len())));
    let params = case.buf("params", random(2, len));
    let y = case.buf("y", random(3, shape.batch * shape.output_len()));
    case.ops.push(Op::Conv2dForward { shape, x, params, layer, y, relu });
    case
}

/// The same images as bytes, behind two others.
fn frames(case: &mut Case, shape: ConvShape) -> Images {
    let from = 2;
    let bytes = case.byte_buf("frames", random_bytes(1, (from + shape.batch) * shape.input_len()));
    Images::Frames { bytes, from }
}

fn conv_forward_frames(shape: ConvShape) -> Case {
    let mut case = conv_forward(shape, true);
    let frames = frames(&mut case, shape);
    let Some(Op::Conv2dForward { x, .. }) = case.ops.last_mut() else { unreachable!("just added") };
    *x = frames;
    case.name += " of frames";
    case
}

fn conv_backward_params_frames(shape: ConvShape) -> Case {
    let mut case = conv_backward_params(shape);
    let frames = frames(&mut case, shape);
    let Some(Op::Conv2dBackwardParams { x, .. }) = case.ops.last_mut() else { unreachable!("just added") };
    *x = frames;
    case.name += " of frames";
    case
}

pub fn conv_backward_input(shape: ConvShape, masked: bool) -> Case {
    let terms = shape.kernel * shape.kernel * shape.c_out;
    let mut case =
        Case::new(format!("conv2d_backward_input masked={masked} {shape:?}"), sum_tolerance(terms));
    let (layer, len) = layer(shape.weight_len(), shape.c_out);
    let dy = case.buf("dy", random(1, shape.batch * shape.output_len()));
    let params = case.buf("params", random(2, len));
    let dx = case.buf("dx", random(3, shape.batch * shape.input_len()));
    let relu = masked.then(|| case.buf("relu", relu_output(shape.batch * shape.input_len())));
    case.ops.push(Op::Conv2dBackwardInput { shape, dy, params, layer, relu, dx });
    case
}

pub fn conv_backward_params(shape: ConvShape) -> Case {
    let terms = shape.batch * shape.out_height() * shape.out_width();
    let mut case = Case::new(format!("conv2d_backward_params {shape:?}"), sum_tolerance(terms));
    let (layer, len) = layer(shape.weight_len(), shape.c_out);
    let x = Images::Floats(case.buf("x", random(1, shape.batch * shape.input_len())));
    let dy = case.buf("dy", random(2, shape.batch * shape.output_len()));
    let grads = case.buf("grads", random(3, len));
    case.ops.push(Op::Conv2dBackwardParams { shape, x, dy, grads, layer });
    case
}

pub fn dense_forward(shape: DenseShape, relu: bool) -> Case {
    let mut case = Case::new(format!("dense_forward relu={relu} {shape:?}"), sum_tolerance(shape.inputs));
    let (layer, len) = layer(shape.inputs * shape.outputs, shape.outputs);
    let x = case.buf("x", random(1, shape.batch * shape.inputs));
    let params = case.buf("params", random(2, len));
    let y = case.buf("y", random(3, shape.batch * shape.outputs));
    case.ops.push(Op::DenseForward { shape, x, params, layer, y, relu });
    case
}

pub fn dense_backward_input(shape: DenseShape, masked: bool) -> Case {
    let mut case =
        Case::new(format!("dense_backward_input masked={masked} {shape:?}"), sum_tolerance(shape.outputs));
    let (layer, len) = layer(shape.inputs * shape.outputs, shape.outputs);
    let dy = case.buf("dy", random(1, shape.batch * shape.outputs));
    let params = case.buf("params", random(2, len));
    let dx = case.buf("dx", random(3, shape.batch * shape.inputs));
    let relu = masked.then(|| case.buf("relu", relu_output(shape.batch * shape.inputs)));
    case.ops.push(Op::DenseBackwardInput { shape, dy, params, layer, relu, dx });
    case
}

pub fn dense_backward_params(shape: DenseShape) -> Case {
    let mut case = Case::new(format!("dense_backward_params {shape:?}"), sum_tolerance(shape.batch));
    let (layer, len) = layer(shape.inputs * shape.outputs, shape.outputs);
    let x = case.buf("x", random(1, shape.batch * shape.inputs));
    let dy = case.buf("dy", random(2, shape.batch * shape.outputs));
    let grads = case.buf("grads", random(3, len));
    case.ops.push(Op::DenseBackwardParams { shape, x, dy, grads, layer });
    case
}

/// What a ReLU puts out, and what it blocks or lets through at its edge: zeros of both signs, the least that is not
/// zero, and a NaN, which is not below zero.
fn relu_output(len: usize) -> Vec<f32> {
    let edge = [0.0, -0.0, f32::MIN_POSITIVE, f32::NAN];
    let values = random(4, len).into_iter().map(|value| value.max(0.0)).enumerate();
    values.map(|(i, value)| edge.get(i % 11).copied().unwrap_or(value)).collect()
}

fn decode_frames() -> Vec<Case> {
    // Images before the first and behind the last must be left alone.
    let shapes = [(0, 0, 1, 1, 1), (0, 1, 2, 4, 35), (2, 1, 3, 3, 7), (5, 0, 5, 1, 13), (1, 2, 1, 4, 7056)];
    shapes
        .map(|(from, to, batch, stack, pixels)| {
            // One rounding of a value of at most one.
            let name = format!("decode_frames {from} to {to}, {batch}×{stack}×{pixels}");
            let mut case = Case::new(name, f64::from(f32::EPSILON));
            let mut data = random_bytes(1, (from + batch) * stack * pixels);
            data[from * stack * pixels] = 255;
            let bytes = case.byte_buf("bytes", data);
            let out = case.buf("out", random(2, (to + batch + 1) * stack * pixels));
            case.ops.push(Op::DecodeFrames { bytes, from, out, to, batch, stack, pixels });
            case
        })
        .into()
}

fn copy() -> Case {
    let mut case = Case::new("copy", 0.0);
    let from = case.buf("from", random(1, 70_001));
    let to = case.buf("to", random(2, 70_001));
    case.ops.push(Op::Copy { from, to, len: 70_000 });
    case
}

fn column_means(count: usize, width: usize) -> Case {
    let mut case = Case::new(format!("column_means {count}×{width}"), sum_tolerance(count));
    let rows = case.buf("rows", random(1, count * width));
    let means = case.buf("means", random(2, width));
    case.ops.push(Op::ColumnMeans { rows, means, count, width });
    case
}

/// A range above the bound, one below it, one of zeros, and what no range names.
fn clip_norm() -> Vec<Case> {
    let case = |name: &str, len: usize, ranges: &[std::ops::Range<usize>], max_norm: Option<f32>| {
        // A norm of thousands of squares is summed in `f32` chunk by chunk: relative error well below 1e-6, on
        // elements of at most one and norms of at most a hundred, which round by 4e-6.
        let mut case = Case::new(format!("clip_norm {name}"), 1e-5);
        let mut data = random(1, len);
        data[len / 2..len / 2 + 3].fill(0.0);
        let grads = case.buf("grads", data);
        let norms = case.buf("norms", random(9, ranges.len() + 1));
        case.ops.push(Op::ClipNorm { grads, ranges: ranges.to_vec(), max_norm, norms });
        case
    };
    vec![
        case("per tensor", 30_011, &[0..4, 5..15_005, 15_005..15_008, 15_100..30_000], Some(10.0)),
        case("global", 10_007, slice::from_ref(&(0..10_007)), Some(0.5)),
        case("below", 10, slice::from_ref(&(0..10)), Some(100.0)),
        case("norms alone", 30_011, &[0..4, 5..15_005], None),
    ]
}

/// First and later steps, a gradient of exactly zero, the paper's large ε beside the usual small one, and a step
/// that the guard holds.
fn adam() -> Vec<Case> {
    let steps = [
        (1, 1e-4, 1e-4, 5, 0.0),
        (1, 1e-3, 1e-8, 40_001, 0.0),
        (1000, 1e-2, 1e-8, 17, 0.0),
        (3, 1e-2, 1e-8, 17, 1.0),
    ];
    steps
        .map(|(t, learning_rate, epsilon, len, held)| {
            // Parameters of at most one move by about the learning rate; a few roundings each.
            let mut case = Case::new(format!("adam t={t} ε={epsilon} {len}"), 4.0 * f64::from(f32::EPSILON));
            let params = case.buf("params", random(1, len + 1));
            let mut grad = random(2, len + 1);
            grad[1] = 0.0;
            let grads = case.buf("grads", grad);
            let fresh = |seed| if t == 1 { vec![0.0; len + 1] } else { random(seed, len + 1) };
            let m = case.buf("m", fresh(3));
            let v = case.buf("v", fresh(4).iter().map(|value| value * value).collect());
            let (beta1, beta2) = (0.9, 0.999);
            let hyper = case.buf("hyper", AdamStep::new(learning_rate, beta1, beta2, t).to_array().to_vec());
            let guard = case.buf("guard", vec![0.0, 9.0, 2.0, 3.0, 4.0, held]);
            case.ops.push(Op::Adam { params, grads, m, v, hyper, guard, beta1, beta2, epsilon, len });
            case
        })
        .into()
}

/// A fresh and a later step, a gradient of zero, and a step that the guard holds.
fn rmsprop() -> Vec<Case> {
    let steps =
        [(1e-3, 1e-5, 5, 0.0), (7e-4, 1e-5, 40_001, 0.0), (1e-2, 1e-8, 17, 0.0), (1e-2, 1e-8, 17, 1.0)];
    steps
        .map(|(learning_rate, epsilon, len, held)| {
            let mut case = Case::new(format!("rmsprop ε={epsilon} {len}"), 4.0 * f64::from(f32::EPSILON));
            let params = case.buf("params", random(1, len + 1));
            let mut grad = random(2, len + 1);
            grad[1] = 0.0;
            let grads = case.buf("grads", grad);
            let fresh = len == 5;
            let squares =
                random(4, len + 1).into_iter().map(|value| if fresh { 1.0 } else { 0.1 + value * value });
            let square = case.buf("square", squares.collect());
            let hyper = case.buf("hyper", AdamStep::new(learning_rate, 0.0, 0.0, 1).to_array().to_vec());
            let guard = case.buf("guard", vec![0.0, 9.0, 2.0, 3.0, 4.0, held]);
            case.ops.push(Op::RmsProp { params, grads, square, hyper, guard, decay: 0.99, epsilon, len });
            case
        })
        .into()
}

/// Three updates, of which the second is broken in one place or another, or only near one.
pub fn guard() -> Vec<Case> {
    let places = [
        (METRICS, 299 * METRIC_SLOTS, f32::NAN),
        (METRICS, 0, f32::INFINITY),
        (GRAD, 256, f32::NEG_INFINITY),
        (GRAD, 699, f32::from_bits(0xff80_0001)),
        (NORMS, 9, f32::INFINITY),
        // What is not looked at, and the largest finite number.
        (METRICS, 5 * METRIC_SLOTS + 1, f32::NAN),
        (GRAD, 700, f32::NAN),
        (NORMS, 10, f32::NAN),
        (GRAD, 3, f32::MAX),
    ];
    let modes = [(OnFault::Stop, 0.0), (OnFault::Skip, 0.0), (OnFault::Continue, 0.0), (OnFault::Skip, 1.0)];
    let case = |(on_fault, hold): (OnFault, f32), (buf, at, value): (usize, usize, f32)| {
        let mut case = Case::new(format!("guard {on_fault:?}, hold {hold}, {value} at {buf}[{at}]"), 0.0);
        let (samples, grad_len, norm_count) = (300, 700, 10);
        let sound = [samples * METRIC_SLOTS, grad_len + 1, norm_count + 1].map(|len| vec![1.0; len]);
        let mut broken = sound.clone();
        broken[buf][at] = value;
        let guard = case.buf("guard", vec![hold, 0.0, 0.0, 0.0, 0.0, 7.0]);
        for data in [&sound, &broken, &sound] {
            let [metrics, grad, norms] = [METRICS, GRAD, NORMS].map(|i| case.buf(NAMES[i], data[i].clone()));
            let op = Op::Guard { metrics, samples, grad, grad_len, norms, norm_count, guard, on_fault };
            case.ops.push(op);
        }
        case
    };
    modes.into_iter().flat_map(|mode| places.map(|place| case(mode, place))).collect()
}

const NAMES: [&str; 3] = ["metrics", "grad", "norms"];
/// Places in [`NAMES`].
const METRICS: usize = 0;
const GRAD: usize = 1;
const NORMS: usize = 2;
