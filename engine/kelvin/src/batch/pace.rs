//! How fast all tasks of a batch go together, and so when they will be done.

use std::collections::{BTreeMap, VecDeque};

/// Seconds that are averaged over: so long that a run's start and its last checkpoint, when nothing is trained, and the
/// fast frames before its first update do not shake the result.
const WINDOW: f64 = 300.0;
/// Seconds before which nothing is said.
const FIRST: f64 = 3.0;

/// Frames that tasks have trained, and when.
#[derive(Debug, Default)]
pub(super) struct Pace {
    /// Frames of each task that was begun: where it was then, and where it is.
    tasks: BTreeMap<usize, (u64, u64)>,
    /// Seconds, and all frames trained by then.
    marks: VecDeque<(f64, u64)>,
}

impl Pace {
    /// A task goes on from `frames`.
    pub fn begin(&mut self, index: usize, frames: u64) {
        self.tasks.entry(index).or_insert((frames, frames));
    }

    /// A task has come to `frames`. After a crash it comes to some of them once more, which count once.
    pub fn at(&mut self, index: usize, frames: u64) {
        if let Some((_, at)) = self.tasks.get_mut(&index) {
            *at = frames.max(*at);
        }
    }

    /// Notes where all tasks are after so many seconds.
    pub fn look(&mut self, seconds: f64) {
        let trained = self.tasks.values().map(|(from, at)| at.saturating_sub(*from)).sum();
        self.marks.push_back((seconds, trained));
        while self.marks.get(1).is_some_and(|(second, _)| seconds - second > WINDOW) {
            self.marks.pop_front();
        }
    }

    /// Frames a second of all tasks together, over the last minutes; `None` in the first seconds.
    pub fn frames_per_s(&self) -> Option<f64> {
        let ((from, before), (to, now)) = (*self.marks.front()?, *self.marks.back()?);
        (to - from >= FIRST && now > before).then(|| (now - before) as f64 / (to - from))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_that_begins_or_is_taken_up_does_not_shake_it() {
        let mut pace = Pace::default();
        pace.look(0.0);
        pace.begin(0, 0);
        // One after another, a hundred frames a second, and each fifth second nothing.
        for second in 1..=1000u64 {
            let (task, within) = ((second / 50) as usize, second % 50);
            if within == 0 {
                // It was begun by somebody else before.
                pace.begin(task, 1_000_000);
            }
            let from = if task == 0 { 0 } else { 1_000_000 };
            pace.at(task, from + 100 * (within - within / 5));
            pace.look(second as f64);
            match pace.frames_per_s() {
                None => assert!(second < 3, "{second}"),
                Some(speed) if second > 20 => assert!((speed - 80.0).abs() < 12.0, "{second}: {speed}"),
                Some(_) => {}
            }
        }
    }

    #[test]
    fn what_a_crash_has_cost_is_not_counted_twice() {
        let mut pace = Pace::default();
        pace.look(0.0);
        pace.begin(3, 0);
        pace.at(3, 5000);
        pace.look(10.0);
        assert_eq!(pace.frames_per_s(), Some(500.0));
        // Back to the checkpoint.
        pace.begin(3, 2000);
        pace.at(3, 2000);
        pace.look(11.0);
        pace.at(3, 7000);
        pace.look(20.0);
        assert_eq!(pace.frames_per_s(), Some(350.0));
    }
}
