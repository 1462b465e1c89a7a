//! Where the lines of the grid are, and what stands at them.

use egui_plot::{GridInput, GridMark};

use crate::data::XAxis;
use crate::format;

/// Steps of time that people count in, seconds.
const TIMES: [f64; 18] = [
    1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0, 7200.0, 10_800.0, 21_600.0, 43_200.0, 86_400.0,
    172_800.0, 604_800.0,
];

/// The name of an axis.
pub(super) fn name(axis: XAxis) -> &'static str {
    match axis {
        XAxis::Frames => "frames",
        XAxis::Updates => "updates",
        XAxis::WallTime => "wall time",
    }
}

/// What stands at a mark of the axis.
pub(super) fn x_mark(axis: XAxis, mark: GridMark) -> String {
    match axis {
        XAxis::WallTime => format::seconds(mark.value),
        XAxis::Frames | XAxis::Updates => format::mark(mark.value, mark.step_size),
    }
}

/// A place on the axis, in words.
pub(super) fn x_value(axis: XAxis, x: f64) -> String {
    match axis {
        XAxis::WallTime => format::seconds(x),
        XAxis::Frames | XAxis::Updates => format!("{} {}", format::count(x), name(axis)),
    }
}

/// Marks of a time axis: at three of the steps that people count in.
pub(super) fn time_steps(input: GridInput) -> [f64; 3] {
    let first = TIMES.partition_point(|step| *step < input.base_step_size);
    let step = |skip: usize| TIMES.get(first + skip).copied().unwrap_or(604_800.0 * 4f64.powi((first + skip) as i32 - 17));
    [step(0), step(2), step(4)]
}

/// What stands at a mark of the vertical axis; a logarithmic one goes by exponents of ten.
pub(super) fn y_mark(mark: GridMark, log: bool) -> String {
    if !log {
        return format::mark(mark.value, mark.step_size);
    }
    let value = 10f64.powf(mark.value);
    let digits = (-(mark.value + 1e-9).floor()).clamp(0.0, 12.0) as usize;
    if value < 1e-3 || value >= 1e5 {
        format!("{value:.0e}").replace('-', "−")
    } else {
        format!("{value:.digits$}")
    }
}

/// Marks of a logarithmic axis: every power of ten, and between them 2 to 9.
pub(super) fn decades(input: GridInput) -> Vec<GridMark> {
    let (from, to) = (input.bounds.0.floor() as i64, input.bounds.1.ceil() as i64);
    // On an axis of hundreds of decades, which happens while one zooms out, most have no mark.
    let every = ((to - from) / 40 + 1).max(1);
    let mut marks = Vec::new();
    for decade in (from..=to).filter(|decade| decade % every == 0) {
        marks.push(GridMark { value: decade as f64, step_size: every as f64 });
        if every == 1 && to - from <= 6 {
            for digit in 2..10 {
                let value = decade as f64 + f64::from(digit).log10();
                let step_size = if digit == 2 || digit == 5 { 0.3 } else { 0.05 };
                marks.push(GridMark { value, step_size });
            }
        }
    }
    marks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_round() {
        let steps = |base_step_size| time_steps(GridInput { bounds: (0.0, 1.0), base_step_size });
        assert_eq!(steps(100.0), [120.0, 600.0, 3600.0]);
        assert!(steps(1e9)[0] >= 1e9 / 16.0);
    }

    #[test]
    fn powers_of_ten_are_written_out() {
        let mark = |value| y_mark(GridMark { value, step_size: 1.0 }, true);
        assert_eq!([mark(0.0), mark(1.0), mark(-2.0), mark(2f64.log10())], ["1", "10", "0.01", "2"]);
        assert_eq!(mark(-5.0), "1e−5");
    }

    #[test]
    fn an_endless_axis_has_few_marks() {
        let marks = decades(GridInput { bounds: (-300.0, 300.0), base_step_size: 1.0 });
        assert!(marks.len() < 60, "{}", marks.len());
        let marks = decades(GridInput { bounds: (-2.0, 0.5), base_step_size: 0.1 });
        assert!(marks.iter().any(|mark| mark.value == -1.0));
    }
}
