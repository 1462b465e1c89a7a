//! Scripts written to a temporary folder, and what they compute on windows written out by hand.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use kelvin_objective::{Diagnostic, Field, Head, Inputs, KernelIo, Layout, Net, Objective, Script};

pub const CONFIG: &str = "fn config() { #{ learner: \"replay\", n: 1, heads: [\"q\", \"v\"] } }\n";

/// Three actions and the heads `q` and `v`; every live parameter is 0.1.
pub fn layout(batch: usize, window: usize) -> Layout {
    Layout {
        batch,
        actions: 3,
        window,
        heads: vec![Head::Q, Head::V],
        param_slots: 64,
        metric_slots: 16,
        workgroup: 32,
    }
}

pub fn write(folder: &Path, name: &str, text: &str) -> PathBuf {
    let path = folder.join(name);
    fs::create_dir_all(path.parent().expect("a folder")).expect("a writable folder");
    fs::write(&path, text).expect("a writable folder");
    path
}

pub fn load(text: &str) -> Result<Script, Diagnostic> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    Script::load(&write(folder.path(), "s.rhai", &format!("{CONFIG}{text}")))
}

/// The value of a result that is meant to be one.
#[track_caller]
pub fn sound<T>(result: Result<T, Diagnostic>) -> T {
    result.unwrap_or_else(|diagnostic| panic!("{diagnostic}"))
}

/// One sample: what is stored, and the outputs of both networks, `[q0, q1, q2, v]`, in each state.
#[derive(Clone, Debug)]
pub struct Window {
    pub reward: Vec<f64>,
    pub terminated: Vec<f64>,
    pub action: Vec<usize>,
    pub behaviour_logp: Vec<f64>,
    pub valid: Vec<f64>,
    pub weight: f64,
    pub online: Vec<[f64; 4]>,
    pub target: Vec<[f64; 4]>,
}

/// The outputs wherever a test does not say otherwise.
pub const OUTPUTS: [f64; 4] = [0.5, -1.0, 2.0, 0.25];

impl Window {
    /// Rewards 1, 2, 3, …, always action 2, and the same outputs everywhere.
    pub fn same(n: usize) -> Self {
        Window {
            reward: (1..=n).map(|reward| reward as f64).collect(),
            terminated: vec![0.0; n],
            action: vec![2; n],
            behaviour_logp: vec![-0.5; n],
            valid: vec![1.0; n],
            weight: 0.5,
            online: vec![OUTPUTS; n + 1],
            target: vec![OUTPUTS; n + 1],
        }
    }

    /// Other numbers in every place.
    pub fn varied(n: usize) -> Self {
        let wave = |k: usize| ((k * 37 % 101) as f64 / 101.0 - 0.5) * 3.0;
        let outputs = |salt: usize| {
            (0..=n).map(|state| [0, 1, 2, 3].map(|column| wave(salt + 11 * state + 3 * column))).collect()
        };
        Window {
            reward: (0..n).map(|d| wave(5 + d)).collect(),
            action: (0..n).map(|d| (d * 2 + 1) % 3).collect(),
            behaviour_logp: (0..n).map(|d| -0.3 - wave(7 * d).abs()).collect(),
            online: outputs(2),
            target: outputs(71),
            ..Window::same(n)
        }
    }

    fn field(&self, field: Field) -> f64 {
        match field {
            Field::Reward(d) => self.reward[d],
            Field::Terminated(d) => self.terminated[d],
            Field::Action(d) => self.action[d] as f64,
            Field::BehaviourLogp(d) => self.behaviour_logp[d],
            Field::Valid(d) => self.valid[d],
            Field::Weight => self.weight,
        }
    }
}

/// A batch, in the shapes of a layout.
pub fn inputs(windows: &[Window]) -> Inputs<f64> {
    let n = windows[0].reward.len();
    let layout = layout(windows.len(), n);
    let mut samples = vec![f64::NAN; layout.fields() * windows.len()];
    let steps = (0..n).flat_map(|d| {
        [Field::Reward(d), Field::Terminated(d), Field::Action(d), Field::BehaviourLogp(d), Field::Valid(d)]
    });
    for field in steps.chain([Field::Weight]) {
        for (sample, window) in windows.iter().enumerate() {
            samples[layout.field(field) * windows.len() + sample] = window.field(field);
        }
    }
    let region = |of: fn(&Window) -> &Vec<[f64; 4]>| -> Vec<f64> {
        (0..=n).flat_map(|state| windows.iter().flat_map(move |window| of(window)[state])).collect()
    };
    Inputs {
        uniforms: vec![0.1; 64],
        samples,
        online: region(|window| &window.online),
        target: region(|window| &window.target),
    }
}

/// What a script computes on a batch.
#[derive(Debug)]
pub struct Outcome {
    /// `[batch]`.
    pub loss: Vec<f64>,
    /// By name, `[batch]` each.
    pub metrics: BTreeMap<String, Vec<f64>>,
    /// Of the mean loss, by state, then by sample.
    pub grad: Vec<Vec<[f64; 4]>>,
}

#[track_caller]
pub fn compile(text: &str, layout: &Layout) -> Objective {
    sound(load(text).and_then(|script| script.compile(layout, &BTreeMap::new())))
}

#[track_caller]
pub fn run(text: &str, windows: &[Window]) -> Outcome {
    let (n, batch) = (windows[0].reward.len(), windows.len());
    let layout = layout(batch, n);
    let objective = compile(text, &layout);
    let (inputs, reads) = (inputs(windows), objective.reads());
    let mut grad = vec![f64::NAN; reads.trained.len() * batch * 4];
    let mut metrics = vec![f64::NAN; batch * layout.metric_slots];
    objective.cpu().run(KernelIo {
        uniforms: &inputs.uniforms,
        samples: &inputs.samples,
        trained: &inputs.region(Net::Online, &reads.trained, &layout),
        online: &inputs.region(Net::Online, &reads.online, &layout),
        target: &inputs.region(Net::Target, &reads.target, &layout),
        grad: &mut grad,
        metrics: &mut metrics,
    });
    let slot = |slot: usize| metrics.chunks(layout.metric_slots).map(|row| row[slot]).collect::<Vec<_>>();
    let mut by_state = vec![vec![[0.0; 4]; batch]; n + 1];
    for (position, &state) in reads.trained.iter().enumerate() {
        for sample in 0..batch {
            by_state[state][sample].copy_from_slice(&grad[(position * batch + sample) * 4..][..4]);
        }
    }
    Outcome {
        loss: slot(0),
        metrics: objective.metric_names().iter().cloned().zip((1..).map(slot)).collect(),
        grad: by_state,
    }
}

/// Loss of one sample, [`Window::same`].
#[track_caller]
pub fn loss(text: &str, window: usize) -> f64 {
    run(text, &[Window::same(window)]).loss[0]
}

/// The value of an expression of `net`, `t`, `p`; the added term lets the loss depend on the network.
#[track_caller]
pub fn value_on(expression: &str, window: &Window) -> f64 {
    let text = format!("fn loss(net, t, p) {{ ({expression}) + exp(net.v) }}");
    run(&text, std::slice::from_ref(window)).loss[0] - window.online[0][3].exp()
}

/// Equality up to rounding in f64, false for NaN.
#[track_caller]
pub fn assert_near(found: f64, expected: f64, what: &str) {
    assert!((found - expected).abs() <= 1e-13 * expected.abs().max(1.0), "{what} is {found}, not {expected}");
}

#[track_caller]
pub fn assert_value(expression: &str, expected: f64) {
    assert_near(value_on(expression, &Window::same(3)), expected, expression);
}

/// An expression that is refused, with this in the text of the error.
#[track_caller]
pub fn assert_refused(text: &str, window: usize, part: &str) {
    let compiled =
        load(text).and_then(|script| script.compile(&layout(1, window), &BTreeMap::new()).map(|_| ()));
    let message = compiled.expect_err("it is meant to be refused").to_string();
    assert!(message.contains(part), "{message}");
}
