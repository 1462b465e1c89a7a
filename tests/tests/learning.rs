//! Objectives learn: catch from pixels, on the processor and through WGSL; chain and gridworld to their exact optimum.

use kelvin_env::tabular::{self, TabularMdp};
use kelvin_tests::command::{kelvin, run, succeed, train};
use kelvin_tests::exact::{self, outputs};
use kelvin_tests::records::mean_return;
use kelvin_tests::suite::{Suite, adapter};
use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    let mut suite = Suite::new();
    let replay = ["dqn", "soft_kl", "soft_entropy", "double_dqn", "dqn_nstep", "munchausen"];
    for script in replay {
        suite.test(format!("catch with {script}"), move || catch(script, &[]));
    }
    // Nobody explores at random in these: a short run needs a policy that comes to a decision.
    for script in ["soft_nstep", "soft_lambda", "pcl"] {
        suite.test(format!("catch with {script}"), move || catch(script, &["--set", "tau=0.05"]));
    }
    for (script, frames) in
        [("a2c_naive", "200k"), ("a2c_proper", "200k"), ("ql_online", "200k"), ("pgq", "600k")]
    {
        suite.test(format!("catch with {script}"), move || catch_in(script, frames, &[]));
    }
    suite.test("catch with pcl, on policy", || {
        catch_in("pcl", "300k", &["--set", "learner=rollout", "--set", "tau=0.05"]);
    });
    suite.test("catch with another run for a prior", prior);
    suite.test_with(&adapter(), "catch with soft_kl through WGSL", |name| catch_through_wgsl(&name));
    suite.test("chain with dqn", || tabular_problem("chain", &tabular::chain()));
    suite.test("gridworld with dqn", || tabular_problem("gridworld", &tabular::gridworld()));
    suite.run()
}

/// A uniformly random player earns -0.6, a perfect one 1; 1 % of random moves cost at most a few hundredths.
fn catch(script: &str, settings: &[&str]) {
    catch_in(script, "40k", settings);
}

fn catch_in(script: &str, frames: &str, settings: &[&str]) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let out = folder.path().join("run");
    succeed(train(script, "catch", &out).args(["--frames", frames]).args(settings));
    let mean = mean_return(&out);
    assert!((0.9..=1.0).contains(&mean), "{mean}");
}

/// Much shorter, since a software driver is slow, and hastier: small batches, large steps, an early start.
fn catch_through_wgsl(adapter: &str) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let out = folder.path().join("run");
    let mut command = kelvin();
    command.args(["train", "scripts/soft_kl.rhai", "--env", "catch", "--frames", "6k", "--device", adapter]);
    for setting in ["batch=16", "learning_rate=2e-3", "learning_starts=300", "target_every=200"] {
        command.args(["--set", setting]);
    }
    let said = succeed(command.arg("--out").arg(&out));
    assert!(said.stdout.starts_with(adapter), "the first line names the device:\n{said}");
    let mean = mean_return(&out);
    // It reaches 0.9 as a rule; five balls of six caught, where a random player catches one of five, is no luck.
    assert!((0.66..=1.0).contains(&mean), "{mean}");
}

const GAMMA: f64 = 0.99;

/// Settings under which deep Q-learning is tabular Q-learning, whose limit is known: without a hidden layer the network
/// on one-hot states is a table of values, and a third of the moves explore to the end, so that all of it is visited.
/// (A hidden layer blurs neighbouring states, whose values differ by 0.02, and takes far longer to tell them apart.)
const TABLE: [&str; 5] =
    ["hidden=[]", "batch=256", "learning_rate=2e-3", "epsilon_mid=0.3", "epsilon_end=0.3"];

/// The greedy policy after training, evaluated exactly, and the value it promises: no luck of episodes in either.
fn tabular_problem(env: &str, mdp: &TabularMdp) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let out = folder.path().join("run");
    let mut command = train("dqn", env, &out);
    succeed(command.args(["--frames", "60k"]).args(TABLE.iter().flat_map(|setting| ["--set", setting])));
    let (actions, values) = learned(&out, mdp);
    let best = exact::optimum(mdp, GAMMA);
    let reached = exact::value(mdp, GAMMA, &actions);
    // A policy may differ from the best one where the two are almost the same: 1 % of the optimum.
    assert!((best - reached).abs() <= 0.01 * best, "worth {reached}, the best is worth {best}");
    let promised: f64 = mdp.initial.iter().zip(&values).map(|(p, value)| p * value).sum();
    // Steps of constant size leave noise in the values, and the maximum over noise is too large; a wrong discount
    // or a future beyond a terminal state would show as several tenths.
    assert!((best - promised).abs() <= 0.1, "promises {promised}, the best is worth {best}");
}

/// What the run's last network prefers in each state, and what it expects of it.
fn learned(run: &Path, mdp: &TabularMdp) -> (Vec<usize>, Vec<f64>) {
    let best = |row: &[f32]| (0..row.len()).max_by(|&a, &b| row[a].total_cmp(&row[b])).expect("actions");
    let rows = outputs(run, mdp);
    rows.iter().map(|row| (best(row), f64::from(row[best(row)]))).unzip()
}

/// With a penalty as large as the returns the policy takes over the reference's, long before it would learn by itself.
fn prior() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let [reference, near, far] = ["reference", "near", "far"].map(|name| folder.path().join(name));
    succeed(train("a2c_proper", "catch", &reference).args(["--frames", "200k"]));
    let short = ["--frames", "100k", "--set", "tau=1"];
    succeed(train("a2c_prior", "catch", &near).args(short).arg("--reference").arg(&reference));
    let said = run(train("a2c_prior", "catch", &far).args(short));
    assert!(said.code == Some(0) && said.stderr.starts_with("warning: the target network"), "{said}");
    let [near, far] = [near, far].map(|run| mean_return(&run));
    assert!(
        (0.9..=1.0).contains(&near) && (-1.0..0.3).contains(&far),
        "{near} with the reference, {far} without"
    );
}
