//! How much of an axis is shown while nobody has moved it.

use kelvin_stats::quantile;

/// Shares of the values that lie below and above what is shown where outliers are ignored.
const OUTSIDE: f64 = 0.02;
/// Room around the curves, as a share of their extent.
const MARGIN: f64 = 0.06;

/// The extent of values; those that are no numbers have none. With `ignore_outliers`, that of the middle 96 % of them.
pub(super) fn limits(values: &[f64], ignore_outliers: bool) -> Option<[f64; 2]> {
    let finite: Vec<f64> = values.iter().copied().filter(|value| value.is_finite()).collect();
    if ignore_outliers {
        return Some([quantile(&finite, OUTSIDE)?, quantile(&finite, 1.0 - OUTSIDE)?]);
    }
    let ends = finite
        .iter()
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(*value), high.max(*value)));
    (ends.0 <= ends.1).then_some([ends.0, ends.1])
}

/// The same with some room; what has no extent gets one.
pub(super) fn with_room([low, high]: [f64; 2]) -> [f64; 2] {
    let extent = high - low;
    // Less than this cannot be told apart in numbers of this size.
    let least = 1e-9 * low.abs().max(high.abs());
    if extent > least {
        [low - MARGIN * extent, high + MARGIN * extent]
    } else {
        let half = if low == 0.0 { 1.0 } else { 0.1 * low.abs() };
        [low - half, high + half]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outliers_are_ignored_on_both_sides() {
        let mut values: Vec<f64> = (0..=100).map(f64::from).collect();
        assert_eq!(limits(&values, true), Some([2.0, 98.0]));
        values.push(1e9);
        values.push(f64::NAN);
        let [low, high] = limits(&values, true).unwrap();
        assert!((low - 2.02).abs() < 1e-9 && (high - 98.98).abs() < 1e-9, "{low} {high}");
        assert_eq!(limits(&values, false), Some([0.0, 1e9]));
    }

    #[test]
    fn nothing_has_no_limits() {
        for ignore in [false, true] {
            assert_eq!(limits(&[], ignore), None);
            assert_eq!(limits(&[f64::NAN, f64::INFINITY], ignore), None);
        }
    }

    #[test]
    fn there_is_always_some_room() {
        assert_eq!(with_room([0.0, 100.0]), [-6.0, 106.0]);
        assert_eq!(with_room([0.0, 0.0]), [-1.0, 1.0]);
        let [low, high] = with_room([-20.0, -20.0]);
        assert!(low < -20.0 && high > -20.0);
    }
}
