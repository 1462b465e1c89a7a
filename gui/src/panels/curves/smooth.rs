//! Smoothing: an exponential mean over what came before, as wide as a share of the axis.
//!
//! The width is in units of the axis, not in points: a curve looks the same however many points it is recorded with, and
//! curves recorded at different rates are smoothed alike.

/// Smooths values `ys` at places `xs` that grow; `weights` say for how many points each stands. `width` is in units of x.
///
/// The mean is debiased: it is divided by the weight that there is so far, so that it begins at the first value and not at 0.
/// A value that is not finite has no weight, and keeps the mean before it.
pub(super) fn smooth(xs: &[f64], ys: &[f64], weights: &[f64], width: f64) -> Vec<f64> {
    if width.is_nan() || width <= 0.0 {
        return ys.to_vec();
    }
    let (mut sum, mut total, mut last) = (0.0, 0.0, f64::NAN);
    let points = xs.iter().zip(ys).zip(weights);
    points
        .map(|((x, y), weight)| {
            if y.is_finite() && x.is_finite() {
                // The first value has nothing before it that could fade.
                let kept = if total > 0.0 { (-((x - last).max(0.0)) / width).exp() } else { 0.0 };
                sum = sum * kept + y * weight;
                total = total * kept + weight;
                last = *x;
            }
            if total > 0.0 { sum / total } else { f64::NAN }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ones(count: usize) -> Vec<f64> {
        vec![1.0; count]
    }

    #[test]
    fn a_constant_stays_what_it_is_from_the_first_point_on() {
        let xs: Vec<f64> = (0..50).map(f64::from).collect();
        for y in smooth(&xs, &[3.5; 50], &ones(50), 7.0) {
            assert!((y - 3.5).abs() < 1e-12, "{y}");
        }
    }

    #[test]
    fn on_a_regular_grid_it_is_the_debiased_exponential_mean() {
        let xs = [0.0, 1.0, 2.0];
        let ys = [1.0, 0.0, 4.0];
        let width = 2.0;
        let w = (-0.5_f64).exp();
        let smoothed = smooth(&xs, &ys, &ones(3), width);
        let wanted = [1.0, w / (1.0 + w), (w * w + 4.0) / (1.0 + w + w * w)];
        for (got, wanted) in smoothed.iter().zip(wanted) {
            assert!((got - wanted).abs() < 1e-12, "{got} {wanted}");
        }
    }

    #[test]
    fn points_put_together_weigh_what_they_stand_for() {
        // Ten points of 1 at one place, then one of 0 there: their mean.
        let smoothed = smooth(&[5.0, 5.0], &[1.0, 0.0], &[10.0, 1.0], 1.0);
        assert!((smoothed[1] - 10.0 / 11.0).abs() < 1e-12);
    }

    #[test]
    fn no_width_changes_nothing() {
        assert_eq!(smooth(&[0.0, 1.0], &[2.0, 5.0], &ones(2), 0.0), [2.0, 5.0]);
    }

    #[test]
    fn what_is_not_finite_is_passed_over() {
        let smoothed = smooth(&[0.0, 1.0, 2.0], &[f64::NAN, 2.0, f64::INFINITY], &ones(3), 1.0);
        assert!(smoothed[0].is_nan());
        assert_eq!(smoothed[1..], [2.0, 2.0]);
    }

    #[test]
    fn wide_gaps_forget() {
        let smoothed = smooth(&[0.0, 1000.0], &[100.0, 1.0], &ones(2), 10.0);
        assert!((smoothed[1] - 1.0).abs() < 1e-9);
    }
}
