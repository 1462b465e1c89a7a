//! Running tasks: processes of a shell stand for runs, so that each ends as it is told.
#![cfg(unix)]

use kelvin_batch::{Launch, Observer, Start, State};
use kelvin_run::{RunDir, Task};
use std::cell::Cell;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

fn task(index: usize) -> Task {
    Task {
        index,
        folder: format!("a/catch-s{index}"),
        label: "a".to_owned(),
        script: "a.rhai".to_owned(),
        script_hash: "ab".to_owned(),
        env: "catch".to_owned(),
        seed: index as u64,
        frames: 1,
        preset: "paper".to_owned(),
        full_action_set: false,
        reference: None,
        set: Default::default(),
    }
}

/// Notes what it is told.
#[derive(Default)]
struct Notes {
    again: Vec<(usize, usize, String)>,
    running: usize,
    most: usize,
}

impl Observer for Notes {
    fn changed(&mut self, _: &Task, before: &State, now: &State) {
        self.running += usize::from(*now == State::Running);
        self.running -= usize::from(*before == State::Running);
        self.most = self.most.max(self.running);
    }

    fn again(&mut self, task: &Task, attempt: usize, error: &str) {
        self.again.push((task.index, attempt, error.to_owned()));
    }

    fn look(&mut self) {}
}

/// Nobody asks to stop.
const NEVER: fn() -> bool = || false;

/// What a run leaves when it has come to its end.
const DONE: &str = "mkdir -p $0; touch $0/config.toml $0/DONE";

/// Runs `tasks` tasks, each of which is what `script` says: a shell's text, with the run's folder as $0.
fn launch(
    folder: &Path,
    tasks: usize,
    script: &dyn Fn(&Task, Start) -> String,
    patience: Duration,
    stop: &dyn Fn() -> bool,
) -> (Vec<State>, Notes) {
    let command = |task: &Task, start: Start| {
        let mut command = Command::new("sh");
        command.args(["-c", &script(task, start)]).arg(folder.join(&task.folder));
        command
    };
    let launch = Launch { folder, jobs: 3, retries: 2, patience, command: &command, stop };
    let tasks: Vec<_> = (0..tasks).map(task).collect();
    let mut notes = Notes::default();
    let states = launch.run(&tasks, &mut notes).unwrap();
    (states, notes)
}

#[test]
fn no_more_run_at_once_than_were_asked_for_and_all_end() {
    let folder = tempfile::tempdir().unwrap();
    let (states, notes) =
        launch(folder.path(), 12, &|_, _| format!("sleep 0.05; {DONE}"), Duration::MAX, &NEVER);
    assert_eq!(states, vec![State::Done; 12]);
    assert_eq!(notes.most, 3);
    let (states, notes) =
        launch(folder.path(), 12, &|_, _| unreachable!("they are done"), Duration::MAX, &NEVER);
    assert_eq!((states, notes.most), (vec![State::Done; 12], 0));
}

#[test]
fn a_crash_is_tried_again_from_what_is_there() {
    let folder = tempfile::tempdir().unwrap();
    // Crashes once before it is a run, and once after.
    let script = |task: &Task, start: Start| {
        match (task.index, start) {
        (1, Start::New) => {
            "if [ -e $0.mark ]; then mkdir -p $0; touch $0/config.toml; fi; touch $0.mark; echo oh; kill -9 $$".to_owned()
        }
        _ => DONE.to_owned(),
    }
    };
    let (states, notes) = launch(folder.path(), 2, &script, Duration::MAX, &NEVER);
    assert_eq!(states, vec![State::Done; 2]);
    assert_eq!(notes.again, [(1, 1, "oh".to_owned()), (1, 2, "oh".to_owned())]);
}

#[test]
fn what_cannot_succeed_is_given_up() {
    let folder = tempfile::tempdir().unwrap();
    let script = |task: &Task, _: Start| match task.index {
        0 => "echo never; exit 1".to_owned(),
        1 => "echo wrong use; exit 2".to_owned(),
        2 => "exit 0".to_owned(),
        _ => DONE.to_owned(),
    };
    let (states, notes) = launch(folder.path(), 4, &script, Duration::MAX, &NEVER);
    let failed = |error: &str| State::Failed { error: error.to_owned() };
    assert_eq!(states, [failed("never"), failed("wrong use"), State::Stopped, State::Done]);
    assert_eq!(notes.again.len(), 2, "{:?}", notes.again);
}

#[test]
fn a_wish_to_stop_reaches_every_process() {
    let folder = tempfile::tempdir().unwrap();
    let looks = Cell::new(0);
    let stop = || {
        looks.set(looks.get() + 1);
        looks.get() > 30
    };
    // Waits in the background: a shell hears of a signal when the command before is done.
    let script =
        |_: &Task, _: Start| "trap 'touch $0.told; exit 0' TERM; while :; do sleep 0.02; done".to_owned();
    fs::create_dir(folder.path().join("a")).unwrap();
    let (states, _) = launch(folder.path(), 5, &script, Duration::MAX, &stop);
    let waiting = State::Waiting;
    assert_eq!(states, [State::Stopped, State::Stopped, State::Stopped, waiting.clone(), waiting]);
    for index in 0..3 {
        assert!(folder.path().join(format!("a/catch-s{index}.told")).exists());
    }
}

#[test]
fn a_task_that_another_process_has_is_left_or_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(task(0).folder);
    let run = RunDir::create(&path).unwrap();
    run.write_config("").unwrap();
    let lock = run.lock().unwrap();
    let none = |_: &Task, _: Start| -> String { unreachable!("it is in use") };
    let left = launch(folder.path(), 1, &none, Duration::ZERO, &NEVER);
    assert_eq!(left.0, [State::Elsewhere]);

    let waited = std::thread::scope(|scope| {
        scope.spawn(move || {
            std::thread::sleep(Duration::from_millis(300));
            drop(lock);
        });
        launch(
            folder.path(),
            1,
            &|_, start| {
                assert_eq!(start, Start::Resume);
                DONE.to_owned()
            },
            Duration::MAX,
            &NEVER,
        )
    });
    assert_eq!(waited.0, [State::Done]);
}

#[test]
fn a_folder_that_cannot_be_written_ends_it() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("claims"), "a file").unwrap();
    let command = |_: &Task, _: Start| Command::new("true");
    let launch = Launch {
        folder: folder.path(),
        jobs: 1,
        retries: 0,
        patience: Duration::ZERO,
        command: &command,
        stop: &|| false,
    };
    let error = launch.run(&[task(0)], &mut Notes::default()).unwrap_err().to_string();
    assert!(error.contains("claims"), "{error}");
}
