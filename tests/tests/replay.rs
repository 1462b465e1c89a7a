//! `kelvin replay`: a run is made again from its directory, with every edit at the step it came at, and compared.
#![cfg(unix)]

use kelvin_tests::command::{Said, kelvin, run, succeed, train};
use kelvin_tests::records::{self, count};
use kelvin_tests::running::Running;
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A script whose exploration goes by the clock, with a temperature to set and a number that is part of what is traced.
fn script(weight: f64) -> String {
    format!(
        r#"fn config() {{ #{{ learner: "replay", n: 1, heads: ["q"], exploration: epsilon_greedy(1.0, 0.1) }} }}
fn params() {{ #{{
    tau: param(0.1, 0.0001, 10.0, "temperature"),
    gamma: param(0.99, 0.0, 1.0, "discount"),
    sweeps: param_int(1, 1, 3, "how often the loss is counted"),
}} }}
fn schedule(clock) {{ #{{ epsilon: 0.5 - 0.4 * clock.progress }} }}
fn target(t, p) {{ t.reward + p.gamma * (1 - t.terminated) * max(t.next.q) }}
fn loss(net, y, t, p) {{ {weight:?} * p.sweeps * huber(net.q[t.action] - y, p.tau + 1.0) }}
"#
    )
}

struct Trained {
    folder: tempfile::TempDir,
}

impl Trained {
    fn new() -> Self {
        let trained = Self { folder: tempfile::tempdir().expect("a temporary folder") };
        trained.edit(1.0);
        trained
    }

    fn script(&self) -> PathBuf {
        self.folder.path().join("mine.rhai")
    }

    fn run(&self) -> PathBuf {
        self.folder.path().join("run")
    }

    fn edit(&self, weight: f64) {
        fs::write(self.script(), script(weight)).expect("a writable folder");
    }

    fn control(&self, text: &str) {
        fs::write(self.run().join("control.toml"), text).expect("a run");
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = kelvin();
        command.arg("train").arg(self.script()).arg("--out").arg(self.run());
        command.args(["--env", "catch", "--device", "cpu", "--quiet"]).args(args);
        command
    }

    fn resume(&self, args: &[&str]) -> Command {
        let mut command = kelvin();
        command.args(["train", "--resume", "--quiet", "--out"]).arg(self.run()).args(args);
        command
    }
}

fn replay(path: &Path) -> Said {
    run(kelvin().arg("replay").arg(path))
}

/// A run that is edited, killed, gone on with, lengthened and edited again.
fn steered() -> Trained {
    let trained = Trained::new();
    let mut running = Running::start(
        &mut trained.command(&["--frames", "200k", "--set", "checkpoint_every=4000"]),
        &trained.run(),
    );
    running.wait_for_updates(2000);
    trained.control("[params]\ntau = 0.5\n");
    running.wait_for_event("params", 1);
    trained.edit(2.0);
    running.wait_for_event("reload", 1);
    trained.control("[params]\ntau = 0.5\nsweeps = 2\n");
    let last = count(&running.wait_for_event("params", 2), "agent_steps");
    running.wait("a checkpoint after them", || {
        let saved = records::events_of(&trained.run(), "checkpoint");
        saved.iter().any(|event| count(event, "agent_steps") > last).then_some(())
    });
    // One that is lost with what came after the checkpoint, and made anew where the run goes on.
    trained.edit(3.0);
    running.wait_for_event("reload", 2);
    running.signal("KILL");
    running.end();

    let mut running = Running::start(&mut trained.resume(&["--frames", "100M"]), &trained.run());
    running.wait_for_event("reload", 3);
    let seen = count(&running.wait_for_event("resume", 1), "update");
    running.wait_for_updates(seen + 2000);
    trained.control("stop = 1\n");
    let said = running.end();
    assert_eq!(said.code, Some(0), "{said}");
    trained
}

#[test]
fn a_run_that_was_steered_and_cut_off_is_made_again() {
    let trained = steered();
    let said = replay(&trained.run());
    assert_eq!((said.code, said.stderr.as_str()), (Some(0), ""), "{said}");
    assert!(said.stdout.contains("taken up again 1 times"), "{said}");
    let records = records::metrics(&trained.run()).len();
    let told = said.stdout.lines().last().unwrap_or_default().replace(',', "");
    assert!(told.starts_with(&format!("the same: {records} records and 2 saved networks")), "{said}");

    // An edit that is told of at another step.
    let events = trained.run().join("events.jsonl");
    let text = fs::read_to_string(&events).expect("events");
    let edit = text.lines().find(|line| line.contains("\"reload\"")).expect("an edit");
    let at = count(&serde_json::from_str::<Value>(edit).expect("a record"), "agent_steps");
    let moved = edit.replace(&format!("\"agent_steps\":{at}"), &format!("\"agent_steps\":{}", at - 160));
    fs::write(&events, text.replace(edit, &moved)).expect("a run");
    let said = replay(&trained.run());
    assert_eq!(said.code, Some(1), "{said}");
    assert!(said.stderr.contains("the runs part between update"), "{said}");
}

#[test]
fn the_first_record_that_is_another_is_named() {
    let trained = Trained::new();
    succeed(&mut trained.command(&["--frames", "12k"]));
    let path = trained.run().join("metrics.jsonl");
    let text = fs::read_to_string(&path).expect("metrics");
    let lines: Vec<&str> = text.lines().collect();
    let at = lines.iter().rposition(|line| line.contains("\"train\"")).expect("records");
    let record: Value = serde_json::from_str(lines[at]).expect("a record");
    let loss = record["metrics"]["loss"].to_string();
    let bent = lines[at].replace(&format!("\"loss\":{loss}"), "\"loss\":0.25");
    fs::write(&path, text.replace(lines[at], &bent)).expect("a run");
    let said = replay(&trained.run());
    assert_eq!(said.code, Some(1), "{said}");
    let updates = count(&record, "updates");
    assert!(said.stderr.contains(&format!("and update {updates}: the train record")), "{said}");
    assert!(said.stderr.contains(&format!("metrics.loss was 0.25, and is {loss}")), "{said}");
}

#[test]
fn what_was_recorded_and_is_not_now_is_a_difference() {
    let trained = Trained::new();
    succeed(&mut trained.command(&["--frames", "8k"]));
    let path = trained.run().join("metrics.jsonl");
    let text = fs::read_to_string(&path).expect("metrics");
    let last = text.lines().last().expect("records");
    fs::write(&path, format!("{text}{last}\n")).expect("a run");
    let said = replay(&trained.run());
    assert!(said.code == Some(1) && said.stderr.contains("was recorded, and is not now"), "{said}");
    // Nobody trains for years to find out that it is not there.
    let claims = last.replace("\"agent_steps\":", "\"agent_steps\":1");
    assert_ne!(claims, last);
    fs::write(&path, format!("{text}{claims}\n")).expect("a run");
    let said = replay(&trained.run());
    assert!(said.code == Some(1) && said.stderr.contains("and the run is 8,000 long"), "{said}");
    // And where records are missing, the networks are compared all the same.
    fs::write(&path, text.lines().take(3).map(|line| format!("{line}\n")).collect::<String>())
        .expect("a run");
    let said = replay(&trained.run());
    assert!(said.code == Some(0) && said.stdout.contains("3 records and 1 saved network"), "{said}");
}

#[test]
fn a_version_that_is_another_by_now_is_told() {
    let trained = Trained::new();
    succeed(&mut trained.command(&["--frames", "4k"]));
    let index = fs::read_to_string(trained.run().join("objective/index.jsonl")).expect("versions");
    let version: Value = serde_json::from_str(index.lines().next().expect("one")).expect("a record");
    fs::write(trained.run().join(version["script"].as_str().expect("a path")), script(7.0)).expect("a run");
    let said = replay(&trained.run());
    assert!(said.code == Some(1) && said.stderr.contains("is not the version that ran"), "{said}");
}

#[test]
fn what_is_kept_of_a_replay_is_a_run_like_any_other() {
    let trained = Trained::new();
    succeed(&mut trained.command(&["--frames", "8k"]));
    // Longer than it was to be.
    succeed(&mut trained.resume(&["--frames", "12k"]));
    assert_kept(&trained.run(), &trained.folder.path().join("kept"));
}

/// Keeps a replay of a run, and replays that.
#[track_caller]
fn assert_kept(run: &Path, kept: &Path) {
    succeed(kelvin().arg("replay").arg(run).arg("--out").arg(kept));
    assert_eq!(records::weights(kept), records::weights(run));
    let config = |run: &Path| fs::read_to_string(run.join("config.toml")).expect("a run");
    assert_eq!(config(kept), config(run));
    let said = replay(kept);
    assert!(said.code == Some(0) && said.stdout.contains("the same: "), "{said}");
}

#[test]
fn a_run_that_failed_fails_again_at_the_same_update() {
    let trained = Trained::new();
    let text = script(1.0).replace("p.tau + 1.0)", "p.tau + 1.0) + log(0.6 - net.q[t.action])");
    fs::write(trained.script(), text).expect("a writable folder");
    let said = run(&mut trained.command(&["--frames", "60k"]));
    assert_eq!(said.code, Some(1), "{said}");
    let first = count(&records::events_of(&trained.run(), "fault")[0], "first");
    let as_it_did = format!("it fails at update {first} as it did");
    let said = replay(&trained.run());
    assert!(said.code == Some(0) && said.stdout.contains(&as_it_did), "{said}");
    // Mended and gone on with: what came then is told of.
    trained.edit(1.0);
    succeed(&mut trained.resume(&[]));
    let said = replay(&trained.run());
    assert!(said.code == Some(0) && said.stdout.contains(&as_it_did), "{said}");
    assert!(said.stdout.contains("is not compared"), "{said}");
}

#[test]
fn a_fork_is_made_again_from_the_checkpoint_that_it_began_at() {
    let trained = Trained::new();
    succeed(&mut trained.command(&["--frames", "8k"]));
    trained.edit(0.5);
    let fork = trained.folder.path().join("fork");
    let mut command = kelvin();
    command.arg("train").arg(trained.script()).arg("--fork").arg(trained.run()).arg("--out").arg(&fork);
    succeed(command.args(["--frames", "14k", "--quiet"]));
    fs::remove_dir_all(trained.run()).expect("the parent");
    let said = replay(&fork);
    assert_eq!(said.code, Some(0), "{said}");
    assert!(said.stdout.contains("the same: "), "{said}");
    assert_kept(&fork, &trained.folder.path().join("kept"));
}

#[test]
fn a_run_near_another_is_made_again_when_that_one_has_gone_on() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let [reference, near] = ["reference", "near"].map(|name| folder.path().join(name));
    succeed(train("a2c_proper", "catch", &reference).args(["--frames", "4k"]));
    let mut start = train("a2c_prior", "catch", &near);
    succeed(start.args(["--frames", "4k", "--reference"]).arg(&reference));
    let (metrics, weights) = (records::metrics(&near), records::weights(&near));
    let mut go_on = kelvin();
    succeed(go_on.args(["train", "--resume", "--quiet", "--frames", "8k", "--out"]).arg(&reference));
    let said = replay(&near);
    assert!(said.code == Some(0) && said.stdout.contains("the same: "), "{said}");
    // So does one that was killed before its first checkpoint.
    for path in records::checkpoints(&near) {
        fs::remove_dir_all(path).expect("a checkpoint");
    }
    fs::remove_file(near.join("DONE")).expect("it was done");
    let mut again = kelvin();
    succeed(again.args(["train", "--resume", "--quiet", "--out"]).arg(&near));
    assert!(records::metrics(&near) == metrics && records::weights(&near) == weights, "it is another");
}

/// There and back at one step, with a checkpoint of that step before: what the run went on from had none of it.
#[test]
fn edits_at_the_step_of_a_checkpoint_are_those_before_it_or_after_it() {
    for ends_by in ["KILL", "INT"] {
        let trained = Trained::new();
        let mut running = Running::start(&mut trained.command(&["--frames", "100M"]), &trained.run());
        running.wait_for_updates(500);
        trained.control("pause = true\n");
        running.wait_for_event("paused", 1);
        trained.control("pause = true\ncheckpoint = 1\n");
        running.wait_for_event("checkpoint", 1);
        for (nth, weight) in [(1, 2.0), (2, 1.0)] {
            trained.edit(weight);
            running.wait_for_event("reload", nth);
        }
        running.signal(ends_by);
        running.end();
        trained.control("");
        let mut running = Running::start(&mut trained.resume(&[]), &trained.run());
        let at = count(&running.wait_for_event("resume", 1), "update");
        running.wait_for_updates(at + 500);
        running.signal("INT");
        assert_eq!(running.end().code, Some(0));
        let said = replay(&trained.run());
        assert!(said.code == Some(0) && said.stdout.contains("the same: "), "{ends_by}: {said}");
    }
}

#[test]
fn a_run_that_goes_on_is_made_again_as_far_as_it_is() {
    let trained = Trained::new();
    let mut running = Running::start(
        &mut trained.command(&["--frames", "100M", "--set", "checkpoint_every=4000"]),
        &trained.run(),
    );
    running.wait_for_updates(1000);
    let said = replay(&trained.run());
    assert!(said.code == Some(0) && said.stdout.contains("the same: "), "{said}");
    running.signal("INT");
    running.end();
}

#[test]
fn what_is_no_run_is_told() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let said = replay(folder.path());
    assert!(said.code == Some(1) && said.stderr.contains("is not a run"), "{said}");
}
