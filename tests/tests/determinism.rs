//! The same seed gives the same bits, whatever the number of threads; another seed gives others.

use kelvin_run::RunDir;
use kelvin_tests::command::{kelvin, repository, succeed, train};
use kelvin_tests::records::{self, count};
use kelvin_tests::running::Running;
use kelvin_tests::suite::{Suite, rom};
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::{Command, ExitCode};

/// A run short enough to be made several times.
#[derive(Clone, Copy)]
struct Short {
    env: &'static str,
    settings: &'static [&'static str],
    /// Updates that it must have made for the comparison to mean something.
    updates: u64,
}

const CATCH: Short = Short { env: "catch", settings: &["--frames", "20k"], updates: 9000 };
const CATCH_ROLLOUT: Short = Short { env: "catch", settings: &["--frames", "20k"], updates: 250 };
/// Long enough to be looked at in.
const CATCH_HELD: Short = Short { env: "catch", settings: &["--frames", "1500k"], updates: 20_000 };
const PONG_ROLLOUT: Short =
    Short { env: "pong", settings: &["--frames", "4k", "--set", "log_every=100"], updates: 12 };

/// A few seconds of Pong with the Nature network. The memory is small enough to be overwritten.
const PONG: Short = Short {
    env: "pong",
    settings: &[
        "--frames",
        "3k",
        "--set",
        "learning_starts=200",
        "--set",
        "update_every=16",
        "--set",
        "replay_capacity=600",
        "--set",
        "target_every=100",
        "--set",
        "log_every=100",
    ],
    updates: 30,
};

fn main() -> ExitCode {
    let mut suite = Suite::new();
    suite.test("catch: one seed, one run", || compare(CATCH));
    suite.test_with(&rom("pong"), "pong: one seed, one run", |()| compare(PONG));
    suite.test("catch: who looks on changes nothing", || look_on(CATCH));
    suite.test("catch: who looks on at a run and its reference changes nothing", || look_on_held(CATCH_HELD));
    suite.test("catch: one seed, one rollout", || compare_rollouts(CATCH_ROLLOUT));
    suite.test_with(&rom("pong"), "pong: one seed, one rollout", |()| compare_rollouts(PONG_ROLLOUT));
    suite.run()
}

/// A run that shows itself and one that does not have the same bits.
fn look_on(short: Short) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let outcomes = ["true", "false"].map(|live| {
        let out = folder.path().join(live);
        let mut command = train("dqn", short.env, &out);
        command.args(["--set", &format!("live={live}")]);
        let outcome = outcome(command, short, 3, 2, &out);
        assert_eq!(out.join("live/agent.json").is_file(), live == "true");
        outcome
    });
    assert!(outcomes[0] == outcomes[1]);
}

/// A run that somebody looks at, and so asks its reference ten times a second, has the bits of one that shows nothing.
fn look_on_held(short: Short) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let prior = folder.path().join("prior");
    succeed(train("a2c_proper", short.env, &prior).args(["--frames", "4k"]));
    let outcomes = ["true", "false"].map(|live| {
        let out = folder.path().join(live);
        let mut command = train("a2c_prior", short.env, &out);
        command.args(["--set", &format!("live={live}"), "--seed", "3"]).args(short.settings);
        let mut running = Running::start(command.arg("--reference").arg(&prior), &out);
        if live == "true" {
            let mut asked = BTreeSet::new();
            running.wait("views", || {
                let dir = RunDir::open(&out).ok()?;
                dir.watch().ok()?;
                let agent = dir.read_agent().expect("a sound view")?;
                assert!(agent.reference.is_some_and(|reference| reference.kl >= 0.0));
                asked.insert(agent.beat);
                (asked.len() >= 5).then_some(())
            });
        }
        assert_eq!(running.end().code, Some(0));
        computed(short, &out)
    });
    assert!(outcomes[0] == outcomes[1]);
}

/// What a run computed: its metrics and its weights.
fn outcome(mut command: Command, short: Short, seed: u64, threads: usize, out: &Path) -> (Vec<u8>, Vec<u8>) {
    command.args(short.settings).args(["--seed", &seed.to_string()]);
    succeed(command.env("RAYON_NUM_THREADS", threads.to_string()));
    computed(short, out)
}

/// The same of a run that ended.
fn computed(short: Short, out: &Path) -> (Vec<u8>, Vec<u8>) {
    let records = records::training(out);
    let last = records.last().expect("a run of some length");
    assert!(count(last, "updates") >= short.updates, "{last}");
    (fs::read(out.join("metrics.jsonl")).expect("metrics"), records::weights(out))
}

fn compare(short: Short) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let run = |name: &str, seed, threads| {
        let out = folder.path().join(name);
        outcome(train("soft_kl", short.env, &out), short, seed, threads, &out)
    };
    let (metrics, weights) = run("first", 7, 1);
    for (name, threads) in [("second", 2), ("third", 1)] {
        let (other_metrics, other_weights) = run(name, 7, threads);
        assert!(metrics == other_metrics, "metrics differ with {threads} threads");
        assert!(weights == other_weights, "weights differ with {threads} threads");
    }
    let (other_metrics, other_weights) = run("other", 8, 2);
    assert!(metrics != other_metrics && weights != other_weights, "the seed has no effect");
}

/// Neither threads nor acting while the other half of the environments steps change a bit: not of what is learned, and
/// not of the probabilities that actions were chosen with, which few weights too old would change without changing many
/// actions.
fn compare_rollouts(short: Short) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let shipped = fs::read_to_string(repository().join("scripts/a2c_proper.rhai")).expect("a shipped script");
    let (told, telling) =
        ("metric(\"v\"", "metric(\"logp\", mean(t.steps.behaviour_logp));\n    metric(\"v\"");
    let script = folder.path().join("telling.rhai");
    fs::write(&script, shipped.replace(told, telling)).expect("a writable folder");
    let run = |name: &str, overlap: &str, threads| {
        let out = folder.path().join(name);
        let mut command = kelvin();
        command.arg("train").arg(&script).args(["--env", short.env, "--device", "cpu", "--quiet", "--out"]);
        command.arg(&out).args(["--set", overlap]);
        outcome(command, short, 7, threads, &out)
    };
    let (metrics, weights) = run("first", "overlap=true", 1);
    assert!(String::from_utf8_lossy(&metrics).contains("\"logp\""), "nothing is told of the probabilities");
    for (name, overlap, threads) in [("second", "overlap=true", 3), ("third", "overlap=false", 2)] {
        let (other_metrics, other_weights) = run(name, overlap, threads);
        assert!(metrics == other_metrics, "metrics differ with {overlap} and {threads} threads");
        assert!(weights == other_weights, "weights differ with {overlap} and {threads} threads");
    }
}
