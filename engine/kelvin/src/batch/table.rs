//! What a person sees of a batch while it runs: what happened to tasks, and on a terminal a row for each that runs.

use crate::console::{Console, abbreviated, duration};
use kelvin_batch::{Observer, Progress, State};
use kelvin_run::{Experiment, Task};
use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

/// Time between two redraws of the rows: each reads a file a row.
const REDRAW: Duration = Duration::from_millis(500);
/// Time between two lines where there is no terminal.
const PLAIN: Duration = Duration::from_secs(30);
/// Rows of running tasks: more do not fit a screen.
const ROWS: usize = 16;
/// Characters of a bar.
const BAR: usize = 16;

/// Follows tasks for a console.
pub(super) struct Table<'a> {
    console: &'a mut Console,
    experiment: &'a Experiment,
    folder: &'a Path,
    /// Those that are not done when the launcher starts, and where they are.
    states: BTreeMap<usize, State>,
    shown: Instant,
    retries: usize,
}

impl<'a> Table<'a> {
    pub fn new(
        console: &'a mut Console,
        experiment: &'a Experiment,
        folder: &'a Path,
        tasks: &[Task],
        retries: usize,
    ) -> Self {
        let states = tasks.iter().map(|task| (task.index, State::Waiting)).collect();
        Self { console, experiment, folder, states, shown: Instant::now(), retries }
    }

    fn count(&self, wanted: impl Fn(&State) -> bool) -> usize {
        self.states.values().filter(|state| wanted(state)).count()
    }

    fn progress(&self, index: usize) -> (&Task, Progress) {
        let task = &self.experiment.tasks[index];
        (task, Progress::read(&self.folder.join(&task.folder)))
    }

    /// One line on all tasks.
    fn overall(&self, running: &[(&Task, Progress)]) -> String {
        let is = |wanted: State| self.count(|state| *state == wanted);
        let failed = self.count(|state| matches!(state, State::Failed { .. }));
        let mut text =
            format!("{} of {} done, {} running", is(State::Done), self.states.len(), running.len());
        for (count, word) in [(is(State::Elsewhere), "running elsewhere"), (failed, "failed")] {
            if count > 0 {
                text += &format!(", {count} {word}");
            }
        }
        let speed: f64 = running.iter().map(|(_, progress)| progress.frames_per_s).sum();
        let left = |task: &Task, frames: u64| task.frames.saturating_sub(frames);
        let waiting = self.states.iter().filter(|(_, state)| **state == State::Waiting);
        let waiting: u64 = waiting.map(|(index, _)| left(&self.experiment.tasks[*index], 0)).sum();
        let running: u64 = running.iter().map(|(task, progress)| left(task, progress.frames)).sum();
        if speed > 0.0 {
            text += &format!("; {speed:.0} frames/s, ETA {}", duration((waiting + running) as f64 / speed));
        }
        text
    }
}

impl Observer for Table<'_> {
    fn changed(&mut self, task: &Task, before: &State, now: &State) {
        self.states.insert(task.index, now.clone());
        let what = match now {
            State::Waiting | State::Running => return,
            // It was before this command was given.
            State::Done if *before == State::Waiting => return,
            State::Done if *before == State::Elsewhere => "done by another process".to_owned(),
            State::Done => "done".to_owned(),
            State::Elsewhere => "another process works on it".to_owned(),
            State::Stopped => "stopped before its end".to_owned(),
            State::Failed { error } => format!("failed: {}", indented(error)),
        };
        self.console.line(format!("task {} {}: {what}", task.index, task.folder));
    }

    fn again(&mut self, task: &Task, attempt: usize, error: &str) {
        self.console.line(format!(
            "task {} {}: crashed, and is started again ({attempt} of {}): {}",
            task.index,
            task.folder,
            self.retries,
            indented(error)
        ));
    }

    fn look(&mut self) {
        let every = if self.console.is_live() { REDRAW } else { PLAIN };
        if self.shown.elapsed() < every {
            return;
        }
        self.shown = Instant::now();
        let running = self.states.iter().filter(|(_, state)| **state == State::Running);
        let running: Vec<_> = running.map(|(index, _)| self.progress(*index)).collect();
        let overall = self.overall(&running);
        if self.console.is_live() {
            let width = running.iter().map(|(task, _)| task.folder.len()).max().unwrap_or(0);
            let mut rows: Vec<_> =
                running.iter().take(ROWS).map(|(task, now)| row(task, now, width)).collect();
            rows.push(overall);
            self.console.rows(&rows);
        } else {
            self.console.line(overall);
        }
    }
}

fn row(task: &Task, now: &Progress, width: usize) -> String {
    let share = (now.frames as f64 / task.frames.max(1) as f64).clamp(0.0, 1.0);
    let full = (share * BAR as f64) as usize;
    let mean = now.mean_return.map_or("–".to_owned(), |mean| format!("{mean:.2}"));
    format!(
        "{}{}  {:>5.1}%  {:<width$}  {} frames  {:.0} frames/s  return {mean}",
        "█".repeat(full),
        "░".repeat(BAR - full),
        (1000.0 * share).floor() / 10.0,
        task.folder,
        abbreviated(now.frames),
        now.frames_per_s,
    )
}

/// The lines of an error below one another, set off from what stands around.
fn indented(error: &str) -> String {
    error.replace('\n', "\n    ")
}
