//! Repeating something until there is enough of it, and what comes of that.

use crate::failure::Failure;
use kelvin_compute::Cost;
use serde::Serialize;
use std::time::{Duration, Instant};

/// Samples that a measurement has at least.
const FEWEST: usize = 7;
/// A sample is at least this long, so that waiting for a device at its end does not count.
const SAMPLE: Duration = Duration::from_millis(20);
/// Repetitions that a sample has at most.
const MOST_REPEATED: usize = 64;

/// How much of something is done.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Effort {
    /// Samples for so long, and a few in any case.
    Time(Duration),
    /// So many samples of one repetition: the same work each time, for those who count instructions.
    Count(usize),
}

impl Effort {
    /// Whether there should be more samples than these, taken since `start`.
    pub(super) fn goes_on(self, samples: usize, start: Instant) -> bool {
        match self {
            Self::Time(time) => samples < FEWEST || start.elapsed() < time,
            Self::Count(count) => samples < count,
        }
    }
}

/// What a measurement counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Unit {
    /// Milliseconds: less is better.
    #[serde(rename = "ms")]
    Milliseconds,
    /// Emulator frames a second: more is better.
    #[serde(rename = "frames/s")]
    FramesPerSecond,
}

/// One line of the table.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Measurement {
    /// What was measured.
    pub name: String,
    /// What the numbers count.
    pub unit: Unit,
    /// Half of the samples are better.
    pub median: f64,
    /// The best sample.
    pub best: f64,
    /// A tenth of the samples are lower.
    pub p10: f64,
    /// A tenth of the samples are higher.
    pub p90: f64,
    /// How many there were.
    pub samples: usize,
    /// What the device's measured rates would allow.
    pub bound: Option<f64>,
    /// How near the median is to the bound; 1 is there.
    pub of_bound: Option<f64>,
    /// Floating-point operations of one repetition.
    pub flops: Option<u64>,
    /// Bytes that one repetition must move.
    pub bytes: Option<u64>,
    /// The most memory that the process had meanwhile.
    pub peak_memory: Option<u64>,
    /// Where the time went: shares of the wall time by phase.
    pub phases: Vec<(String, f64)>,
}

impl Measurement {
    /// Of samples in `unit`.
    pub(super) fn of(name: impl Into<String>, unit: Unit, mut samples: Vec<f64>) -> Self {
        samples.sort_by(f64::total_cmp);
        let at = |share| quantile(&samples, share);
        let best = if unit == Unit::Milliseconds { at(0.0) } else { at(1.0) };
        Self {
            name: name.into(),
            unit,
            median: at(0.5),
            best,
            p10: at(0.1),
            p90: at(0.9),
            samples: samples.len(),
            bound: None,
            of_bound: None,
            flops: None,
            bytes: None,
            peak_memory: None,
            phases: Vec::new(),
        }
    }

    /// With what the device would allow, in the same unit.
    pub(super) fn bounded(self, bound: Option<f64>) -> Self {
        let of_bound = bound.map(|bound| match self.unit {
            Unit::Milliseconds => bound / self.median,
            Unit::FramesPerSecond => self.median / bound,
        });
        Self { bound, of_bound, ..self }
    }

    /// An amount of work of which one repetition costs this, and takes so long at the least.
    pub(super) fn costing(self, cost: Cost, least_seconds: Option<f64>) -> Self {
        let measured = self.bounded(least_seconds.map(|seconds| 1e3 * seconds));
        Self { flops: Some(cost.flops), bytes: Some(cost.bytes), ..measured }
    }
}

/// The value below which this share of sorted values lies.
fn quantile(sorted: &[f64], share: f64) -> f64 {
    let last = sorted.len().saturating_sub(1);
    sorted.get((last as f64 * share).round() as usize).copied().unwrap_or(f64::NAN)
}

/// Milliseconds that one repetition of `work` takes, in samples of as many as are worth timing. `work` repeats itself as
/// often as it is told and then waits until that is done.
pub(super) fn repeat(
    effort: Effort,
    mut work: impl FnMut(usize) -> Result<(), Failure>,
) -> Result<Vec<f64>, Failure> {
    let count = match effort {
        Effort::Count(_) => 1,
        Effort::Time(_) => {
            // Memory is touched, and drivers compile, in the first.
            work(1)?;
            let once = timed(&mut work, 1)?;
            let count = SAMPLE.div_duration_f64(once.max(Duration::from_nanos(1))).ceil();
            (count as usize).clamp(1, MOST_REPEATED)
        }
    };
    let (start, mut samples) = (Instant::now(), Vec::new());
    while effort.goes_on(samples.len(), start) {
        samples.push(1e3 * timed(&mut work, count)?.as_secs_f64() / count as f64);
    }
    Ok(samples)
}

fn timed(work: &mut impl FnMut(usize) -> Result<(), Failure>, count: usize) -> Result<Duration, Failure> {
    let start = Instant::now();
    work(count)?;
    Ok(start.elapsed())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_is_the_least_time_or_the_most_frames() {
        let samples: Vec<f64> = (1..=11).rev().map(f64::from).collect();
        let time = Measurement::of("a", Unit::Milliseconds, samples.clone()).bounded(Some(3.0));
        assert_eq!((time.median, time.best, time.p10, time.p90, time.samples), (6.0, 1.0, 2.0, 10.0, 11));
        assert_eq!(time.of_bound, Some(0.5));
        let rate = Measurement::of("a", Unit::FramesPerSecond, samples).bounded(Some(12.0));
        assert_eq!((rate.median, rate.best, rate.of_bound), (6.0, 11.0, Some(0.5)));
    }

    #[test]
    fn short_work_is_repeated_within_a_sample() {
        let (mut calls, mut most) = (0, 0);
        let samples = repeat(Effort::Time(Duration::ZERO), |count| {
            (calls, most) = (calls + 1, most.max(count));
            Ok(())
        });
        assert_eq!((samples.unwrap().len(), calls, most), (FEWEST, FEWEST + 2, MOST_REPEATED));
    }

    #[test]
    fn counted_work_is_done_as_often_as_said() {
        let mut repetitions = 0;
        let samples = repeat(Effort::Count(3), |count| {
            repetitions += count;
            Ok(())
        });
        assert_eq!((samples.unwrap().len(), repetitions), (3, 3));
    }
}
