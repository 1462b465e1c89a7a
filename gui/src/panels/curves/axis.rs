//! Where the lines of the grid are, and what stands at them.

use std::ops::RangeInclusive;

use egui_plot::{GridInput, GridMark};

use crate::data::XAxis;
use crate::format;

/// Steps of time that people count in, seconds.
const TIMES: [f64; 18] = [
    1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0, 7200.0, 10_800.0, 21_600.0,
    43_200.0, 86_400.0, 172_800.0, 604_800.0,
];

/// The name of an axis.
pub(super) fn name(axis: XAxis) -> &'static str {
    match axis {
        XAxis::Frames => "frames",
        XAxis::Updates => "updates",
        XAxis::WallTime => "wall time",
    }
}

/// What stands at a mark of the axis, of which so much is seen.
pub(super) fn x_mark(axis: XAxis, mark: GridMark, seen: &RangeInclusive<f64>) -> String {
    match axis {
        XAxis::WallTime => format::seconds(mark.value),
        XAxis::Frames | XAxis::Updates => format::mark(mark.value, step(mark, seen)),
    }
}

/// How far apart marks are, the same for all of them, so that they have the same digits.
fn step(mark: GridMark, seen: &RangeInclusive<f64>) -> f64 {
    mark.step_size.min((seen.end() - seen.start()) / 6.0)
}

/// A place on the axis, in words.
pub(super) fn x_value(axis: XAxis, x: f64) -> String {
    match axis {
        XAxis::WallTime => format::seconds(x),
        XAxis::Frames | XAxis::Updates => format!("{} {}", format::count(x), name(axis)),
    }
}

/// Marks at round numbers: 1, 2 or 5 with zeros; `apart` is how many of the least steps lie between two.
pub(super) fn round_steps(input: GridInput, apart: f64) -> [f64; 3] {
    let least = input.base_step_size * apart;
    let power = 10f64.powf(least.log10().floor());
    let (step, parts) = match least / power {
        digit if digit <= 1.0 => (power, 5.0),
        digit if digit <= 2.0 => (2.0 * power, 4.0),
        digit if digit <= 5.0 => (5.0 * power, 5.0),
        _ => (10.0 * power, 5.0),
    };
    [step / parts, step, 10.0 * step]
}

/// Marks of a time axis, at steps that people count in; `apart` as in [`round_steps`].
pub(super) fn time_steps(input: GridInput, apart: f64) -> [f64; 3] {
    let least = input.base_step_size * apart;
    let week = TIMES[TIMES.len() - 1];
    let Some(place) = TIMES.iter().position(|step| *step >= least) else {
        // Years of training go by powers of four weeks.
        let step = week * 4f64.powf((least / week).log(4.0).ceil());
        return [step / 4.0, step, 4.0 * step];
    };
    let below = TIMES[place.saturating_sub(2)];
    [below, TIMES[place], TIMES.get(place + 3).copied().unwrap_or(4.0 * week)]
}

/// What stands at a mark of the vertical axis; a logarithmic one goes by exponents of ten.
pub(super) fn y_mark(mark: GridMark, log: bool, seen: &RangeInclusive<f64>) -> String {
    if !log {
        return format::mark(mark.value, step(mark, seen));
    }
    let value = 10f64.powf(mark.value);
    let digits = (-(mark.value + 1e-9).floor()).clamp(0.0, 12.0) as usize;
    if !(1e-3..1e5).contains(&value) {
        format!("{value:.0e}").replace('-', "−")
    } else {
        format!("{value:.digits$}")
    }
}

/// Powers of ten beyond which there are no numbers.
const LAST_DECADE: f64 = 330.0;

/// Marks of a logarithmic axis: every power of ten, and between them 2 to 9.
pub(super) fn decades(input: GridInput) -> Vec<GridMark> {
    let (low, high) = input.bounds;
    let within = |decade: f64| decade.clamp(-LAST_DECADE, LAST_DECADE) as i64;
    let (from, to) = (within(low.floor()), within(high.ceil()));
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
    marks.retain(|mark| (low..=high).contains(&mark.value));
    marks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_round() {
        let steps = |base_step_size| round_steps(GridInput { bounds: (0.0, 1.0), base_step_size }, 5.0)[1];
        for (least, wanted) in [(1.0, 5.0), (3.0, 20.0), (0.0001, 0.0005), (0.9, 5.0), (1e5, 5e5)] {
            assert!((steps(least) / wanted - 1.0).abs() < 1e-9, "{least}: {}", steps(least));
        }
    }

    #[test]
    fn times_are_round() {
        let steps = |base_step_size| time_steps(GridInput { bounds: (0.0, 1.0), base_step_size }, 9.0);
        assert_eq!(steps(100.0), [300.0, 1800.0, 10_800.0]);
        let years = steps(1e9);
        assert!(years[1] >= 9e9 && years.is_sorted(), "{years:?}");
    }

    #[test]
    fn powers_of_ten_are_written_out() {
        let mark = |value| y_mark(GridMark { value, step_size: 1.0 }, true, &(-6.0..=2.0));
        assert_eq!([mark(0.0), mark(1.0), mark(-2.0), mark(2f64.log10())], ["1", "10", "0.01", "2"]);
        assert_eq!(mark(-5.0), "1e−5");
    }

    #[test]
    fn marks_of_an_axis_have_the_same_digits() {
        let marks =
            [(0.0055, 0.0005), (0.005, 0.005)].map(|(value, step_size)| GridMark { value, step_size });
        assert_eq!(marks.map(|mark| y_mark(mark, false, &(0.0028..=0.0071))), ["0.0055", "0.0050"]);
        let marks = [(10.0, 10.0), (5.0, 5.0)].map(|(value, step_size)| GridMark { value, step_size });
        assert_eq!(marks.map(|mark| y_mark(mark, false, &(-20.0..=20.0))), ["10", "5"]);
    }

    #[test]
    fn an_endless_axis_has_few_marks() {
        let marks = decades(GridInput { bounds: (-300.0, 300.0), base_step_size: 1.0 });
        assert!(marks.len() < 60, "{}", marks.len());
        // Zoomed out until numbers end.
        let marks = decades(GridInput { bounds: (-1e300, f64::INFINITY), base_step_size: 1e300 });
        assert!((1..50).contains(&marks.len()), "{marks:?}");
        let marks = decades(GridInput { bounds: (-2.0, 0.5), base_step_size: 0.1 });
        assert!(marks.iter().any(|mark| mark.value == -1.0));
    }
}
