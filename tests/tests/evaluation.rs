//! `kelvin eval`: what a run's weights are worth, as text and as JSON.

use kelvin_tests::command::{kelvin, succeed, train};
use serde_json::Value;
use std::path::Path;

fn evaluate(run: &Path, arguments: &[&str]) -> String {
    let mut command = kelvin();
    command.arg("eval").arg(run).args(["--device", "cpu"]).args(arguments);
    succeed(&mut command).stdout
}

#[test]
fn a_trained_run_is_worth_what_it_earned() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let run = folder.path().join("run");
    succeed(train("dqn", "catch", &run).args(["--frames", "40k"]));

    let json = evaluate(&run, &["--json", "--episodes", "50"]);
    let report: Value = serde_json::from_str(&json).expect("one JSON object and nothing else");
    let returns: Vec<f64> = report["returns"]
        .as_array()
        .expect("returns")
        .iter()
        .map(|value| value.as_f64().expect("a number"))
        .collect();
    assert_eq!(
        (returns.len(), &report["env"], &report["frames_trained"]),
        (50, &"catch".into(), &40_000.into())
    );
    assert!(returns.iter().all(|value| value.abs() == 1.0), "{report}");
    let mean = report["mean"].as_f64().expect("a mean");
    // Fifty numbers of size 1 are added and divided.
    assert!((mean - returns.iter().sum::<f64>() / 50.0).abs() < 1e-12, "{report}");
    assert!((0.9..=1.0).contains(&mean), "{report}");

    assert_eq!(
        evaluate(&run, &["--json", "--episodes", "50"]),
        json,
        "the same seed plays the same episodes"
    );
    let random = evaluate(&run, &["--json", "--episodes", "200", "--epsilon", "1"]);
    let random: Value = serde_json::from_str(&random).expect("one JSON object and nothing else");
    // Two hundred random games at -0.6 on average with a standard deviation of 0.8: five of the mean's are 0.28.
    let mean = random["mean"].as_f64().expect("a mean");
    assert!((mean + 0.6).abs() < 0.28, "{random}");

    let text = evaluate(&run, &[]);
    assert!(text.contains("30 episodes") && text.contains("median"), "{text}");
}

#[test]
fn a_rollout_is_evaluated_while_it_trains() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let run = folder.path().join("run");
    succeed(train("a2c_proper", "catch", &run).args(["--frames", "3k", "--set", "eval_every=1000"]));
    let text = std::fs::read_to_string(run.join("metrics.jsonl")).expect("metrics");
    assert_eq!(text.lines().filter(|line| line.contains("\"kind\":\"eval\"")).count(), 3, "{text}");
}

#[test]
fn a_protocol_is_kept_to_and_on_record() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let run = folder.path().join("run");
    let settings = ["eval_every=1000", "eval_episodes=3", "eval_policy=greedy"];
    let settings = settings.iter().flat_map(|setting| ["--set", setting]);
    succeed(train("a2c_proper", "catch", &run).args(["--frames", "2k"]).args(settings));
    let text = std::fs::read_to_string(run.join("metrics.jsonl")).expect("metrics");
    let records = text.lines().map(|line| serde_json::from_str::<Value>(line).expect("a record"));
    let evaluation = records.rev().find(|record| record["kind"] == "eval").expect("an evaluation");
    assert_eq!(
        (&evaluation["policy"], &evaluation["epsilon"], &evaluation["episodes"]),
        (&"greedy".into(), &0.0.into(), &3.into())
    );
    assert!(evaluation["seed"].is_u64() && evaluation.get("preset").is_none(), "{evaluation}");

    let of = |arguments: &[&str]| -> Value {
        serde_json::from_str(&evaluate(&run, &[&["--json", "--episodes", "20"], arguments].concat()))
            .expect("JSON")
    };
    assert_eq!(of(&[])["policy"], "greedy", "the run's own");
    assert_eq!(of(&["--policy", "greedy"])["returns"], of(&[])["returns"]);
    let drawn = of(&["--policy", "stochastic"]);
    assert_eq!((&drawn["policy"], &drawn["epsilon"]), (&"stochastic".into(), &0.0.into()));
    let now_and_then = of(&["--policy", "epsilon"]);
    assert_eq!((&now_and_then["policy"], &now_and_then["epsilon"]), (&"epsilon".into(), &0.001.into()));

    let refused = |arguments: &[&str], why: &str| {
        let said = kelvin_tests::command::run(
            kelvin().arg("eval").arg(&run).args(["--device", "cpu"]).args(arguments),
        );
        assert!(said.code == Some(2) && said.stderr.contains(why), "{said}");
    };
    refused(&["--policy", "greedy", "--epsilon", "0.1"], "no random actions");
    refused(&["--policy", "best"], "stochastic, greedy and epsilon");
}

#[test]
fn values_are_no_policy_to_draw_from_and_that_is_said_before_anything_starts() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let run = folder.path().join("run");
    let said = kelvin_tests::command::run(train("dqn", "catch", &run).args([
        "--set",
        "eval_every=1000",
        "--set",
        "eval_policy=stochastic",
    ]));
    assert!(said.code == Some(2) && said.stderr.contains("action values only"), "{said}");
    assert!(!run.exists(), "nothing was left behind");
}
