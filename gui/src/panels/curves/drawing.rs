//! From recorded curves to lines with bands. This is the work, and it knows nothing of screens: it runs on any thread.

use std::collections::BTreeSet;
use std::sync::Arc;

use kelvin_stats::{Band, Bootstrap, Center, iqm, mean};
use serde::{Deserialize, Serialize};

use super::limits::limits;
use super::smooth::smooth;
use crate::colors::SeriesKey;
use crate::data::{Bucket, Curves, Series, XAxis};

/// Points of a curve that is made of several.
const GRID: usize = 400;
/// Samples for intervals: their ends shake by a few hundredths of their length.
const RESAMPLES: usize = 500;

/// What is drawn of several seeds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Spread {
    /// Their mean, and one standard deviation around it.
    #[default]
    Std,
    /// Their mean, and the 95 % bootstrap interval of that mean.
    Interval,
    /// Their interquartile mean, with its interval.
    Iqm,
}

/// Everything that the lines of a plot follow from.
#[derive(Clone, Debug)]
pub(super) struct Input {
    /// Which metric.
    pub metric: Arc<str>,
    /// What it is drawn over.
    pub axis: XAxis,
    /// Width of the smoothing as a share of the axis; 0 for none.
    pub smoothing: f64,
    /// What is drawn of several seeds; `None`: each curve is one run as it is.
    pub spread: Option<Spread>,
    /// Whether far values are left out of the limits.
    pub ignore_outliers: bool,
    /// The curves.
    pub series: Arc<[Source]>,
    /// Instead of the curves: the first less the second.
    pub versus: Option<(SeriesKey, SeriesKey)>,
}

/// A curve and what it is made from.
#[derive(Clone, Debug)]
pub(super) struct Source {
    /// What it is of.
    pub key: SeriesKey,
    /// What it is called.
    pub name: String,
    /// The curves of its runs, as far as they are read.
    pub runs: Vec<Arc<Curves>>,
}

impl PartialEq for Input {
    /// Whether the same lines follow. Snapshots are the same if they are in one place: a source makes a new one when a run
    /// goes on.
    fn eq(&self, other: &Self) -> bool {
        let same = |a: &Source, b: &Source| {
            let runs = || a.runs.iter().zip(&b.runs);
            a.key == b.key
                && a.name == b.name
                && a.runs.len() == b.runs.len()
                && runs().all(|(a, b)| Arc::ptr_eq(a, b))
        };
        self.metric == other.metric
            && self.axis == other.axis
            && self.smoothing == other.smoothing
            && self.spread == other.spread
            && self.ignore_outliers == other.ignore_outliers
            && self.versus == other.versus
            && (Arc::ptr_eq(&self.series, &other.series)
                || self.series.len() == other.series.len()
                    && self.series.iter().zip(other.series.iter()).all(|(a, b)| same(a, b)))
    }
}

/// A curve that can be drawn.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Line {
    /// What it is of.
    pub key: SeriesKey,
    /// What it is called.
    pub name: String,
    /// Places on the axis, which grow.
    pub xs: Vec<f64>,
    /// The line, `[point]`; NaN where there is none.
    pub ys: Vec<f64>,
    /// What it was smoothed from, if it was: points of its own.
    pub raw: Vec<[f64; 2]>,
    /// Lower and upper edge of its band, `[point]`, if it has one.
    pub band: Option<(Vec<f64>, Vec<f64>)>,
    /// Runs with a value, `[point]`.
    pub runs: Vec<usize>,
}

/// What a plot shows.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Drawing {
    /// The curves that have the metric.
    pub lines: Vec<Line>,
    /// Extent of the axis.
    pub x: Option<[f64; 2]>,
    /// Limits of the values, without any room.
    pub y: Option<[f64; 2]>,
    /// The same of those above 0, for a logarithmic axis.
    pub y_positive: Option<[f64; 2]>,
}

impl Input {
    /// About how many numbers have to be looked at. A million take some milliseconds.
    pub fn cost(&self) -> usize {
        let buckets = |runs: &[Arc<Curves>]| -> usize {
            let lengths = runs.iter().filter_map(|curves| curves.series.get(&self.metric));
            lengths.map(|series| series.buckets.len()).sum()
        };
        let plain: usize = self.series.iter().map(|source| buckets(&source.runs)).sum();
        let draws = match self.spread {
            Some(Spread::Interval | Spread::Iqm) => {
                self.series.iter().map(|source| source.runs.len() * GRID * RESAMPLES).sum()
            }
            _ => 0,
        };
        plain + draws + if self.versus.is_some() { GRID * RESAMPLES * 4 } else { 0 }
    }

    /// Does the work.
    pub fn draw(&self) -> Drawing {
        let axis_end = self.axis_end();
        let width = self.smoothing * axis_end;
        let lines: Vec<Line> = match &self.versus {
            Some((a, b)) => self.difference(a, b, width).into_iter().collect(),
            None => self.series.iter().filter_map(|source| self.line(source, width)).collect(),
        };
        let xs = lines.iter().flat_map(|line| line.xs.iter().copied()).collect::<Vec<_>>();
        let shown = || {
            let edges = lines.iter().filter_map(|line| line.band.as_ref());
            let edges = edges.flat_map(|(low, high)| low.iter().chain(high));
            lines.iter().flat_map(|line| &line.ys).chain(edges).copied().filter(|value| !value.is_nan())
        };
        let all: Vec<f64> = shown().collect();
        let positive: Vec<f64> = shown().filter(|value| *value > 0.0).collect();
        Drawing {
            x: limits(&xs, false),
            y: limits(&all, self.ignore_outliers),
            y_positive: limits(&positive, self.ignore_outliers),
            lines,
        }
    }

    fn axis_end(&self) -> f64 {
        let all = self.series.iter().flat_map(|source| &source.runs);
        let ends =
            all.filter_map(|curves| Some(curves.series.get(&self.metric)?.buckets.last()?.x(self.axis)));
        ends.fold(0.0, f64::max)
    }

    fn line(&self, source: &Source, width: f64) -> Option<Line> {
        let found: Vec<&Series> =
            source.runs.iter().filter_map(|curves| curves.series.get(&self.metric)).collect();
        let found: Vec<&Series> = found.into_iter().filter(|series| !series.buckets.is_empty()).collect();
        let (key, name) = (source.key.clone(), source.name.clone());
        match (self.spread, found.as_slice()) {
            (_, []) => None,
            (None, [series, ..]) | (Some(_), [series]) => {
                let (xs, ys) = self.smoothed(series, width);
                let raw = if width > 0.0 { zigzag(&series.buckets, self.axis) } else { Vec::new() };
                let runs = vec![1; xs.len()];
                Some(Line { key, name, xs, ys, raw, band: None, runs })
            }
            (Some(spread), several) => {
                let xs = self.grid(several)?;
                let smoothed = self.on_grid(several, &xs, width);
                let band = band(&smoothed, spread);
                let raw = if width > 0.0 {
                    let rough = self.on_grid(several, &xs, 0.0);
                    let center = centers(&rough, spread);
                    xs.iter().copied().zip(center).map(|(x, y)| [x, y]).collect()
                } else {
                    Vec::new()
                };
                Some(Line {
                    key,
                    name,
                    xs,
                    ys: band.center,
                    raw,
                    band: Some((band.low, band.high)),
                    runs: band.runs,
                })
            }
        }
    }

    /// A variant less another one, where both have values, with an interval from drawing the seeds of each.
    fn difference(&self, a: &SeriesKey, b: &SeriesKey, width: f64) -> Option<Line> {
        let source = |key: &SeriesKey| self.series.iter().find(|source| source.key == *key);
        let (a, b) = (source(a)?, source(b)?);
        let found = |source: &'_ Source| -> Vec<Series> {
            let series = source.runs.iter().filter_map(|curves| curves.series.get(&self.metric));
            series.filter(|series| !series.buckets.is_empty()).cloned().collect()
        };
        let (of_a, of_b) = (found(a), found(b));
        let both: Vec<&Series> = of_a.iter().chain(&of_b).collect();
        if of_a.is_empty() || of_b.is_empty() {
            return None;
        }
        let xs = self.grid(&both)?;
        let rows = self.on_grid(&both, &xs, width);
        let (of_a, of_b) = rows.split_at(of_a.len());
        let middle = if self.spread == Some(Spread::Iqm) { iqm } else { mean };
        let bootstrap = Bootstrap { resamples: RESAMPLES, ..Bootstrap::default() };
        let mut line = Line {
            key: a.key.clone(),
            name: format!("{} − {}", a.name, b.name),
            xs: Vec::new(),
            ys: Vec::new(),
            raw: Vec::new(),
            band: None,
            runs: Vec::new(),
        };
        let (mut low, mut high) = (Vec::new(), Vec::new());
        for (point, x) in xs.iter().enumerate() {
            let present = |rows: &[Vec<f64>]| -> Vec<f64> {
                rows.iter().map(|row| row[point]).filter(|value| !value.is_nan()).collect()
            };
            let (values_a, values_b) = (present(of_a), present(of_b));
            if values_a.is_empty() || values_b.is_empty() {
                continue;
            }
            let statistic =
                |of: &[&[f64]]| middle(of[0]).unwrap_or(f64::NAN) - middle(of[1]).unwrap_or(f64::NAN);
            let interval = bootstrap.interval(&[&values_a, &values_b], statistic);
            // One seed says nothing of the others.
            let is_known = values_a.len().min(values_b.len()) > 1;
            line.xs.push(*x);
            line.ys.push(interval.estimate);
            low.push(if is_known { interval.low } else { f64::NAN });
            high.push(if is_known { interval.high } else { f64::NAN });
            line.runs.push(values_a.len() + values_b.len());
        }
        line.band = Some((low, high));
        (!line.xs.is_empty()).then_some(line)
    }

    fn smoothed(&self, series: &Series, width: f64) -> (Vec<f64>, Vec<f64>) {
        let known: Vec<&Bucket> =
            series.buckets.iter().filter(|bucket| bucket.x(self.axis).is_finite()).collect();
        let xs: Vec<f64> = known.iter().map(|bucket| bucket.x(self.axis)).collect();
        let ys: Vec<f64> = known.iter().map(|bucket| bucket.mean).collect();
        let weights: Vec<f64> = known.iter().map(|bucket| f64::from(bucket.count)).collect();
        let ys = smooth(&xs, &ys, &weights, width);
        (xs, ys)
    }

    /// Places from the first value of any run to the last one.
    fn grid(&self, several: &[&Series]) -> Option<Vec<f64>> {
        let ends =
            |bucket: Option<&Bucket>| bucket.map(|bucket| bucket.x(self.axis)).filter(|x| x.is_finite());
        let first =
            several.iter().filter_map(|series| ends(series.buckets.first())).fold(f64::INFINITY, f64::min);
        let last =
            several.iter().filter_map(|series| ends(series.buckets.last())).fold(f64::NEG_INFINITY, f64::max);
        if first > last {
            return None;
        }
        let mut places = BTreeSet::new();
        let points = several.iter().map(|series| series.buckets.len()).max().unwrap_or(1).clamp(2, GRID);
        // Where there are few points, as of evaluations, they are where the runs have them.
        if points < GRID {
            let all = several.iter().flat_map(|series| &series.buckets).map(|bucket| bucket.x(self.axis));
            places.extend(all.filter(|x| x.is_finite()).map(f64::to_bits));
        }
        if places.is_empty() || places.len() > GRID {
            let step = (last - first) / (GRID - 1) as f64;
            return Some((0..GRID).map(|point| (first + step * point as f64).min(last)).collect());
        }
        let mut places: Vec<f64> = places.into_iter().map(f64::from_bits).collect();
        // Bits are in the order of numbers above 0 alone.
        places.sort_by(f64::total_cmp);
        Some(places)
    }

    /// Every run at the places of a grid, `[run][point]`, along straight lines; NaN before its first and after its last value.
    fn on_grid(&self, several: &[&Series], grid: &[f64], width: f64) -> Vec<Vec<f64>> {
        let row = |series: &&Series| {
            let (xs, ys) = self.smoothed(series, width);
            let mut next = 0;
            let at = |x: &f64| {
                while next < xs.len() && xs[next] < *x {
                    next += 1;
                }
                match (next.checked_sub(1), xs.get(next)) {
                    (_, Some(right)) if right == x => ys[next],
                    (Some(before), Some(right)) => {
                        let share = (x - xs[before]) / (right - xs[before]);
                        ys[before] + share * (ys[next] - ys[before])
                    }
                    _ => f64::NAN,
                }
            };
            grid.iter().map(at).collect()
        };
        several.iter().map(row).collect()
    }
}

fn band(rows: &[Vec<f64>], spread: Spread) -> Band {
    let rows: Vec<&[f64]> = rows.iter().map(Vec::as_slice).collect();
    let bootstrap = Bootstrap { resamples: RESAMPLES, ..Bootstrap::default() };
    let mut band = match spread {
        Spread::Std => Band::of_std(&rows),
        Spread::Interval => Band::of_interval(&[rows], Center::Mean, &bootstrap),
        Spread::Iqm => Band::of_interval(&[rows], Center::Iqm, &bootstrap),
    };
    // Where a run is left alone, nothing is known of how far runs lie apart.
    for (point, _) in band.runs.iter().enumerate().filter(|(_, runs)| **runs < 2) {
        (band.low[point], band.high[point]) = (f64::NAN, f64::NAN);
    }
    band
}

/// The middle alone, `[point]`.
fn centers(rows: &[Vec<f64>], spread: Spread) -> Vec<f64> {
    let middle = if spread == Spread::Iqm { iqm } else { mean };
    let points = rows.first().map_or(0, Vec::len);
    let at = |point: usize| {
        let values: Vec<f64> = rows.iter().map(|row| row[point]).filter(|value| !value.is_nan()).collect();
        middle(&values).unwrap_or(f64::NAN)
    };
    (0..points).map(at).collect()
}

/// Points as they were recorded; where several are one bucket, its lowest and its highest.
fn zigzag(buckets: &[Bucket], axis: XAxis) -> Vec<[f64; 2]> {
    let mut points = Vec::with_capacity(2 * buckets.len());
    for (index, bucket) in buckets.iter().enumerate() {
        let x = bucket.x(axis);
        if bucket.count <= 1 {
            points.push([x, bucket.mean]);
        } else if index % 2 == 0 {
            points.extend([[x, bucket.min], [x, bucket.max]]);
        } else {
            points.extend([[x, bucket.max], [x, bucket.min]]);
        }
    }
    points
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::RunId;

    fn series(points: &[(f64, f64)]) -> Series {
        let bucket = |&(x, y): &(f64, f64)| Bucket {
            frames: x,
            updates: x / 4.0,
            wall_s: x * 2.0,
            min: y,
            mean: y,
            max: y,
            count: 1,
        };
        Series { buckets: points.iter().map(bucket).collect() }
    }

    fn curves(points: &[(f64, f64)]) -> Arc<Curves> {
        Arc::new(Curves { series: [("loss".into(), series(points))].into(), read: 0, complete: true })
    }

    fn key(run: u32) -> SeriesKey {
        SeriesKey::Run(RunId(run))
    }

    fn input(spread: Option<Spread>, sources: &[&[&[(f64, f64)]]]) -> Input {
        let source = |(index, runs): (usize, &&[&[(f64, f64)]])| Source {
            key: key(index as u32),
            name: format!("{index}"),
            runs: runs.iter().map(|points| curves(points)).collect(),
        };
        Input {
            metric: "loss".into(),
            axis: XAxis::Frames,
            smoothing: 0.0,
            spread,
            ignore_outliers: false,
            series: sources.iter().enumerate().map(source).collect(),
            versus: None,
        }
    }

    #[test]
    fn a_run_is_drawn_as_it_is() {
        let drawing = input(None, &[&[&[(1.0, 5.0), (2.0, 3.0)]]]).draw();
        assert_eq!((&*drawing.lines[0].xs, &*drawing.lines[0].ys), (&[1.0, 2.0][..], &[5.0, 3.0][..]));
        assert_eq!((drawing.x, drawing.y), (Some([1.0, 2.0]), Some([3.0, 5.0])));
        assert!(drawing.lines[0].raw.is_empty() && drawing.lines[0].band.is_none());
    }

    #[test]
    fn the_axis_can_be_another() {
        let mut input = input(None, &[&[&[(1.0, 5.0), (2.0, 3.0)]]]);
        input.axis = XAxis::WallTime;
        assert_eq!(input.draw().x, Some([2.0, 4.0]));
        input.axis = XAxis::Updates;
        assert_eq!(input.draw().x, Some([0.25, 0.5]));
    }

    #[test]
    fn seeds_have_a_mean_and_a_deviation_at_every_place_of_any() {
        let drawing =
            input(Some(Spread::Std), &[&[&[(0.0, 0.0), (2.0, 2.0)], &[(0.0, 2.0), (1.0, 3.0)]]]).draw();
        let line = &drawing.lines[0];
        assert_eq!(line.xs, [0.0, 1.0, 2.0]);
        assert_eq!(line.ys, [1.0, 2.0, 2.0], "the first run is 1 half-way, the second has ended at 2");
        assert_eq!(line.runs, [2, 2, 1]);
        let (low, high) = line.band.as_ref().unwrap();
        let deviation = 2.0_f64.sqrt();
        assert!((low[0] - (1.0 - deviation)).abs() < 1e-12 && (high[0] - (1.0 + deviation)).abs() < 1e-12);
        assert!(low[2].is_nan() && high[2].is_nan(), "one run tells nothing of how far runs lie apart");
    }

    #[test]
    fn long_curves_share_a_grid() {
        let long: Vec<(f64, f64)> = (0..5000).map(|point| (f64::from(point), f64::from(point))).collect();
        let drawing = input(Some(Spread::Std), &[&[&long, &long]]).draw();
        let line = &drawing.lines[0];
        assert_eq!(line.xs.len(), GRID);
        for (x, y) in line.xs.iter().zip(&line.ys) {
            assert!((x - y).abs() < 1e-6, "{x} {y}");
        }
    }

    #[test]
    fn an_interval_is_narrower_than_the_deviation() {
        let flat = |y: f64| vec![(0.0, y), (1.0, y)];
        let runs = [flat(0.0), flat(1.0), flat(2.0), flat(3.0), flat(100.0)];
        let runs: Vec<&[(f64, f64)]> = runs.iter().map(Vec::as_slice).collect();
        let width = |spread| {
            let drawing = input(Some(spread), &[&runs]).draw();
            let (low, high) = drawing.lines[0].band.clone().unwrap();
            (drawing.lines[0].ys[0], high[0] - low[0])
        };
        let (center, std) = width(Spread::Std);
        let (same, interval) = width(Spread::Interval);
        assert_eq!((center, same), (21.2, 21.2));
        assert!(interval > 0.0 && interval < 2.0 * std);
        assert_eq!(width(Spread::Iqm).0, 2.0, "the far one is cut off");
    }

    #[test]
    fn smoothing_keeps_what_was_recorded_behind_it() {
        let mut input = input(None, &[&[&[(0.0, 0.0), (50.0, 10.0), (100.0, 0.0)]]]);
        input.smoothing = 0.1;
        let drawing = input.draw();
        let line = &drawing.lines[0];
        assert_eq!(line.raw, [[0.0, 0.0], [50.0, 10.0], [100.0, 0.0]]);
        assert!(line.ys[1] > 9.9 && line.ys[1] < 10.0);
    }

    #[test]
    fn the_difference_is_taken_where_both_are() {
        let mut input = input(
            Some(Spread::Interval),
            &[
                &[&[(0.0, 5.0), (10.0, 5.0)], &[(0.0, 7.0), (10.0, 7.0)]],
                &[&[(5.0, 1.0), (20.0, 1.0)], &[(5.0, 1.0), (8.0, 1.0)]],
            ],
        );
        input.versus = Some((key(0), key(1)));
        let drawing = input.draw();
        let line = &drawing.lines[0];
        assert_eq!((&*line.name, &*line.xs), ("0 − 1", &[5.0, 8.0, 10.0][..]));
        assert_eq!(line.ys, [5.0; 3]);
        let (low, high) = line.band.as_ref().unwrap();
        assert_eq!((low[0], high[0]), (4.0, 6.0));
        assert!(low[2].is_nan(), "a seed alone");
        input.versus = Some((key(0), key(7)));
        assert!(input.draw().lines.is_empty());
    }

    #[test]
    fn a_metric_that_nobody_has_draws_nothing() {
        let mut input = input(Some(Spread::Std), &[&[&[(0.0, 5.0)]]]);
        input.metric = "other".into();
        assert_eq!(input.draw(), Drawing::default());
    }

    #[test]
    fn buckets_show_their_extremes() {
        let bucket = |frames, count| Bucket {
            frames,
            updates: 0.0,
            wall_s: 0.0,
            min: -1.0,
            mean: 0.0,
            max: 2.0,
            count,
        };
        let points = zigzag(&[bucket(0.0, 5), bucket(1.0, 5), bucket(2.0, 1)], XAxis::Frames);
        assert_eq!(points, [[0.0, -1.0], [0.0, 2.0], [1.0, 2.0], [1.0, -1.0], [2.0, 0.0]]);
    }
}
