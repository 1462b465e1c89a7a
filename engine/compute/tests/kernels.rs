//! Every kernel of the CPU against `f64` definitions, and those against finite differences.

mod support;

use kelvin_compute::{Buf, CpuDevice, Op};
use support::cases::{self, conv_backward_input, conv_backward_params, conv_forward};
use support::cases::{dense_backward_input, dense_backward_params, dense_forward};
use support::{Case, assert_all};

#[test]
fn kernels_match_their_definitions() {
    assert_all(&CpuDevice, &cases::all());
}

/// `Σ y · dy` after the forward ops of `case`.
fn projected(case: &Case, change: (Buf, usize, f64), y: Buf, dy: &[f64]) -> f64 {
    let mut memory = case.memory();
    let (buf, at, by) = change;
    memory.floats.get_mut(&buf).unwrap()[at] += by;
    case.ops.iter().for_each(|op| memory.run(op));
    memory.floats[&y].iter().zip(dy).map(|(y, dy)| y * dy).sum()
}

/// Compares `found`, a gradient, with central differences over the elements of `buf` from `first` on.
/// Layers without a ReLU are linear in each argument, so a step of one has no truncation error, and what is
/// left is `f64` rounding of sums of at most a few thousand terms.
fn check_gradient(case: &Case, buf: Buf, first: usize, y: Buf, dy: &[f64], found: &[f64]) {
    for (i, found) in found.iter().enumerate() {
        let ends = [1.0, -1.0].map(|step| projected(case, (buf, first + i, step), y, dy));
        let expected = (ends[0] - ends[1]) / 2.0;
        assert!((found - expected).abs() <= 1e-10, "{}: d[{i}] is {found}, not {expected}", case.name);
    }
}

/// The buffer that a case added under `name`.
fn named(case: &Case, name: &str) -> Buf {
    case.floats.iter().find(|(found, ..)| found == name).unwrap().1
}

/// Runs a backward case in the reference, with inputs taken from the forward case where it has them.
fn reference_gradient(case: &Case, inputs: &[(&str, Vec<f64>)], out: &str) -> Vec<f64> {
    let mut memory = case.memory();
    for (name, data) in inputs {
        memory.floats.insert(named(case, name), data.clone());
    }
    case.ops.iter().for_each(|op| memory.run(op));
    memory.floats[&named(case, out)].clone()
}

/// The three derivatives of a layer, each as the reference defines it, against differences of its forward pass.
fn check_layer(forward: &Case, backward_input: &Case, backward_params: &Case) {
    let (x, params, y) = (named(forward, "x"), named(forward, "params"), named(forward, "y"));
    let inputs = forward.memory();
    let dy = backward_input.memory().floats[&named(backward_input, "dy")].clone();
    let (layer, weight_len, bias_len) = match &forward.ops[0] {
        Op::Conv2dForward { shape, layer, .. } => (*layer, shape.weight_len(), shape.c_out),
        Op::DenseForward { shape, layer, .. } => (*layer, shape.inputs * shape.outputs, shape.outputs),
        op => panic!("not a forward op: {op:?}"),
    };
    let weights = ("params", inputs.floats[&params].clone());
    let dx = reference_gradient(backward_input, &[("dy", dy.clone()), weights], "dx");
    check_gradient(forward, x, 0, y, &dy, &dx);
    let inputs = [("x", inputs.floats[&x].clone()), ("dy", dy.clone())];
    let grads = reference_gradient(backward_params, &inputs, "grads");
    check_gradient(forward, params, layer.weight, y, &dy, &grads[layer.weight..layer.weight + weight_len]);
    check_gradient(forward, params, layer.bias, y, &dy, &grads[layer.bias..layer.bias + bias_len]);
}

#[test]
fn definitions_of_gradients_match_finite_differences() {
    for shape in cases::conv_shapes() {
        check_layer(
            &conv_forward(shape, false),
            &conv_backward_input(shape, false),
            &conv_backward_params(shape),
        );
    }
    for shape in cases::dense_shapes() {
        check_layer(
            &dense_forward(shape, false),
            &dense_backward_input(shape, false),
            &dense_backward_params(shape),
        );
    }
}
