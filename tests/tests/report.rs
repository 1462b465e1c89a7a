//! `kelvin report`: real runs of a small game, and what the report makes of them.

#![cfg(unix)]

use kelvin_tests::batches::Place;
use kelvin_tests::command::{kelvin, repository, run, succeed, train};
use kelvin_tests::records;
use serde_json::Value;
use std::fs;
use std::path::Path;
use std::process::Command;

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
    let config = records::unsealed(&config).replace("seed = 1", "seed = 2");
    fs::write(open.join("config.toml"), config).expect("a configuration");
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

/// The version that the program says it has.
fn version() -> String {
    let said = succeed(kelvin().arg("--version"));
    said.stdout.trim().strip_prefix("kelvin ").expect("its name").to_owned()
}

#[test]
fn a_run_says_which_kelvin_made_it_and_a_report_which_did() {
    let version = version();
    let (number, commit) = version.split_once('+').unwrap_or((&version, ""));
    assert_eq!(number, env!("CARGO_PKG_VERSION"));
    // Where the tests are built from a checkout, by a machine that has git, and only there.
    let commit = commit.split_once('.').map_or(commit, |(commit, _)| commit);
    let git = Command::new("git").arg("-C").arg(repository()).args(["rev-parse", "--git-dir"]).output();
    let checkout = repository().join(".git").exists() && git.is_ok_and(|said| said.status.success());
    assert_eq!(
        checkout,
        commit.len() == 12 && commit.bytes().all(|byte| byte.is_ascii_hexdigit()),
        "{version}"
    );

    let folder = tempfile::tempdir().expect("a temporary folder");
    let runs = ["0", "1", "2"].map(|seed| folder.path().join(format!("catch-s{seed}")));
    for (seed, out) in runs.iter().enumerate() {
        let mut command = train("dqn", "catch", out);
        command.args(["--frames", "1k", "--seed", &seed.to_string(), "--set", "log_every=100"]);
        succeed(command.args(["--set", "learning_starts=100"]));
        let start = records::events_of(out, "start");
        assert!(start.len() == 1 && start[0]["kelvin"] == *version, "{start:?}");
    }
    let said = succeed(kelvin().arg("report").arg(folder.path()));
    assert!(!said.stdout.contains("several versions"), "{said}");
    let page = |name: &str| fs::read_to_string(folder.path().join("report").join(name)).expect("a page");
    for file in ["report.html", "report.md", "reproduce.sh"] {
        assert!(page(file).contains(&format!("made by kelvin {version}")), "{file} does not name {version}");
    }
    // There is nothing to choose on a built-in game.
    assert!(page("report.md").contains("Preset: none") && !page("report.md").contains("| paper |"));
    assert!(!page("reproduce.sh").contains("--preset"));

    // One goes on with this version what another had begun, and one is from before versions were noted.
    let edit = |run: &Path, from: &str, to: &str| {
        let path = run.join("events.jsonl");
        let text = fs::read_to_string(&path).expect("events");
        assert!(text.contains(from), "{text}");
        fs::write(path, text.replace(from, to)).expect("events");
    };
    edit(&runs[1], &version, "0.0.7");
    let said = run(train("dqn", "catch", &runs[1]).args(["--resume", "--frames", "2k"]));
    assert!(said.code == Some(0) && said.stderr.contains("events.jsonl is damaged"), "{said}");
    edit(&runs[2], "\"event\":\"start\"", "\"event\":\"hello\"");
    let report = report(folder.path(), &["--format", "md"]);
    let expected = serde_json::json!({
        &version: 1,
        format!("0.0.7, then {version}"): 1,
        "of unrecorded version": 1,
    });
    assert_eq!((&report["kelvin"], &report["versions"]), (&version.into(), &expected));
    let said = page("report.md");
    for part in ["several versions of Kelvin", "0.0.7, then", "of unrecorded version (1 run)"] {
        assert!(said.contains(part), "no {part:?} in\n{said}");
    }
}

/// Starts the script of a report in an empty folder, and compares what it makes with the runs that were reported.
fn assert_done_again(reported: &Path, runs: &[&str]) {
    succeed(kelvin().arg("report").arg(reported).args(["--format", "md"]));
    let place = tempfile::tempdir().expect("a temporary folder");
    let (tools, again) = (place.path().join("tools"), place.path().join("again"));
    fs::create_dir_all(&tools).expect("a folder");
    fs::create_dir_all(&again).expect("a folder");
    std::os::unix::fs::symlink(kelvin().get_program(), tools.join("kelvin")).expect("a link");
    let mut script = Command::new("sh");
    script.arg(reported.join("report/reproduce.sh")).current_dir(&again);
    let said = succeed(script.env("PATH", format!("{}:/usr/bin:/bin", tools.display())));
    for run in runs {
        let files = |folder: &Path| {
            let run = folder.join(run);
            let text = |name: &str| {
                fs::read_to_string(run.join(name)).unwrap_or_else(|error| panic!("{error}\n{said}"))
            };
            (text("metrics.jsonl"), records::weights(&run))
        };
        let (before, now) = (files(reported), files(&again));
        assert!(before.0.lines().count() > 3, "{run}: {}", before.0);
        assert_eq!(before.0, now.0, "{run}");
        assert!(before.1 == now.1, "{run}: other weights");
    }
}

#[test]
fn what_a_report_says_to_do_again_gives_the_same_bits() {
    let place = Place::new(
        r#"fn experiment() {
            grid(#{ script: ["dqn.rhai", "soft_kl.rhai"], env: ["catch", "chain"], seed: 0..2, frames: 1200,
                    label: |run| `${run.script}'s, τ "high"`, hidden: [[16, 8]], log_every: 50,
                    learning_starts: 100 })
        }"#,
    );
    succeed(&mut place.batch(&["--jobs", "2", "--set", "batch=16"]));
    // What was trained is kept, and what has become of the original does not matter.
    place.write("dqn.rhai", "fn nothing() { 0 }");
    let runs = place.runs();
    let names: Vec<&str> =
        runs.iter().map(|run| run.strip_prefix(place.out()).unwrap().to_str().unwrap()).collect();
    assert_eq!(names.len(), 8);
    assert_done_again(&place.out(), &names);
    let text = fs::read_to_string(place.out().join("report/reproduce.sh")).expect("a script");
    assert!(text.contains("batch.rhai --size paper --set batch=16\n"), "{text}");
}

/// Runs that no batch has planned are done again from what they were resolved to.
#[test]
fn runs_that_nobody_planned_are_done_again_to_the_bit() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let at = |name: &str| folder.path().join(name);
    let small = ["--frames", "1500", "--set", "hidden=[16, 8]", "--set", "log_every=50"];
    let steered = ["--set", "learning_starts=100", "--set", "tau=0.25", "--set", "epsilon_end=0.2"];
    succeed(train("soft_kl", "gridworld", &at("a run")).args(small).args(steered).args(["--seed", "3"]));
    let evaluated = ["--set", "eval_every=100", "--set", "eval_episodes=2", "--set", "envs=3"];
    succeed(train("a2c_naive", "catch", &at("deep/rollout")).args(small).args(evaluated));
    let mut fork = train("soft_kl", "gridworld", &at("fork"));
    fork.arg("--fork").arg(at("a run")).args(["--frames", "2k", "--set", "tau=0.5"]);
    let newest = records::checkpoints(&at("a run")).pop().expect("a checkpoint");
    let config = fs::read_to_string(at("a run/config.toml")).expect("a configuration");
    // Only one that can go on is forked: the run is made longer than its checkpoint.
    assert!(newest.is_dir() && config.contains("frames = 1500"));
    succeed(&mut fork);
    assert_done_again(folder.path(), &["a run", "deep/rollout", "fork"]);
}

/// A run as it lies on the disk, with these returns.
fn recorded(folder: &Path, env: &str, seed: usize, value: f64) {
    let path = folder.join(format!("{env}-s{seed}"));
    fs::create_dir_all(&path).expect("a folder");
    let config =
        format!("script = \"dqn.rhai\"\nenv = \"{env}\"\npreset = \"paper\"\nseed = {seed}\nframes = 40\n");
    fs::write(path.join("config.toml"), config).expect("a configuration");
    let episode = serde_json::json!({
        "kind": "episode", "frames": 40, "agent_steps": 10, "env": 0, "episode_return": value,
        "episode_agent_steps": 10, "episode_frames": 40,
    });
    fs::write(path.join("metrics.jsonl"), format!("{episode}\n")).expect("metrics");
    fs::write(path.join("DONE"), "{}").expect("a mark");
}

#[test]
fn a_game_with_more_seeds_weighs_no_more_and_the_report_says_so() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    // Human-normalised 0 and 1: a random player's and a human's score (Wang et al. 2016).
    for seed in 0..6 {
        recorded(folder.path(), "pong", seed, -20.7);
    }
    for seed in 0..2 {
        recorded(folder.path(), "breakout", seed, 30.5);
    }
    let report = report(folder.path(), &["--format", "md"]);
    let variant = &report["sources"][0]["variants"][0];
    for (key, expected) in [("iqm", 0.5), ("mean", 0.5), ("median", 0.5), ("gap", 0.5)] {
        let estimate = variant[key]["estimate"].as_f64().expect("a number");
        // Pooled, six runs of eight would make the IQM 0 and the gap 0.75.
        assert!((estimate - expected).abs() < 1e-9, "{key}: {variant}");
    }
    let notes = report["notes"].to_string();
    assert!(notes.contains("dqn (breakout 2, pong 6)"), "{notes}");
    let page = fs::read_to_string(folder.path().join("report/report.md")).expect("a page");
    assert!(page.contains("a run of a game with fewer counts for more"), "{page}");
    for seed in 2..6 {
        recorded(folder.path(), "breakout", seed, 30.5);
    }
    let report = self::report(folder.path(), &["--format", "md"]);
    assert_eq!(report["notes"], serde_json::json!([]));
}

#[test]
fn variants_that_cannot_be_told_apart_are_named() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for (name, tau, returns) in [("cold", 0.1, [1.0, 2.0]), ("warm", 0.2, [1.0, 3.0])] {
        for (seed, value) in returns.into_iter().enumerate() {
            let place = folder.path().join(name);
            recorded(&place, "pong", seed, value);
            let config = place.join(format!("pong-s{seed}/config.toml"));
            let text = fs::read_to_string(&config).expect("a configuration");
            fs::write(&config, format!("{text}[params]\ntau = {tau}\n")).expect("a configuration");
        }
    }
    let notes = report(folder.path(), &["--format", "md"])["notes"].to_string();
    assert!(
        notes.contains("dqn tau=0.1 and dqn tau=0.2 played the very same episodes in 1 of 2 runs"),
        "{notes}"
    );
}
