//! Convolutions and dense layers, forwards and backwards.

use crate::Test;
use crate::case::Case;
use kelvin_compute::{Buf, ConvShape, DenseShape, Images, LayerParams, Op};

/// Parameters before the layer's, an odd number so that nothing is aligned by chance.
const BEFORE: usize = 13;
/// Between weight and bias, and behind them.
const BETWEEN: usize = 7;

pub fn conv(batch: usize, side: [usize; 2], channels: [usize; 2], kernel: usize, stride: usize) -> ConvShape {
    let ([height, width], [c_in, c_out]) = (side, channels);
    ConvShape { batch, height, width, c_in, c_out, kernel, stride }
}

fn conv_shapes() -> Vec<ConvShape> {
    vec![
        // The three layers of the Nature network.
        conv(3, [84, 84], [4, 32], 8, 4),
        conv(3, [20, 20], [32, 64], 4, 2),
        conv(3, [9, 9], [64, 64], 3, 1),
        conv(1, [84, 84], [1, 32], 8, 4),
        // Odd sizes; kernels that stride does not divide; pixels that no output sees; a stride longer than
        // the kernel.
        conv(1, [7, 9], [3, 5], 3, 2),
        conv(2, [11, 10], [1, 18], 5, 3),
        conv(5, [8, 7], [4, 33], 2, 3),
        conv(1, [5, 5], [1, 1], 5, 1),
        conv(1, [1, 1], [1, 1], 1, 1),
        conv(2, [6, 13], [35, 3], 1, 2),
        // More output pixels than Mesa 22 lets an invocation loop over.
        conv(17, [65, 65], [1, 2], 2, 1),
    ]
}

fn dense_shapes() -> Vec<DenseShape> {
    let dense = |batch, inputs, outputs| DenseShape { batch, inputs, outputs };
    vec![
        dense(32, 3136, 512),
        dense(32, 512, 18),
        dense(1, 3136, 512),
        dense(1, 512, 1),
        dense(1, 1, 1),
        dense(33, 31, 35),
        dense(7, 129, 4),
        dense(3, 70_001, 5),
        dense(70_001, 3, 5),
    ]
}

pub fn tests() -> Vec<Test> {
    let mut tests: Vec<Test> = Vec::new();
    // With and without ReLU in turn: it is decided after the sum, which is what differs between shapes.
    for (s, relu) in conv_shapes().into_iter().zip([true, false].into_iter().cycle()) {
        let shape = format!(
            "batch {} of {}x{}x{}, {} kernels {}x{}, stride {}",
            s.batch, s.height, s.width, s.c_in, s.c_out, s.kernel, s.kernel, s.stride
        );
        let name = format!("conv2d_forward: {shape}{}", if relu { ", relu" } else { "" });
        tests.push((name.clone(), Box::new(move |device| conv2d_forward(s, relu, false).check_sums(device))));
        let name = format!("{name}, of frames");
        tests.push((name, Box::new(move |device| conv2d_forward(s, relu, true).check_sums(device))));
        let name = format!("conv2d_backward_input: {shape}{}", if relu { ", masked" } else { "" });
        tests.push((name, Box::new(move |device| conv2d_backward_input(s, relu).check_sums(device))));
        let name = format!("conv2d_backward_params: {shape}");
        tests.push((
            name.clone(),
            Box::new(move |device| conv2d_backward_params(s, false).check_sums(device)),
        ));
        let name = format!("{name}, of frames");
        tests.push((name, Box::new(move |device| conv2d_backward_params(s, true).check_sums(device))));
    }
    for (s, relu) in dense_shapes().into_iter().zip([true, false].into_iter().cycle()) {
        let shape = format!("batch {}, {} to {}", s.batch, s.inputs, s.outputs);
        let name = format!("dense_forward: {shape}{}", if relu { ", relu" } else { "" });
        tests.push((name, Box::new(move |device| dense_forward(s, relu).check_sums(device))));
        let name = format!("dense_backward_input: {shape}{}", if relu { ", masked" } else { "" });
        tests.push((name, Box::new(move |device| dense_backward_input(s, relu).check_sums(device))));
        let name = format!("dense_backward_params: {shape}");
        tests.push((name, Box::new(move |device| dense_backward_params(s).check_sums(device))));
    }
    tests
}

/// Where a layer lies in its flat buffer, and how long that buffer is.
fn place(weight_len: usize, bias_len: usize) -> (LayerParams, usize) {
    let bias = BEFORE + weight_len + BETWEEN;
    (LayerParams { weight: BEFORE, bias }, bias + bias_len + BETWEEN)
}

/// What a convolution reads: floats, or as many bytes behind two images of others.
fn images(case: &mut Case, shape: ConvShape, frames: bool) -> Images {
    match frames {
        false => Images::Floats(case.input("x", shape.batch * shape.input_len())),
        true => {
            let bytes = case.input_bytes("frames", (2 + shape.batch) * shape.input_len());
            Images::Frames { bytes, from: 2 }
        }
    }
}

pub fn conv2d_forward(shape: ConvShape, relu: bool, frames: bool) -> Case {
    let mut case = Case::new();
    let (layer, len) = place(shape.weight_len(), shape.c_out);
    let x = images(&mut case, shape, frames);
    let params = case.input("params", len);
    let y = case.output("y", shape.batch * shape.output_len());
    case.op(Op::Conv2dForward { shape, x, params, layer, y, relu });
    case
}

fn conv2d_backward_input(shape: ConvShape, masked: bool) -> Case {
    let mut case = Case::new();
    let (layer, len) = place(shape.weight_len(), shape.c_out);
    let dy = case.input("dy", shape.batch * shape.output_len());
    let params = case.input("params", len);
    let dx = case.output("dx", shape.batch * shape.input_len());
    let relu = masked.then(|| relu_output(&mut case, shape.batch * shape.input_len()));
    case.op(Op::Conv2dBackwardInput { shape, dy, params, layer, relu, dx });
    case
}

/// What was negative is zero, and a NaN, which is not below zero, lets the gradient through.
fn relu_output(case: &mut Case, len: usize) -> Buf {
    let mut y: Vec<f32> = case.random(len).into_iter().map(|value| value.max(0.0)).collect();
    y[len / 2] = f32::NAN;
    case.input_of("relu", y)
}

pub fn conv2d_backward_params(shape: ConvShape, frames: bool) -> Case {
    let mut case = Case::new();
    let (layer, len) = place(shape.weight_len(), shape.c_out);
    let x = images(&mut case, shape, frames);
    let dy = case.input("dy", shape.batch * shape.output_len());
    let grads = case.output("grads", len);
    case.op(Op::Conv2dBackwardParams { shape, x, dy, grads, layer });
    case
}

pub fn dense_forward(shape: DenseShape, relu: bool) -> Case {
    let mut case = Case::new();
    let (layer, len) = place(shape.inputs * shape.outputs, shape.outputs);
    let x = case.input("x", shape.batch * shape.inputs);
    let params = case.input("params", len);
    let y = case.output("y", shape.batch * shape.outputs);
    case.op(Op::DenseForward { shape, x, params, layer, y, relu });
    case
}

pub fn dense_backward_input(shape: DenseShape, masked: bool) -> Case {
    let mut case = Case::new();
    let (layer, len) = place(shape.inputs * shape.outputs, shape.outputs);
    let dy = case.input("dy", shape.batch * shape.outputs);
    let params = case.input("params", len);
    let dx = case.output("dx", shape.batch * shape.inputs);
    let relu = masked.then(|| relu_output(&mut case, shape.batch * shape.inputs));
    case.op(Op::DenseBackwardInput { shape, dy, params, layer, relu, dx });
    case
}

fn dense_backward_params(shape: DenseShape) -> Case {
    let mut case = Case::new();
    let (layer, len) = place(shape.inputs * shape.outputs, shape.outputs);
    let x = case.input("x", shape.batch * shape.inputs);
    let dy = case.input("dy", shape.batch * shape.outputs);
    let grads = case.output("grads", len);
    case.op(Op::DenseBackwardParams { shape, x, dy, grads, layer });
    case
}
