//! The shipped scripts: they compile for every number of actions an Atari game has, and compute what their
//! equations say.

use std::collections::BTreeMap;
use std::path::PathBuf;

use kelvin_objective::{
    ConfigValue, Field, Head, KernelIo, Layout, Objective, Param, ParamKind, Reads, Script,
};

fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../scripts").join(format!("{name}.rhai"))
}

fn load(name: &str) -> Script {
    Script::load(&path(name)).unwrap_or_else(|diagnostic| panic!("{diagnostic}"))
}

fn window(script: &Script) -> usize {
    match script.config()["n"] {
        ConfigValue::Int(n) => n as usize,
        _ => panic!("n is a whole number"),
    }
}

fn layout(script: &Script, batch: usize, actions: usize) -> Layout {
    let window = window(script);
    Layout { batch, actions, window, heads: vec![Head::Q], param_slots: 64, metric_slots: 16, workgroup: 32 }
}

fn compile(script: &Script, layout: &Layout) -> Objective {
    script.compile(layout, &BTreeMap::new()).unwrap_or_else(|diagnostic| panic!("{diagnostic}"))
}

/// Uniforms at their defaults, some replaced by name.
fn uniforms(params: &[Param], replaced: &[(&str, f64)]) -> Vec<f64> {
    let mut uniforms = vec![0.0; 64];
    for param in params {
        let ParamKind::Live { slot } = param.kind else { continue };
        let replaced = replaced.iter().find(|(name, _)| *name == param.name);
        uniforms[slot] = replaced.map_or(param.default, |&(_, value)| value);
    }
    uniforms
}

/// One transition and the four outputs of the networks.
struct Sample {
    rewards: Vec<f64>,
    terminated: f64,
    action: usize,
    online: Vec<f64>,
    online_next: Vec<f64>,
    target_next: Vec<f64>,
}

impl Sample {
    fn one_step() -> Self {
        Sample {
            rewards: vec![0.25],
            terminated: 0.0,
            action: 1,
            online: vec![0.3, -0.2, 0.1],
            online_next: vec![0.0, 1.0, -1.0],
            target_next: vec![0.5, 0.25, 0.75],
        }
    }

    /// Loss and gradient of one script on this sample alone.
    fn run(&self, name: &str, replaced: &[(&str, f64)]) -> (f64, Vec<f64>) {
        let script = load(name);
        let n = window(&script);
        let actions = self.online.len();
        let layout = layout(&script, 1, actions);
        let objective = compile(&script, &layout);
        let mut samples = vec![0.0; layout.fields()];
        for (step, &reward) in self.rewards.iter().enumerate() {
            samples[layout.field(Field::Reward(step))] = reward;
            samples[layout.field(Field::Valid(step))] = 1.0;
        }
        samples[layout.field(Field::Terminated(n - 1))] = self.terminated;
        samples[layout.field(Field::Action(0))] = self.action as f64;
        samples[layout.field(Field::Weight)] = 1.0;
        let (mut grad, mut metrics) = (vec![f64::NAN; actions], vec![f64::NAN; 16]);
        objective.cpu().run(KernelIo {
            uniforms: &uniforms(script.params(), replaced),
            samples: &samples,
            trained: &self.online,
            online: &self.online_next,
            target: &self.target_next,
            grad: &mut grad,
            metrics: &mut metrics,
        });
        (metrics[0], grad)
    }

    /// The target that a script computed, from the slope of its loss: below the Huber threshold the slope at
    /// the action taken is `q - y`.
    fn target(&self, name: &str, replaced: &[(&str, f64)]) -> f64 {
        let mut wide = replaced.to_vec();
        wide.push(("delta", 100.0));
        self.online[self.action] - self.run(name, &wide).1[self.action]
    }
}

/// Equality within `tolerance`, false for NaN.
#[track_caller]
fn assert_near(found: f64, expected: f64, tolerance: f64) {
    assert!((found - expected).abs() <= tolerance, "found {found}, expected {expected} ± {tolerance}");
}

const SCRIPTS: [&str; 5] = ["dqn", "soft_kl", "soft_entropy", "dqn_nstep", "double_dqn"];

/// A few roundings of numbers near 1 in f64.
const ROUNDING: f64 = 1e-14;

#[test]
fn every_shipped_script_is_tested_here() {
    let folder = std::fs::read_dir(path("dqn").parent().expect("a folder")).expect("the scripts");
    let mut found: Vec<String> = folder
        .map(|entry| entry.expect("a readable folder").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "rhai"))
        .map(|path| path.file_stem().expect("a file").to_string_lossy().into_owned())
        .collect();
    found.sort();
    let mut expected = SCRIPTS.map(str::to_owned);
    expected.sort();
    assert_eq!(found, expected);
}

#[test]
fn scripts_compile_for_2_to_18_actions_and_odd_batches() {
    for name in SCRIPTS {
        let script = load(name);
        for actions in 2..=18 {
            for batch in [1, 3, 32] {
                let objective = compile(&script, &layout(&script, batch, actions));
                assert!(objective.wgsl().contains("objective"), "{name}");
            }
        }
    }
}

#[test]
fn scripts_ask_for_the_passes_of_their_equations() {
    for name in ["dqn", "soft_kl", "soft_entropy", "dqn_nstep", "double_dqn"] {
        let script = load(name);
        let last = window(&script);
        let online = if name == "double_dqn" { vec![last] } else { vec![] };
        let reads = Reads { trained: vec![0], online, target: vec![last] };
        assert_eq!(compile(&script, &layout(&script, 2, 4)).reads(), &reads, "{name}");
    }
}

#[test]
fn headers_cite_the_paper() {
    for (name, equation) in [("dqn", "eq. 81"), ("soft_kl", "eq. 82"), ("soft_entropy", "eq. 83")] {
        let script = load(name);
        assert!(script.sources()[0].text.contains(equation), "{name} does not cite {equation}");
        assert!(script.sources()[0].text.contains("1704.06440"), "{name} does not cite the paper");
    }
}

/// Equation 82 by hand: γ = 0.99, τ = 0.1, Q̂(s') = (0.5, 0.25, 0.75), r = 0.25, q(s, a) = -0.2.
#[test]
fn soft_kl_computes_equation_82() {
    // e^-2.5 and e^-5, relative to the largest.
    let mean: f64 = (0.082_084_998_623_898_8 + 0.006_737_946_999_085_467 + 1.0) / 3.0;
    let y = 0.25 + 0.99 * (0.75 + 0.1 * mean.ln());
    let error: f64 = -0.2 - y;
    // |error| = 1.09 is beyond the threshold δ = 1.
    let (loss, grad) = Sample::one_step().run("soft_kl", &[]);
    assert_near(loss, error.abs() - 0.5, ROUNDING);
    assert_near(grad[1], -1.0, ROUNDING);
    assert_eq!((grad[0], grad[2]), (0.0, 0.0));
    assert_near(Sample::one_step().target("soft_kl", &[]), y, ROUNDING);
}

#[test]
fn a_terminal_step_has_no_future() {
    let sample = Sample { terminated: 1.0, ..Sample::one_step() };
    for name in ["dqn", "soft_kl", "soft_entropy", "double_dqn"] {
        assert_near(sample.target(name, &[]), 0.25, ROUNDING);
    }
}

/// 0 <= max - τ log mean exp(q/τ) <= τ log|A|, so the distance vanishes with τ.
#[test]
fn dqn_is_the_limit_of_soft_kl() {
    let sample = Sample::one_step();
    let hard = sample.target("dqn", &[]);
    for tau in [1.0, 0.1, 0.01, 0.001] {
        let soft = sample.target("soft_kl", &[("tau", tau)]);
        let bound = 0.99 * tau * 3f64.ln();
        assert!((0.0..=bound + ROUNDING).contains(&(hard - soft)), "tau {tau}: {hard} - {soft}");
    }
    // At τ = 0.001 the runner-up weighs e^-250: only the constant is left.
    let soft = sample.target("soft_kl", &[("tau", 0.001)]);
    assert_near(hard - soft, 0.99 * 0.001 * 3f64.ln(), ROUNDING);
}

#[test]
fn entropy_bonus_and_kl_penalty_differ_by_the_constant() {
    for (tau, actions) in [(0.01, 2), (0.1, 6), (1.0, 18), (10.0, 18)] {
        let q =
            |salt: usize| -> Vec<f64> { (0..actions).map(|a| ((a * 7 + salt) % 11) as f64 / 11.0).collect() };
        let sample = Sample { online: q(1), online_next: q(2), target_next: q(3), ..Sample::one_step() };
        let entropy = sample.target("soft_entropy", &[("tau", tau)]);
        let kl = sample.target("soft_kl", &[("tau", tau)]);
        // Sums and logarithms of up to 18 terms, scaled by τ up to 10.
        assert_near(entropy - kl, 0.99 * tau * (actions as f64).ln(), 20.0 * ROUNDING);
    }
}

#[test]
fn five_steps_discount_rewards_and_bootstrap() {
    let sample = Sample { rewards: vec![1.0, 0.0, -1.0, 0.5, 0.25], ..Sample::one_step() };
    let g: f64 = 0.99;
    let rewards = 1.0 - g.powi(2) + 0.5 * g.powi(3) + 0.25 * g.powi(4);
    assert_near(sample.target("dqn_nstep", &[]), rewards + g.powi(5) * 0.75, ROUNDING);
    let ended = Sample { terminated: 1.0, ..sample };
    assert_near(ended.target("dqn_nstep", &[]), rewards, ROUNDING);
}

#[test]
fn double_dqn_values_the_online_choice() {
    // The online network prefers action 1, which the target network values 0.25.
    assert_near(Sample::one_step().target("double_dqn", &[]), 0.25 + 0.99 * 0.25, ROUNDING);
}

/// Weights that are no numbers any more have to end a run, and the loss is what it looks at.
#[test]
fn a_broken_network_always_shows_in_the_loss() {
    // Conceals a NaN by comparison, argmax, clip and power, one after the other.
    let concealing = r#"
        fn config() { #{ learner: "replay", n: 1, heads: ["q"] } }
        fn target(net, t, p) { clip(t.next.q[argmax(net.next.q)], -1, 1) + select(t.q[0] > 0, 1, 2) }
        fn loss(net, y, t, p) { clip(net.q[t.action] - y, -1, 1) }
    "#;
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("concealing.rhai");
    std::fs::write(&file, concealing).expect("a script");
    let scripts = SCRIPTS.into_iter().map(path).chain([file]);
    for path in scripts {
        let script = Script::load(&path).unwrap_or_else(|diagnostic| panic!("{diagnostic}"));
        let (batch, actions) = (3, 4);
        let objective = compile(&script, &layout(&script, batch, actions));
        let reads = objective.reads();
        let regions = [("trained", &reads.trained), ("online", &reads.online), ("target_net", &reads.target)];
        for (region, (name, states)) in regions.into_iter().enumerate() {
            let looked_at =
                objective.wgsl().contains(&format!("largest = max(largest, size_bits({name}[row"));
            assert_eq!(looked_at, !states.is_empty(), "{}: {name}", path.display());
            let elements = states.len() * batch * actions;
            for (broken, element) in [f32::NAN, -f32::NAN, f32::INFINITY, f32::NEG_INFINITY]
                .into_iter()
                .flat_map(|broken| (0..elements).map(move |element| (broken, element)))
            {
                let mut inputs = regions.map(|(_, states)| vec![0.25f32; states.len() * batch * actions]);
                inputs[region][element] = broken;
                let (mut grad, mut metrics) = (vec![0.0; inputs[0].len()], vec![0.0; batch * 16]);
                objective.cpu().run(KernelIo {
                    uniforms: &uniforms(script.params(), &[]).iter().map(|&x| x as f32).collect::<Vec<_>>(),
                    samples: &vec![0.0; (5 * window(&script) + 1) * batch],
                    trained: &inputs[0],
                    online: &inputs[1],
                    target: &inputs[2],
                    grad: &mut grad,
                    metrics: &mut metrics,
                });
                for sample in 0..batch {
                    let hit = element / actions % batch == sample;
                    let what =
                        format!("{}: {broken} at {element} of {name}, sample {sample}", path.display());
                    assert_eq!(metrics[sample * 16].is_finite(), !hit, "{what}");
                }
            }
        }
    }
}

/// Each round doubles the paths back to the network: a saved script must not cost a running experiment more
/// than a moment.
#[test]
fn nested_choices_compile_at_once() {
    let text = r#"
        fn config() { #{ learner: "replay", n: 1, heads: ["q"] } }
        fn loss(net, t, p) {
            let x = net.q[t.action];
            let a = t.q[t.action];
            for i in 0..30 { x = max(x, a) * 0.5 + min(x, a + 1) * 0.3; }
            x
        }
    "#;
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("nested.rhai");
    std::fs::write(&file, text).expect("a script");
    let script = Script::load(&file).unwrap_or_else(|diagnostic| panic!("{diagnostic}"));
    let start = std::time::Instant::now();
    compile(&script, &layout(&script, 32, 18));
    let (time, limit) = (start.elapsed(), if cfg!(debug_assertions) { 2000 } else { 100 });
    assert!(time.as_millis() < limit, "{time:?}");
}
