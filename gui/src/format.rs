//! Numbers as people read them, always as wide for as long as they mean about the same.

use std::time::Duration;

use crate::figures::duration;

/// A count in thousands or millions: `950`, `12.3k`, `4.56M`.
pub fn count(value: f64) -> String {
    let size = value.abs();
    match size {
        _ if !value.is_finite() => "–".to_owned(),
        _ if size < 999.5 => format!("{value:.0}"),
        _ if size < 9_995.0 => format!("{:.2}k", value / 1e3),
        _ if size < 99_950.0 => format!("{:.1}k", value / 1e3),
        _ if size < 999_500.0 => format!("{:.0}k", value / 1e3),
        _ if size < 9.995e6 => format!("{:.2}M", value / 1e6),
        _ if size < 99.95e6 => format!("{:.1}M", value / 1e6),
        _ if size < 999.5e6 => format!("{:.0}M", value / 1e6),
        _ => format!("{:.2}G", value / 1e9),
    }
}

/// A number of which four digits say enough, with a true minus sign.
pub fn number(value: f64) -> String {
    let size = value.abs();
    let text = match size {
        _ if !value.is_finite() => "–".to_owned(),
        _ if size == 0.0 => "0".to_owned(),
        _ if !(1e-3..1e6).contains(&size) => format!("{value:.2e}"),
        _ if size < 1.0 => format!("{value:.4}"),
        _ if size < 10.0 => format!("{value:.3}"),
        _ if size < 100.0 => format!("{value:.2}"),
        _ if size < 1000.0 => format!("{value:.1}"),
        _ => format!("{value:.0}"),
    };
    text.replace('-', "−")
}

/// A return: two digits after the point as long as they matter.
pub fn score(value: f64) -> String {
    let size = value.abs();
    let text = match size {
        _ if !value.is_finite() => "–".to_owned(),
        _ if size < 99.995 => format!("{value:.2}"),
        _ if size < 999.95 => format!("{value:.1}"),
        _ if size < 99_999.5 => format!("{value:.0}"),
        _ => return count(value).replace('-', "−"),
    };
    text.replace('-', "−")
}

/// A mark of an axis: no more digits than its distance to the next mark needs.
pub fn mark(value: f64, step: f64) -> String {
    if value.abs() < step * 1e-6 {
        return "0".to_owned();
    }
    let size = value.abs().max(step);
    let (unit, name) = match size {
        _ if size >= 1e9 => (1e9, "G"),
        _ if size >= 1e6 => (1e6, "M"),
        _ if size >= 1e4 => (1e3, "k"),
        _ if size < 1e-3 => return format!("{value:.0e}").replace('-', "−"),
        _ => (1.0, ""),
    };
    let digits = (-(step / unit).log10().floor()).clamp(0.0, 6.0) as usize;
    format!("{:.digits$}{name}", value / unit).replace('-', "−")
}

/// A time as [`duration`] has it, of any sign.
pub fn seconds(value: f64) -> String {
    if !value.is_finite() {
        return "–".to_owned();
    }
    format!("{}{}", if value < 0.0 { "−" } else { "" }, duration(value.abs()))
}

/// How long ago something was.
pub fn ago(time: Duration) -> String {
    format!("{} ago", seconds(time.as_secs_f64()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_have_three_digits() {
        let cases = [(0.0, "0"), (950.0, "950"), (1234.0, "1.23k"), (12_345.0, "12.3k"), (999_499.0, "999k")];
        for (value, text) in cases {
            assert_eq!(count(value), text);
        }
        assert_eq!(
            (count(999_600.0), count(4.0e7), count(f64::NAN)),
            ("1.00M".into(), "40.0M".into(), "–".into())
        );
    }

    #[test]
    fn numbers_have_four_digits() {
        let cases = [
            (-20.912, "−20.91"),
            (0.00384, "0.0038"),
            (3.2e-7, "3.20e−7"),
            (0.0, "0"),
            (1_234_567.0, "1.23e6"),
        ];
        for (value, text) in cases {
            assert_eq!(number(value), text);
        }
    }

    #[test]
    fn returns_have_two_digits_after_the_point() {
        let cases = [
            (0.9764, "0.98"),
            (-20.9, "−20.90"),
            (183.71, "183.7"),
            (42_054.7, "42055"),
            (-123_456.0, "−123k"),
        ];
        for (value, text) in cases {
            assert_eq!(score(value), text);
        }
    }

    #[test]
    fn marks_have_the_digits_that_tell_them_apart() {
        let cases = [
            (2e6, 1e6, "2M"),
            (2.5e6, 5e5, "2.5M"),
            (0.0, 1e6, "0"),
            (-20.0, 5.0, "−20"),
            (0.25, 0.05, "0.25"),
            (1e-17, 0.1, "0"),
        ];
        for (value, step, text) in cases {
            assert_eq!(mark(value, step), text);
        }
    }

    #[test]
    fn times_have_a_sign() {
        let cases = [(0.4, "0 s"), (-150.0, "−2 min"), (11_100.0, "3 h 05"), (f64::NAN, "–")];
        for (value, text) in cases {
            assert_eq!(seconds(value), text);
        }
    }
}
