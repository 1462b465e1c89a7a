//! Running the tasks of a plan: some at once, each a process of its own.
//!
//! The one idea: **the run directories are the only state.** A task is done when its run has `DONE`, and not because a
//! launcher remembers it; so a launcher may be killed at any moment, several may work on one experiment, and whoever
//! comes next goes on with what is there.

mod claim;
mod progress;
mod worker;

use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::time::{Duration, Instant};

use kelvin_run::{RunDir, Task};

use claim::Claim;
pub use progress::{Progress, speed};
use worker::Worker;

/// Time between two looks at the processes: what a task waits on average is half of it.
const LOOK: Duration = Duration::from_millis(10);
/// Time between two looks at what other processes do.
const LOOK_ELSEWHERE: Duration = Duration::from_millis(500);
/// Exit code of a process that was asked for something that cannot be: another try will not help.
const WRONG_USE: i32 = 2;

/// Why tasks cannot be run at all.
#[derive(Debug, thiserror::Error)]
#[error("cannot {action} {path}: {source}")]
pub struct LaunchError {
    action: &'static str,
    path: PathBuf,
    source: io::Error,
}

impl LaunchError {
    fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_path_buf();
        move |source| Self { action, path, source }
    }
}

/// How a task's process begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// With a new run.
    New,
    /// From the run's newest checkpoint.
    Resume,
}

/// Where a task is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// Nobody works on it yet.
    Waiting,
    /// A process of this launcher works on it.
    Running,
    /// Another launcher, or a process that outlived its own, works on it.
    Elsewhere,
    /// Its run has trained to its end.
    Done,
    /// It was stopped before its end, and can go on.
    Stopped,
    /// It ended with an error, as often as it was tried.
    Failed {
        /// What its last process said.
        error: String,
    },
}

/// Looks on while tasks run.
pub trait Observer {
    /// Something happened to a task.
    fn changed(&mut self, task: &Task, before: &State, now: &State);
    /// A task's process crashed and is started again, for the `attempt`th time.
    fn again(&mut self, task: &Task, attempt: usize, error: &str);
    /// Time went by: some hundredths of a second.
    fn look(&mut self);
}

/// How tasks are run.
pub struct Launch<'a> {
    /// The experiment's folder.
    pub folder: &'a Path,
    /// Processes at the same time.
    pub jobs: usize,
    /// How often a task that crashed is started again.
    pub retries: usize,
    /// How long to wait for tasks that others work on, once nothing else is left to do.
    pub patience: Duration,
    /// The process of a task.
    pub command: &'a dyn Fn(&Task, Start) -> Command,
    /// Whether somebody asked to stop.
    pub stop: &'a dyn Fn() -> bool,
}

impl Launch<'_> {
    /// Runs tasks to their ends, or until somebody asks to stop. Returns where each of them is then, in their order.
    ///
    /// # Errors
    /// A folder that cannot be written, or a program that does not start. Processes that run are asked to stop first.
    pub fn run(&self, tasks: &[Task], observer: &mut dyn Observer) -> Result<Vec<State>, LaunchError> {
        let jobs = tasks.iter().map(|task| Job { task, state: State::Waiting, worker: None, attempts: 0 });
        let (jobs, idle) = (jobs.collect(), Instant::now());
        let mut pool = Pool { launch: self, jobs, running: 0, stopping: false, idle, observer };
        let result = pool.run();
        if result.is_err() {
            pool.end();
        }
        result.map(|()| pool.jobs.into_iter().map(|job| job.state).collect())
    }
}

struct Job<'a> {
    task: &'a Task,
    state: State,
    worker: Option<Worker>,
    attempts: usize,
}

struct Pool<'a> {
    launch: &'a Launch<'a>,
    jobs: Vec<Job<'a>>,
    /// How many of them are.
    running: usize,
    stopping: bool,
    /// Since when none of them is.
    idle: Instant,
    observer: &'a mut dyn Observer,
}

impl Pool<'_> {
    fn run(&mut self) -> Result<(), LaunchError> {
        let mut elsewhere = Instant::now();
        // Those before it wait no more, unless they are to be tried again.
        let mut next = 0;
        loop {
            if !self.stopping && (self.launch.stop)() {
                self.stop();
            }
            while !self.stopping && next < self.jobs.len() && self.running < self.launch.jobs {
                if self.jobs[next].state == State::Waiting {
                    self.begin(next)?;
                }
                next += 1;
            }
            for index in 0..self.jobs.len() {
                if let Some(status) = self.jobs[index].worker.as_mut().and_then(Worker::ended) {
                    self.settle(index, status)?;
                }
            }
            let free = self.running < self.launch.jobs;
            if !self.stopping && free && elsewhere.elapsed() > LOOK_ELSEWHERE {
                elsewhere = Instant::now();
                self.look_elsewhere()?;
            }
            self.observer.look();
            if self.is_over(next) {
                return Ok(());
            }
            std::thread::sleep(LOOK);
        }
    }

    fn is_over(&self, next: usize) -> bool {
        let elsewhere = || self.jobs.iter().any(|job| job.state == State::Elsewhere);
        let waits = || self.idle.elapsed() < self.launch.patience && elsewhere();
        self.running == 0 && (self.stopping || next == self.jobs.len() && !waits())
    }

    /// Starts a task's process, unless it is done or another one works on it.
    fn begin(&mut self, index: usize) -> Result<(), LaunchError> {
        let Launch { folder, command, .. } = *self.launch;
        let task = self.jobs[index].task;
        let path = folder.join(&task.folder);
        if path.join("DONE").is_file() {
            self.set(index, State::Done);
            return Ok(());
        }
        let Some(claim) = Claim::take(folder, task.index)? else {
            self.set(index, State::Elsewhere);
            return Ok(());
        };
        let run = RunDir::open(&path).ok();
        // Looked at after the claim: whoever had it before may have finished in between.
        let state = match &run {
            Some(run) if run.is_done() => State::Done,
            Some(run) if run.is_in_use() => State::Elsewhere,
            _ => {
                let start = if run.is_some() { Start::Resume } else { Start::New };
                let log = folder.join(format!("{}.log", task.folder));
                self.jobs[index].worker = Some(Worker::start(command(task, start), log, claim)?);
                State::Running
            }
        };
        self.set(index, state);
        Ok(())
    }

    /// What became of a task whose process has ended.
    fn settle(&mut self, index: usize, status: ExitStatus) -> Result<(), LaunchError> {
        // The claim is held until it is decided.
        let Some(worker) = self.jobs[index].worker.take() else { return Ok(()) };
        let words = worker.last_words();
        let run = RunDir::open(self.launch.folder.join(&self.jobs[index].task.folder)).ok();
        let state = match &run {
            Some(run) if run.is_done() => State::Done,
            Some(run) if run.is_in_use() => State::Elsewhere,
            // It, or all, were asked to stop.
            _ if status.success() || self.stopping => State::Stopped,
            _ => State::Failed { error: error(&words, status) },
        };
        if let State::Failed { error } = &state {
            let again = status.code() != Some(WRONG_USE) && self.jobs[index].attempts < self.launch.retries;
            if again {
                self.jobs[index].attempts += 1;
                self.observer.again(self.jobs[index].task, self.jobs[index].attempts, error);
                drop(worker);
                return self.begin(index);
            }
        }
        self.set(index, state);
        Ok(())
    }

    /// Takes up tasks that others worked on and have let go of.
    fn look_elsewhere(&mut self) -> Result<(), LaunchError> {
        for index in 0..self.jobs.len() {
            if self.jobs[index].state == State::Elsewhere && self.running < self.launch.jobs {
                self.begin(index)?;
            }
        }
        Ok(())
    }

    /// Asks every process to save a checkpoint and end.
    fn stop(&mut self) {
        self.stopping = true;
        self.jobs.iter().filter_map(|job| job.worker.as_ref()).for_each(Worker::stop);
    }

    /// Stops every process and waits for it: what was started is not left alone.
    fn end(&mut self) {
        self.stop();
        for job in &mut self.jobs {
            while job.worker.as_mut().is_some_and(|worker| worker.ended().is_none()) {
                std::thread::sleep(LOOK);
            }
        }
    }

    fn set(&mut self, index: usize, state: State) {
        let job = &mut self.jobs[index];
        if job.state != state {
            self.running += usize::from(state == State::Running);
            self.running -= usize::from(job.state == State::Running);
            if job.state == State::Running {
                self.idle = Instant::now();
            }
            self.observer.changed(job.task, &job.state, &state);
            job.state = state;
        }
    }
}

/// What a process that failed is said to have died of: its own words, or how it ended.
fn error(words: &str, status: ExitStatus) -> String {
    match words.is_empty() {
        true => format!("it ended without a word ({status})"),
        false => words.to_owned(),
    }
}
