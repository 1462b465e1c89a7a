//! A run that is cut off, however often and whenever, is bit for bit the run that never was.

use kelvin_tests::command::{kelvin, repository, run, succeed};
use kelvin_tests::cuts::{Cut, Short, assert_same, train_cut_off};
use kelvin_tests::records::{self, count};
use kelvin_tests::suite::{Suite, adapter, rom};
use std::fs;
use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

/// Replay with evaluations, a schedule of exploration, and a memory that is cut into segments and goes around.
const CATCH: Short = Short {
    script: "dqn",
    env: "catch",
    args: &[
        "--frames",
        "60k",
        "--set",
        "replay_capacity=24000",
        "--set",
        "checkpoint_every=5000",
        "--set",
        "eval_every=20000",
        "--set",
        "eval_episodes=20",
    ],
};

/// Fewer updates: a software driver takes its time.
const CATCH_GPU: Short =
    Short { script: "dqn", env: "catch", args: &["--frames", "8k", "--set", "checkpoint_every=500"] };

const CATCH_ROLLOUT: Short = Short {
    script: "a2c_proper",
    env: "catch",
    args: &["--frames", "60k", "--set", "checkpoint_every=5000"],
};

/// The Nature network, windows of several steps, lost lives, and a memory that goes around.
const BREAKOUT: Short = Short {
    script: "dqn",
    env: "breakout",
    args: &[
        "--frames",
        "8k",
        "--set",
        "learning_starts=300",
        "--set",
        "update_every=16",
        "--set",
        "replay_capacity=1200",
        "--set",
        "target_every=100",
        "--set",
        "log_every=100",
        "--set",
        "checkpoint_every=200",
    ],
};

/// Sticky actions, and rollouts that are cut in their middle.
const PONG_ROLLOUT: Short = Short {
    script: "a2c_proper",
    env: "pong",
    args: &[
        "--frames",
        "12k",
        "--preset",
        "machado",
        "--set",
        "log_every=100",
        "--set",
        "checkpoint_every=300",
    ],
};

fn main() -> ExitCode {
    let mut suite = Suite::new();
    suite.test("catch: killed", || compare(CATCH, Cut::Kill));
    suite.test("catch: stopped", || compare(CATCH, Cut::Interrupt));
    suite.test("catch: rollouts, stopped", || compare(CATCH_ROLLOUT, Cut::Interrupt));
    suite.test_with(&rom("breakout"), "breakout: killed", |()| compare(BREAKOUT, Cut::Kill));
    suite.test_with(&rom("breakout"), "breakout: stopped", |()| compare(BREAKOUT, Cut::Interrupt));
    suite.test_with(&rom("pong"), "pong: rollouts, stopped", |()| compare(PONG_ROLLOUT, Cut::Interrupt));
    suite.test_with(&adapter(), "catch on a GPU: killed", |adapter| {
        compare_on(&adapter, CATCH_GPU, Cut::Kill)
    });
    suite.test("catch: broken updates that change nothing, stopped", skip_broken);
    suite.run()
}

/// An objective that breaks now and then, in a run that goes on all the same: several updates a tick, so that it matters
/// when a broken one is found.
fn skip_broken() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let script = folder.path().join("mine.rhai");
    let text = fs::read_to_string(repository().join("scripts/dqn.rhai")).expect("a shipped script");
    let bent = text
        .replace("huber(td_error, p.delta)", "huber(td_error, p.delta) + 1e-9 * log(0.9 - net.q[t.action])");
    assert_ne!(bent, text);
    fs::write(&script, bent).expect("a writable folder");
    let command = |out: &Path| {
        let mut command = kelvin();
        command.arg("train").arg(&script).arg("--out").arg(out).args(["--env", "catch", "--device", "cpu"]);
        command.args(["--frames", "30k", "--quiet", "--set", "on_nan=skip", "--set", "update_every=1"]);
        command.args(["--set", "envs=20", "--set", "learning_starts=500"]);
        command
    };
    let (alone, often) = (folder.path().join("alone"), folder.path().join("often"));
    let start = Instant::now();
    assert_eq!(run(&mut command(&alone)).code, Some(0));
    assert!(!records::events_of(&alone, "fault").is_empty(), "nothing broke");
    // None waits for the next tick because one before it is broken, whenever that is found.
    let last = records::training(&alone).pop().expect("records");
    assert_eq!(count(&last, "updates"), count(&last, "agent_steps") - 500, "{last}");
    train_cut_off(|| command(&often), &often, Cut::Interrupt, (5, start.elapsed() / 2), 3);
    assert_same(&alone, &often);
}

fn compare(short: Short, cut: Cut) {
    compare_on("cpu", short, cut);
}

/// Cuts a run off some times, each within a part of what it takes alone.
fn compare_on(device: &str, short: Short, cut: Cut) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (alone, often) = (folder.path().join("alone"), folder.path().join("often"));
    let start = Instant::now();
    succeed(&mut short.command_on(device, &alone));
    let within = start.elapsed() / 2;
    train_cut_off(|| short.command_on(device, &often), &often, cut, (5, within), 7);
    records::assert_recorded_once(&often);
    let resumed = records::events_of(&often, "resume");
    assert!(resumed.iter().any(|event| event["agent_steps"] != 0), "it never went on from anywhere");
    assert!(resumed.iter().all(|event| event["same_episodes"] == true), "{resumed:?}");
    assert_same(&alone, &often);
}
