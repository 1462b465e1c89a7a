//! The run directory from outside: making, opening, locking, recording.
//!
//! Permissions do not bind a superuser, who may be running these tests, so folders that cannot be written are stood in
//! for by files in the place of folders and, on Linux, by `/proc`, where nobody can make anything.

use std::fs;
use std::path::{Path, PathBuf};

use kelvin_run::{AgentView, Elements, RunDir, RunError};
use serde_json::json;
use tempfile::TempDir;

fn run() -> (TempDir, RunDir) {
    let scratch = tempfile::tempdir().unwrap();
    let run = RunDir::create(scratch.path().join("runs/a")).unwrap();
    run.write_config("seed = 1\n").unwrap();
    (scratch, run)
}

/// The names in a folder, sorted.
fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn a_run_is_made_and_opened_again() {
    let (_scratch, run) = run();
    assert_eq!(names(run.path()), ["checkpoints", "config.toml", "live", "objective"]);
    run.write_config("seed = 2\n").unwrap();
    let again = RunDir::open(run.path()).unwrap();
    assert_eq!(again.read_config().unwrap(), "seed = 2\n");
    assert!(again.read_metrics().unwrap().is_empty());
    assert!(again.latest_checkpoint().unwrap().checkpoint.is_none());
}

#[test]
fn an_empty_folder_may_become_a_run_and_a_full_one_may_not() {
    let scratch = tempfile::tempdir().unwrap();
    RunDir::create(scratch.path()).unwrap().write_config("seed = 1\n").unwrap();
    let error = RunDir::create(scratch.path()).unwrap_err();
    assert!(matches!(error, RunError::Exists { .. }));
    let text = error.to_string();
    assert!(text.contains("already exists") && text.contains("--out") && text.contains("--resume"), "{text}");
}

#[test]
fn a_folder_without_config_is_no_run() {
    let scratch = tempfile::tempdir().unwrap();
    for path in [scratch.path().to_path_buf(), scratch.path().join("none")] {
        let error = RunDir::open(path).unwrap_err();
        assert!(matches!(error, RunError::NotARun { .. }));
        assert!(error.to_string().contains("hint: "), "{error}");
    }
}

#[test]
fn what_cannot_be_made_leaves_nothing_behind() {
    let scratch = tempfile::tempdir().unwrap();
    let file = scratch.path().join("file");
    fs::write(&file, "content").unwrap();
    // The path itself, a folder on the way to it, and one of the folders inside are files.
    for path in [file.clone(), file.join("deep/er"), scratch.path().join("file/../file/x")] {
        let error = RunDir::create(&path).unwrap_err();
        assert!(matches!(error, RunError::Io { .. }), "{error}");
        assert!(error.to_string().contains("file") && error.to_string().contains("hint: "), "{error}");
    }
    assert_eq!(names(scratch.path()), ["file"]);
    assert_eq!(fs::read_to_string(&file).unwrap(), "content");
}

#[cfg(target_os = "linux")]
#[test]
fn a_place_where_nothing_can_be_made_is_named() {
    for path in ["/proc/kelvin", "/proc/self/kelvin/run"] {
        let error = RunDir::create(path).unwrap_err();
        assert!(error.to_string().contains("/proc/"), "{error}");
    }
}

#[test]
fn two_processes_cannot_have_one_run() {
    let (_scratch, run) = run();
    let held = run.lock().unwrap();
    assert!(held.enforced(), "the folder for temporary files is on a filesystem without locks");
    let error = run.lock().unwrap_err();
    let pid = std::process::id();
    assert!(matches!(error, RunError::Locked { pid: Some(named), .. } if named == pid), "{error:?}");
    assert!(error.to_string().contains(&format!("pid {pid}")), "{error}");
    drop(held);
    let _held = run.lock().unwrap();
}

#[test]
fn the_lock_clears_away_what_a_killed_process_left() {
    let (_scratch, run) = run();
    for leftover in [".partial-a", "live/.partial-b", "checkpoints/.partial-c/replay.bin"] {
        let path = run.path().join(leftover);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "half").unwrap();
    }
    fs::remove_dir_all(run.path().join("objective")).unwrap();
    let _lock = run.lock().unwrap();
    assert_eq!(names(run.path()), ["checkpoints", "config.toml", "live", "lock", "objective"]);
    assert!(names(&run.path().join("live")).is_empty() && names(&run.path().join("checkpoints")).is_empty());
}

#[test]
fn what_a_start_that_was_cut_off_left_may_be_used_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run");
    let run = RunDir::create(&path).unwrap();
    drop((run.lock().unwrap(), run.metrics_writer().unwrap()));
    // Killed while its configuration was written, or a folder of it made, or with what belongs to another script.
    run.record_objective(0, "a", &[("s.rhai".into(), "a".to_owned())]).unwrap();
    fs::write(path.join("control.toml"), "[params]\ntau = 1\n").unwrap();
    fs::create_dir_all(path.join("origin/.partial-c")).unwrap();
    fs::write(path.join(".partial-a"), "seed = 1 and more than a lock has").unwrap();
    fs::create_dir_all(path.join(".partial-b/half")).unwrap();
    let run = RunDir::create(&path).unwrap();
    let lock = run.lock().unwrap();
    assert!(matches!(RunDir::create(&path), Err(RunError::Locked { .. })), "it is starting");
    drop(lock);
    for gone in [".partial-a", ".partial-b", "control.toml", "origin"] {
        assert!(!path.join(gone).exists(), "{gone}");
    }
    assert!(run.objectives().unwrap().is_empty());
    run.write_config("seed = 1\n").unwrap();
    assert!(matches!(RunDir::create(&path), Err(RunError::Exists { .. })));
}

#[test]
fn what_somebody_else_keeps_in_a_folder_stays() {
    for name in ["reference/paper.pdf", "origin", "checkpoints/a", "metrics.jsonl", "control.toml"] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, "mine").unwrap();
        assert!(matches!(RunDir::create(folder.path()), Err(RunError::Exists { .. })), "{name}");
        assert_eq!(fs::read_to_string(&path).unwrap(), "mine");
    }
}

#[test]
fn objectives_follow_the_history_of_the_run() {
    let folder = tempfile::tempdir().unwrap();
    let run = RunDir::create(folder.path().join("run")).unwrap();
    let record = |update, hash: &str| {
        run.record_objective(update, hash, &[("s.rhai".into(), hash.to_owned())]).unwrap()
    };
    let hashes = || run.objectives().unwrap().into_iter().map(|version| version.hash).collect::<Vec<_>>();
    record(0, "a");
    let sources = run.path().join("objective/000000000000-a");
    fs::write(sources.join("mark"), "").unwrap();
    for (update, hash) in [(0, "b"), (0, "a"), (0, "a"), (5, "c"), (9, "d")] {
        record(update, hash);
    }
    assert!(sources.join("mark").exists(), "what others may read was written anew");
    assert_eq!(hashes(), ["a", "b", "a", "c", "d"], "back to a version is a version of its own");
    run.rewind_objectives(4).unwrap();
    assert_eq!(hashes(), ["a", "b", "a", "c"]);
    run.rewind_objectives(9).unwrap();
    assert_eq!(hashes(), ["a", "b", "a", "c"]);
}

#[test]
fn objectives_keep_their_layout_and_are_written_once() {
    let (scratch, run) = run();
    let scripts = scratch.path().join("scripts");
    let sources = [
        (scripts.join("soft_kl.rhai"), "import \"lib/huber\" as h;".to_string()),
        (scripts.join("tests/../lib/huber.rhai"), "fn f() {}".to_string()),
    ];
    let alone = [(scripts.join("dqn.rhai"), "// alone".to_string())];
    for (update, hash, sources) in
        [(0, "0123456789abcdef", &sources[..]), (1500, "fedcba9876543210", &alone[..])]
    {
        run.record_objective(update, hash, sources).unwrap();
        run.record_objective(update, hash, sources).unwrap();
    }
    let versions = run.objectives().unwrap();
    assert_eq!(versions.len(), 2);
    assert_eq!((versions[0].update, versions[1].update), (0, 1500));
    assert_eq!(versions[1].hash, "fedcba9876543210");
    assert_eq!(versions[0].script, Path::new("objective/000000000000-01234567/soft_kl.rhai"));
    assert_eq!(fs::read_to_string(run.path().join(&versions[0].script)).unwrap(), sources[0].1);
    let import = run.path().join("objective/000000000000-01234567/lib/huber.rhai");
    assert_eq!(fs::read_to_string(import).unwrap(), sources[1].1);
    assert_eq!(fs::read_to_string(run.path().join(&versions[1].script)).unwrap(), "// alone");
}

#[test]
fn an_objective_half_recorded_is_recorded_again() {
    let (_scratch, run) = run();
    let half = run.path().join("objective/000000000007-aaaaaaaa");
    fs::create_dir_all(&half).unwrap();
    fs::write(half.join("old.rhai"), "half").unwrap();
    run.record_objective(7, "aaaaaaaabb", &[(PathBuf::from("x.rhai"), "whole".into())]).unwrap();
    assert_eq!(names(&half), ["x.rhai"]);
    assert_eq!(run.objectives().unwrap().len(), 1);
}

#[test]
fn sources_that_would_hide_one_another_are_refused() {
    let (_scratch, run) = run();
    let twice =
        [("a/x.rhai", "1"), ("a/b/../x.rhai", "2")].map(|(path, text)| (PathBuf::from(path), text.into()));
    assert!(run.record_objective(0, "0", &twice).is_err());
    assert!(run.record_objective(0, "0", &[]).is_err());
    assert!(names(&run.path().join("objective")).is_empty());
}

#[test]
fn records_live_values_and_the_end() {
    let (_scratch, run) = run();
    run.metrics_writer().unwrap().append(&json!({ "update": 1 })).unwrap();
    run.events_writer().unwrap().append(&json!({ "event": "swap" })).unwrap();
    assert_eq!(run.read_metrics().unwrap(), [json!({ "update": 1 })]);
    assert_eq!(run.read_events().unwrap(), [json!({ "event": "swap" })]);

    for beat in [1, 2] {
        run.write_agent(&AgentView { beat, ..AgentView::default() }).unwrap();
    }
    assert_eq!(run.read_agent().unwrap().unwrap().beat, 2);
    assert_eq!(names(&run.path().join("live")), ["agent.json"]);

    assert!(!run.is_done());
    run.mark_done(&json!({ "return": 21.0 })).unwrap();
    assert!(run.is_done());
    run.clear_done().unwrap();
    run.clear_done().unwrap();
    assert!(!run.is_done());
}

#[test]
fn the_control_file_is_read_where_there_is_one() {
    let (_scratch, run) = run();
    assert_eq!(run.read_control().unwrap(), None);
    fs::write(run.control_path(), "[params]\ntau = 1\n").unwrap();
    assert_eq!(run.read_control().unwrap().as_deref(), Some("[params]\ntau = 1\n"));
    for unfit in [vec![b'#'; 100_000], vec![0xff, 0xfe]] {
        fs::write(run.control_path(), unfit).unwrap();
        let error = run.read_control().unwrap_err().to_string();
        assert!(error.contains("control.toml") && error.contains("hint: "), "{error}");
    }
}

#[test]
fn a_fault_is_kept_with_its_batch() {
    let (_scratch, run) = run();
    for report in ["first", "second"] {
        let (loss, obs) = (Elements::F32(&[f32::NAN, 1.0]), Elements::U8(&[1, 2, 3]));
        let folder = run.record_fault(17, report, &[("loss", &[2], loss), ("obs", &[3, 1], obs)]).unwrap();
        assert_eq!(folder, run.path().join("faults/update-17"));
        assert_eq!(names(&folder), ["batch.safetensors", "report.txt"]);
        assert_eq!(fs::read_to_string(folder.join("report.txt")).unwrap(), report);
    }
    let bytes = fs::read(run.path().join("faults/update-17/batch.safetensors")).unwrap();
    let header = String::from_utf8_lossy(&bytes);
    assert!(header.contains("\"obs\":{\"dtype\":\"U8\",\"shape\":[3,1]"), "{header}");
    let short: &[(&str, &[usize], Elements)] = &[("obs", &[2], Elements::U8(&[1]))];
    assert!(run.record_fault(18, "", short).is_err());
    assert_eq!(names(&run.path().join("faults")), ["update-17"]);
}

#[cfg(unix)]
#[test]
fn files_are_as_readable_as_any_other_of_the_user() {
    use std::os::unix::fs::PermissionsExt as _;
    let (scratch, run) = run();
    let plain = scratch.path().join("plain");
    fs::write(&plain, "").unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&run.path().join("config.toml")), mode(&plain));
    run.begin_checkpoint(1).unwrap().commit(2).unwrap();
    assert_eq!(mode(&run.path().join("checkpoints/000000000001")), mode(run.path()));
}
