//! A run that starts from a checkpoint of another: the same bits as going on with that one, until something is changed.

use kelvin_tests::command::{kelvin, repository, run, succeed};
use kelvin_tests::records::{self, count};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Frames of the parent, and of all that go on from it.
const PARENT: &str = "12k";
const LONGER: &str = "18k";

/// A run of catch with two checkpoints, the later one made under a `control.toml`.
struct Parent {
    folder: tempfile::TempDir,
    run: PathBuf,
    script: PathBuf,
    /// Updates of the checkpoints.
    checkpoints: Vec<u64>,
}

impl Parent {
    fn new(script: &str, control: &str) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("mine.rhai");
        let shipped = repository().join(format!("scripts/{script}.rhai"));
        fs::copy(shipped, &path).expect("a shipped script");
        let run = folder.path().join("parent");
        let mut start = kelvin();
        start.arg("train").arg(&path).args(["--env", "catch", "--device", "cpu", "--seed", "3", "--quiet"]);
        succeed(start.args(["--frames", "8k", "--set", "checkpoint_every=8000", "--out"]).arg(&run));
        fs::write(run.join("control.toml"), control).expect("a run");
        succeed(&mut resume(&run, PARENT));
        let checkpoints = updates(&run);
        assert_eq!(checkpoints.len(), 2);
        Self { folder, run, script: path, checkpoints }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The script with a change, under another name.
    fn changed(&self, name: &str, from: &str, to: &str) -> PathBuf {
        let text = fs::read_to_string(&self.script).expect("a script");
        assert!(text.contains(from), "{from} is not in\n{text}");
        let path = self.path(name);
        fs::write(&path, text.replace(from, to)).expect("a writable folder");
        path
    }

    fn fork(&self, script: &Path, out: &Path) -> Command {
        let mut command = kelvin();
        command.arg("train").arg(script).arg("--fork").arg(&self.run).arg("--out").arg(out).arg("--quiet");
        command
    }

    /// A copy of the run as it was at its checkpoint of `update`, the newest but for those after it.
    fn copy(&self, name: &str, update: u64) -> PathBuf {
        let to = self.path(name);
        for (path, bytes) in files(&self.run) {
            let path = to.join(path);
            fs::create_dir_all(path.parent().expect("a folder")).expect("a writable folder");
            fs::write(path, bytes).expect("a writable folder");
        }
        for later in updates(&to).into_iter().filter(|other| *other > update) {
            fs::remove_dir_all(to.join(format!("checkpoints/{later:012}"))).expect("a checkpoint");
        }
        to
    }
}

fn resume(run: &Path, frames: &str) -> Command {
    let mut command = kelvin();
    command.args(["train", "--resume", "--frames", frames, "--quiet", "--out"]).arg(run);
    command
}

/// The updates of a run's checkpoints.
fn updates(run: &Path) -> Vec<u64> {
    let name = |path: &PathBuf| path.file_name().and_then(|name| name.to_str()?.parse().ok());
    records::checkpoints(run).iter().map(|path| name(path).expect("a number")).collect()
}

/// Every file below a folder.
fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    fn list(root: &Path, folder: &Path, into: &mut BTreeMap<PathBuf, Vec<u8>>) {
        for entry in fs::read_dir(folder).expect("a readable folder") {
            let path = entry.expect("a readable folder").path();
            if path.is_dir() {
                list(root, &path, into);
            } else {
                let name = path.strip_prefix(root).expect("it lies below").to_path_buf();
                into.insert(name, fs::read(&path).expect("a readable file"));
            }
        }
    }
    let mut found = BTreeMap::new();
    list(folder, folder, &mut found);
    found
}

/// The metrics from after some agent steps.
fn metrics_after(run: &Path, at: u64) -> Vec<Value> {
    records::metrics(run).into_iter().filter(|record| count(record, "agent_steps") > at).collect()
}

fn config(run: &Path) -> String {
    fs::read_to_string(run.join("config.toml")).expect("a run")
}

/// Of the same script, from either checkpoint.
fn assert_same_bits(script: &str, control: &str) {
    let parent = Parent::new(script, control);
    let before = files(&parent.run);
    for (nth, update) in parent.checkpoints.iter().enumerate() {
        let resumed = parent.copy(&format!("resumed{nth}"), *update);
        if nth == 0 {
            // It was not there yet.
            fs::remove_file(resumed.join("control.toml")).expect("the newer checkpoint's");
        }
        succeed(&mut resume(&resumed, LONGER));
        let fork = parent.path(&format!("fork{nth}"));
        let at = update.to_string();
        succeed(parent.fork(&parent.script, &fork).args(["--at", &at, "--frames", LONGER]));

        let events = records::events(&fork);
        let at = count(&events[0], "agent_steps");
        assert_eq!((&events[0]["event"], count(&events[0], "update")), (&json!("fork"), *update));
        assert_eq!(events[0]["run"], json!(parent.run));
        let metrics = records::metrics(&fork);
        assert!(metrics.len() > 20 && metrics == metrics_after(&resumed, at), "metrics differ at {update}");
        assert!(records::weights(&fork) == records::weights(&resumed), "weights differ at {update}");
        assert!(fork.join("DONE").is_file() && updates(&fork).iter().all(|own| own > update));
    }
    assert!(files(&parent.run) == before, "the parent has changed");
}

#[test]
fn an_unchanged_fork_of_replay_is_the_run_gone_on_with() {
    assert_same_bits("dqn", "[params]\ndelta = 0.5\n");
}

#[test]
fn an_unchanged_fork_of_rollouts_is_the_run_gone_on_with() {
    assert_same_bits("a2c_proper", "[params]\ntau = 0.02\nliving_bonus = true\n");
}

#[test]
fn a_changed_script_goes_on_with_what_was_learned() {
    let parent = Parent::new("dqn", "[params]\ndelta = 0.5\n");
    let newest = parent.checkpoints[1];
    let same = parent.path("same");
    succeed(parent.fork(&parent.script, &same).args(["--frames", LONGER]));

    let script = parent.changed("changed.rhai", "huber(td_error, p.delta)", "td_error ** 2 / p.delta");
    let fork = parent.path("changed");
    succeed(parent.fork(&script, &fork).args(["--frames", LONGER]));
    let (one, other) = (records::training(&same), records::training(&fork));
    assert_eq!(count(&one[0], "agent_steps"), count(&other[0], "agent_steps"));
    assert!(one != other && records::weights(&same) != records::weights(&fork), "the loss has no effect");
    // It plays as before: a network that starts anew would lose most of these games.
    let first = &other[0];
    assert!(count(first, "updates") > newest && first["mean_return"].as_f64() > Some(0.0), "{first}");
    // What was set by hand at that moment still is, and may be changed in the fork.
    assert_eq!(first["params"]["delta"], 0.5);
    assert_eq!(fs::read_to_string(fork.join("control.toml")).unwrap(), "[params]\ndelta = 0.5\n");
    assert!(records::events_of(&fork, "params").is_empty(), "nobody set anything since");
    let told = format!("[forked_from]\nrun = \"{}\"\nupdate = {newest}\n", parent.run.display());
    assert!(config(&fork).contains(&told), "{}", config(&fork));
    let versions = kelvin_run::RunDir::open(&fork).and_then(|dir| dir.objectives()).expect("versions");
    assert_eq!((versions.len(), versions[0].update), (1, newest));

    // What the command line says now comes before what was set by hand then.
    let set = parent.path("set");
    let mut command = parent.fork(&script, &set);
    succeed(command.args(["--frames", LONGER, "--set", "delta=2", "--set", "learning_rate=5e-4"]));
    let record = &records::training(&set)[0];
    assert_eq!((&record["params"]["delta"], &record["learning_rate"]), (&json!(2.0), &json!(5e-4)));
    assert!(!set.join("control.toml").exists());

    // It is a run like any other.
    succeed(&mut resume(&set, "24k"));
    records::assert_recorded_once(&set);
    assert_eq!(records::training(&set).pop().expect("records")["params"]["delta"], 2.0);
    let said = succeed(kelvin().arg("eval").arg(&set).args(["--episodes", "5", "--device", "cpu"]));
    assert!(said.stdout.contains("catch after 24,000 frames"), "{said}");
}

#[test]
fn a_fork_cut_off_before_its_first_checkpoint_starts_from_the_parents_once_more() {
    let parent = Parent::new("dqn", "[params]\ndelta = 0.5\n");
    let fork = parent.path("fork");
    succeed(parent.fork(&parent.script, &fork).args(["--frames", LONGER]));
    let (metrics, weights) = (records::metrics(&fork), records::weights(&fork));

    let none_of_its_own = || {
        for path in records::checkpoints(&fork) {
            fs::remove_dir_all(path).expect("a checkpoint");
        }
        fs::remove_file(fork.join("DONE")).expect("it was done");
    };
    none_of_its_own();
    // It has what it began with: others may go on, or away.
    fs::remove_dir_all(&parent.run).expect("the parent");
    let mut again = kelvin();
    succeed(again.args(["train", "--resume", "--quiet", "--out"]).arg(&fork));
    assert!(records::metrics(&fork) == metrics, "metrics differ");
    assert!(records::weights(&fork) == weights, "weights differ");

    none_of_its_own();
    fs::write(fork.join(format!("origin/{:012}/envs.zst", parent.checkpoints[1])), "torn").expect("a fork");
    let said = run(&mut again);
    assert_eq!(said.code, Some(1), "{said}");
    for part in ["what the run began with", "envs.zst", "hint: "] {
        assert!(said.stderr.contains(part), "no {part} in\n{said}");
    }
    assert!(records::metrics(&fork) == metrics, "its records are what is left of it");
}

#[test]
fn a_damaged_checkpoint_is_passed_over_unless_it_is_asked_for() {
    let parent = Parent::new("dqn", "");
    let [older, newest] = parent.checkpoints[..] else { panic!("{:?}", parent.checkpoints) };
    fs::write(parent.run.join(format!("checkpoints/{newest:012}/newest.zst")), "torn").expect("a checkpoint");
    let mut command = kelvin();
    command.arg("train").arg(&parent.script).arg("--fork").arg(&parent.run);
    let said = succeed(command.current_dir(parent.folder.path()).args(["--frames", LONGER]));
    assert!(said.stdout.contains(&format!("the checkpoint of update {newest} is passed over")), "{said}");
    assert!(said.stdout.contains(&format!("starting from update {older} of ")), "{said}");
    assert!(parent.path(&format!("runs/mine-catch-s3-at-{older}/DONE")).is_file(), "nobody named a folder");

    let at = newest.to_string();
    let said =
        run(parent.fork(&parent.script, &parent.path("other")).args(["--frames", LONGER, "--at", &at]));
    assert_eq!(said.code, Some(1), "{said}");
    for part in [format!("update {newest} cannot be used"), "newest.zst".to_owned(), format!("{older}, {at}")]
    {
        assert!(said.stderr.contains(&part), "no {part} in\n{said}");
    }
    assert!(!parent.path("other").exists());
}

#[test]
fn what_does_not_fit_is_refused_and_leaves_nothing_behind() {
    let parent = Parent::new("dqn", "[params]\ndelta = 0.5\n");
    let says = |name: &str, config: &str| parent.changed(name, "n: 1, heads: [\"q\"],", config);
    let same = || parent.script.clone();
    let cases: Vec<(PathBuf, &str, i32, &[&str])> = vec![
        (same(), "--at 7", 2, &["no checkpoint of update 7", "hint: there are those of "]),
        (same(), "--frames 12k", 2, &["is done", "hint: ", "--frames"]),
        (same(), "--env chain", 2, &["environment catch, not chain", "hint: ", "--fork"]),
        (same(), "--seed 4", 2, &["seed 3, not 4", "hint: "]),
        (same(), "--preset machado", 2, &["preset paper, not machado", "hint: "]),
        (same(), "--set n=3", 2, &["`n` is 3", "made with 1", "hint: ", "--fork"]),
        (same(), "--set learner=rollout", 2, &["`learner` is \"rollout\"", "hint: "]),
        (same(), "--set hidden=[32]", 2, &["`hidden` is [32]", "[64, 64]", "hint: "]),
        (same(), "--set network=nature", 2, &["`network` is", "hint: "]),
        (same(), "--set envs=4", 2, &["`envs` is 4", "made with 8", "hint: "]),
        (same(), "--set replay_capacity=9000", 2, &["`replay_capacity` is 9000", "hint: "]),
        (same(), "--set optimizer=rmsprop", 2, &["`optimizer` is", "hint: "]),
        (same(), "--set update_every=1", 2, &["`update_every` is 1", "hint: "]),
        (same(), "--set batch=0", 2, &["`batch` is 0", "hint: "]),
        (same(), "--set tua=1", 2, &["--set tua=1", "hint: "]),
        (same(), "--set forked_from=1", 2, &["`forked_from`", "hint: "]),
        (same(), "--resume", 2, &["--fork", "--resume"]),
        (same(), "--full-action-set", 2, &["--fork", "--full-action-set"]),
        (
            says("heads.rhai", "n: 1, heads: [\"q\", \"v\"],"),
            "",
            1,
            &["heads.rhai:", "`heads` is [\"q\", \"v\"]", "has [\"q\"]", "hint: ", "without --fork"],
        ),
        (says("window.rhai", "n: 3, heads: [\"q\"],"), "", 1, &["`n` is 3", "has 1", "hint: "]),
        (
            says("rate.rhai", "n: 1, heads: [\"q\"], learning_rate: 0.5,"),
            "",
            1,
            &["`learning_rate` is 0.5", "has 0.001", "hint: --set learning_rate=0.5"],
        ),
        (
            parent.changed("explores.rhai", "epsilon_greedy(1.0, 0.01)", "epsilon_greedy(1.0, 0.5)"),
            "",
            1,
            &["`epsilon_end` is 0.5", "has 0.01", "hint: --set epsilon_end=0.5"],
        ),
        (says("unknown.rhai", "n: 1, heds: [\"q\"],"), "", 1, &["`heds`", "did you mean `heads`"]),
        (
            parent.changed("shapes.rhai", "fn target", "fn reward(r) { r / 2.0 }\nfn target"),
            "",
            1,
            &["now has `reward`", "hint: "],
        ),
        (
            parent.changed("range.rhai", "param(1.0, 0.01", "param(1.0, 0.9"),
            "",
            1,
            &["delta=0.5 does not fit", "hint: "],
        ),
        (parent.changed("syntax.rhai", "huber(", "huber(("), "", 1, &["syntax.rhai:", "hint: "]),
        (parent.path("none.rhai"), "", 1, &["none.rhai", "hint: "]),
    ];
    let before = files(parent.folder.path());
    let mut wrong = Vec::new();
    let mut check = |command: &mut Command, code: i32, parts: &[&str]| {
        let said = run(command);
        let silent: Vec<_> = parts.iter().filter(|part| !said.stderr.contains(**part)).collect();
        if said.code != Some(code) || !silent.is_empty() {
            wrong.push(format!("{command:?}: wanted {code} and {silent:?}\n{said}"));
        }
        if files(parent.folder.path()) != before || parent.path("fork").exists() {
            wrong.push(format!("{command:?}: something was left behind"));
        }
    };
    for (script, arguments, code, parts) in &cases {
        let mut command = parent.fork(script, &parent.path("fork"));
        if !arguments.contains("--frames") {
            command.args(["--frames", LONGER]);
        }
        check(command.args(arguments.split_whitespace()), *code, parts);
    }
    // Without a parent, or into one.
    let mut command = kelvin();
    command.arg("train").arg(&parent.script).arg("--fork").arg(parent.path("nowhere"));
    check(&mut command, 2, &["--fork", "no such folder"]);
    let mut command = kelvin();
    command.arg("train").arg(&parent.script).arg("--fork").arg(parent.folder.path());
    check(&mut command, 1, &["is not a run", "hint: "]);
    let mut command = kelvin();
    check(command.arg("train").arg(&parent.script).args(["--at", "3"]), 2, &["--fork"]);
    check(
        parent.fork(&parent.script, &parent.run).args(["--frames", LONGER]),
        1,
        &["already exists", "hint: "],
    );
    assert!(wrong.is_empty(), "{} mistakes:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn settings_of_the_new_run_are_the_parents_but_for_what_is_set() {
    let parent = Parent::new("dqn", "");
    // What a script newly says may be what the command line says, or what holds already.
    let script = parent.changed("said.rhai", "n: 1,", "n: 1, batch: 32, learning_rate: 0.0005,");
    let fork = parent.path("fork");
    let sets = ["learning_rate=0.0005", "log_every=500", "gamma=0.9", "eval_every=3000", "eval_episodes=1"];
    let mut command = parent.fork(&script, &fork);
    succeed(command.args(["--frames", LONGER]).args(sets.iter().flat_map(|set| ["--set", set])));
    let (before, now) = (config(&parent.run), config(&fork));
    let line = |text: &str, key: &str| -> String {
        let found = text.lines().find(|line| line.split(' ').next() == Some(key));
        found.unwrap_or_else(|| panic!("no {key} in\n{text}")).to_owned()
    };
    for key in
        ["env", "seed", "preset", "device", "envs", "batch", "checkpoint_every", "replay_capacity", "delta"]
    {
        assert_eq!(line(&before, key), line(&now, key));
    }
    for (key, value) in
        [("learning_rate", "0.0005"), ("log_every", "500"), ("frames", "18000"), ("gamma", "0.9")]
    {
        assert_eq!(line(&now, key), format!("{key} = {value}"));
    }
    assert!(line(&now, "script").contains("said.rhai"));
    assert!(now.contains("pinned = [\"gamma\", \"learning_rate\"]"), "{now}");
    // Another length leaves the exploration where it was, in frames.
    let number = |text: &str, key: &str| -> f64 {
        line(text, key).rsplit(' ').next().and_then(|number| number.parse().ok()).expect("a number")
    };
    let (end_before, end_now) = (number(&before, "epsilon_end_at"), number(&now, "epsilon_end_at"));
    assert!((end_before * 12_000.0 - end_now * 18_000.0).abs() < 1e-6, "{end_before} {end_now}");
    // What comes every so many steps comes by the new count from there on.
    assert_eq!(records::training(&fork).len(), 12);
    let evaluations = records::metrics(&fork).into_iter().filter(|record| record["kind"] == "eval");
    assert_eq!(evaluations.map(|record| count(&record, "frames")).collect::<Vec<_>>(), [15_000, 18_000]);
}
