//! `kelvin report`: real runs of a small game, and what the report makes of them.

use kelvin_tests::command::{kelvin, run, succeed, train};
use serde_json::Value;
use std::fs;
use std::path::Path;

/// Runs of two variants and two seeds each, of which one stays unfinished.
fn runs(folder: &Path) {
    for seed in ["0", "1"] {
        for (name, tau) in [("cold", "0.1"), ("hot", "2.0")] {
            let out = folder.join(name).join(format!("catch-s{seed}"));
            let mut command = train("soft_kl", "catch", &out);
            command.args(["--frames", "6k", "--seed", seed, "--set", &format!("tau={tau}")]);
            command.args(["--set", "eval_every=2000", "--set", "eval_episodes=5", "--set", "log_every=500"]);
            succeed(&mut command);
        }
    }
    let open = folder.join("hot/catch-s2");
    copy(&folder.join("hot/catch-s1"), &open);
    fs::remove_file(open.join("DONE")).expect("it was done");
    let config = fs::read_to_string(open.join("config.toml")).expect("a configuration");
    fs::write(open.join("config.toml"), config.replace("seed = 1", "seed = 2")).expect("a configuration");
    // Cut off in the middle of a line, and so of an evaluation fewer than the others.
    let metrics = fs::read(open.join("metrics.jsonl")).expect("metrics");
    fs::write(open.join("metrics.jsonl"), &metrics[..metrics.len() / 2]).expect("metrics");
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("a folder").flatten() {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).expect("a copy");
        }
    }
}

fn report(folder: &Path, arguments: &[&str]) -> Value {
    let said = succeed(kelvin().arg("report").arg(folder).arg("--json").args(arguments));
    serde_json::from_str(&said.stdout).unwrap_or_else(|error| panic!("{error}\n{said}"))
}

/// Mean of the last `window` returns of the run's episodes.
fn last_mean(run: &Path, window: usize) -> f64 {
    let text = fs::read_to_string(run.join("metrics.jsonl")).expect("metrics");
    let records = text.lines().map(|line| serde_json::from_str::<Value>(line).expect("a record"));
    let returns: Vec<f64> = records.filter_map(|record| record["episode_return"].as_f64()).collect();
    let last = &returns[returns.len() - window..];
    last.iter().sum::<f64>() / window as f64
}

#[test]
fn a_report_counts_what_is_done_and_says_what_is_not() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    runs(folder.path());
    let said = succeed(kelvin().arg("report").arg(folder.path()).args(["--window", "50"]));
    assert!(said.stdout.contains("4 of 5 runs done"), "{said}");
    let out = folder.path().join("report");
    for file in [
        "report.html",
        "report.md",
        "points.csv",
        "points.parquet",
        "reproduce.sh",
        "figures/training-mean.svg",
    ] {
        assert!(out.join(file).metadata().is_ok_and(|about| about.len() > 100), "{file}");
    }
    let html = fs::read_to_string(out.join("report.html")).expect("a page");
    for said in [
        "prefers-color-scheme:dark",
        "unfinished",
        "hot/catch-s2",
        "Mann–Whitney",
        "Evaluation",
        "5 episodes an evaluation",
    ] {
        assert!(html.contains(said), "the page lacks {said}");
    }
    for never in ["NaN", "<script", "http://", "https://", "<img"] {
        // The namespace of SVG is a name, not an address.
        let text = html.replace("http://www.w3.org/2000/svg", "");
        assert!(!text.contains(never), "the page has {never}");
    }
    let points = fs::read_to_string(out.join("points.csv")).expect("points");
    let evaluations = points.lines().filter(|line| line.contains(",evaluation,")).count();
    assert_eq!(evaluations, 4 * 3 + 1, "a point an evaluation");
    // Whoever opens it as a table of numbers finds numbers.
    let cells = points.lines().skip(1).flat_map(|line| line.rsplit(',').take(7));
    assert!(cells.into_iter().all(|cell| cell.parse::<f64>().is_ok_and(f64::is_finite)));
}

#[test]
fn scores_are_means_of_the_last_window_of_each_seed() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    runs(folder.path());
    let report = report(folder.path(), &["--window", "50", "--format", "csv"]);
    let training = &report["sources"][0];
    assert_eq!(
        (&training["source"], &report["sources"][1]["source"]),
        (&"training".into(), &"evaluation".into())
    );
    let cells = training["games"][0]["cells"].as_array().expect("cells");
    assert_eq!(cells.len(), 2, "{training}");
    for (cell, name) in cells.iter().zip(["cold", "hot"]) {
        let scores = cell["scores"].as_array().expect("scores");
        assert_eq!(scores.len(), 2, "the unfinished run does not count: {cell}");
        for (seed, score) in scores.iter().enumerate() {
            let expected = last_mean(&folder.path().join(name).join(format!("catch-s{seed}")), 50);
            let last = score[1]["last"].as_f64().expect("a number");
            // A running sum of fifty numbers of size one.
            assert!((last - expected).abs() < 1e-12, "{name} {seed}: {last}, not {expected}");
        }
    }
    let pair = &training["pairs"][0]["improvement"];
    let (low, estimate, high) = (&pair["low"], &pair["estimate"], &pair["high"]);
    assert!(low.as_f64() <= estimate.as_f64() && estimate.as_f64() <= high.as_f64(), "{pair}");

    let with = self::report(folder.path(), &["--window", "50", "--format", "csv", "--unfinished"]);
    let runs = |report: &Value| -> usize {
        let cells = report["sources"][0]["games"][0]["cells"].as_array().expect("cells");
        cells.iter().map(|cell| cell["scores"].as_array().expect("scores").len()).sum()
    };
    assert_eq!((runs(&report), runs(&with)), (4, 5));
}

#[test]
fn what_cannot_be_reported_says_why() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let said = run(kelvin().arg("report").arg(folder.path()));
    assert!(
        said.code == Some(1) && said.stderr.contains("no runs") && said.stderr.contains("hint"),
        "{said}"
    );
    let said = run(kelvin().arg("report").arg(folder.path().join("nowhere")));
    assert_eq!(said.code, Some(2), "{said}");
    let out = folder.path().join("one");
    succeed(train("dqn", "catch", &out).args(["--frames", "2k"]));
    let said = run(kelvin().arg("report").arg(folder.path()).args(["--compare", "dqn", "ppo"]));
    assert!(said.code == Some(2) && said.stderr.contains("`dqn`"), "{said}");
    let said = run(kelvin().arg("report").arg(&out).args(["--x", "miles"]));
    assert_eq!(said.code, Some(2), "{said}");
}
