//! A script is edited while it trains, in every way that editors save, and each version that ran is on record.
#![cfg(unix)]

use kelvin_run::RunDir;
use kelvin_tests::command::{kelvin, succeed};
use kelvin_tests::records::{self, count};
use kelvin_tests::running::Running;
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// The objective, with marks of its version in what it reports. It imports [`library`].
fn objective(mark: &str) -> String {
    format!(
        r#"import "errors" as errors;

fn config() {{ #{{ learner: "replay", n: 1, heads: ["q"], exploration: epsilon_greedy(1.0, 0.01) }} }}

fn params() {{ #{{
    gamma: param(0.99, 0.0, 1.0, "discount"),
    delta: param(1.0, 0.01, 100.0, "Huber threshold"),
}} }}

fn target(t, p) {{
    t.reward + p.gamma * (1 - t.terminated) * max(t.next.q)
}}

fn loss(net, y, t, p) {{
    let td_error = errors::td(net.q[t.action], y);
    metric("{mark}", abs(td_error));
    huber(td_error, p.delta)
}}
"#
    )
}

fn library(mark: &str) -> String {
    format!("fn td(q, y) {{\n    metric(\"{mark}\", abs(q - y));\n    q - y\n}}\n")
}

/// Names of what the objective reported in a record, less the loss.
fn reported(record: &Value) -> BTreeSet<String> {
    let metrics = record["metrics"].as_object().expect("metrics");
    metrics.keys().filter(|name| *name != "loss").cloned().collect()
}

fn names(names: [&str; 2]) -> BTreeSet<String> {
    names.map(str::to_owned).into()
}

/// A run in the background with its script in `scripts/mine.rhai`.
struct Edited {
    folder: tempfile::TempDir,
    run: PathBuf,
    running: Running,
}

impl Edited {
    fn start() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (scripts, run) = (folder.path().join("scripts"), folder.path().join("run"));
        fs::create_dir_all(scripts.join("lib")).expect("a writable folder");
        fs::write(scripts.join("mine.rhai"), objective("one")).expect("a writable folder");
        fs::write(scripts.join("lib/errors.rhai"), library("a")).expect("a writable folder");
        let mut command = kelvin();
        command.arg("train").arg(scripts.join("mine.rhai")).arg("--out").arg(&run);
        command.args(["--env", "catch", "--device", "cpu", "--frames", "100M", "--set", "delta=0.5"]);
        let running = Running::start(&mut command, &run);
        Self { folder, run, running }
    }

    fn script(&self) -> PathBuf {
        self.folder.path().join("scripts/mine.rhai")
    }

    /// Saves as editors that truncate and write do.
    fn write(&self, text: &str) {
        fs::write(self.script(), text).expect("a writable folder");
    }

    /// Saves as editors that write another file and rename it do.
    fn rename(&self, text: &str) {
        let temporary = self.script().with_extension("rhai.tmp");
        fs::write(&temporary, text).expect("a writable folder");
        fs::rename(&temporary, self.script()).expect("a writable folder");
    }

    /// Waits for a record that the objective with these marks alone reported.
    fn wait_for(&mut self, marks: [&str; 2]) -> Value {
        let (run, expected) = (self.run.clone(), names(marks));
        self.running.wait(&format!("record of {marks:?}"), || {
            records::training(&run).into_iter().find(|record| reported(record) == expected)
        })
    }

    /// Waits until the run has made a thousand more updates than at `event`, still with these marks.
    fn assert_goes_on(&mut self, event: &Value, marks: [&str; 2]) {
        let later = self.running.wait_for_updates(count(event, "update") + 1000);
        assert_eq!(reported(&later), names(marks));
    }
}

#[test]
fn edits_take_effect_while_the_run_goes_on() {
    let mut edited = Edited::start();
    edited.wait_for(["one", "a"]);

    edited.write(&objective("two"));
    edited.running.wait_for_event("reload", 1);
    edited.wait_for(["two", "a"]);

    edited.rename(&objective("three"));
    edited.running.wait_for_event("reload", 2);
    edited.wait_for(["three", "a"]);

    fs::write(edited.folder.path().join("scripts/lib/errors.rhai"), library("b")).expect("a writable folder");
    edited.running.wait_for_event("reload", 3);
    edited.wait_for(["three", "b"]);

    // On line 17 of the script.
    edited.write(&objective("broken").replace("p.delta", "p.dleta"));
    let refused = edited.running.wait_for_event("reload_refused", 1);
    let diagnostic = refused["diagnostic"].as_str().expect("a diagnostic");
    for part in ["mine.rhai:17:23", "p.dleta", "hint:", "p.delta"] {
        assert!(diagnostic.contains(part), "no {part} in\n{diagnostic}");
    }
    edited.assert_goes_on(&refused, ["three", "b"]);
    assert!(
        edited.running.stdout().contains("p.dleta"),
        "the diagnostic is printed:\n{}",
        edited.running.stdout()
    );

    // The fixed version also changes both defaults; `delta` was set by hand and stays.
    let fixed =
        objective("four").replace("param(0.99", "param(0.9").replace("param(1.0, 0.01", "param(2.0, 0.01");
    edited.rename(&fixed);
    edited.running.wait_for_event("reload", 4);
    let record = edited.wait_for(["four", "b"]);
    assert_eq!((&record["params"]["gamma"], &record["params"]["delta"]), (&0.9.into(), &0.5.into()));

    edited.write(&objective("five").replace("n: 1", "n: 3"));
    let refused = edited.running.wait_for_event("reload_refused", 2);
    let diagnostic = refused["diagnostic"].as_str().expect("a diagnostic");
    assert!(diagnostic.contains("`n`") && diagnostic.contains("hint:"), "{diagnostic}");
    edited.assert_goes_on(&refused, ["four", "b"]);

    edited.running.signal("INT");
    let Edited { folder, run, running } = edited;
    let said = running.end();
    assert_eq!((said.code, said.stderr.as_str()), (Some(0), ""), "{said}");
    assert_on_record(&run, &fixed);
    assert_resumes(&run);
    drop(folder);
}

/// Each version that ran is there, with the update it took effect at, and no record mixes two of them.
fn assert_on_record(run: &Path, last: &str) {
    let versions = RunDir::open(run).and_then(|dir| dir.objectives()).expect("the versions");
    let reloads = records::events_of(run, "reload");
    assert_eq!((versions.len(), reloads.len()), (5, 4));
    assert_eq!(versions[0].update, 0);
    for (version, reload) in versions[1..].iter().zip(&reloads) {
        assert_eq!(
            (&reload["hash"], count(reload, "update")),
            (&version.hash.as_str().into(), version.update)
        );
    }
    assert_eq!(versions.iter().map(|version| &version.hash).collect::<BTreeSet<_>>().len(), 5);
    let text = |index: usize| fs::read_to_string(run.join(&versions[index].script)).expect("its source");
    assert_eq!([text(0), text(1), text(2), text(3)], ["one", "two", "three", "three"].map(objective));
    assert_eq!(text(4), last);
    let imported = |index: usize| {
        let script = run.join(&versions[index].script);
        fs::read_to_string(script.with_file_name("lib").join("errors.rhai")).expect("its import")
    };
    assert_eq!([2, 3, 4].map(imported), ["a", "b", "b"].map(library));

    let ran = [["one", "a"], ["two", "a"], ["three", "a"], ["three", "b"], ["four", "b"]].map(names);
    for record in records::training(run).iter().filter(|record| count(record, "updates") > 0) {
        let marks = reported(record);
        assert!(marks.is_empty() || ran.contains(&marks), "{record}");
    }
}

/// The run goes on with the version that ran last, though the file now holds one that is refused.
fn assert_resumes(run: &Path) {
    let at = count(&records::events_of(run, "stopped")[0], "agent_steps");
    let mut command = kelvin();
    command.args(["train", "--resume", "--frames", &(at + 60_000).to_string(), "--out"]).arg(run);
    succeed(&mut command);
    records::assert_recorded_once(run);
    let records = records::training(run);
    let last = records.last().expect("records");
    assert_eq!(reported(last), names(["four", "b"]));
    let kept = (&last["params"]["gamma"], &last["params"]["delta"]);
    assert_eq!(kept, (&0.9.into(), &0.5.into()), "the edited default, and the value set by hand");
    assert_eq!(records::events_of(run, "reload_refused").len(), 3, "the file was looked at again");
}
