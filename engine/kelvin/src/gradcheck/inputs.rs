//! Awkward inputs for an objective: what a kernel must bear, batch by batch.

use kelvin_objective::{Field, Inputs, Layout, Param, ParamKind, Script};
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
    /// One output at `size`, the others in -1..1.
    OneDominates,
}

/// Which samples of a batch terminate within their window, at a random step each.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Ends {
    /// About a third.
    Some,
    /// Every one.
    All,
    /// None.
    None,
}

/// Values of the script's live parameters.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Params {
    /// The defaults, save for these, each where the script has a parameter of that name, and within its range.
    Named {
        /// Temperature.
        tau: f64,
        /// Huber threshold.
        delta: f64,
        /// Discount.
        gamma: f64,
    },
    /// Each at the lower end of its range.
    Least,
    /// Each at the upper end.
    Greatest,
}

/// A kind of batch, and the parameters it is computed with.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Circumstance {
    /// For tables and messages.
    pub name: &'static str,
    /// The script's parameters.
    pub params: Params,
    /// Largest absolute output.
    pub size: f64,
    /// How outputs are spread.
    pub spread: Spread,
    /// Largest absolute reward.
    pub reward: f64,
    /// Which windows terminate.
    pub ends: Ends,
}

const ORDINARY: Circumstance = Circumstance {
    name: "ordinary",
    params: named(0.1, 1.0, 0.99),
    size: 3.0,
    spread: Spread::Uniform,
    reward: 1.0,
    ends: Ends::Some,
};

const fn named(tau: f64, delta: f64, gamma: f64) -> Params {
    Params::Named { tau, delta, gamma }
}

/// Temperatures, thresholds and outputs at the ends of their ranges, ties, certainty, terminations, no discount and
/// nothing but discount.
pub const CIRCUMSTANCES: [Circumstance; 16] = [
    ORDINARY,
    Circumstance { name: "cold", params: named(1e-3, 1.0, 0.99), ..ORDINARY },
    Circumstance { name: "hot", params: named(10.0, 1.0, 0.99), ..ORDINARY },
    Circumstance { name: "large", size: 1e4, reward: 1e3, ..ORDINARY },
    Circumstance { name: "large, hot, wide", size: 1e4, params: named(10.0, 100.0, 0.99), ..ORDINARY },
    Circumstance { name: "large and cold", size: 1e4, params: named(1e-3, 1.0, 0.99), ..ORDINARY },
    Circumstance { name: "small", size: 1e-3, params: named(1.0, 0.01, 0.99), ..ORDINARY },
    Circumstance { name: "ties", spread: Spread::Ties, ..ORDINARY },
    Circumstance {
        name: "all equal",
        spread: Spread::Equal,
        size: 1e4,
        params: named(1e-3, 1.0, 0.99),
        ..ORDINARY
    },
    Circumstance { name: "one dominates", spread: Spread::OneDominates, size: 1e3, ..ORDINARY },
    Circumstance {
        name: "one far below",
        spread: Spread::OneDominates,
        size: -1e3,
        params: named(1.0, 1.0, 0.99),
        ..ORDINARY
    },
    Circumstance { name: "all terminate", ends: Ends::All, params: named(0.1, 0.01, 0.99), ..ORDINARY },
    Circumstance { name: "no discount", ends: Ends::None, params: named(0.1, 1.0, 1.0), ..ORDINARY },
    Circumstance { name: "no future", params: named(0.1, 1.0, 0.0), ..ORDINARY },
    Circumstance { name: "parameters at their least", params: Params::Least, ..ORDINARY },
    Circumstance { name: "parameters at their greatest", params: Params::Greatest, ..ORDINARY },
];

/// Draws a batch; the same for the same arguments. Every number is one that `f32` holds, so that all precisions read
/// the same.
pub fn draw(script: &Script, layout: &Layout, circumstance: &Circumstance) -> Inputs<f32> {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(17);
    let samples = samples(layout, circumstance, &mut rng);
    let mut outputs = || {
        let rows = (layout.window + 1) * layout.batch;
        (0..rows).flat_map(|_| row(layout, circumstance, &mut rng)).collect()
    };
    Inputs {
        uniforms: uniforms(script, layout, circumstance.params),
        samples,
        online: outputs(),
        target: outputs(),
    }
}

/// Static parameters to trace a script with, besides its defaults: every switch turned by itself, every whole number
/// at both ends of its range.
pub fn variants(script: &Script) -> Vec<BTreeMap<String, f64>> {
    let other = |param: &Param| match param.kind {
        ParamKind::Live { .. } => vec![],
        ParamKind::StaticBool => vec![1.0 - param.default],
        ParamKind::StaticInt => {
            [param.min, param.max].into_iter().filter(|end| *end != param.default).collect()
        }
    };
    let variants = script.params().iter().flat_map(|param| {
        other(param)
            .into_iter()
            .map(|value| BTreeMap::from([(param.name.clone(), value)]))
            .collect::<Vec<_>>()
    });
    variants.collect()
}

fn uniforms(script: &Script, layout: &Layout, params: Params) -> Vec<f32> {
    let value = |param: &Param| match params {
        Params::Least => param.min,
        Params::Greatest => param.max,
        Params::Named { tau, .. } if param.name == "tau" => tau.clamp(param.min, param.max),
        Params::Named { delta, .. } if param.name == "delta" => delta.clamp(param.min, param.max),
        Params::Named { gamma, .. } if param.name == "gamma" => gamma.clamp(param.min, param.max),
        Params::Named { .. } => param.default,
    };
    let mut uniforms = vec![0.0; layout.param_slots];
    for param in script.params() {
        if let ParamKind::Live { slot } = param.kind {
            uniforms[slot] = value(param) as f32;
        }
    }
    uniforms
}

/// Rewards, which are 0 after a termination; flags, which stay; log-probabilities down to one in 400; weights, which a
/// script that does not ask for them must take no notice of.
fn samples(layout: &Layout, circumstance: &Circumstance, rng: &mut Xoshiro256PlusPlus) -> Vec<f32> {
    let Layout { batch, window, actions, .. } = *layout;
    let mut samples = vec![0.0; layout.fields() * batch];
    let largest = circumstance.reward as f32;
    for sample in 0..batch {
        let terminates = match circumstance.ends {
            Ends::Some => rng.random_range(0..3) == 0,
            Ends::All => true,
            Ends::None => false,
        };
        let end = if terminates { rng.random_range(0..window) } else { window };
        let mut set = |field, value| samples[layout.field(field) * batch + sample] = value;
        for step in 0..window {
            let reward = rng.random_range(-largest..largest);
            set(Field::Reward(step), if step <= end { reward } else { 0.0 });
            set(Field::Terminated(step), f32::from(u8::from(step >= end)));
            set(Field::Action(step), rng.random_range(0..actions) as f32);
            set(Field::BehaviourLogp(step), rng.random_range(-6.0..0.0));
            set(Field::Valid(step), f32::from(u8::from(step <= end)));
        }
        set(Field::Weight, rng.random_range(0.1..1.0));
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

/// The same numbers in `f64`.
pub fn wide(inputs: &Inputs<f32>) -> Inputs<f64> {
    let wide = |values: &[f32]| values.iter().map(|&value| f64::from(value)).collect();
    Inputs {
        uniforms: wide(&inputs.uniforms),
        samples: wide(&inputs.samples),
        online: wide(&inputs.online),
        target: wide(&inputs.target),
    }
}
