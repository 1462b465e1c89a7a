//! The numbers that a case is run on, and whether two evaluations of them agree.

use super::{Case, Random};
use kelvin_objective::{
    ConfigValue, Eager, Head, Inputs, KernelIo, Layout, Net, Objective, ParamKind, Script, Shake,
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
            set(0, if step <= end { random.random_range(-1.0..1.0) } else { 0.0 });
            set(1, f64::from(u8::from(step >= end)));
            set(2, random.random_range(0..layout.actions) as f64);
            set(3, random.random_range(-3.0..0.0));
            set(4, f64::from(u8::from(step <= end)));
        }
        samples[5 * n * batch + sample] = random.random_range(0.1..1.0);
    }
    let (kind, size) = (random.random_range(0..4), [1.0, 1.0, 30.0, 1e-3, 1e3][random.random_range(0..5)]);
    let mut outputs = || -> Vec<f64> {
        let one = |_| match kind {
            0 => size * f64::from(random.random_range(-1..=1)),
            _ => size * random.random_range(-1.0..1.0),
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

/// Runs the objective on the CPU in `f64`.
pub fn compiled(objective: &Objective, layout: &Layout, inputs: &Inputs<f64>) -> Written {
    let reads = objective.reads();
    let trained = inputs.region(Net::Online, &reads.trained, layout);
    let row = layout.batch * layout.outputs();
    // What is not written shows.
    let mut grad = vec![f64::NAN; trained.len()];
    let mut metrics = vec![f64::NAN; layout.batch * layout.metric_slots];
    objective.cpu().run(KernelIo {
        uniforms: &inputs.uniforms,
        samples: &inputs.samples,
        online: &inputs.region(Net::Online, &reads.online, layout),
        target: &inputs.region(Net::Target, &reads.target, layout),
        trained: &trained,
        grad: &mut grad,
        metrics: &mut metrics,
    });
    let mut all = vec![0.0; (layout.window + 1) * row];
    for (position, state) in reads.trained.iter().enumerate() {
        all[state * row..][..row].copy_from_slice(&grad[position * row..][..row]);
    }
    let slot = |slot: usize| metrics.iter().skip(slot).step_by(layout.metric_slots).copied().collect();
    let count = objective.metric_names().len();
    Written { losses: slot(0), metrics: (1..=count).map(slot).collect(), grad: all }
}

/// Where a compiled objective and the script on numbers part, if they do.
pub fn disagreement(
    script: &Script,
    layout: &Layout,
    params: &BTreeMap<String, f64>,
    inputs: &Inputs<f64>,
    (eager, written): (&Eager, &Written),
) -> Option<String> {
    let pairs = |eager: &Eager, written: &Written| -> Vec<(String, f64, f64)> {
        let mut pairs = Vec::new();
        let mut add = |name: &str, a: &[f64], b: &[f64]| {
            let both = a.iter().zip(b).enumerate();
            pairs.extend(both.map(|(index, (a, b))| (format!("{name}[{index}]"), *a, *b)));
        };
        add("loss", &eager.losses, &written.losses);
        for ((name, a), b) in eager.metrics.iter().zip(&written.metrics) {
            add(name, a, b);
        }
        add("gradient", &eager.grad, &written.grad);
        pairs
    };
    // Next to a loss that is none a gradient means nothing.
    let sound = |losses: &[f64]| losses.iter().all(|loss| loss.is_finite());
    let with_gradient = sound(&eager.losses) && sound(&written.losses);
    let found = pairs(eager, written);
    // Numbers below 1e-150 may come from some below 1e-308, which have lost digits.
    let slack = |x: f64| 1e-13 * x.abs() + 1e-150;
    let wrong = |a: f64, b: f64, tolerance: f64| {
        let same = a == b || a.is_nan() && b.is_nan() || (a - b).abs() <= tolerance;
        !same
    };
    let suspects: Vec<usize> = (0..found.len())
        .filter(|&index| with_gradient || !found[index].0.starts_with("gradient"))
        .filter(|&index| wrong(found[index].1, found[index].2, slack(found[index].1)))
        .collect();
    if suspects.is_empty() || is_extreme(eager) {
        return None;
    }
    // What rounding may do here: the largest of some moves by errors 16 times as large as a rounding.
    let mut moves = vec![0.0_f64; found.len()];
    for seed in 0..8 {
        let shake = Shake { unit: 16.0 / (1u64 << 53) as f64, seed };
        let shaken = script.eager_shaken(layout, params, inputs, shake).ok()?;
        for (most, ((_, exact, _), (_, shaken, _))) in
            moves.iter_mut().zip(found.iter().zip(pairs(&shaken, written)))
        {
            let moved = (shaken - exact).abs();
            *most = if moved.is_nan() { f64::INFINITY } else { most.max(moved) };
        }
    }
    let wrong = suspects
        .into_iter()
        .find(|&index| wrong(found[index].1, found[index].2, 4.0 * moves[index] + slack(found[index].1)))?;
    let (name, eager, compiled) = &found[wrong];
    Some(format!("{name}: {eager:e} on numbers, {compiled:e} compiled, ± {:e}", moves[wrong]))
}

/// Whether numbers came so close to the end of their range that the order of operations decides what is left.
fn is_extreme(eager: &Eager) -> bool {
    let numbers = eager.trail.iter().flat_map(|operation| operation.values.iter().chain(&operation.slopes));
    numbers.into_iter().any(|x| x.is_finite() && *x != 0.0 && !(1e-120..1e120).contains(&x.abs()))
}

/// The numbers of a case begin with its seed, so that a smaller script sees the same ones.
pub fn random(case: &Case) -> Random {
    Random::seed_from_u64(case.seed)
}
