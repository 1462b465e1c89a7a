//! `kelvin bench` and `--profile`: what they write is what they say it is.

use kelvin_tests::command::{kelvin, run, succeed};
use kelvin_tests::suite::{Suite, adapter, rom};
use serde_json::Value;
use std::collections::BTreeSet;
use std::process::ExitCode;

fn main() -> ExitCode {
    let mut suite = Suite::new();
    let game = rom("pong");
    suite.test("kernels of an update come to its time, on the processor", || kernels("cpu"));
    suite.test_with(&adapter(), "kernels of an update come to its time, by the device's clock", |name| {
        kernels(&name)
    });
    suite.test("a script's own update is measured", own_script);
    suite.test_with(&game, "the phases of training are all of its time", |()| phases());
    suite.test("a profile has what threads did", || profile("cpu", false));
    suite.test_with(&adapter(), "a profile has what the device did", |name| profile(&name, true));
    suite.test("what cannot be measured is refused", refused);
    suite.run()
}

fn bench(more: &[&str]) -> Value {
    let said = succeed(kelvin().args(["bench", "--json"]).args(more));
    serde_json::from_str(&said.stdout).unwrap_or_else(|error| panic!("{error}\n{said}"))
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("{value} is no number"))
}

fn list(value: &Value) -> &Vec<Value> {
    value.as_array().unwrap_or_else(|| panic!("{value} is no list"))
}

fn kernels(device: &str) {
    let report = bench(&["--device", device, "--only", "update dqn 32", "--seconds", "0", "--kernels"]);
    let [measured] = &list(&report["measurements"])[..] else { panic!("one was asked for: {report}") };
    assert_eq!(measured["name"], "update dqn 32");
    // One batch through two networks and one of them back: 1.1 GFLOP forwards twice, of which the last layers' input
    // gradients and the first layer's are not all computed again.
    let flops = number(&measured["flops"]);
    assert!((2.0e9..2.6e9).contains(&flops), "{flops}");
    assert!(number(&measured["bound"]) > 0.0 && number(&measured["best"]) <= number(&measured["median"]));
    let kernels = list(&report["kernels"]);
    let all: f64 = kernels.iter().map(|row| number(&row["ms"])).sum();
    let counted: f64 = kernels.iter().map(|row| number(&row["flops"])).sum();
    assert_eq!(counted, flops, "every kernel has a row");
    // Two measurements of one thing on a busy machine.
    let ratio = all / number(&measured["median"]);
    assert!((0.2..5.0).contains(&ratio), "kernels take {all} ms: {report}");
}

fn own_script() {
    let report = bench(&["scripts/soft_kl.rhai", "--device", "cpu", "--seconds", "0"]);
    let [measured] = &list(&report["measurements"])[..] else { panic!("one was asked for: {report}") };
    assert_eq!(measured["name"], "update soft_kl");
}

fn phases() {
    let report = bench(&["--only", "train a2c", "--device", "cpu", "--seconds", "0"]);
    let phases = list(&report["measurements"][0]["phases"]);
    let all: f64 = phases.iter().map(|phase| number(&phase[1])).sum();
    assert!((0.95..1.1).contains(&all), "{all}: {phases:?}");
    let share = |name: &str| phases.iter().find(|phase| phase[0] == name).map(|phase| number(&phase[1]));
    assert!(share("emulate") > Some(0.05) && share("update") > Some(0.1), "{phases:?}");
}

fn profile(device: &str, on_device: bool) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let run = folder.path().join("run");
    let mut command = kelvin();
    command.args([
        "train",
        "scripts/dqn.rhai",
        "--env",
        "catch",
        "--quiet",
        "--frames",
        "9k",
        "--profile=0.2",
    ]);
    succeed(command.args(["--device", device, "--out"]).arg(&run));
    let text = std::fs::read_to_string(run.join("trace.json")).expect("a profile was asked for");
    let events: Vec<Value> = serde_json::from_str(&text).expect("a list of events");
    let named = |name: &str| events.iter().find(|event| event["ph"] == "X" && event["name"] == name);
    for name in ["tick", "act", "update", "adam", "objective"] {
        let event = named(name).unwrap_or_else(|| panic!("no {name}"));
        assert!(number(&event["ts"]) >= 0.0 && number(&event["dur"]) >= 0.0, "{event}");
    }
    let tracks: BTreeSet<_> = events
        .iter()
        .filter(|event| event["ph"] == "M")
        .map(|event| event["args"]["name"].to_string())
        .collect();
    assert_eq!(tracks.contains("\"device\""), on_device, "{tracks:?}");
    let track = |name: &str| named(name).map(|event| event["tid"].clone());
    assert_eq!(track("adam") != track("update"), on_device);
}

fn refused() {
    let cases: [(&[&str], &str); 5] = [
        (&["--only", "updates"], "no measurement is called `updates`"),
        (&["--env", "pnog"], "pong"),
        (&["--seconds", "-1"], "from 0 to 3600"),
        (&["--count", "0"], "from 1 to 1000000"),
        (&["nothing.rhai"], "nothing.rhai"),
    ];
    for (arguments, words) in cases {
        let said = run(kelvin().args(["bench", "--device", "cpu"]).args(arguments));
        assert!(said.code == Some(2) || said.code == Some(1), "{arguments:?}\n{said}");
        assert!(said.stderr.contains(words) && !said.stderr.contains("panicked"), "{arguments:?}\n{said}");
    }
}
