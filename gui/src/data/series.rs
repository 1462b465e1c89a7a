//! Curves of a run, decimated to what a screen can show.

use std::collections::BTreeMap;
use std::sync::Arc;

/// What a curve is drawn over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub enum XAxis {
    /// Frames trained.
    #[default]
    Frames,
    /// Optimizer steps.
    Updates,
    /// Seconds of training, over all processes that took the run up.
    WallTime,
}

/// Neighbouring points of a curve as one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bucket {
    /// Mean frames of its points.
    pub frames: f64,
    /// Mean updates of its points.
    pub updates: f64,
    /// Mean wall time of its points, seconds.
    pub wall_s: f64,
    /// The smallest value.
    pub min: f64,
    /// The mean value.
    pub mean: f64,
    /// The largest value.
    pub max: f64,
    /// How many points there are in it.
    pub count: u32,
}

impl Bucket {
    /// Where it lies on an axis.
    pub fn x(&self, axis: XAxis) -> f64 {
        match axis {
            XAxis::Frames => self.frames,
            XAxis::Updates => self.updates,
            XAxis::WallTime => self.wall_s,
        }
    }
}

/// Buckets of a series, at most: as many as a large screen has columns. An even number.
pub(super) const MOST: usize = 2048;

/// A metric over the training; in the order of frames.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Series {
    /// Neighbouring points together; a single point each as long as there are few.
    pub buckets: Vec<Bucket>,
}

/// A value of a metric, and when it was.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Point {
    /// Frames trained.
    pub frames: f64,
    /// Optimizer steps.
    pub updates: f64,
    /// Seconds of training.
    pub wall_s: f64,
    /// The value.
    pub value: f64,
}

impl Series {
    /// Adds a point after all others. All buckets but the last hold equally many; when there are `most` and no room for
    /// another, neighbours become one, so a point costs the same however many there are. What is no number is left out.
    pub(super) fn push(&mut self, point: Point, most: usize) {
        if !point.value.is_finite() {
            return;
        }
        let Point { frames, updates, wall_s, value } = point;
        let bucket = Bucket { frames, updates, wall_s, min: value, mean: value, max: value, count: 1 };
        let full = self.buckets.first().map_or(1, |first| first.count);
        match self.buckets.last_mut() {
            Some(last) if last.count < full => *last = last.with(&bucket),
            _ => {
                self.fold(most - 1);
                if self.buckets.len() == self.buckets.capacity() {
                    // Twice the room, but none that will never be used: there are many series.
                    let more = self.buckets.len().max(16).min(most - self.buckets.len());
                    self.buckets.reserve_exact(more);
                }
                self.buckets.push(bucket);
            }
        }
    }

    /// Makes neighbours one until there are no more than `most` buckets, at least 1.
    pub(super) fn fold(&mut self, most: usize) {
        while self.buckets.len() > most {
            let half = self.buckets.len().div_ceil(2);
            for pair in 0..half {
                let one = self.buckets[2 * pair];
                // The last of an odd number stays as it is, with room for more.
                self.buckets[pair] = self.buckets.get(2 * pair + 1).map_or(one, |other| one.with(other));
            }
            self.buckets.truncate(half);
        }
    }
}

impl Bucket {
    /// The two as one.
    fn with(&self, other: &Self) -> Self {
        let count = self.count.saturating_add(other.count);
        let share = f64::from(other.count) / (f64::from(self.count) + f64::from(other.count));
        let mean = |one: f64, two: f64| one + share * (two - one);
        Self {
            frames: mean(self.frames, other.frames),
            updates: mean(self.updates, other.updates),
            wall_s: mean(self.wall_s, other.wall_s),
            min: self.min.min(other.min),
            mean: mean(self.mean, other.mean),
            max: self.max.max(other.max),
            count,
        }
    }
}

/// All metrics of a run by name: `episode_return`, `mean_return`, `eval.mean_return`, `loss`, those of the script,
/// `learning_rate`, `epsilon`, `params.tau`, `grad_norm.conv1.weight`, `weight_norm.conv1.weight`, `frames_per_s`, …
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Curves {
    /// By name.
    pub series: BTreeMap<Arc<str>, Series>,
    /// Bytes of the run's files that these curves are of; grows as the run goes on.
    pub read: u64,
    /// Whether the files have been read to their ends.
    pub complete: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(values: impl Iterator<Item = f64>) -> Series {
        let mut series = Series::default();
        for (index, value) in values.enumerate() {
            let at = index as f64;
            series.push(Point { frames: 4.0 * at, updates: 0.25 * at, wall_s: at / 600.0, value }, MOST);
        }
        series
    }

    #[test]
    fn few_points_stay_as_they_are() {
        let series = of((0..MOST).map(|value| value as f64));
        assert_eq!(series.buckets.len(), MOST);
        let bucket = series.buckets[7];
        assert_eq!(
            (bucket.frames, bucket.min, bucket.mean, bucket.max, bucket.count),
            (28.0, 7.0, 7.0, 7.0, 1)
        );
        assert_eq!((bucket.x(XAxis::Frames), bucket.x(XAxis::Updates)), (28.0, 1.75));
    }

    #[test]
    fn many_points_are_summed_up_exactly() {
        // A ramp with a spike: the mean of a bucket is known, and the spike must not be lost.
        let count = 1_000_003;
        let series = of((0..count).map(|index| if index == 777_777 { 1e9 } else { f64::from(index) }));
        assert!((MOST / 2..=MOST).contains(&series.buckets.len()));
        let full = series.buckets[0].count;
        assert_eq!(full, 512);
        assert_eq!(series.buckets.iter().map(|bucket| bucket.count).sum::<u32>(), count as u32);
        let mut first = 0.0;
        for bucket in &series.buckets {
            let last = first + f64::from(bucket.count) - 1.0;
            let middle = f64::midpoint(first, last);
            // Some twenty roundings of numbers below 4e6, each of at most 2^-52 of them.
            assert!((bucket.frames - 4.0 * middle).abs() < 1e-6, "{bucket:?}");
            assert_eq!(bucket.min, first);
            if (first..=last).contains(&777_777.0) {
                assert_eq!(bucket.max, 1e9);
            } else {
                assert_eq!(bucket.max, last);
                assert!((bucket.mean - middle).abs() < 1e-6, "{bucket:?}");
            }
            first = last + 1.0;
        }
    }

    #[test]
    fn a_series_that_was_folded_goes_on_as_if_it_had_been_coarse_from_the_start() {
        let point =
            |index: usize| Point { frames: index as f64, updates: 0.0, wall_s: 0.0, value: index as f64 };
        for count in [1, 2, 127, 128, 129, 3001] {
            let (mut folded, mut coarse) = (Series::default(), Series::default());
            for index in 0..count {
                folded.push(point(index), MOST);
                coarse.push(point(index), 128);
            }
            folded.fold(128);
            for index in count..2 * count {
                folded.push(point(index), 128);
                coarse.push(point(index), 128);
            }
            assert_eq!(folded.buckets.len(), coarse.buckets.len(), "{count}");
            for (folded, coarse) in folded.buckets.iter().zip(&coarse.buckets) {
                assert_eq!((folded.count, folded.min, folded.max), (coarse.count, coarse.min, coarse.max));
                // The same sums in another order.
                assert!(
                    (folded.mean - coarse.mean).abs() < 1e-9 && (folded.frames - coarse.frames).abs() < 1e-9
                );
            }
        }
    }

    #[test]
    fn what_is_no_number_is_left_out() {
        let series = of([1.0, f64::NAN, f64::INFINITY, 3.0].into_iter());
        assert_eq!(series.buckets.iter().map(|bucket| bucket.mean).collect::<Vec<_>>(), [1.0, 3.0]);
    }
}
