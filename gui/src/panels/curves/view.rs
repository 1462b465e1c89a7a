//! Lines as a screen of so many columns can show them: what lies outside is left out, and of many points in one column the
//! lowest and the highest are kept, so that no spike is lost.

use std::sync::Arc;

use egui_plot::PlotPoint;

use super::drawing::{Drawing, Line};

/// Points of all lines of a plot together, about. It keeps a frame short, whatever is plotted.
const POINTS: usize = 12_000;
/// Columns of every line, however many there are.
const LEAST: usize = 60;

/// What a view follows from.
#[derive(Clone, PartialEq)]
struct Of {
    drawing: *const Drawing,
    x: [f64; 2],
    columns: usize,
    log: bool,
}

/// The lines of a plot, ready to be drawn.
#[derive(Default)]
pub(super) struct View {
    of: Option<Of>,
    /// Held so that its address stays its own.
    drawing: Arc<Drawing>,
    lines: Vec<ViewLine>,
}

/// A line on a screen. `NaN` parts its pieces.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct ViewLine {
    /// The line.
    pub line: Vec<PlotPoint>,
    /// What it was smoothed from.
    pub raw: Vec<PlotPoint>,
    /// Its band: x, lower and upper edge.
    pub band: Vec<[f64; 3]>,
}

impl View {
    /// The lines between two places, for so many points of width, as long as the drawing's own.
    pub fn lines(&mut self, drawing: &Arc<Drawing>, x: [f64; 2], width: f32, log: bool) -> &[ViewLine] {
        let columns = (width as usize / 2).min(POINTS / 2 / drawing.lines.len().max(1)).max(LEAST);
        let of = Of { drawing: Arc::as_ptr(drawing), x, columns, log };
        if self.of.as_ref() != Some(&of) {
            self.lines = drawing.lines.iter().map(|line| view(line, x, columns, log)).collect();
            self.drawing = drawing.clone();
            self.of = Some(of);
        }
        &self.lines
    }
}

fn view(line: &Line, x: [f64; 2], columns: usize, log: bool) -> ViewLine {
    let place = |value: f64| match log {
        true if value > 0.0 => value.log10(),
        true => f64::NAN,
        false => value,
    };
    let points: Vec<PlotPoint> =
        line.xs.iter().zip(&line.ys).map(|(x, y)| PlotPoint::new(*x, place(*y))).collect();
    let raw: Vec<PlotPoint> = line.raw.iter().map(|[x, y]| PlotPoint::new(*x, place(*y))).collect();
    let mut band = Vec::new();
    if let Some((low, high)) = &line.band {
        let from = line.xs.partition_point(|place| *place < x[0]).saturating_sub(1);
        let to = (line.xs.partition_point(|place| *place <= x[1]) + 1).min(line.xs.len());
        for index in from..to {
            let high = place(high[index]);
            // A band that goes below 0 ends at the bottom of a logarithmic axis.
            let low = if log && low[index] <= 0.0 && high.is_finite() { -300.0 } else { place(low[index]) };
            band.push([line.xs[index], low, high]);
        }
    }
    ViewLine { line: thin(&points, x, columns), raw: thin(&raw, x, columns), band }
}

/// At most two points a column, and one on either side of what is seen.
pub(super) fn thin(points: &[PlotPoint], [x0, x1]: [f64; 2], columns: usize) -> Vec<PlotPoint> {
    let from = points.partition_point(|point| point.x < x0).saturating_sub(1);
    let to = (points.partition_point(|point| point.x <= x1) + 1).min(points.len());
    let seen = &points[from..to];
    if seen.len() <= 2 * columns || x1 <= x0 {
        return seen.to_vec();
    }
    let column = |point: &PlotPoint| ((point.x - x0) / (x1 - x0) * columns as f64).floor() as i64;
    let mut kept = Vec::with_capacity(2 * columns + 4);
    for together in seen.chunk_by(|a, b| column(a) == column(b)) {
        let by_height = |a: &&PlotPoint, b: &&PlotPoint| a.y.total_cmp(&b.y);
        let known = || together.iter().filter(|point| !point.y.is_nan());
        let (Some(low), Some(high)) = (known().min_by(by_height), known().max_by(by_height)) else {
            kept.push(together[0]);
            continue;
        };
        let (first, second) = if low.x <= high.x { (low, high) } else { (high, low) };
        kept.push(*first);
        if first != second {
            kept.push(*second);
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wave(count: usize) -> Vec<PlotPoint> {
        (0..count).map(|x| PlotPoint::new(x as f64, (x as f64 * 0.7).sin())).collect()
    }

    #[test]
    fn few_points_stay() {
        let points = wave(100);
        assert_eq!(thin(&points, [0.0, 99.0], 50), points);
    }

    #[test]
    fn a_spike_is_never_lost() {
        let mut points = wave(10_000);
        points[7777].y = 50.0;
        points[3210].y = -50.0;
        let kept = thin(&points, [0.0, 9999.0], 100);
        assert!(kept.len() <= 204, "{}", kept.len());
        assert!(kept.contains(&points[7777]) && kept.contains(&points[3210]));
        assert!(kept.is_sorted_by(|a, b| a.x <= b.x));
    }

    #[test]
    fn lines_go_on_beyond_the_edges() {
        let points = wave(100);
        let kept = thin(&points, [10.5, 20.5], 50);
        assert_eq!((kept.first(), kept.last()), (points.get(10), points.get(21)));
    }

    #[test]
    fn gaps_stay_gaps() {
        let mut points = wave(1000);
        for point in &mut points[400..600] {
            point.y = f64::NAN;
        }
        let kept = thin(&points, [0.0, 999.0], 50);
        assert!(kept.iter().any(|point| point.y.is_nan()));
    }
}
