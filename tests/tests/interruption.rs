//! A run that is stopped or killed at any moment goes on from its last checkpoint, and its records show no seam.
#![cfg(unix)]

use kelvin_tests::command::{Said, kelvin, succeed, train};
use kelvin_tests::records::{self, count};
use kelvin_tests::running::Running;
use std::path::{Path, PathBuf};

/// Starts a run far longer than the test, with a checkpoint every `every` agent steps. It explores for its first 3000
/// frames only, which are few of its length.
fn start(folder: &Path, every: u64) -> (Running, PathBuf) {
    let run = folder.join("run");
    let mut command = train("dqn", "catch", &run);
    command.args(["--frames", "100M", "--set", &format!("checkpoint_every={every}")]);
    command.args(["--set", "epsilon_mid_at=1e-5", "--set", "epsilon_end_at=3e-5"]);
    (Running::start(&mut command, &run), run)
}

/// Resumes it for some frames after `from`, to its end.
fn finish(run: &Path, from: u64) -> (Said, u64) {
    let frames = from + 20_000;
    let mut command = kelvin();
    command.args(["train", "--resume", "--frames", &frames.to_string(), "--out"]).arg(run);
    (succeed(&mut command), frames)
}

fn assert_whole(run: &Path, frames: u64) {
    records::assert_recorded_once(run);
    let records = records::training(run);
    let last = records.last().expect("records");
    // Catch makes one frame an agent step and records every thousand of them; eight environments step at once.
    assert!(count(last, "agent_steps").abs_diff(frames) <= 1000, "{last}");
    let updates: Vec<_> = records.iter().map(|record| count(record, "updates")).collect();
    assert!(updates.windows(2).all(|pair| pair[0] <= pair[1]), "{updates:?}");
    assert!(run.join("DONE").is_file());
    // What it learned, it still knows. (A new length leaves the exploration where it was, in frames.)
    assert!(records::mean_return(run) >= 0.8, "{last}");
}

#[test]
fn ctrl_c_saves_a_checkpoint_and_the_run_goes_on() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (mut running, run) = start(folder.path(), 10_000);
    let seen = count(&running.wait_for_updates(15_000), "agent_steps");
    running.signal("INT");
    let said = running.end();
    assert_eq!((said.code, said.stderr.as_str()), (Some(0), ""), "{said}");
    assert!(!run.join("DONE").exists(), "it was stopped, it is not done");
    let stopped = records::events_of(&run, "stopped");
    assert_eq!(stopped.len(), 1);
    let at = count(&stopped[0], "agent_steps");
    assert!(at >= seen);
    let newest = records::checkpoints(&run).pop().expect("a checkpoint");
    let update: u64 =
        newest.file_name().and_then(|name| name.to_str()).and_then(|name| name.parse().ok()).unwrap();
    assert_eq!(update, count(&stopped[0], "update"), "the last checkpoint is of the moment it stopped");

    let (said, frames) = finish(&run, at);
    assert!(said.stdout.contains("resuming at"), "{said}");
    assert_whole(&run, frames);
    let resumed = records::events_of(&run, "resume");
    assert_eq!(count(&resumed[0], "agent_steps"), at, "not a step was lost");
    let records = records::training(&run);
    let next =
        records.iter().find(|record| count(record, "agent_steps") > at).expect("records after the stop");
    // The memory holds 50,000 transitions; the other frames after truncations and cuts take a few more slots.
    assert!(count(next, "replay") >= at.min(50_000), "the memory was lost: {next}");
}

#[test]
fn a_killed_run_goes_on_from_its_last_checkpoint() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (mut running, run) = start(folder.path(), 30_000);
    let saved = count(&running.wait_for_event("checkpoint", 1), "agent_steps");
    // Killed between two checkpoints, with records that are going to be made again.
    running.wait("records past the checkpoint", || {
        let records = records::training(&run);
        records.iter().any(|record| count(record, "agent_steps") > saved + 2000).then_some(())
    });
    running.signal("KILL");
    let said = running.end();
    assert_eq!(said.code, None, "{said}");

    let (_, frames) = finish(&run, saved);
    let resumed = records::events_of(&run, "resume");
    assert_eq!(count(&resumed[0], "agent_steps"), saved);
    assert_whole(&run, frames);
}

#[test]
fn a_run_in_use_cannot_be_resumed() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (mut running, run) = start(folder.path(), 10_000);
    running.wait_for_updates(10);
    let mut command = kelvin();
    let said = kelvin_tests::command::run(command.args(["train", "--resume", "--out"]).arg(&run));
    assert_eq!(said.code, Some(1), "{said}");
    assert!(said.stderr.contains("in use") && said.stderr.contains("hint:"), "{said}");
    let before = records::training(&run).len();
    running.wait("more records", || (records::training(&run).len() > before).then_some(()));
}
