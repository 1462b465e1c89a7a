//! Numbers, and numbers that carry a derivative.
//!
//! An expression that is generic over [`Number`] is evaluated on `f64`, and differentiated exactly by evaluating it on
//! [`Dual`]: no differences, and no rule of a gradient written by hand.

use std::ops::{Add, Div, Mul, Neg, Sub};

/// What formulas are written over.
pub(crate) trait Number:
    Copy
    + From<f64>
    + Neg<Output = Self>
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + Add<f64, Output = Self>
    + Sub<f64, Output = Self>
    + Mul<f64, Output = Self>
    + Div<f64, Output = Self>
{
    /// The number itself.
    fn value(self) -> f64;
    fn exp(self) -> Self;
    fn ln(self) -> Self;
    fn tanh(self) -> Self;

    fn square(self) -> Self {
        self * self
    }
}

impl Number for f64 {
    fn value(self) -> f64 {
        self
    }
    fn exp(self) -> Self {
        self.exp()
    }
    fn ln(self) -> Self {
        self.ln()
    }
    fn tanh(self) -> Self {
        self.tanh()
    }
}

/// A number and its derivative along one direction.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Dual {
    value: f64,
    slope: f64,
}

impl Number for Dual {
    fn value(self) -> f64 {
        self.value
    }
    fn exp(self) -> Self {
        let value = self.value.exp();
        Self { value, slope: value * self.slope }
    }
    fn ln(self) -> Self {
        Self { value: self.value.ln(), slope: self.slope / self.value }
    }
    fn tanh(self) -> Self {
        let value = self.value.tanh();
        Self { value, slope: (1.0 - value * value) * self.slope }
    }
}

impl From<f64> for Dual {
    fn from(value: f64) -> Self {
        Self { value, slope: 0.0 }
    }
}

impl Neg for Dual {
    type Output = Self;
    fn neg(self) -> Self {
        Self { value: -self.value, slope: -self.slope }
    }
}

impl Add for Dual {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self { value: self.value + other.value, slope: self.slope + other.slope }
    }
}

impl Sub for Dual {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self { value: self.value - other.value, slope: self.slope - other.slope }
    }
}

impl Mul for Dual {
    type Output = Self;
    fn mul(self, other: Self) -> Self {
        Self { value: self.value * other.value, slope: self.slope * other.value + self.value * other.slope }
    }
}

impl Div for Dual {
    type Output = Self;
    fn div(self, other: Self) -> Self {
        let value = self.value / other.value;
        Self { value, slope: (self.slope - value * other.slope) / other.value }
    }
}

macro_rules! with_constants {
    ($($operator:ident $function:ident),*) => {$(
        impl $operator<f64> for Dual {
            type Output = Self;
            fn $function(self, other: f64) -> Self {
                self.$function(Self::from(other))
            }
        }
    )*};
}
with_constants!(Add add, Sub sub, Mul mul, Div div);

/// The gradient of `f` at `at`, one direction at a time.
pub(crate) fn gradient(at: &[f64], f: impl Fn(&[Dual]) -> Dual) -> Vec<f64> {
    let mut point: Vec<Dual> = at.iter().copied().map(Dual::from).collect();
    let mut along = |i: usize| {
        point[i].slope = 1.0;
        let slope = f(&point).slope;
        point[i].slope = 0.0;
        slope
    };
    (0..at.len()).map(&mut along).collect()
}

/// Solves `matrix · x = right` by elimination.
///
/// Rows are not exchanged: every system of this crate is `I − γP` with a stochastic `P`, strictly dominated by its
/// diagonal, for which elimination is stable as it stands.
pub(crate) fn solve<T: Number>(mut matrix: Vec<Vec<T>>, mut right: Vec<T>) -> Vec<T> {
    let n = right.len();
    for pivot in 0..n {
        let (above, below) = matrix.split_at_mut(pivot + 1);
        let lead = &above[pivot];
        for (row, below) in below.iter_mut().enumerate() {
            let factor = below[pivot] / lead[pivot];
            for column in pivot..n {
                below[column] = below[column] - factor * lead[column];
            }
            right[pivot + 1 + row] = right[pivot + 1 + row] - factor * right[pivot];
        }
    }
    for row in (0..n).rev() {
        for column in row + 1..n {
            right[row] = right[row] - matrix[row][column] * right[column];
        }
        right[row] = right[row] / matrix[row][row];
    }
    right
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn derivatives_agree_with_differences() {
        fn f<T: Number>(x: &[T]) -> T {
            let part = (x[0] * 0.7 - x[1]).tanh() / (x[1].exp() + 2.0);
            (part.square() + 1.0).ln() - -x[0] / 3.0 * x[1] - 0.5
        }
        let at = [0.3, -0.8];
        let exact = gradient(&at, f::<Dual>);
        for i in 0..2 {
            let shifted = |by: f64| {
                let mut x = at;
                x[i] += by;
                f(&x)
            };
            // A central difference with step h errs by h² times a third derivative, and by rounding over h.
            let difference = (shifted(1e-5) - shifted(-1e-5)) / 2e-5;
            assert!((difference - exact[i]).abs() < 1e-9, "{difference} {}", exact[i]);
        }
    }

    #[test]
    fn systems_are_solved() {
        let matrix = vec![vec![1.0, -0.3, -0.5], vec![-0.2, 1.0, -0.1], vec![-0.4, -0.4, 1.0]];
        let x = solve(matrix.clone(), vec![1.0, 2.0, 3.0]);
        for (row, right) in matrix.iter().zip([1.0, 2.0, 3.0]) {
            let left: f64 = row.iter().zip(&x).map(|(m, x)| m * x).sum();
            assert!((left - right).abs() < 1e-14, "{left} {right}");
        }
    }
}
