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

/// The interquartile mean of several lists of which each weighs the same, however long it is: that of all values, each
/// repeated so often that all lists are of one length. An empty list has no weight. The lists are written into `values`,
/// which is working space.
pub(crate) fn iqm_of_lists<'a>(
    lists: impl Iterator<Item = &'a [f64]> + Clone,
    values: &mut Vec<(f64, u64)>,
) -> Option<f64> {
    let lists = lists.filter(|list| !list.is_empty());
    let length = lists.clone().map(|list| list.len() as u64).fold(1, least_common_multiple);
    values.clear();
    values.extend(lists.flat_map(|list| list.iter().map(move |value| (*value, length / list.len() as u64))));
    values.sort_unstable_by(|(a, _), (b, _)| a.total_cmp(b));
    let total: u128 = values.iter().map(|(_, times)| u128::from(*times)).sum();
    let kept = total / 4..total - total / 4;
    let (mut sum, mut from) = (0.0, 0);
    for (value, times) in values.iter() {
        let to = from + u128::from(*times);
        let inside = to.min(kept.end).saturating_sub(from.max(kept.start));
        // What is cut off may be infinite, which no weight of zero makes go away.
        if inside > 0 {
            sum += *value * inside as f64;
        }
        from = to;
    }
    (total > 0).then(|| sum / (kept.end - kept.start) as f64)
}

/// Saturates: weights beyond 2⁶⁴ are off by a rounding.
fn least_common_multiple(a: u64, b: u64) -> u64 {
    let (mut divisor, mut rest) = (a, b);
    while rest > 0 {
        (divisor, rest) = (rest, divisor % rest);
    }
    (a / divisor).saturating_mul(b)
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
    fn lists_weigh_the_same_however_long_they_are() {
        let iqm_of = |lists: &[&[f64]]| iqm_of_lists(lists.iter().copied(), &mut Vec::new());
        // 1 2 | 10 10 of one list, 4 | 4 | 4 | 4 of the other: of eight, two go at either end.
        assert_eq!(iqm_of(&[&[1.0, 2.0, 10.0, 10.0], &[4.0]]), Some(4.0));
        // 0 0 0 | 3 3 3 and 6 6 | 7 7 | 8 8: of twelve, three go at either end.
        assert_eq!(iqm_of(&[&[0.0, 3.0], &[7.0, 6.0, 8.0]]), Some((3.0 * 3.0 + 2.0 * 6.0 + 7.0) / 6.0));
        // Part of a value is cut off: of three lists, 0 0 | 5 and … of six, one goes at either end.
        assert_eq!(iqm_of(&[&[0.0], &[5.0], &[6.0, 9.0]]), Some((0.0 + 5.0 + 5.0 + 6.0) / 4.0));
        let (a, b) = ([3.0, 1.0, 2.0], [9.0, 0.5, 4.0]);
        assert_eq!(iqm_of(&[&a, &b]), iqm(&[a, b].concat()));
        assert_eq!((iqm_of(&[&a, &[]]), iqm_of(&[&[]]), iqm_of(&[])), (iqm(&a), None, None));
        assert_eq!(iqm_of(&[&[f64::INFINITY], &[1.0], &[2.0], &[3.0]]), Some(2.5));
        let primes: Vec<Vec<f64>> =
            [61, 59, 53, 47, 43, 41, 37, 31, 29, 23, 19].map(|count| vec![1.5; count]).into();
        let same = iqm_of_lists(primes.iter().map(Vec::as_slice), &mut Vec::new()).unwrap();
        assert!((same - 1.5).abs() < 1e-12, "{same}");
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
