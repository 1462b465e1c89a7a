//! `kelvin export`: other programs read what it writes, and find what the run has.
//!
//! What needs Python runs where `KELVIN_PYTHON`, or else `python3`, has the packages, and is ignored visibly elsewhere:
//! `python -m venv v && v/bin/pip install numpy safetensors tensorboard pyarrow torch`.

use kelvin_tests::command::{kelvin, repository, run, succeed, train};
use kelvin_tests::running::Running;
use kelvin_tests::suite::{Missing, Suite, rom};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use tempfile::TempDir;

fn main() -> ExitCode {
    let mut suite = Suite::new();
    let game = rom("pong");
    suite.test("records become tables", tables);
    suite.test("an event file takes the place of the one before it", once);
    suite.test("a policy becomes a film", film);
    suite.test("a film that is stopped holds what was played", stopped_film);
    suite.test("what cannot be exported is refused", refused);
    suite.test_with(&python(&["tensorboard"]), "TensorBoard reads the event file", |python| {
        tensorboard(&python)
    });
    suite.test_with(&python(&["pyarrow"]), "Arrow reads the Parquet files", |python| arrow(&python));
    let numpy = python(&["numpy", "safetensors"]);
    suite.test_with(&numpy, "dense layers by NumPy", |python| numpy_has_the_outputs(&python, "catch"));
    suite.test_with(&both(&numpy, &game), "convolutions by NumPy", |python| {
        numpy_has_the_outputs(&python, "pong")
    });
    let torch = python(&["torch", "safetensors"]);
    suite.test_with(&torch, "PyTorch has the same outputs, dense", |python| {
        torch_has_the_outputs(&python, "catch")
    });
    suite.test_with(&both(&torch, &game), "PyTorch has the same outputs, convolutions", |python| {
        torch_has_the_outputs(&python, "pong")
    });
    suite.run()
}

/// A Python with these packages.
fn python(packages: &[&str]) -> Result<PathBuf, Missing> {
    let python = std::env::var_os("KELVIN_PYTHON").map_or_else(|| PathBuf::from("python3"), PathBuf::from);
    let imports = packages.iter().map(|package| format!("import {package}")).collect::<Vec<_>>().join("; ");
    let has =
        Command::new(&python).args(["-c", &imports]).output().is_ok_and(|output| output.status.success());
    has.then(|| python.clone()).ok_or_else(|| {
        let packages = packages.join(", ");
        Missing::optional(format!(
            "{} has no {packages}: set KELVIN_PYTHON to one that has",
            python.display()
        ))
    })
}

fn both(python: &Result<PathBuf, Missing>, game: &Result<(), Missing>) -> Result<PathBuf, Missing> {
    game.clone().and(python.clone())
}

/// A run of a minute's worth of frames, with evaluations.
fn trained(env: &str) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let run = folder.path().join("run");
    let settings = ["learning_starts=200", "log_every=100", "eval_every=500", "eval_episodes=2"];
    let mut command = train("dqn", env, &run);
    command.args(["--frames", if env == "catch" { "3000" } else { "2400" }]);
    for setting in settings.iter().take(if env == "catch" { 4 } else { 2 }) {
        command.args(["--set", setting]);
    }
    succeed(&mut command);
    (folder, run)
}

fn export(run: &Path, arguments: &[&str]) -> PathBuf {
    let out = run.join("export");
    let mut command = kelvin();
    command.arg("export").arg(run).args(arguments);
    if arguments.contains(&"--safetensors") || arguments.contains(&"--video") {
        command.args(["--device", "cpu"]);
    }
    succeed(&mut command);
    out
}

fn metrics(run: &Path, kind: &str) -> Vec<Value> {
    let text = fs::read_to_string(run.join("metrics.jsonl")).expect("metrics");
    let records = text.lines().map(|line| serde_json::from_str::<Value>(line).expect("a record"));
    records.filter(|record| record["kind"] == kind).collect()
}

fn says(python: &Path, script: &str, argument: &Path) -> String {
    let output =
        Command::new(python).arg(repository().join(script)).arg(argument).output().expect("Python starts");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{script}: {}", text(&output.stderr));
    text(&output.stdout)
}

fn tables() {
    let (_folder, run) = trained("catch");
    let out = export(&run, &["--csv", "--parquet"]);
    for (table, kind) in [("episodes", "episode"), ("train", "train"), ("evaluations", "eval")] {
        let csv = fs::read_to_string(out.join(format!("{table}.csv"))).expect("a table");
        let records = metrics(&run, kind);
        assert!(!records.is_empty() && csv.lines().count() == records.len() + 1, "{table}: {csv}");
        assert!(fs::read(out.join(format!("{table}.parquet"))).expect("a table").starts_with(b"PAR1"));
    }
    let train = fs::read_to_string(out.join("train.csv")).expect("a table");
    let mut lines = train.lines();
    let head: Vec<&str> = lines.next().expect("a head").split(',').collect();
    let loss = head.iter().position(|name| *name == "metric.loss").expect("a loss");
    let last: Vec<&str> = lines.last().expect("records").split(',').collect();
    let recorded = &metrics(&run, "train").pop().expect("records")["metrics"]["loss"];
    assert_eq!(last[loss].parse().ok(), recorded.as_f64(), "every digit");
    let evaluations = fs::read_to_string(out.join("evaluations.csv")).expect("a table");
    assert!(evaluations.contains(",epsilon,0.001,"), "{evaluations}");
    let records = metrics(&run, "eval");
    let seed = records[0]["seed"].as_u64().expect("a seed");
    assert!(
        evaluations.lines().nth(1).is_some_and(|line| line.contains(&format!(",{seed},"))),
        "{evaluations}"
    );
    let csv = fs::read_to_string(out.join("evaluation_returns.csv")).expect("a table");
    let returns: Vec<f64> = csv
        .lines()
        .skip(1)
        .map(|line| line.rsplit(',').next().expect("cells").parse().expect("a number"))
        .collect();
    let recorded = records.iter().flat_map(|record| record["returns"].as_array().expect("returns"));
    assert_eq!(returns, recorded.map(|value| value.as_f64().expect("a number")).collect::<Vec<_>>());
}

/// TensorBoard reads all event files of a folder together: two of one run would be every curve twice.
fn once() {
    let (_folder, run) = trained("catch");
    let out = export(&run, &["--tensorboard"]);
    let begun = |name: &str| {
        let file = fs::read(out.join(name)).expect("an event file");
        f64::from_le_bytes(file[13..21].try_into().expect("eight bytes"))
    };
    let first = files(&out);
    let start = begun(&first[0]);
    // The file's time has seconds only on some systems.
    let first_event: Value = fs::read_to_string(run.join("events.jsonl"))
        .ok()
        .and_then(|text| serde_json::from_str(text.lines().next()?).ok())
        .expect("an event");
    let told = first_event["unix_ms"].as_f64().expect("a time") / 1000.0;
    assert!((told - 600.0..=told).contains(&start), "{start} {told}");
    succeed(kelvin().args(["train", "--resume"]).arg(&run).args(["--frames", "4000", "--quiet"]));
    let config = fs::File::options().append(true).open(run.join("config.toml")).expect("a configuration");
    let later = std::time::SystemTime::now() + std::time::Duration::from_secs(100);
    config.set_modified(later).expect("a time");
    export(&run, &["--tensorboard"]);
    assert_eq!((files(&out), begun(&first[0])), (first, start));
}

fn files(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("a folder").flatten();
    entries.map(|entry| entry.file_name().into_string().expect("a name")).collect()
}

fn film() {
    let (_folder, run) = trained("catch");
    let out = export(&run, &["--video", "--bars", "--episodes", "2"]);
    let film = fs::read(out.join("policy.gif")).expect("a film");
    assert!(film.starts_with(b"GIF89a") && film.ends_with(&[0x3b]) && film.len() > 500);
    let again = export(&run, &["--video", "--bars", "--episodes", "2"]);
    assert_eq!(fs::read(again.join("policy.gif")).expect("a film"), film, "the same seed plays the same");
}

fn stopped_film() {
    let (_folder, run) = trained("catch");
    let mut command = kelvin();
    command.args(["export", "--video", "--device", "cpu", "--episodes", "100000", "--max-pictures", "30000"]);
    let mut filming = Running::start(command.arg(&run), &run);
    // The device is named when the signals have been listened for.
    let said = run.with_extension("stdout");
    filming.wait("device", || fs::read_to_string(&said).ok().filter(|text| text.contains("cpu")));
    filming.signal("INT");
    let said = filming.end();
    assert!(said.code == Some(1) && said.stderr.contains("stopped before all episodes"), "{said}");
    assert!(!said.stdout.contains("--max-pictures"), "{said}");
    let said = self::run(kelvin().arg("export").arg(&run).args([
        "--video",
        "--device",
        "cpu",
        "--episodes",
        "9",
        "--max-pictures",
        "5",
    ]));
    assert!(
        said.code == Some(0) && said.stdout.contains("5 pictures, cut off there (--max-pictures)"),
        "{said}"
    );
}

fn refused() {
    let (_folder, catch) = trained("catch");
    let said = run(kelvin().arg("export").arg(&catch));
    assert!(said.code == Some(2) && said.stderr.contains("--csv"), "{said}");
    let said = run(kelvin().arg("export").arg(catch.join("nothing")).arg("--csv"));
    assert!(said.code == Some(1) && said.stderr.contains("is not a run"), "{said}");
    let said = run(kelvin().arg("export").arg(&catch).args([
        "--video",
        "--policy",
        "stochastic",
        "--device",
        "cpu",
    ]));
    assert!(said.code == Some(2) && said.stderr.contains("action values only"), "{said}");
}

fn tensorboard(python: &Path) {
    let (_folder, run) = trained("catch");
    let out = export(&run, &["--tensorboard"]);
    let read: Value =
        serde_json::from_str(&says(python, "tests/interchange/read_events.py", &out)).expect("JSON");
    for (tag, kind, field) in [
        ("train/episode_return", "episode", "/episode_return"),
        ("metrics/loss", "train", "/metrics/loss"),
        ("params/gamma", "train", "/params/gamma"),
        ("eval/mean_return", "eval", "/mean_return"),
    ] {
        let records = metrics(&run, kind);
        let expected: Vec<(u64, f64)> = records
            .iter()
            .filter_map(|record| Some((record["frames"].as_u64()?, record.pointer(field)?.as_f64()?)))
            .collect();
        let points: Vec<(u64, f64)> = read[tag]
            .as_array()
            .unwrap_or_else(|| panic!("no {tag} in {read}"))
            .iter()
            .map(|point| (point[0].as_u64().expect("a step"), point[1].as_f64().expect("a value")))
            .collect();
        assert_eq!(points.len(), expected.len(), "{tag}");
        for (point, expected) in points.iter().zip(&expected) {
            // An event holds a 32-bit float.
            let near = (point.1 - expected.1).abs() <= 6e-8 * expected.1.abs();
            assert!(point.0 == expected.0 && near, "{tag}: {point:?}, not {expected:?}");
        }
    }
    let all = read.as_object().expect("tags");
    assert!(
        all.contains_key("speed/frames_per_s") && all.contains_key("train/mean_return"),
        "{:?}",
        all.keys()
    );
}

fn arrow(python: &Path) {
    let (_folder, run) = trained("catch");
    let out = export(&run, &["--parquet"]);
    let script = "import pyarrow.parquet as p, sys, json; t = p.read_table(sys.argv[1]); \
                  print(json.dumps([t.num_rows, t.schema.names, t['episode_return'].to_pylist()]))";
    let output =
        Command::new(python).args(["-c", script]).arg(out.join("episodes.parquet")).output().expect("Python");
    let read: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)));
    let returns: Vec<Value> =
        metrics(&run, "episode").iter().map(|record| record["episode_return"].clone()).collect();
    assert_eq!(read[2].as_array(), Some(&returns));
}

fn numpy_has_the_outputs(python: &Path, env: &str) {
    let (_folder, run) = trained(env);
    let out = export(&run, &["--safetensors"]);
    let difference: f64 =
        says(python, "tests/interchange/forward.py", &out).trim().parse().expect("a number");
    // Ours are 32-bit sums of up to 3136 products of numbers around one; NumPy's have 64 bits.
    assert!((0.0..1e-5).contains(&difference), "{difference}");
}

fn torch_has_the_outputs(python: &Path, env: &str) {
    let (_folder, run) = trained(env);
    let out = export(&run, &["--safetensors"]);
    let said = says(python, "docs/load_pytorch.py", &out);
    assert!(said.contains("'q'") && said.contains("largest difference"), "{said}");
}
