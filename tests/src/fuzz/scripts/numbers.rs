//! The numbers that a case is run on, and what a kernel makes of them.

use super::Case;
use crate::fuzz::Random;
use kelvin_objective::{
    ConfigValue, Head, Inputs, KernelIo, Layout, Net, Objective, ParamKind, Real, Script,
};
use rand::{RngExt, SeedableRng};
use std::collections::BTreeMap;

/// The sizes of a case, with the window and heads of the script's `config()` where these make sense.
pub fn layout(script: &Script, case: &Case) -> Layout {
    let window = match script.config().get("n") {
        Some(ConfigValue::Int(n)) if (1..=128).contains(n) => *n as usize,
        _ => 1,
    };
    let mut heads = Vec::new();
    if let Some(ConfigValue::List(names)) = script.config().get("heads") {
        for name in names {
            let head = match name {
                ConfigValue::Str(name) => {
                    [Head::Q, Head::Logits, Head::V].into_iter().find(|it| it.name() == name)
                }
                _ => None,
            };
            heads.extend(head.filter(|head| !heads.contains(head)));
        }
    }
    if heads.is_empty() {
        heads.push(Head::Q);
    }
    Layout {
        batch: case.batch.max(1),
        actions: case.actions.max(1),
        window,
        heads,
        param_slots: 64,
        metric_slots: 16,
        workgroup: 32,
    }
}

/// Values for all parameters: most at their defaults, some elsewhere in their ranges.
pub fn params(script: &Script, random: &mut Random) -> BTreeMap<String, f64> {
    let value = |param: &kelvin_objective::Param, random: &mut Random| {
        let share: f64 = random.random();
        let value = match random.random_range(0..4) {
            0 => param.min,
            1 => param.min + share * (param.max - param.min),
            _ => param.default,
        };
        // As a uniform of the kernel: the nearest single-precision number, within the range all the same.
        match param.kind {
            ParamKind::Live { .. } => f64::from(value as f32).clamp(param.min, param.max),
            ParamKind::StaticInt | ParamKind::StaticBool => value.round(),
        }
    };
    script.params().iter().map(|param| (param.name.clone(), value(param, random))).collect()
}

/// Those of the parameters that a trace needs.
pub fn statics(script: &Script, params: &BTreeMap<String, f64>) -> BTreeMap<String, f64> {
    let is_static = |name: &str| {
        script
            .params()
            .iter()
            .any(|param| param.name == name && !matches!(param.kind, ParamKind::Live { .. }))
    };
    params.iter().filter(|(name, _)| is_static(name)).map(|(name, value)| (name.clone(), *value)).collect()
}

/// The nearest number that single precision has, so that both precisions are given the same ones.
fn single(x: f64) -> f64 {
    f64::from(x as f32)
}

/// A batch: rewards in -1..1, a third of the samples terminated at some step, outputs ordinary, large, tiny or
/// full of ties.
pub fn inputs(
    script: &Script,
    layout: &Layout,
    params: &BTreeMap<String, f64>,
    random: &mut Random,
) -> Inputs<f64> {
    let (n, batch) = (layout.window, layout.batch);
    let mut uniforms = vec![0.0; layout.param_slots];
    for param in script.params() {
        if let ParamKind::Live { slot } = param.kind {
            uniforms[slot] = params[&param.name];
        }
    }
    let mut samples = vec![0.0; layout.fields() * batch];
    for sample in 0..batch {
        let end = if random.random_range(0..3) == 0 { random.random_range(0..n) } else { n };
        for step in 0..n {
            let mut set = |field: usize, value: f64| samples[(field * n + step) * batch + sample] = value;
            set(0, if step <= end { single(random.random_range(-1.0..1.0)) } else { 0.0 });
            set(1, f64::from(u8::from(step >= end)));
            set(2, random.random_range(0..layout.actions) as f64);
            set(3, single(random.random_range(-3.0..0.0)));
            set(4, f64::from(u8::from(step <= end)));
        }
        samples[5 * n * batch + sample] = single(random.random_range(0.1..1.0));
    }
    let (kind, size) =
        (random.random_range(0..6), [1.0, 1.0, 30.0, 1.0 / 1024.0, 1e3][random.random_range(0..5)]);
    let mut outputs = || -> Vec<f64> {
        let one = |_| match kind {
            // Ties, with zeros among them or without.
            0 => size * f64::from(random.random_range(-1..=1)),
            1 => size * [-1.5, 0.5, 1.0][random.random_range(0..3)],
            _ => single(size * random.random_range(-1.0..1.0)),
        };
        (0..(n + 1) * batch * layout.outputs()).map(one).collect()
    };
    let (online, target) = (outputs(), outputs());
    Inputs { uniforms, samples, online, target }
}

/// What a kernel made of them.
pub struct Written {
    /// `[batch]`
    pub losses: Vec<f64>,
    /// In the order of their names.
    pub metrics: Vec<Vec<f64>>,
    /// `[n + 1, batch, outputs]`, 0 where no gradient flows.
    pub grad: Vec<f64>,
}

/// Runs the objective on the CPU, in `f32` or `f64`.
pub fn compiled<T: Real>(objective: &Objective, layout: &Layout, inputs: &Inputs<T>) -> Written {
    let reads = objective.reads();
    let trained = inputs.region(Net::Online, &reads.trained, layout);
    let row = layout.batch * layout.outputs();
    // What is not written shows.
    let mut grad = vec![T::NAN; trained.len()];
    let mut metrics = vec![T::NAN; layout.batch * layout.metric_slots];
    objective.cpu().run(KernelIo {
        uniforms: &inputs.uniforms,
        samples: &inputs.samples,
        online: &inputs.region(Net::Online, &reads.online, layout),
        target: &inputs.region(Net::Target, &reads.target, layout),
        trained: &trained,
        grad: &mut grad,
        metrics: &mut metrics,
    });
    let wide = |numbers: &[T]| numbers.iter().map(|x| x.to_f64()).collect::<Vec<_>>();
    let mut all = vec![0.0; (layout.window + 1) * row];
    for (position, state) in reads.trained.iter().enumerate() {
        all[state * row..][..row].copy_from_slice(&wide(&grad[position * row..][..row]));
    }
    let slot = |slot: usize| wide(&metrics).into_iter().skip(slot).step_by(layout.metric_slots).collect();
    let count = objective.metric_names().len();
    Written { losses: slot(0), metrics: (1..=count).map(slot).collect(), grad: all }
}

/// The numbers of a case begin with its seed, so that a smaller script sees the same ones.
pub fn random(case: &Case) -> Random {
    Random::seed_from_u64(case.seed)
}
