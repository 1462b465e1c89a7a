//! Whole networks: layout, initial values, and the gradient through all layers against finite differences.

mod support;

use kelvin_compute::{CpuDevice, Error, Images, Init, NetSpec, Network, ObsShape, Pass};
use support::{Case, difference, random};

const SMALL: ObsShape = ObsShape { stack: 2, height: 3, width: 5 };

fn mlp(hidden: &[usize]) -> NetSpec {
    NetSpec::Mlp { hidden: hidden.to_vec() }
}

#[test]
fn the_nature_network_has_the_published_shapes() {
    let network = Network::new(&NetSpec::Nature, ObsShape { stack: 4, height: 84, width: 84 }, 18).unwrap();
    let shapes: Vec<_> =
        network.tensors().iter().map(|tensor| (tensor.name.as_str(), tensor.shape.clone())).collect();
    let expected = [
        ("conv1.weight", vec![8, 8, 4, 32]),
        ("conv1.bias", vec![32]),
        ("conv2.weight", vec![4, 4, 32, 64]),
        ("conv2.bias", vec![64]),
        ("conv3.weight", vec![3, 3, 64, 64]),
        ("conv3.bias", vec![64]),
        ("dense1.weight", vec![3136, 512]),
        ("dense1.bias", vec![512]),
        ("output.weight", vec![512, 18]),
        ("output.bias", vec![18]),
    ];
    assert_eq!(shapes, expected);
    assert_eq!(network.param_len(), 1_693_362);
}

#[test]
fn frames_too_small_for_the_nature_network_are_refused() {
    for (height, width) in [(35, 84), (84, 35), (10, 5)] {
        let result = Network::new(&NetSpec::Nature, ObsShape { stack: 1, height, width }, 3);
        let Err(Error::Unsupported(message)) = result else { panic!("{height}×{width} was accepted") };
        assert!(message.contains("36×36") && message.contains("MLP"), "{message}");
    }
    Network::new(&NetSpec::Nature, ObsShape { stack: 1, height: 36, width: 36 }, 3).unwrap();
}

#[test]
fn initial_weights_fill_the_glorot_interval_and_biases_are_zero() {
    let network = Network::new(&NetSpec::Nature, ObsShape { stack: 4, height: 84, width: 84 }, 6).unwrap();
    let params = Init::Glorot.draw(&network, 7);
    assert_eq!(params, Init::Glorot.draw(&network, 7));
    assert_ne!(params, Init::Glorot.draw(&network, 8));
    let bounds = [(0, 6.0 / (64.0 * 36.0)), (2, 6.0 / (16.0 * 96.0)), (6, 6.0 / 3648.0), (8, 6.0 / 518.0)];
    for (tensor, bound_squared) in bounds {
        let values = &params[network.tensors()[tensor].range()];
        let bound = f64::sqrt(bound_squared);
        let largest = values.iter().map(|value| f64::from(value.abs())).fold(0.0, f64::max);
        // Of 3,072 uniform draws or more, the largest misses the last percent with a chance below 1e-13.
        assert!((0.99 * bound..=1.0001 * bound).contains(&largest), "{largest} of {bound}");
        // A uniform variable on ±b has variance b²/3; the estimate over n draws scatters by about 0.9/√n of it.
        let variance =
            values.iter().map(|value| f64::from(*value).powi(2)).sum::<f64>() / values.len() as f64;
        let ratio = variance / (bound_squared / 3.0);
        assert!((ratio - 1.0).abs() <= 5.0 / (values.len() as f64).sqrt(), "{ratio}");
        assert!(params[network.tensors()[tensor + 1].range()].iter().all(|bias| *bias == 0.0));
    }
}

/// Gradient of `Σ y · dy` with respect to the parameters at `checked`, on the CPU and by finite differences.
fn check_gradient(
    spec: &NetSpec,
    obs: ObsShape,
    outputs: usize,
    batch: usize,
    checked: impl Fn(usize) -> Vec<usize>,
) {
    let network = Network::new(spec, obs, outputs).unwrap();
    // Relative to gradients, checked below, of order one; sums of up to thousands of terms in `f32`.
    let mut case = Case::new("network", f64::NAN);
    let x = case.buf("x", random(1, batch * obs.len()));
    let mut initial = Init::Glorot.draw(&network, 2);
    // Biases off zero, so that an error in them shows.
    initial.iter_mut().zip(random(3, network.param_len())).for_each(|(param, noise)| *param += 0.1 * noise);
    let params = case.buf("params", initial);
    let hidden = network.hidden_bufs(&mut case.plan, "hidden", batch);
    let hidden_grads = network.hidden_bufs(&mut case.plan, "hidden_grads", batch);
    let y = case.buf("y", vec![0.0; batch * outputs]);
    let dy = case.buf("dy", random(4, batch * outputs));
    let grads = case.buf("grads", vec![0.0; network.param_len()]);
    let pass = Pass { batch, params, x: Images::Floats(x), hidden: &hidden, y };
    let forward = network.forward(&pass).unwrap();
    case.ops = forward.clone();
    case.ops.extend(network.backward(&pass, dy, &hidden_grads, grads).unwrap());
    let found = case.run(&CpuDevice).pop().unwrap();

    let mut memory = case.memory();
    for (buf, op) in hidden.iter().chain([&y]).zip(&forward) {
        memory.floats.insert(*buf, vec![0.0; support::reference::output_len(op)]);
    }
    let mut projected = |at: usize, by: f64| {
        memory.floats.get_mut(&params).unwrap()[at] += by;
        forward.iter().for_each(|op| memory.run(op));
        memory.floats.get_mut(&params).unwrap()[at] -= by;
        memory.floats[&y].iter().zip(&memory.floats[&dy]).map(|(y, dy)| y * dy).sum::<f64>()
    };
    let mut largest = 0.0f64;
    for tensor in network.tensors() {
        for at in checked(tensor.range().len()).into_iter().map(|at| tensor.offset + at) {
            // Small enough that no ReLU changes sides here, large enough for nine digits of the difference.
            let step = 1e-6;
            let expected = (projected(at, step) - projected(at, -step)) / (2.0 * step);
            largest = largest.max(expected.abs());
            // A gradient is a sum of up to a thousand products of `f32` activations, each good to 1e-6.
            let tolerance = 1e-5 * expected.abs().max(1.0);
            if let Some(difference) = difference(&found[at..=at], &[expected], tolerance) {
                panic!("{}, element {}: {difference}", tensor.name, at - tensor.offset);
            }
        }
    }
    assert!(largest > 0.1, "the gradients checked are too small to say anything: {largest}");
}

#[test]
fn gradients_of_dense_networks_match_finite_differences() {
    for (hidden, outputs, batch) in [(vec![], 3, 4), (vec![7], 18, 1), (vec![9, 5, 6], 2, 3)] {
        check_gradient(&mlp(&hidden), SMALL, outputs, batch, |len| (0..len).collect());
    }
}

#[test]
fn the_gradient_of_the_nature_network_matches_finite_differences() {
    let obs = ObsShape { stack: 3, height: 45, width: 38 };
    check_gradient(&NetSpec::Nature, obs, 18, 2, |len| (0..5).map(|i| (i * 7919 + 13) % len).collect());
}
