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
