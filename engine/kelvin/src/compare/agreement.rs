//! Two gradients side by side, tensor by tensor.

use serde::Serialize;
use std::fmt;
use std::ops::Range;

/// Relative difference of gradients that single precision lets differ: sums of some thousand products.
pub const SAME: f64 = 1e-5;
/// The same of a part of it, in which less cancels out.
const PART_SAME: f64 = 1e-4;
/// Size, relative to the whole gradient, below which a part is nothing but rounding.
const NOTHING: f64 = 1e-6;

/// A part of the parameters, by name, and where it lies in the flat gradient.
pub struct Part {
    pub(super) name: String,
    pub(super) ranges: Vec<Range<usize>>,
}

/// How two gradients agree in a part of the parameters.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    /// Which.
    pub part: String,
    /// L2 norm of the first.
    pub norm_a: f64,
    /// L2 norm of the second.
    pub norm_b: f64,
    /// Cosine of the angle between them; none where one is zero.
    pub cosine: Option<f64>,
    /// The factor by which the second comes nearest to the first.
    pub factor: Option<f64>,
    /// ‖a - b‖ relative to the larger norm.
    pub difference: f64,
    /// ‖a - factor · b‖ relative to ‖a‖.
    pub difference_scaled: f64,
}

/// What the rows come to.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case", tag = "is")]
pub enum Verdict {
    /// One gradient.
    Same,
    /// One gradient but for its length.
    Scaled {
        /// The first is this many times the second.
        factor: f64,
    },
    /// One gradient but for the length of some parts.
    ScaledByPart,
    /// Two gradients.
    Different {
        /// Where they differ most, relative to what there is.
        part: String,
    },
}

/// Two gradients side by side.
#[derive(Clone, Debug, Serialize)]
pub struct Agreement {
    /// All parameters.
    pub total: Row,
    /// Each tensor; of the output layer each head by itself.
    pub parts: Vec<Row>,
    /// What they come to.
    pub verdict: Verdict,
}

impl Agreement {
    pub(super) fn new(parts: &[Part], a: &[f32], b: &[f32]) -> Self {
        let whole = Part { name: "all parameters".to_owned(), ranges: std::iter::once(0..a.len()).collect() };
        let total = Row::new(&whole, a, b);
        let parts: Vec<Row> = parts.iter().map(|part| Row::new(part, a, b)).collect();
        let verdict = verdict(&total, &parts);
        Self { total, parts, verdict }
    }
}

impl Row {
    fn new(part: &Part, a: &[f32], b: &[f32]) -> Self {
        let (mut aa, mut bb, mut ab, mut dd) = (0.0, 0.0, 0.0, 0.0);
        for index in part.ranges.iter().cloned().flatten() {
            let (a, b) = (f64::from(a[index]), f64::from(b[index]));
            (aa, bb, ab, dd) = (aa + a * a, bb + b * b, ab + a * b, dd + (a - b) * (a - b));
        }
        let (norm_a, norm_b) = (aa.sqrt(), bb.sqrt());
        let both = norm_a > 0.0 && norm_b > 0.0;
        let factor = both.then(|| ab / bb);
        // From the products the remainder would be lost in rounding.
        let remainder = |factor: f64| {
            let squares = part.ranges.iter().cloned().flatten().map(|index| {
                let rest = f64::from(a[index]) - factor * f64::from(b[index]);
                rest * rest
            });
            squares.sum::<f64>().sqrt()
        };
        let relative = |part: f64, of: f64| if of == 0.0 { 0.0 } else { part / of };
        Self {
            part: part.name.clone(),
            cosine: both.then(|| ab / (norm_a * norm_b)),
            difference: relative(dd.sqrt(), norm_a.max(norm_b)),
            difference_scaled: factor.map_or(relative(dd.sqrt(), norm_a.max(norm_b)), |factor| {
                relative(remainder(factor), norm_a)
            }),
            norm_a,
            norm_b,
            factor,
        }
    }

    /// Whether there is anything in it, beside a whole of this size.
    fn counts(&self, whole: f64) -> bool {
        self.norm_a.max(self.norm_b) > NOTHING * whole
    }
}

// Written so that NaN is a difference.
fn verdict(total: &Row, parts: &[Row]) -> Verdict {
    // Unlike `max`, a sum keeps a NaN.
    let whole = total.norm_a + total.norm_b;
    let counting = || parts.iter().filter(|row| row.counts(whole));
    if !whole.is_finite() {
        let broken = parts.iter().find(|row| !(row.norm_a.is_finite() && row.norm_b.is_finite()));
        return Verdict::Different { part: broken.unwrap_or(total).part.clone() };
    }
    if total.difference <= SAME && counting().all(|row| row.difference <= PART_SAME) {
        return Verdict::Same;
    }
    if counting().all(|row| row.difference_scaled <= PART_SAME) {
        let alike = |factor: f64| {
            let near = |row: &Row| row.factor.is_some_and(|own| (own / factor - 1.0).abs() <= PART_SAME);
            total.difference_scaled <= SAME && counting().all(near)
        };
        return match total.factor {
            Some(factor) if alike(factor) => Verdict::Scaled { factor },
            _ => Verdict::ScaledByPart,
        };
    }
    let order = |row: &&Row| if row.difference.is_nan() { f64::INFINITY } else { row.difference };
    let part = counting().max_by(|a, b| order(a).total_cmp(&order(b)));
    Verdict::Different { part: part.map_or_else(|| total.part.clone(), |row| row.part.clone()) }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Same => write!(f, "the same gradient"),
            Self::Scaled { factor } => {
                write!(f, "the same gradient up to a factor: the first is {factor:.6} times the second")
            }
            Self::ScaledByPart => {
                write!(f, "the same direction in every part, with other factors: see the column `factor`")
            }
            Self::Different { part } => write!(f, "different gradients; they part most in {part}"),
        }
    }
}

impl fmt::Display for Agreement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.parts.iter().map(|row| row.part.len()).max().unwrap_or(0).max(self.total.part.len());
        writeln!(
            f,
            "{:<width$}  {:>10}  {:>10}  {:>12}  {:>10}  {:>10}",
            "", "‖A‖", "‖B‖", "1 - cosine", "factor", "difference"
        )?;
        for row in self.parts.iter().chain([&self.total]) {
            let cosine =
                row.cosine.map_or("–".to_owned(), |cosine| format!("{:.1e}", (1.0 - cosine).max(0.0)));
            let factor = row.factor.map_or("–".to_owned(), |factor| format!("{factor:.6}"));
            writeln!(
                f,
                "{:<width$}  {:>10.3e}  {:>10.3e}  {cosine:>12}  {factor:>10}  {:>10.1e}",
                row.part, row.norm_a, row.norm_b, row.difference
            )?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compare(a: &[f32], b: &[f32]) -> Verdict {
        let half = a.len() / 2;
        let part = |name: &str, range: Range<usize>| Part { name: name.to_owned(), ranges: vec![range] };
        Agreement::new(&[part("first", 0..half), part("second", half..a.len())], a, b).verdict
    }

    #[test]
    fn verdicts_say_what_there_is() {
        let a = [1.0, -2.0, 3.0, 0.5];
        let scaled = |by: [f32; 4]| -> Vec<f32> { a.iter().zip(by).map(|(a, by)| a * by).collect() };
        assert_eq!(compare(&a, &a), Verdict::Same);
        assert_eq!(compare(&a, &scaled([1.000_001; 4])), Verdict::Same);
        assert_eq!(compare(&a, &scaled([2.0; 4])), Verdict::Scaled { factor: 0.5 });
        assert_eq!(compare(&a, &scaled([-1.0; 4])), Verdict::Scaled { factor: -1.0 });
        assert_eq!(compare(&a, &scaled([2.0, 2.0, 3.0, 3.0])), Verdict::ScaledByPart);
        let second = Verdict::Different { part: "second".to_owned() };
        assert_eq!(compare(&a, &scaled([1.0, 1.0, 1.0, -5.0])), second);
        assert_eq!(compare(&a, &scaled([1.0, 1.0, f32::NAN, 1.0])), second);
        let broken = scaled([1.0, 1.0, f32::NAN, 1.0]);
        assert_eq!(compare(&broken, &broken), second, "two that are none are not the same");
        assert_eq!(compare(&a, &scaled([1.0, 1.0, f32::INFINITY, 1.0])), second);
        // A small part by another factor is told, though the whole hardly differs.
        let b = [1e5, -2e5, 3.0, 0.5];
        assert_eq!(compare(&b, &[1e5, -2e5, 1.5, 0.25]), Verdict::ScaledByPart);
        assert_eq!(compare(&b, &[2e5, -4e5, 1.5, 0.25]), Verdict::ScaledByPart);
        assert_eq!(compare(&[0.0; 4], &[0.0; 4]), Verdict::Same);
    }
}
