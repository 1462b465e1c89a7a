//! From records to curves on a common grid.

use crate::run::Run;
use serde::Serialize;

/// Points of a drawn curve.
const POINTS: usize = 240;

/// Where returns come from. The two are never mixed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// Episodes that were trained on: with exploration, and with what training makes of an episode.
    Training,
    /// Evaluations: environments, seeds and a policy of their own.
    Evaluation,
}

impl Source {
    /// In a word.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Training => "training",
            Self::Evaluation => "evaluation",
        }
    }
}

/// The horizontal axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Axis {
    /// Frames trained.
    Frames,
    /// Optimizer steps.
    Updates,
    /// Seconds of training.
    Wall,
}

impl Axis {
    /// What stands at it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Frames => "frames",
            Self::Updates => "updates",
            Self::Wall => "seconds of training",
        }
    }
}

/// A return after so much training.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Point {
    /// Frames trained.
    pub frames: u64,
    /// Agent steps.
    pub agent_steps: u64,
    /// Optimizer steps, where they are on record: of an evaluation.
    pub updates: Option<u64>,
    /// The return, or mean return of an evaluation.
    pub value: f64,
    /// The mean with those before it that the window holds; of an evaluation the value itself.
    pub mean: f64,
}

/// All returns of a run.
pub(crate) fn points(run: &Run, source: Source, window: usize) -> Vec<Point> {
    match source {
        Source::Training => {
            let returns: Vec<f64> =
                run.history.episodes.iter().map(|episode| episode.episode_return).collect();
            let means = running_means(&returns, window);
            let points = run.history.episodes.iter().zip(means).map(|(episode, mean)| Point {
                frames: episode.frames,
                agent_steps: episode.agent_steps,
                updates: None,
                value: episode.episode_return,
                mean,
            });
            points.collect()
        }
        Source::Evaluation => {
            let points = run.history.evaluations.iter().map(|evaluation| Point {
                frames: evaluation.frames,
                agent_steps: evaluation.agent_steps,
                updates: Some(evaluation.updates),
                value: evaluation.mean_return,
                mean: evaluation.mean_return,
            });
            points.collect()
        }
    }
}

/// For each value the mean of it and those before it, at most `window` together.
pub(crate) fn running_means(values: &[f64], window: usize) -> Vec<f64> {
    let window = window.max(1);
    let mut sum = 0.0;
    let mean = |(last, value): (usize, &f64)| {
        sum += value;
        if last >= window {
            sum -= values[last - window];
        }
        sum / window.min(last + 1) as f64
    };
    values.iter().enumerate().map(mean).collect()
}

/// From agent steps to what the axis counts, with straight lines between what is on record.
pub(crate) struct Clock(Vec<(u64, f64)>);

impl Clock {
    pub fn new(run: &Run, axis: Axis) -> Self {
        let mut marks = vec![(0, 0.0)];
        match axis {
            Axis::Frames => {
                let train = run.history.train.iter().map(|record| (record.agent_steps, record.frames as f64));
                marks.extend(train);
            }
            Axis::Updates => {
                let train =
                    run.history.train.iter().map(|record| (record.agent_steps, record.updates as f64));
                marks.extend(train);
            }
            Axis::Wall => marks.extend(run.history.wall_clock()),
        }
        Self(marks)
    }

    /// Optimizer steps at a point, if that is what is counted: as recorded, where they are.
    pub fn updates(&self, point: &Point) -> f64 {
        point.updates.map_or_else(|| self.at(point.agent_steps), |updates| updates as f64)
    }

    /// Beyond the last mark it stands still.
    pub fn at(&self, agent_steps: u64) -> f64 {
        let after = self.0.partition_point(|(steps, _)| *steps <= agent_steps);
        let (from, low) = self.0[after.saturating_sub(1)];
        match self.0.get(after) {
            Some((to, high)) if *to > from => {
                low + (high - low) * (agent_steps - from) as f64 / (to - from) as f64
            }
            _ => low,
        }
    }
}

/// A run's curve: x ascending, and y.
pub(crate) struct Curve {
    x: Vec<f64>,
    y: Vec<f64>,
    /// How far the run came: beyond, it has no value.
    end: f64,
}

impl Curve {
    pub fn new(run: &Run, source: Source, window: usize, axis: Axis) -> Self {
        let points = points(run, source, window);
        let clock = Clock::new(run, axis);
        let place = |point: &Point| match axis {
            Axis::Frames => point.frames as f64,
            Axis::Updates => clock.updates(point),
            Axis::Wall => clock.at(point.agent_steps),
        };
        let x: Vec<f64> = points.iter().map(place).collect();
        let last = x.last().copied().unwrap_or(0.0);
        let end = match axis {
            Axis::Frames => run.frames as f64,
            Axis::Updates | Axis::Wall => clock.at(u64::MAX),
        };
        Self { y: points.iter().map(|point| point.mean).collect(), end: end.max(last), x }
    }

    pub fn x(&self) -> &[f64] {
        &self.x
    }

    pub fn end(&self) -> f64 {
        self.end
    }

    /// The latest value at each place of the grid; NaN before the first, and beyond the end.
    pub fn on(&self, grid: &[f64]) -> Vec<f64> {
        let step = grid.windows(2).map(|pair| pair[1] - pair[0]).fold(0.0, f64::max);
        let value = |at: &f64| match self.x.partition_point(|x| x <= at) {
            0 => f64::NAN,
            // The last place of the grid may lie a little beyond where a run stops.
            _ if *at > self.end + step => f64::NAN,
            after => self.y[after - 1],
        };
        grid.iter().map(value).collect()
    }
}

/// Places at which curves are taken: evenly spread over what `all` of a panel have come to, so that a panel's curves
/// share them; or, for evaluations, where there are any.
pub(crate) fn grid(curves: &[&Curve], all: &[&Curve], source: Source) -> Vec<f64> {
    let even = || {
        let end = all.iter().map(|curve| curve.end()).fold(0.0, f64::max);
        (1..=POINTS).map(|i| end * i as f64 / POINTS as f64).collect()
    };
    if source == Source::Training {
        return even();
    }
    let mut places: Vec<f64> = curves.iter().flat_map(|curve| curve.x()).copied().collect();
    places.sort_unstable_by(f64::total_cmp);
    places.dedup();
    // Clocks of different runs tick at different places: thousands of them would be no finer to look at.
    if places.len() > 2 * POINTS { even() } else { places }
}

/// Means over `width` neighbours, of an even number one more before than after, NaN staying NaN: for the eye, after all
/// statistics.
pub(crate) fn smooth(values: &[f64], width: usize) -> Vec<f64> {
    let (before, after) = (width.max(1) / 2, (width.max(1) - 1) / 2);
    let mean = |i: usize| {
        let (from, to) = (i.saturating_sub(before), (i + after + 1).min(values.len()));
        let near: Vec<f64> = values[from..to].iter().copied().filter(|value| !value.is_nan()).collect();
        if values[i].is_nan() { f64::NAN } else { near.iter().sum::<f64>() / near.len() as f64 }
    };
    (0..values.len()).map(mean).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn means_run_over_a_window_and_before_it_is_full_over_what_there_is() {
        assert_eq!(running_means(&[1.0, 3.0, 5.0, 7.0], 2), [1.0, 2.0, 4.0, 6.0]);
        assert_eq!(running_means(&[1.0, 3.0], 100), [1.0, 2.0]);
        assert!(running_means(&[], 5).is_empty());
    }

    #[test]
    fn a_curve_holds_its_value_and_ends_where_its_run_does() {
        let curve = Curve { x: vec![10.0, 30.0], y: vec![1.0, 2.0], end: 40.0 };
        let values = curve.on(&[5.0, 10.0, 25.0, 30.0, 50.0, 80.0]);
        assert!(values[0].is_nan() && values[5].is_nan());
        assert_eq!(values[1..5], [1.0, 1.0, 2.0, 2.0]);
        let grid = grid(&[&curve], &[&curve], Source::Evaluation);
        assert_eq!(grid, [10.0, 30.0]);
    }

    #[test]
    fn clocks_interpolate() {
        let clock = Clock(vec![(0, 0.0), (100, 10.0), (200, 40.0)]);
        assert_eq!([0, 50, 100, 150, 500].map(|steps| clock.at(steps)), [0.0, 5.0, 10.0, 25.0, 40.0]);
    }

    #[test]
    fn smoothing_leaves_gaps() {
        let smoothed = smooth(&[0.0, 3.0, f64::NAN, 5.0], 3);
        assert_eq!((smoothed[0], smoothed[1], smoothed[3]), (1.5, 1.5, 5.0));
        assert!(smoothed[2].is_nan());
        assert_eq!(smooth(&[1.0, 2.0], 1), [1.0, 2.0]);
    }

    #[test]
    fn as_many_points_are_averaged_as_were_asked_for() {
        let one = [0.0, 0.0, 0.0, 12.0, 0.0, 0.0, 0.0];
        assert_eq!(smooth(&one, 2), [0.0, 0.0, 0.0, 6.0, 6.0, 0.0, 0.0]);
        assert_eq!(smooth(&one, 3), [0.0, 0.0, 4.0, 4.0, 4.0, 0.0, 0.0]);
        assert_eq!(smooth(&one, 4)[2..6], [3.0; 4]);
    }
}
