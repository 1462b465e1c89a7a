//! Parameters are set through `control.toml` while a run goes on: at once, on record, and over a resume.
#![cfg(unix)]

use kelvin_tests::command::{kelvin, succeed};
use kelvin_tests::records::{self, count};
use kelvin_tests::running::Running;
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};

/// A script with live parameters and one that is traced into the kernel; which version of it ran shows in a metric.
fn script(tau: &str) -> String {
    format!(
        r#"fn config() {{ #{{ heads: ["q"], exploration: epsilon_greedy(1.0, 0.01) }} }}
fn params() {{ #{{
    {tau}
    gamma: param(0.99, 0.0, 1.0, "discount"),
    doubled: param(false, "whether the loss counts twice"),
}} }}
fn target(t, p) {{ t.reward + p.gamma * (1 - t.terminated) * max(t.next.q) }}
fn loss(net, y, t, p) {{
    if p.doubled {{ metric("twice", abs(y)); }} else {{ metric("once", abs(y)); }}
    let td_error = net.q[t.action] - y;
    if p.doubled {{ 2.0 * td_error ** 2 }} else {{ td_error ** 2 }}
}}
"#
    )
}

const TAU: &str = r#"tau: param(0.1, 0.001, 10.0, "temperature"),"#;

/// A run in the background.
struct Steered {
    folder: tempfile::TempDir,
    run: PathBuf,
    running: Running,
}

impl Steered {
    fn start() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (path, run) = (folder.path().join("mine.rhai"), folder.path().join("run"));
        fs::write(&path, script(TAU)).expect("a writable folder");
        let mut command = kelvin();
        command.arg("train").arg(&path).arg("--out").arg(&run);
        command.args(["--env", "catch", "--device", "cpu", "--frames", "100M", "--set", "gamma=0.9"]);
        let running = Running::start(&mut command, &run);
        Self { folder, run, running }
    }

    fn script(&self) -> PathBuf {
        self.folder.path().join("mine.rhai")
    }

    fn control(&self, text: &str) {
        fs::write(self.run.join("control.toml"), text).expect("a run");
    }

    /// Waits for the `nth` event of a kind, and for a record made after it.
    fn after(&mut self, event: &str, nth: usize) -> (Value, Value) {
        let event = self.running.wait_for_event(event, nth);
        let record = self.running.wait_for_updates(count(&event, "update") + 500);
        (event, record)
    }

    fn stop(self) -> (tempfile::TempDir, PathBuf) {
        self.running.signal("INT");
        let said = self.running.end();
        assert_eq!((said.code, said.stderr.as_str()), (Some(0), ""), "{said}");
        (self.folder, self.run)
    }
}

fn diagnostic(event: &Value) -> &str {
    event["diagnostic"].as_str().expect("a diagnostic")
}

/// Goes on with a run for a while.
fn resume(run: &Path) -> Value {
    let at = count(records::training(run).last().expect("records"), "frames");
    let mut command = kelvin();
    command.args(["train", "--resume", "--frames", &(at + 5000).to_string(), "--out"]).arg(run);
    succeed(&mut command);
    records::training(run).pop().expect("records")
}

#[test]
fn values_are_taken_over_while_the_run_goes_on() {
    let mut steered = Steered::start();
    steered.running.wait_for_updates(10);

    steered.control("[params]\ntau = 0.05\n");
    let (event, record) = steered.after("params", 1);
    assert_eq!((&event["params"], &event["source"]), (&json!({ "tau": 0.05 }), &json!("control.toml")));
    assert_eq!(record["params"]["tau"], 0.05);

    // What was set on the command line is set again here, and comes back when the line goes.
    steered.control("[params]\ntau = 0.05\ngamma = 0.5\n");
    assert_eq!(steered.after("params", 2).1["params"]["gamma"], 0.5);
    steered.control("# nothing of the sort\n[params]\ntau = 0.05\n");
    assert_eq!(steered.after("params", 3).1["params"]["gamma"], 0.9);

    // A value that the kernel is traced with.
    steered.control("[params]\ntau = 0.05\ndoubled = true\n");
    let (_, record) = steered.after("params", 4);
    assert!(record["metrics"]["twice"].is_number() && record["metrics"]["once"].is_null(), "{record}");

    // A mistake changes nothing.
    steered.control("[params]\ntau = 0.05\ntua = 3\n");
    let (refused, record) = steered.after("control_refused", 1);
    for part in ["control.toml:3:1", "no parameter `tua`", "did you mean `tau`", "tua = 3"] {
        assert!(diagnostic(&refused).contains(part), "no {part} in\n{refused}");
    }
    assert!(record["metrics"]["twice"].is_number() && record["params"]["tau"] == 0.05, "{record}");
    steered.control("[params]\ntau = 99.0\n");
    assert!(diagnostic(&steered.after("control_refused", 2).0).contains("between 0.001 and 10"));
    steered.control("[params\n");
    assert!(diagnostic(&steered.after("control_refused", 3).0).contains("TOML"));
    let said = steered.running.stdout();
    assert!(said.contains("control.toml: tau = 0.05 at update") && said.contains("`tua`"), "{said}");
    // Whoever was told of a mistake is told that it is gone, though no value changes.
    steered.control("[params]\ntau = 0.05\ndoubled = true # once more\n");
    steered.after("params", 5);
    assert!(steered.running.stdout().contains("sound again"), "{}", steered.running.stdout());

    // An edit of the script leaves alone what was set by hand, and static values with it.
    fs::write(steered.script(), script(&TAU.replace("0.1,", "0.2,"))).expect("a writable folder");
    let (_, record) = steered.after("reload", 1);
    assert_eq!((&record["params"]["tau"], &record["params"]["doubled"]), (&json!(0.05), &json!(1.0)));
    // A version that a value set by hand does not fit is refused.
    fs::write(steered.script(), script(&TAU.replace("0.001", "0.09"))).expect("a writable folder");
    let refused = steered.running.wait_for_event("reload_refused", 1);
    assert!(diagnostic(&refused).contains("control.toml: tau=0.05 does not fit"), "{refused}");

    // With the file gone everything is as the script and the command line have it.
    fs::remove_file(steered.run.join("control.toml")).expect("it is there");
    let (event, record) = steered.after("params", 6);
    assert_eq!(event["params"], json!({}));
    assert_eq!((&record["params"]["tau"], &record["params"]["gamma"]), (&json!(0.2), &json!(0.9)));
    assert!(record["metrics"]["once"].is_number(), "{record}");
    // Versions are written down beside the training, and are there when it has ended.
    let (_folder, run) = steered.stop();
    let versions = kelvin_run::RunDir::open(&run).and_then(|dir| dir.objectives()).expect("versions");
    assert_eq!(versions.len(), 2, "a value is no version");
}

#[test]
fn values_outlast_a_resume_and_edits_made_meanwhile_count_from_its_first_update_on() {
    let mut steered = Steered::start();
    steered.running.wait_for_updates(10);
    steered.control("[params]\ntau = 0.05\ndoubled = 1\n");
    steered.after("params", 1);
    let (folder, run) = steered.stop();

    let record = resume(&run);
    assert_eq!((&record["params"]["tau"], &record["params"]["doubled"]), (&json!(0.05), &json!(1.0)));
    assert!(record["metrics"]["twice"].is_number(), "{record}");
    assert_eq!(records::events_of(&run, "params").len(), 1, "nothing was edited");

    // Edited while nobody trained, script and values together.
    fs::write(folder.path().join("mine.rhai"), script("heat: param(1.0, 0.0, 2.0, \"new\"),"))
        .expect("a writable folder");
    fs::write(run.join("control.toml"), "[params]\nheat = 0.5\n").expect("a run");
    let before = records::training(&run).len();
    let record = resume(&run);
    assert_eq!((&record["params"]["heat"], &record["params"]["doubled"]), (&json!(0.5), &json!(0.0)));
    let first = &records::training(&run)[before];
    assert!(first["metrics"]["once"].is_number() && first["metrics"]["twice"].is_null(), "{first}");
    assert!(records::events_of(&run, "control_refused").is_empty(), "it fits the script it was written for");
    let update = |event: &str| records::events_of(&run, event).pop().map(|event| count(&event, "update"));
    assert_eq!(update("reload"), update("resume"), "in force from the first update on");

    // A file that nobody can read takes nothing back.
    fs::write(folder.path().join("mine.rhai"), script("heat: param(1.5, 0.0, 2.0, \"newer\"),"))
        .expect("a writable folder");
    fs::write(run.join("control.toml"), b"[params]\nheat = 0.5 # \xff\n").expect("a run");
    let record = resume(&run);
    assert_eq!(record["params"]["heat"], json!(0.5));
    assert_eq!(records::events_of(&run, "control_refused").len(), 1);
    records::assert_recorded_once(&run);
}

#[test]
fn a_version_that_reads_other_states_takes_over_what_was_learned() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (path, run) = (folder.path().join("mine.rhai"), folder.path().join("run"));
    let version = |target: &str| {
        let text = script(TAU).replace("fn target(t, p)", "fn target(net, t, p)");
        fs::write(&path, text.replace("max(t.next.q)", target)).expect("a writable folder");
    };
    version("max(t.next.q)");
    let mut command = kelvin();
    command.arg("train").arg(&path).arg("--out").arg(&run);
    command.args(["--env", "catch", "--device", "cpu", "--frames", "100M", "--set", "epsilon_mid_at=1e-4"]);
    let mut running = Running::start(command.args(["--set", "epsilon_end_at=2e-4"]), &run);
    let mean_return = |record: &Value| record["mean_return"].as_f64().unwrap_or(-1.0);
    running.wait("a solved game", || {
        records::training(&run).into_iter().find(|record| mean_return(record) > 0.9)
    });
    for (nth, target) in ["t.next.q[argmax(net.next.q)]", "max(t.next.q) + 0.0 * max(t.q)", "max(t.next.q)"]
        .into_iter()
        .enumerate()
    {
        version(target);
        let event = running.wait_for_event("reload", nth + 1);
        let record = running.wait_for_updates(count(&event, "update") + 1500);
        // It learns on, and may lose a game; a network that started over would lose most of the last hundred.
        assert!(mean_return(&record) > 0.5, "{target}: {record}");
    }
    running.signal("INT");
    assert_eq!(running.end().code, Some(0));
    records::assert_recorded_once(&run);
}
