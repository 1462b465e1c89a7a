//! Shipped scripts on samples written out by hand.

use std::collections::BTreeMap;
use std::path::PathBuf;

use kelvin_objective::{
    ConfigValue, Field, Head, Inputs, KernelIo, Layout, Net, Objective, Param, ParamKind, Script,
};

pub fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../scripts").join(format!("{name}.rhai"))
}

#[track_caller]
pub fn load(name: &str) -> Script {
    Script::load(&path(name)).unwrap_or_else(|diagnostic| panic!("{diagnostic}"))
}

/// A shipped script with one thing in it written otherwise.
#[track_caller]
pub fn load_with(name: &str, from: &str, to: &str) -> Script {
    let text = std::fs::read_to_string(path(name)).expect("a shipped script");
    assert!(text.contains(from), "{name} has no {from}");
    let folder = tempfile::tempdir().expect("a folder");
    let library = folder.path().join("lib");
    std::fs::create_dir(&library).expect("a folder");
    std::fs::copy(path("lib/soft"), library.join("soft.rhai")).expect("the library");
    let file = folder.path().join(format!("{name}.rhai"));
    std::fs::write(&file, text.replace(from, to)).expect("a script");
    Script::load(&file).unwrap_or_else(|diagnostic| panic!("{diagnostic}"))
}

pub fn window(script: &Script) -> usize {
    match script.config()["n"] {
        ConfigValue::Int(n) => n as usize,
        _ => panic!("n is a whole number"),
    }
}

fn heads(script: &Script) -> Vec<Head> {
    let ConfigValue::List(names) = &script.config()["heads"] else { panic!("heads are a list") };
    let head = |name: &ConfigValue| {
        let all = [Head::Q, Head::Logits, Head::V];
        all.into_iter().find(|head| *name == ConfigValue::Str(head.name().into())).expect("a head")
    };
    names.iter().map(head).collect()
}

pub fn layout(script: &Script, batch: usize, actions: usize) -> Layout {
    Layout {
        batch,
        actions,
        window: window(script),
        heads: heads(script),
        param_slots: 64,
        metric_slots: 16,
        workgroup: 32,
    }
}

#[track_caller]
pub fn compile(script: &Script, layout: &Layout) -> Objective {
    script.compile(layout, &BTreeMap::new()).unwrap_or_else(|diagnostic| panic!("{diagnostic}"))
}

/// Uniforms at their defaults, some replaced by name.
pub fn uniforms(params: &[Param], replaced: &[(&str, f64)]) -> Vec<f64> {
    let mut uniforms = vec![0.0; 64];
    for param in params {
        let ParamKind::Live { slot } = param.kind else { continue };
        let replaced = replaced.iter().find(|(name, _)| *name == param.name);
        uniforms[slot] = replaced.map_or(param.default, |&(_, value)| value);
    }
    uniforms
}

/// One window, and the outputs of the networks in its states, a row each: `q`, or `logits` and `v`.
#[derive(Clone, Debug)]
pub struct Sample {
    pub rewards: Vec<f64>,
    /// 1 from the step on that ended the episode.
    pub terminated: Vec<f64>,
    pub actions: Vec<usize>,
    pub online: Vec<Vec<f64>>,
    pub target: Vec<Vec<f64>>,
}

impl Sample {
    /// A window of `n` steps with other numbers in every place; `width` outputs a state, `actions` actions.
    pub fn varied(n: usize, actions: usize, width: usize) -> Self {
        let wave = |k: usize| ((k * 37 % 101) as f64 / 101.0 - 0.5) * 2.0;
        let rows = |salt: usize| {
            (0..=n).map(|s| (0..width).map(|k| wave(salt + 13 * s + 5 * k)).collect()).collect()
        };
        Sample {
            rewards: (0..n).map(|d| wave(3 + 7 * d)).collect(),
            terminated: vec![0.0; n],
            actions: (0..n).map(|d| (2 * d + 1) % actions).collect(),
            online: rows(29),
            target: rows(61),
        }
    }

    /// The same, ended by its step number `step`.
    pub fn ended(mut self, step: usize) -> Self {
        self.terminated[step..].fill(1.0);
        self.rewards[step + 1..].fill(0.0);
        self
    }

    /// Loss, and gradient by state, of a script on this sample alone.
    #[track_caller]
    pub fn run(&self, script: &Script, replaced: &[(&str, f64)]) -> (f64, Vec<Vec<f64>>) {
        let n = self.rewards.len();
        let width = self.online[0].len();
        let layout = layout(script, 1, if heads(script).contains(&Head::V) { width - 1 } else { width });
        assert_eq!((layout.window, layout.outputs()), (n, width), "the sample fits the script");
        let objective = compile(script, &layout);
        let mut samples = vec![0.0; layout.fields()];
        for step in 0..n {
            samples[layout.field(Field::Reward(step))] = self.rewards[step];
            samples[layout.field(Field::Terminated(step))] = self.terminated[step];
            samples[layout.field(Field::Action(step))] = self.actions[step] as f64;
            let valid = self.terminated[..step].iter().all(|&ended| ended == 0.0);
            samples[layout.field(Field::Valid(step))] = f64::from(u8::from(valid));
        }
        samples[layout.field(Field::Weight)] = 1.0;
        let inputs = Inputs {
            uniforms: uniforms(script.params(), replaced),
            samples,
            online: self.online.concat(),
            target: self.target.concat(),
        };
        let reads = objective.reads();
        let (mut grad, mut metrics) =
            (vec![f64::NAN; reads.trained.len() * width], vec![f64::NAN; layout.metric_slots]);
        objective.cpu().run(KernelIo {
            uniforms: &inputs.uniforms,
            samples: &inputs.samples,
            trained: &inputs.region(Net::Online, &reads.trained, &layout),
            online: &inputs.region(Net::Online, &reads.online, &layout),
            target: &inputs.region(Net::Target, &reads.target, &layout),
            grad: &mut grad,
            metrics: &mut metrics,
        });
        let mut by_state = vec![vec![0.0; width]; n + 1];
        for (row, &state) in grad.chunks(width).zip(&reads.trained) {
            by_state[state].copy_from_slice(row);
        }
        (metrics[0], by_state)
    }

    /// The target that a script of Q-learning computed, from the slope of its loss: below the Huber threshold
    /// the slope at the action taken is `q - y`.
    #[track_caller]
    pub fn target(&self, script: &Script, replaced: &[(&str, f64)]) -> f64 {
        let mut wide = replaced.to_vec();
        wide.push(("delta", 100.0));
        let action = self.actions[0];
        self.online[0][action] - self.run(script, &wide).1[0][action]
    }
}

/// A few roundings of numbers near 1 in f64.
pub const ROUNDING: f64 = 1e-14;

/// Equality within `tolerance`, false for NaN.
#[track_caller]
pub fn assert_near(found: f64, expected: f64, tolerance: f64) {
    assert!((found - expected).abs() <= tolerance, "found {found}, expected {expected} ± {tolerance}");
}

/// The logarithms of the Boltzmann policy.
pub fn log_softmax(logits: &[f64]) -> Vec<f64> {
    let max = logits.iter().copied().fold(f64::MIN, f64::max);
    let log_sum = logits.iter().map(|x| (x - max).exp()).sum::<f64>().ln() + max;
    logits.iter().map(|x| x - log_sum).collect()
}

/// `log Σ exp(q / τ)`, times τ.
pub fn soft_maximum(q: &[f64], tau: f64) -> f64 {
    let scaled: Vec<f64> = q.iter().map(|q| q / tau).collect();
    tau * (scaled[0] - log_softmax(&scaled)[0])
}

/// KL of the Boltzmann policy from the uniform one.
pub fn kl(logits: &[f64]) -> f64 {
    let uniform = -(logits.len() as f64).ln();
    log_softmax(logits).iter().map(|log_p| log_p.exp() * (log_p - uniform)).sum()
}
