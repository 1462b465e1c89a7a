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
use rustix::io::Errno;

use claim::Claim;
pub use progress::{Progress, speed};
use worker::Worker;

/// Time between two looks at the processes: what a task waits on average is half of it.
const LOOK: Duration = Duration::from_millis(10);
/// Time between two looks at what other processes do.
const LOOK_ELSEWHERE: Duration = Duration::from_millis(500);
/// What is said where the filesystem lets two launchers have one task.
const NO_LOCKS: &str =
    "warning: this filesystem has no locks: see to it that nobody else runs this experiment";
/// Exit code of a process that could not do what it was asked.
const FAILED: i32 = 1;
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

    /// Whether the system only had too much to do: too many processes, open files or too little memory.
    fn is_for_now(&self) -> bool {
        const SHORT: [Errno; 5] = [Errno::AGAIN, Errno::NOMEM, Errno::MFILE, Errno::NFILE, Errno::TXTBSY];
        Errno::from_io_error(&self.source).is_some_and(|error| SHORT.contains(&error))
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
    /// Something is worth a warning, in a line that begins with that word; perhaps not for the first time.
    fn warned(&mut self, _warning: &str) {}
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
    /// Runs tasks to their ends, or until somebody asks to stop. Returns where each of them is then, in their order. A
    /// task whose process cannot be started has failed, and costs the others nothing.
    ///
    /// # Errors
    /// A folder that cannot be written, or a program that does not start, where no task at all could be started.
    pub fn run(&self, tasks: &[Task], observer: &mut dyn Observer) -> Result<Vec<State>, LaunchError> {
        let jobs = tasks.iter().map(|task| Job { task, state: State::Waiting, worker: None, attempts: 0 });
        let mut pool = Pool {
            launch: self,
            jobs: jobs.collect(),
            running: 0,
            stopping: false,
            idle: Instant::now(),
            short_of: None,
            started: 0,
            refused: None,
            observer,
        };
        pool.run();
        match pool.refused {
            Some(error) if pool.started == 0 => Err(error),
            _ => Ok(pool.jobs.into_iter().map(|job| job.state).collect()),
        }
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
    /// Since when the system has no room for another process.
    short_of: Option<Instant>,
    /// Processes that were started.
    started: usize,
    /// Why one could not be.
    refused: Option<LaunchError>,
    observer: &'a mut dyn Observer,
}

impl Pool<'_> {
    fn run(&mut self) {
        let mut elsewhere = Instant::now();
        // Those before it wait no more, unless they are to be tried again.
        let mut next = 0;
        loop {
            if !self.stopping && (self.launch.stop)() {
                self.stop();
            }
            self.short_of.take_if(|since| since.elapsed() > LOOK_ELSEWHERE);
            while !self.stopping && next < self.jobs.len() && self.has_room() {
                if self.jobs[next].state == State::Waiting {
                    self.begin(next);
                }
                next += 1;
            }
            for index in 0..self.jobs.len() {
                if let Some(status) = self.jobs[index].worker.as_mut().and_then(Worker::ended) {
                    self.settle(index, status);
                }
            }
            if !self.stopping && self.has_room() && elsewhere.elapsed() > LOOK_ELSEWHERE {
                elsewhere = Instant::now();
                self.look_again(next);
            }
            self.observer.look();
            if self.is_over(next) {
                return;
            }
            std::thread::sleep(LOOK);
        }
    }

    fn is_over(&self, next: usize) -> bool {
        let elsewhere = || self.jobs.iter().any(|job| job.state == State::Elsewhere);
        let waits = || self.idle.elapsed() < self.launch.patience && elsewhere();
        let again = || self.jobs.iter().any(|job| job.state == State::Waiting);
        self.running == 0 && (self.stopping || next == self.jobs.len() && !again() && !waits())
    }

    /// Whether another process may be started.
    fn has_room(&self) -> bool {
        self.running < self.launch.jobs && self.short_of.is_none()
    }

    /// Starts a task's process, unless it is done or another one works on it.
    fn begin(&mut self, index: usize) {
        let state = self.start(index).unwrap_or_else(|error| self.not_started(index, error));
        self.set(index, state);
    }

    fn start(&mut self, index: usize) -> Result<State, LaunchError> {
        let Launch { folder, command, .. } = *self.launch;
        let task = self.jobs[index].task;
        if !task.is_inside() {
            let error = format!("its folder {:?} is not inside the experiment's", task.folder);
            return Ok(State::Failed { error });
        }
        if task.is_done(folder) {
            return Ok(State::Done);
        }
        let Some(claim) = Claim::take(folder, task)? else { return Ok(State::Elsewhere) };
        if !claim.enforced() {
            self.observer.warned(NO_LOCKS);
        }
        // Looked at after the claim: whoever had it before may have finished in between.
        let run = RunDir::open(folder.join(&task.folder)).ok();
        let start = match &run {
            None => Start::New,
            Some(run) => match standing(task, run) {
                Some(state) => return Ok(state),
                None => Start::Resume,
            },
        };
        let log = folder.join(format!("{}.log", task.folder));
        self.jobs[index].worker = Some(Worker::start(command(task, start), log, claim)?);
        self.started += 1;
        Ok(State::Running)
    }

    /// A process that could not be started may be later, if it was others that left no room for it.
    fn not_started(&mut self, index: usize, error: LaunchError) -> State {
        let told = error.to_string();
        let job = &mut self.jobs[index];
        if error.is_for_now() && job.attempts < self.launch.retries {
            job.attempts += 1;
            self.short_of = Some(Instant::now());
            self.observer.again(job.task, job.attempts, &told);
            return State::Waiting;
        }
        self.refused = Some(error);
        State::Failed { error: told }
    }

    /// What became of a task whose process has ended.
    fn settle(&mut self, index: usize, status: ExitStatus) {
        // The claim is held until it is decided.
        let Some(worker) = self.jobs[index].worker.take() else { return };
        let words = worker.last_words();
        words
            .lines()
            .filter(|line| line.starts_with("warning: "))
            .for_each(|line| self.observer.warned(line));
        let task = self.jobs[index].task;
        let run = RunDir::open(self.launch.folder.join(&task.folder)).ok();
        let state = match run.as_ref().and_then(|run| standing(task, run)) {
            Some(state) => state,
            // It, or all, were asked to stop.
            None if status.success() || self.stopping => State::Stopped,
            None => State::Failed { error: error(&words, status) },
        };
        if let State::Failed { error } = &state {
            let again =
                is_worth_a_try(status, run.is_some()) && self.jobs[index].attempts < self.launch.retries;
            if again {
                self.jobs[index].attempts += 1;
                self.observer.again(self.jobs[index].task, self.jobs[index].attempts, error);
                drop(worker);
                return self.begin(index);
            }
        }
        self.set(index, state);
    }

    /// Takes up tasks that others worked on and have let go of, and those before `next` that there was no room for.
    fn look_again(&mut self, next: usize) {
        for index in 0..self.jobs.len() {
            let wants = match self.jobs[index].state {
                State::Elsewhere => true,
                State::Waiting => index < next,
                _ => false,
            };
            if wants && self.has_room() {
                self.begin(index);
            }
        }
    }

    /// Asks every process to save a checkpoint and end.
    fn stop(&mut self) {
        self.stopping = true;
        self.jobs.iter().filter_map(|job| job.worker.as_ref()).for_each(Worker::stop);
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

/// Where a task is, as far as its run's folder tells; `None` if nobody works on it and there is more to do.
fn standing(task: &Task, run: &RunDir) -> Option<State> {
    match task.differs_from(run) {
        Ok(differs) if !differs.is_empty() => {
            let error = format!("{} holds another run: {}", run.path().display(), differs.join("; "));
            Some(State::Failed { error })
        }
        Err(error) => Some(State::Failed { error: error.to_string() }),
        Ok(_) if run.is_done() => Some(State::Done),
        Ok(_) if run.is_in_use() => Some(State::Elsewhere),
        Ok(_) => None,
    }
}

/// Whether what ended a process may not end the next one. It was wrongly asked, or refused before there was a run: then
/// the next one will be too.
fn is_worth_a_try(status: ExitStatus, is_run: bool) -> bool {
    match status.code() {
        Some(WRONG_USE) => false,
        Some(FAILED) => is_run,
        // A signal or a defect.
        _ => true,
    }
}

/// What a process that failed is said to have died of: its own words, or how it ended.
fn error(words: &str, status: ExitStatus) -> String {
    match words.is_empty() {
        true => format!("it ended without a word ({status})"),
        false => words.to_owned(),
    }
}
