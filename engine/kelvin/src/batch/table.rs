//! What a person sees of a batch while it runs: what happened to tasks, and on a terminal a row for each that runs.

use super::pace::Pace;
use super::report::mean_return;
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
    /// Where they are.
    states: BTreeMap<usize, State>,
    /// Frames of those that wait: one may have been begun before this command was given.
    waiting: BTreeMap<usize, u64>,
    pace: Pace,
    start: Instant,
    shown: Instant,
    /// How often one of them was started again, and how often each may be.
    again: usize,
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
        let begun = |task: &Task| (task.index, Progress::read(&folder.join(&task.folder)).frames);
        let (start, mut pace) = (Instant::now(), Pace::default());
        pace.look(0.0);
        Self {
            console,
            experiment,
            folder,
            states,
            waiting: tasks.iter().map(begun).collect(),
            pace,
            start,
            shown: start,
            again: 0,
            retries,
        }
    }

    fn count(&self, wanted: impl Fn(&State) -> bool) -> usize {
        self.states.values().filter(|state| wanted(state)).count()
    }

    fn progress(&self, index: usize) -> (&'a Task, Progress) {
        let task = &self.experiment.tasks[index];
        (task, Progress::read(&self.folder.join(&task.folder)))
    }

    /// One line on all tasks.
    fn overall(&self, running: &[(&Task, Progress)]) -> String {
        let is = |wanted: State| self.count(|state| *state == wanted);
        let failed = self.count(|state| matches!(state, State::Failed { .. }));
        let mut text =
            format!("{} of {} done, {} running", is(State::Done), self.states.len(), running.len());
        let counts = [
            (is(State::Waiting), "waiting"),
            (is(State::Elsewhere), "running elsewhere"),
            (failed, "failed"),
            (self.again, "started again"),
        ];
        for (count, word) in counts.into_iter().filter(|(count, _)| *count > 0) {
            text += &format!(", {count} {word}");
        }
        let left = |task: &Task, frames: u64| task.frames.saturating_sub(frames);
        let waiting = self.states.iter().filter(|(_, state)| **state == State::Waiting);
        let waiting = waiting.map(|(index, _)| {
            left(&self.experiment.tasks[*index], self.waiting.get(index).copied().unwrap_or(0))
        });
        let running = running.iter().map(|(task, progress)| left(task, progress.frames));
        let left = waiting.sum::<u64>() + running.sum::<u64>();
        if let Some(speed) = self.pace.frames_per_s() {
            text += &format!("; {speed:.0} frames/s, ETA {}", duration(left as f64 / speed));
        }
        text
    }
}

impl Observer for Table<'_> {
    fn changed(&mut self, task: &Task, before: &State, now: &State) {
        self.states.insert(task.index, now.clone());
        match now {
            State::Running => {
                let (_, progress) = self.progress(task.index);
                self.pace.begin(task.index, progress.frames);
            }
            State::Done => self.pace.at(task.index, task.frames),
            _ => {}
        }
        let what = match now {
            State::Waiting | State::Running => return,
            // It was before this command was given.
            State::Done if *before == State::Waiting => return,
            State::Done if *before == State::Elsewhere => "done by another process".to_owned(),
            State::Done => match mean_return(&self.folder.join(&task.folder)) {
                Some(mean) => format!("done, return {mean:.2}"),
                None => "done".to_owned(),
            },
            State::Elsewhere => "another process works on it".to_owned(),
            State::Stopped => "stopped before its end".to_owned(),
            State::Failed { error } => format!("failed: {}", indented(error)),
        };
        self.console.line(format!("task {} {}: {what}", task.index, task.folder));
    }

    fn again(&mut self, task: &Task, attempt: usize, error: &str) {
        self.again += 1;
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
        running.iter().for_each(|(task, now)| self.pace.at(task.index, now.frames));
        self.pace.look(self.start.elapsed().as_secs_f64());
        let overall = self.overall(&running);
        if self.console.is_live() {
            let mut rows = rows(&running);
            rows.push(overall);
            self.console.rows(&rows);
        } else {
            self.console.line(overall);
        }
    }
}

/// A row for each task that runs, and one for those that do not fit.
fn rows(running: &[(&Task, Progress)]) -> Vec<String> {
    let width = running.iter().map(|(task, _)| task.folder.chars().count()).max().unwrap_or(0);
    let mut rows: Vec<_> = running.iter().take(ROWS).map(|(task, now)| row(task, now, width)).collect();
    if running.len() > ROWS {
        rows.push(format!("        … and {} more", running.len() - ROWS));
    }
    rows
}

/// What matters most comes first: a narrow terminal cuts the rest.
fn row(task: &Task, now: &Progress, width: usize) -> String {
    let share = (now.frames as f64 / task.frames.max(1) as f64).clamp(0.0, 1.0);
    let full = (share * BAR as f64) as usize;
    let mean = now.mean_return.map_or("–".to_owned(), |mean| format!("{mean:.2}"));
    format!(
        "{:>5.1}%  {:<width$}  {:>6.0} frames/s  return {mean:<8}  {:>6} frames  {}{}",
        (1000.0 * share).floor() / 10.0,
        task.folder,
        now.frames_per_s,
        abbreviated(now.frames),
        "█".repeat(full),
        "░".repeat(BAR - full),
    )
}

/// The lines of an error below one another, set off from what stands around.
fn indented(error: &str) -> String {
    error.replace('\n', "\n    ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn task(index: usize, folder: &str) -> Task {
        serde_json::from_value(serde_json::json!({
            "index": index, "folder": folder, "label": "", "script": "", "script_hash": "", "env": "pong", "seed": 0,
            "frames": 40_000_000, "preset": "paper",
        }))
        .unwrap()
    }

    #[test]
    fn a_narrow_terminal_cuts_what_matters_least() {
        let now = Progress { frames: 39_999_999, frames_per_s: 12_345.6, mean_return: Some(-20.71) };
        let (long, short) = (task(0, "soft_kl/catch-s0"), task(1, "dqn/catch-s0"));
        let rows = rows(&[(&long, now), (&short, Progress { mean_return: None, ..now })]);
        let at_60: String = rows[0].chars().take(60).collect();
        assert_eq!(at_60.trim_end(), " 99.9%  soft_kl/catch-s0   12346 frames/s  return -20.71");
        assert!(rows[0].chars().count() <= 100, "{}", rows[0]);
        assert!(rows[1].starts_with(" 99.9%  dqn/catch-s0       12346 frames/s  return –"), "{}", rows[1]);
    }

    #[test]
    fn more_rows_than_a_screen_has_are_counted() {
        let tasks: Vec<Task> = (0..20).map(|index| task(index, "a/b")).collect();
        let running: Vec<_> = tasks.iter().map(|task| (task, Progress::default())).collect();
        assert_eq!(rows(&running).len(), ROWS + 1);
        assert!(rows(&running)[ROWS].ends_with("and 4 more"));
    }
}
