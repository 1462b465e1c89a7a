//! Statistics of one list of numbers. All are `None` of an empty list; NaNs go through to the result.

/// The mean.
pub fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

/// The sample's standard deviation: the divisor is one less than the number of values. None of fewer than two.
pub fn std(values: &[f64]) -> Option<f64> {
    let mean = mean(values).filter(|_| values.len() > 1)?;
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    Some((squares / (values.len() - 1) as f64).sqrt())
}

/// The value that a share `at` of the values lies below, with straight lines between them (Hyndman and Fan's type 7,
/// as NumPy's default).
pub fn quantile(values: &[f64], at: f64) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    quantile_of_sorted(&sorted, at)
}

/// The same of values in ascending order.
pub(crate) fn quantile_of_sorted(sorted: &[f64], at: f64) -> Option<f64> {
    let place = at.clamp(0.0, 1.0) * sorted.len().checked_sub(1)? as f64;
    let (low, high) = (sorted[place.floor() as usize], sorted[place.ceil() as usize]);
    // Where both are one number, a difference of infinities would be none.
    Some(if low == high { low } else { low + (high - low) * place.fract() })
}

/// The middle value, or the mean of the two in the middle.
pub fn median(values: &[f64]) -> Option<f64> {
    quantile(values, 0.5)
}

/// The interquartile mean: of what is left when a quarter of the values, rounded down, is cut off at either end
/// (rliable's definition, and SciPy's `trim_mean`).
pub fn iqm(values: &[f64]) -> Option<f64> {
    iqm_in_place(&mut values.to_vec())
}

/// The same, and leaves the values in ascending order.
pub(crate) fn iqm_in_place(values: &mut [f64]) -> Option<f64> {
    values.sort_unstable_by(f64::total_cmp);
    let cut = values.len() / 4;
    mean(&values[cut..values.len() - cut])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_samples_by_hand() {
        let values = [7.0, 1.0, 3.0, 2.0, 100.0];
        assert!((mean(&values).unwrap() - 22.6).abs() < 1e-12);
        // Squares of the distances: 243.36, 466.56, 384.16, 424.36, 5990.76.
        assert!((std(&values).unwrap() - (7509.2f64 / 4.0).sqrt()).abs() < 1e-12);
        assert_eq!(median(&values), Some(3.0));
        assert_eq!(median(&values[..4]), Some(2.5));
        assert_eq!((quantile(&values, 0.0), quantile(&values, 1.0)), (Some(1.0), Some(100.0)));
        assert!((quantile(&values, 0.9).unwrap() - (7.0 + 0.6 * 93.0)).abs() < 1e-12);
        // One of five is cut off at either end.
        assert_eq!(iqm(&values), Some(4.0));
        assert_eq!(iqm(&values[..3]), mean(&values[..3]));
    }

    #[test]
    fn of_nothing_nothing_is_said_and_nan_is_not_hidden() {
        for statistic in [mean, median, iqm] {
            assert_eq!(statistic(&[]), None);
            assert!(statistic(&[f64::NAN]).unwrap().is_nan());
        }
        assert_eq!((std(&[]), std(&[1.0]), std(&[1.0, 1.0])), (None, None, Some(0.0)));
    }
}
