//! Killing a run at random moments, while somebody edits its script and its parameters.

use super::Tally;
use crate::command::{kelvin, repository, run};
use crate::cuts::{Cut, train_cut_off};
use crate::records;
use rand::{RngExt, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Kills of one run, at most.
const KILLS: u32 = 8;
/// Time from a start to the kill, at most.
const WITHIN: Duration = Duration::from_millis(900);
/// Time between two edits, at most.
const EDIT_WITHIN: Duration = Duration::from_millis(120);

/// Trains a run that is killed again and again, in checkpoints and reloads as in anything else, and makes it again from its
/// records with every edit it took over. `atari` for Breakout in place of catch.
///
/// # Panics
/// If it does not end, has records twice or not at all, or is not the same when it is made again.
pub fn edited_and_killed(seed: u64, atari: bool) -> Tally {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (script, out) = (folder.path().join("mine.rhai"), folder.path().join("run"));
    let text = fs::read_to_string(repository().join("scripts/dqn.rhai")).expect("a shipped script");
    fs::write(&script, &text).expect("a writable folder");
    let stop = AtomicBool::new(false);
    let kills = std::thread::scope(|scope| {
        scope.spawn(|| edit(&script, &text, &out, seed, &stop));
        let kills =
            train_cut_off(|| start(&script, &out, seed, atari), &out, Cut::Kill, (KILLS, WITHIN), seed);
        stop.store(true, Ordering::Relaxed);
        kills
    });
    records::assert_recorded_once(&out);
    let said = run(kelvin().args(["replay", "--quiet"]).arg(&out));
    assert!(said.code == Some(0) && said.stdout.contains("the same: "), "seed {seed}\n{said}");
    let mut tally = Tally::default();
    tally.add("kills, gone on bit for bit", kills.into());
    tally.add("edits taken over", records::events_of(&out, "reload").len() as u64);
    tally.add("changes of parameters", records::events_of(&out, "params").len() as u64);
    tally
}

fn start(script: &Path, out: &Path, seed: u64, atari: bool) -> Command {
    let mut command = kelvin();
    command.arg("train").arg(script).arg("--out").arg(out).args(["--device", "cpu", "--quiet"]);
    command.args(["--seed", &seed.to_string()]);
    let (env, settings): (_, &[&str]) = match atari {
        false => (
            "catch",
            &["checkpoint_every=3000", "replay_capacity=20000", "eval_every=9000", "eval_episodes=5"],
        ),
        true => (
            "breakout",
            &[
                "checkpoint_every=150",
                "learning_starts=300",
                "update_every=16",
                "replay_capacity=1200",
                "target_every=100",
                "log_every=100",
            ],
        ),
    };
    command.args(["--env", env, "--frames", if atari { "6k" } else { "60k" }]);
    for setting in settings {
        command.args(["--set", setting]);
    }
    command
}

/// Saves the script, or values of parameters, until it is told to stop.
fn edit(script: &Path, text: &str, run: &Path, seed: u64, stop: &AtomicBool) {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed ^ 0xed17);
    for version in 0.. {
        std::thread::sleep(EDIT_WITHIN.mul_f64(rng.random()));
        if stop.load(Ordering::Relaxed) {
            return;
        }
        // A run that begins reads its script once, and is not there to see that it was half written.
        if !run.join("config.toml").is_file() {
            continue;
        }
        if rng.random() {
            fs::write(script, format!("{text}// version {version}\n")).expect("a writable folder");
        } else {
            let delta: f64 = rng.random_range(0.1..2.0);
            let control = format!("[params]\ndelta = {delta}\n");
            fs::write(run.join("control.toml"), control).expect("a run");
        }
    }
}
