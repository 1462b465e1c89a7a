//! An update whose numbers are not finite is found, explained by the script's line, and dealt with as asked for.

use kelvin_tests::command::{Said, kelvin, run, succeed};
use kelvin_tests::records::{self, count};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};

/// A script with this loss; `td_error` is at hand.
fn script(loss: &str) -> String {
    format!(
        r#"fn config() {{ #{{ heads: ["q"], exploration: epsilon_greedy(1.0, 0.01) }} }}
fn params() {{ #{{
    tau: param(0.1, 0.0001, 10.0, "temperature"),
    gamma: param(0.99, 0.0, 1.0, "discount"),
}} }}
fn target(t, p) {{ t.reward + p.gamma * (1 - t.terminated) * max(t.next.q) }}
fn loss(net, y, t, p) {{
    let td_error = net.q[t.action] - y;
    {loss}
}}
"#
    )
}

/// The line of the loss in it.
const LINE: u32 = 9;

struct Ran {
    folder: tempfile::TempDir,
    said: Said,
}

impl Ran {
    fn with(loss: &str, settings: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("mine.rhai");
        fs::write(&path, script(loss)).expect("a writable folder");
        let mut command = kelvin();
        command.arg("train").arg(&path).arg("--out").arg(folder.path().join("run"));
        command.args(["--env", "catch", "--device", "cpu", "--frames", "8k"]);
        for setting in settings {
            command.args(["--set", setting]);
        }
        let said = run(&mut command);
        Self { folder, said }
    }

    fn run(&self) -> PathBuf {
        self.folder.path().join("run")
    }

    fn faults(&self) -> Vec<Value> {
        records::events_of(&self.run(), "fault")
    }
}

/// What is kept of the update.
fn report(run: &Path, update: u64) -> String {
    let folder = run.join("faults").join(format!("update-{update}"));
    assert!(folder.join("batch.safetensors").metadata().expect("a batch").len() > 1000);
    fs::read_to_string(folder.join("report.txt")).expect("a report")
}

/// A cause: the loss, settings, what the event calls it, and what the report must say.
type Cause = (&'static str, &'static [&'static str], &'static str, &'static [&'static str]);

const CAUSES: &[Cause] = &[
    (
        "td_error ** 2 + 0.01 * log(td_error + 1.5)",
        &["learning_rate=0.01"],
        "script",
        &[":9:28", "`log ", "is NaN", " = -", "above zero"],
    ),
    (
        "td_error ** 2 * (t.reward / t.reward)",
        &[],
        "script",
        &[":9:31", "`div reward_0 reward_0` is NaN", "reward_0 = 0", "divisor"],
    ),
    (
        "exp((1.0 + td_error ** 2) / p.tau)",
        &["tau=0.0001"],
        "script",
        &[":9:5", "`exp ", "is inf", "overflows"],
    ),
    (
        "td_error ** 2 + sqrt(max(t.reward + 0.0 * td_error, 0.0))",
        &[],
        "script_gradient",
        &[":9:21", "the gradient is", "slope of sqrt"],
    ),
    // Found in a tick that copies the target network, with which it was computed.
    (
        "huber(td_error, 1.0) + 0.0001 * log(0.003 - abs(net.q[t.action] - t.q[t.action]))",
        &["target_every=8"],
        "script",
        &[":9:37", "`log ", "is NaN", "above zero"],
    ),
    (
        "huber(td_error, 1.0)",
        &["learning_rate=1e30"],
        "weights",
        &["the network diverged", "net.q[", "learning_rate (it is 1.0000e30)"],
    ),
];

#[test]
fn every_cause_is_named_with_its_line_and_numbers() {
    let mut wrong = Vec::new();
    for (loss, settings, cause, parts) in CAUSES {
        let ran = Ran::with(loss, settings);
        let faults = ran.faults();
        let [fault] = &faults[..] else { panic!("{loss}: {} faults\n{}", faults.len(), ran.said) };
        let kept = report(&ran.run(), count(fault, "first"));
        let line = format!("mine.rhai:{}", if *cause == "weights" { 8 } else { LINE });
        let mut missing: Vec<&str> = parts.iter().filter(|part| !kept.contains(**part)).copied().collect();
        missing.extend((!kept.contains(&line)).then_some("the line"));
        missing.extend((!ran.said.stderr.contains(kept.trim_end())).then_some("the report on the terminal"));
        if ran.said.code != Some(1) || fault["cause"] != *cause || !missing.is_empty() {
            wrong.push(format!("{loss}: {fault}\nlacks {missing:?}\n{}", ran.said));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[test]
fn a_stopped_run_has_its_last_good_state_and_goes_on_with_a_mended_script() {
    let ran = Ran::with(CAUSES[0].0, CAUSES[0].1);
    let run = ran.run();
    let first = count(&ran.faults()[0], "first");
    assert!(first > 1, "some updates were sound");
    let newest = records::checkpoints(&run).pop().expect("a checkpoint");
    assert!(newest.ends_with(format!("{:012}", first - 1)), "{}", newest.display());
    assert!(!run.join("DONE").exists());
    for record in records::training(&run) {
        assert!(
            record["metrics"].as_object().is_some_and(|metrics| metrics.values().all(Value::is_number)),
            "{record}"
        );
    }

    fs::write(ran.folder.path().join("mine.rhai"), script("td_error ** 2")).expect("a writable folder");
    succeed(kelvin().args(["train", "--resume", "--out"]).arg(&run));
    assert_eq!(ran.faults().len(), 1, "the version that broke did not run again");
    assert!(run.join("DONE").is_file());
    records::assert_recorded_once(&run);
}

#[test]
fn a_run_that_skips_learns_from_the_other_updates() {
    let ran = Ran::with(CAUSES[0].0, &["learning_rate=0.01", "on_nan=skip"]);
    assert_eq!(ran.said.code, Some(0), "{}", ran.said);
    let faults = ran.faults();
    assert!(!faults.is_empty() && faults[0]["cause"] == "script", "{faults:?}");
    // Three are examined; of the others there is a word now and then.
    let kept = fs::read_dir(ran.run().join("faults")).expect("faults").count();
    assert!((1..=3).contains(&kept) && faults.len() < 20, "{kept} kept, {} told", faults.len());
    let records = records::training(&ran.run());
    let last = records.last().expect("records");
    assert!(last["metrics"]["loss"].is_number(), "{last}");
    assert!(ran.run().join("DONE").is_file() && records::weights(&ran.run()).len() > 1000);
}

#[test]
fn a_run_that_continues_says_what_it_does_to_itself() {
    // The loss alone is broken: gradients do not pass through a number that does not depend on the network.
    let ran = Ran::with("td_error ** 2 + log(t.reward - 2.0)", &["on_nan=continue"]);
    assert_eq!(ran.said.code, Some(0), "{}", ran.said);
    let records = records::training(&ran.run());
    assert!(records.last().expect("records")["metrics"]["loss"].is_null(), "a loss that is no number");
    assert!(ran.said.stdout.contains("on_nan: continue"), "{}", ran.said);

    // Weights that are broken are not saved, and that does not end it either.
    let ran = Ran::with("td_error * log(t.reward - 2.0)", &["on_nan=continue", "checkpoint_every=3000"]);
    assert_eq!(ran.said.code, Some(0), "{}", ran.said);
    assert!(!records::events_of(&ran.run(), "checkpoint_refused").is_empty());
    assert!(records::checkpoints(&ran.run()).is_empty());
}
