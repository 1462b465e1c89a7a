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
    warned: Vec<String>,
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

    fn warned(&mut self, warning: &str) {
        self.warned.push(warning.to_owned());
    }

    fn look(&mut self) {}
}

/// Nobody asks to stop.
const NEVER: fn() -> bool = || false;

fn config(task: &Task) -> String {
    let Task { seed, env, frames, preset, .. } = task;
    format!(
        "env = \"{env}\"\nseed = {seed}\nframes = {frames}\npreset = \"{preset}\"\nfull_action_set = false\n"
    )
}

/// What a run leaves when it begins: a shell's text.
fn begun(task: &Task) -> String {
    format!(
        "mkdir -p $0/objective; echo '{}' > $0/config.toml; \
         echo '{{\"update\":0,\"hash\":\"ab\",\"script\":\"objective/a.rhai\"}}' > $0/objective/index.jsonl",
        config(task)
    )
}

/// What it leaves when it has come to its end.
fn done(task: &Task) -> String {
    format!("{}; touch $0/DONE", begun(task))
}

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
        launch(folder.path(), 12, &|task, _| format!("sleep 0.05; {}", done(task)), Duration::MAX, &NEVER);
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
    let script = |task: &Task, start: Start| match (task.index, start) {
        (1, Start::New) => {
            format!("if [ -e $0.mark ]; then {}; fi; touch $0.mark; echo oh; kill -9 $$", begun(task))
        }
        _ => done(task),
    };
    let (states, notes) = launch(folder.path(), 2, &script, Duration::MAX, &NEVER);
    assert_eq!(states, vec![State::Done; 2]);
    assert_eq!(notes.again, [(1, 1, "oh".to_owned()), (1, 2, "oh".to_owned())]);
}

#[test]
fn what_cannot_succeed_is_given_up() {
    let folder = tempfile::tempdir().unwrap();
    let script = |task: &Task, _: Start| match task.index {
        0 => format!("{}; echo never; exit 1", begun(task)),
        1 => "echo wrong use; exit 2".to_owned(),
        2 => "exit 0".to_owned(),
        3 => "echo no such game; exit 1".to_owned(),
        _ => done(task),
    };
    let (states, notes) = launch(folder.path(), 5, &script, Duration::MAX, &NEVER);
    let failed = |error: &str| State::Failed { error: error.to_owned() };
    assert_eq!(
        states,
        [failed("never"), failed("wrong use"), State::Stopped, failed("no such game"), State::Done]
    );
    // Only the run that had begun is tried again.
    assert_eq!(notes.again.iter().map(|(task, ..)| *task).collect::<Vec<_>>(), [0, 0], "{:?}", notes.again);
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
    run.record_objective(0, "ab", &[("a.rhai".into(), String::new())]).unwrap();
    run.write_config(&config(&task(0))).unwrap();
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
            &|task, start| {
                assert_eq!(start, Start::Resume);
                done(task)
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

/// A folder in the place of its log keeps a process from its start, and no other.
#[test]
fn a_process_that_does_not_start_costs_one_run() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir_all(folder.path().join("a/catch-s0.log")).unwrap();
    let (states, notes) = launch(folder.path(), 4, &|task, _| done(task), Duration::MAX, &NEVER);
    let State::Failed { error } = &states[0] else { panic!("{states:?}") };
    assert!(error.contains("catch-s0.log"), "{error}");
    assert_eq!(states[1..], vec![State::Done; 3]);
    assert!(notes.again.is_empty(), "another try cannot help: {:?}", notes.again);
}

/// What is in a task's place is the task's run, or is left as it is.
#[test]
fn a_run_that_is_another_is_neither_counted_nor_taken_up() {
    let folder = tempfile::tempdir().unwrap();
    let other = Task { seed: 7, ..task(0) };
    let path = folder.path().join(&other.folder);
    fs::create_dir_all(&path).unwrap();
    let put = |text: String| Command::new("sh").args(["-c", &text]).arg(&path).status().unwrap().success();
    for text in [begun(&other), done(&other)] {
        assert!(put(text));
        let script = |task: &Task, _: Start| {
            assert_ne!(task.index, 0, "another's run was taken up");
            done(task)
        };
        let (states, notes) = launch(folder.path(), 2, &script, Duration::MAX, &NEVER);
        let State::Failed { error } = &states[0] else { panic!("{states:?}") };
        assert!(error.contains("holds another run: seed 7, planned 0"), "{error}");
        assert_eq!(states[1], State::Done);
        assert!(notes.again.is_empty(), "{:?}", notes.again);
    }
    assert!(put(done(&task(0))));
    let none = |_: &Task, _: Start| -> String { unreachable!("it is done") };
    assert_eq!(launch(folder.path(), 1, &none, Duration::MAX, &NEVER).0, [State::Done]);
}

#[test]
fn a_task_whose_folder_is_elsewhere_is_not_begun() {
    let folder = tempfile::tempdir().unwrap();
    let outside = folder.path().join("outside").display().to_string();
    let inside = folder.path().join("inside");
    let command = |_: &Task, _: Start| unreachable!("it would leave the experiment");
    let stop = || false;
    let launch = Launch {
        folder: &inside,
        jobs: 1,
        retries: 0,
        patience: Duration::ZERO,
        command: &command,
        stop: &stop,
    };
    for place in [outside.as_str(), "../outside", ""] {
        let states =
            launch.run(&[Task { folder: place.to_owned(), ..task(0) }], &mut Notes::default()).unwrap();
        let State::Failed { error } = &states[0] else { panic!("{states:?}") };
        assert!(error.contains("not inside the experiment"), "{error}");
    }
    assert!(!folder.path().join("outside").exists());
}

#[test]
fn what_runs_warn_of_is_passed_on() {
    let folder = tempfile::tempdir().unwrap();
    let script =
        |task: &Task, _: Start| format!("echo warning: mind the gap; echo other words; {}", done(task));
    let (states, notes) = launch(folder.path(), 2, &script, Duration::MAX, &NEVER);
    assert_eq!((states, notes.warned), (vec![State::Done; 2], vec!["warning: mind the gap".to_owned(); 2]));
}

/// Two launchers of a plan that grew differently have two runs at one place in it.
#[test]
fn claims_are_of_runs_and_not_of_places_in_a_plan() {
    let folder = tempfile::tempdir().unwrap();
    let start = |task: Task, script: String| {
        let command = |task: &Task, _: Start| {
            let mut command = Command::new("sh");
            command.args(["-c", &script]).arg(folder.path().join(&task.folder));
            command
        };
        let (patience, stop) = (Duration::ZERO, || false);
        let launch =
            Launch { folder: folder.path(), jobs: 1, retries: 0, patience, command: &command, stop: &stop };
        launch.run(&[task], &mut Notes::default()).unwrap()
    };
    let (first, second) = (task(5), Task { folder: "b/catch-s5".to_owned(), ..task(5) });
    let waits = format!(
        "touch $0.on; while [ ! -e {}/go ]; do sleep 0.02; done; {}",
        folder.path().display(),
        done(&first)
    );
    fs::create_dir(folder.path().join("a")).unwrap();
    std::thread::scope(|scope| {
        let one = scope.spawn(|| start(first.clone(), waits));
        while !folder.path().join("a/catch-s5.on").exists() {
            std::thread::sleep(Duration::from_millis(5));
        }
        let same = start(Task { index: 0, ..first.clone() }, "exit 1".to_owned());
        let other = start(second.clone(), done(&second));
        fs::write(folder.path().join("go"), "").unwrap();
        assert_eq!((same, other), (vec![State::Elsewhere], vec![State::Done]));
        assert_eq!(one.join().unwrap(), [State::Done]);
    });
}

/// Lets go of a program that was held open for writing, which keeps it from being started, when a start has failed.
#[cfg(target_os = "linux")]
struct LetsGo {
    held: Option<fs::File>,
    again: Vec<String>,
}

#[cfg(target_os = "linux")]
impl Observer for LetsGo {
    fn changed(&mut self, _: &Task, _: &State, _: &State) {}

    fn again(&mut self, _: &Task, _: usize, error: &str) {
        self.held = None;
        self.again.push(error.to_owned());
    }

    fn look(&mut self) {}
}

#[cfg(target_os = "linux")]
#[test]
fn a_start_that_fails_for_now_is_tried_again() {
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("sh");
    fs::copy("/bin/sh", &program).unwrap();
    let command = |task: &Task, _: Start| {
        let mut command = Command::new(&program);
        command.args(["-c", &done(task)]).arg(folder.path().join(&task.folder));
        command
    };
    let launch = Launch {
        folder: folder.path(),
        jobs: 3,
        retries: 2,
        patience: Duration::ZERO,
        command: &command,
        stop: &NEVER,
    };
    let held = fs::OpenOptions::new().append(true).open(&program).unwrap();
    let mut observer = LetsGo { held: Some(held), again: Vec::new() };
    let tasks: Vec<_> = (0..3).map(task).collect();
    assert_eq!(launch.run(&tasks, &mut observer).unwrap(), vec![State::Done; 3]);
    assert!(!observer.again.is_empty() && observer.again[0].contains("cannot start"), "{:?}", observer.again);
    // For ever is not for now.
    let held = fs::OpenOptions::new().append(true).open(&program).unwrap();
    let launch = Launch { retries: 0, ..launch };
    let error = launch.run(&[task(4)], &mut LetsGo { held: Some(held), again: Vec::new() }).unwrap_err();
    assert!(error.to_string().contains("cannot start"), "{error}");
}
