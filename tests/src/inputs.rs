//! Awkward inputs for an objective.

use crate::scripts::Compiled;
use kelvin_compute::objective::sample_fields;
use kelvin_objective::Layout;
use rand::{RngExt, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;
use std::collections::BTreeMap;

/// How the networks' outputs are spread.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Spread {
    /// Uniform in `-size..size`.
    Uniform,
    /// One of `-size`, 0 and `size`: many ties, the largest among them.
    Ties,
    /// All the same, `size`.
    Equal,
    /// One action at `size`, the others in -1..1.
    OneDominates,
}

/// A kind of batch, and the parameters it is computed with.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Circumstance {
    /// For messages.
    pub name: &'static str,
    /// Temperature, where the script has one.
    pub tau: f64,
    /// Huber threshold, where the script has one.
    pub delta: f64,
    /// Largest absolute output.
    pub size: f64,
    /// How outputs are spread.
    pub spread: Spread,
    /// Whether every sample of the batch terminates; otherwise about a third do.
    pub all_terminated: bool,
}

const ORDINARY: Circumstance = Circumstance {
    name: "ordinary",
    tau: 0.1,
    delta: 1.0,
    size: 3.0,
    spread: Spread::Uniform,
    all_terminated: false,
};

/// What a kernel must bear: temperatures and sizes at the ends of their ranges, ties, certainty.
pub const CIRCUMSTANCES: [Circumstance; 11] = [
    ORDINARY,
    Circumstance { name: "cold", tau: 1e-3, ..ORDINARY },
    Circumstance { name: "hot", tau: 10.0, ..ORDINARY },
    Circumstance { name: "large", size: 1e4, ..ORDINARY },
    Circumstance { name: "large, with a wide threshold", size: 1e4, delta: 100.0, tau: 10.0, ..ORDINARY },
    Circumstance { name: "large and cold", size: 1e4, tau: 1e-3, ..ORDINARY },
    Circumstance { name: "ties", spread: Spread::Ties, ..ORDINARY },
    Circumstance { name: "all equal and large", spread: Spread::Equal, size: 1e4, tau: 1e-3, ..ORDINARY },
    Circumstance { name: "all terminated", all_terminated: true, delta: 0.01, ..ORDINARY },
    Circumstance { name: "one action dominates", spread: Spread::OneDominates, size: 1e3, ..ORDINARY },
    Circumstance { name: "one is as bad", spread: Spread::OneDominates, size: -1e3, tau: 1.0, ..ORDINARY },
];

/// What a kernel reads. Every number is one that `f32` holds, so that all precisions read the same.
#[derive(Clone, Debug, PartialEq)]
pub struct Inputs {
    /// `[param_slots]`.
    pub uniforms: Vec<f32>,
    /// `[fields, batch]`.
    pub samples: Vec<f32>,
    /// Online network at `s_t`, `[batch, outputs]`.
    pub online: Vec<f32>,
    /// Online network at the bootstrap state.
    pub online_next: Vec<f32>,
    /// Target network at `s_t`.
    pub target: Vec<f32>,
    /// Target network at the bootstrap state.
    pub target_next: Vec<f32>,
}

impl Inputs {
    /// Draws a batch; the same for the same arguments.
    pub fn draw(compiled: &Compiled, circumstance: &Circumstance) -> Self {
        let (layout, mut rng) = (&compiled.layout, Xoshiro256PlusPlus::seed_from_u64(17));
        let samples = samples(layout, circumstance, &mut rng);
        let mut outputs = || (0..layout.batch).flat_map(|_| row(layout, circumstance, &mut rng)).collect();
        Self {
            uniforms: uniforms(compiled, circumstance),
            samples,
            online: outputs(),
            online_next: outputs(),
            target: outputs(),
            target_next: outputs(),
        }
    }
}

fn uniforms(compiled: &Compiled, circumstance: &Circumstance) -> Vec<f32> {
    let named = [("tau", circumstance.tau), ("delta", circumstance.delta)];
    let params: BTreeMap<_, _> = named.map(|(name, value)| (name.to_owned(), value)).into();
    compiled.staged.uniforms(&params)
}

/// Rewards in -1..1 and zero after a termination, which stays; a weight, which a script that does not ask for it must
/// take no notice of.
fn samples(layout: &Layout, circumstance: &Circumstance, rng: &mut Xoshiro256PlusPlus) -> Vec<f32> {
    let Layout { batch, window, actions, .. } = *layout;
    let mut samples = vec![0.0; sample_fields(window) * batch];
    for sample in 0..batch {
        let terminates = circumstance.all_terminated || rng.random_range(0..3) == 0;
        let end = if terminates { rng.random_range(0..window) } else { window };
        for step in 0..window {
            let reward = rng.random_range(-1.0..1.0);
            samples[step * batch + sample] = if step <= end { reward } else { 0.0 };
            samples[(window + step) * batch + sample] = f32::from(u8::from(step >= end));
            samples[(2 * window + step) * batch + sample] = rng.random_range(0..actions) as f32;
        }
        samples[3 * window * batch + sample] = rng.random_range(0.1..1.0);
    }
    samples
}

/// The outputs of a network for one sample.
fn row(layout: &Layout, circumstance: &Circumstance, rng: &mut Xoshiro256PlusPlus) -> Vec<f32> {
    let (outputs, size) = (layout.outputs(), circumstance.size as f32);
    let dominant = rng.random_range(0..outputs);
    let mut one = |output: usize| match circumstance.spread {
        Spread::Uniform => rng.random_range(-size..size),
        Spread::Ties => size * [-1.0, 0.0, 1.0][rng.random_range(0..3)],
        Spread::Equal => size,
        Spread::OneDominates if output == dominant => size,
        Spread::OneDominates => rng.random_range(-1.0..1.0),
    };
    (0..outputs).map(&mut one).collect()
}
