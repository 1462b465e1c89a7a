//! A number that rounds on purpose: how far a result may move when every operation errs as its arithmetic allows.
//!
//! A tolerance must know how well conditioned what it judges is: an entropy at `Q/τ = 10⁷` has no correct digit in
//! `f32`, and a target at the same `Q` has seven. So the compiled kernel is run in `Rounded`, an `f64` that moves
//! each result by a few of the roundings of the arithmetic in question, several times with other errors; what the
//! outputs move by is what that arithmetic explains.
//!
//! **The one idea: a rounding is a function of the exact result.** Equal numbers stay equal, `x - x` stays 0, and a
//! result that the arithmetic holds exactly is not moved at all, as in the real thing. Independent noise would break
//! every tie and so allow anything wherever there is one.

use kelvin_objective::Real;
use std::cell::Cell;
use std::cmp::Ordering;
use std::ops::{Add, Div, Mul, Neg, Sub};

/// Errors drawn are this many times those that an operation may make, so that a few trials reach beyond what any
/// one run does.
const EXAGGERATION: f64 = 4.0;

/// What arithmetic an evaluation computes in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Arithmetic {
    /// `f64`. Its order of operations is not that of the kernel, so the networks' outputs are moved as well.
    Double,
    /// `f32` as processors do it: sums, products, quotients and roots correctly rounded, functions to a unit or two.
    Single,
    /// `f32` with the accuracy that the WGSL specification asks of a GPU. Its compiler may put sums in another order
    /// (Mesa's makes `(x + c) - m` of `x - m + c`), so a sum of three terms errs by a rounding of the largest.
    Shader,
}

impl Arithmetic {
    /// Distance from 1 to the next number.
    fn unit(self) -> f64 {
        match self {
            Self::Double => f64::EPSILON,
            Self::Single | Self::Shader => f64::from(f32::EPSILON),
        }
    }

    /// The least normal number.
    pub(super) fn least(self) -> f64 {
        match self {
            Self::Double => f64::MIN_POSITIVE,
            Self::Single | Self::Shader => f64::from(f32::MIN_POSITIVE),
        }
    }

    /// The greatest number.
    fn greatest(self) -> f64 {
        match self {
            Self::Double => f64::MAX,
            Self::Single | Self::Shader => f64::from(f32::MAX),
        }
    }

    /// Error of an operation at `x` (and `y`): in units of the last place, and absolute.
    fn error(self, operation: Operation, x: f64, y: f64) -> (f64, f64) {
        let shader = self == Self::Shader;
        let units = match operation {
            Operation::Round => 0.5,
            Operation::Divide if shader => 2.5,
            Operation::Sqrt if shader => 5.0,
            Operation::Divide | Operation::Sqrt => 0.5,
            Operation::Exp if shader => 3.0 + 2.0 * x.abs(),
            Operation::Exp => 1.0,
            // Near 1, where the logarithm passes through 0, WGSL bounds the absolute error.
            Operation::Log if shader && (0.5..=2.0).contains(&x) => return (0.5, (-21f64).exp2()),
            Operation::Log => 3.0,
            // By exponentials, see the helper in the kernel's text.
            Operation::Tanh => 12.0,
            // exp2(y log2 x): the errors of the logarithm, y times, and of the exponential.
            Operation::Pow if shader => 4.0 + 3.0 * y.abs() + 8.0 * (y * x.ln()).abs(),
            Operation::Pow => 1.0,
        };
        (units, 0.0)
    }

    /// Whether an operation that rounds correctly has nothing to round.
    fn holds(self, value: f64) -> bool {
        self != Self::Double && f64::from(value as f32) == value
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operation {
    /// Sum, difference, product, constant.
    Round,
    Divide,
    Sqrt,
    Exp,
    Log,
    Tanh,
    Pow,
}

thread_local! {
    /// The arithmetic and the trial that this thread's [`Rounded`] numbers err by: operators take no further argument.
    static MODEL: Cell<(Arithmetic, u64)> = const { Cell::new((Arithmetic::Double, 0)) };
}

/// An `f64` that errs like another arithmetic, by the model of [`in_trial`].
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Rounded {
    value: f64,
    /// The largest term of the sum that it is; 0 if it is none.
    terms: f64,
}

/// Runs `f` with the errors number `trial` of `arithmetic`; the same number, the same errors.
pub(super) fn in_trial<T>(arithmetic: Arithmetic, trial: u64, f: impl FnOnce() -> T) -> T {
    let before = MODEL.replace((arithmetic, trial));
    let result = f();
    MODEL.set(before);
    result
}

impl Rounded {
    /// A number that is no result.
    pub(super) fn new(value: f64) -> Self {
        Self { value, terms: 0.0 }
    }

    /// A network output as an evaluation reads it.
    pub(super) fn output(value: f64) -> Self {
        match MODEL.get().0 {
            Arithmetic::Double => Self::erring(Operation::Round, value, value, 0.0),
            Arithmetic::Single | Arithmetic::Shader => Self::new(value),
        }
    }

    /// `exact`, which is the sum of `a` and `b`, or their difference.
    fn sum(exact: f64, a: Self, b: Self) -> Self {
        let (arithmetic, trial) = MODEL.get();
        let largest = |number: Self| if number.terms > 0.0 { number.terms } else { number.value.abs() };
        let terms = largest(a).max(largest(b));
        let three = a.terms > 0.0 || b.terms > 0.0;
        if arithmetic != Arithmetic::Shader || !three || !exact.is_finite() {
            return Self { terms, ..Self::erring(Operation::Round, exact, 0.0, 0.0) };
        }
        let error = EXAGGERATION * 0.5 * arithmetic.unit() * terms;
        Self { value: exact + error * draw(exact.abs().to_bits(), trial), terms }
    }

    /// `exact`, which is `operation` of `x` and `y`, with its error.
    fn erring(operation: Operation, exact: f64, x: f64, y: f64) -> Self {
        let (arithmetic, trial) = MODEL.get();
        let (units, absolute) = arithmetic.error(operation, x, y);
        let correct = units <= 0.5 && absolute == 0.0;
        if !exact.is_finite() || exact == 0.0 || (correct && arithmetic.holds(exact)) {
            return Self::new(exact);
        }
        let least = arithmetic.least();
        if exact.abs() > arithmetic.greatest() {
            return Self::new(f64::INFINITY.copysign(exact));
        }
        // Numbers below the least normal one may lose all their digits, but not change their sign.
        let underflow = if exact.abs() < 2.0 * least { least } else { 0.0 };
        let error = exact.abs() * units * arithmetic.unit() + absolute + underflow;
        let moved = exact + EXAGGERATION * error * exact.signum() * draw(exact.abs().to_bits(), trial);
        let kept = underflow == 0.0 || moved.signum() == exact.signum();
        Self::new(if kept { moved } else { 0.0 })
    }
}

/// A number in -1..-0.5 or 0.5..1 that follows from its arguments (SplitMix64's last steps). No small ones: a trial
/// that happens to err by next to nothing says nothing.
fn draw(bits: u64, trial: u64) -> f64 {
    let mut z = bits ^ trial.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^= z >> 31;
    let size = 0.5 + (z >> 12) as f64 * (-53f64).exp2();
    if z & 1 == 0 { size } else { -size }
}

impl PartialEq for Rounded {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

impl PartialOrd for Rounded {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        self.value.partial_cmp(&other.value)
    }
}

impl Neg for Rounded {
    type Output = Self;
    fn neg(self) -> Self {
        Self { value: -self.value, ..self }
    }
}

impl Add for Rounded {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self::sum(self.value + other.value, self, other)
    }
}

impl Sub for Rounded {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self::sum(self.value - other.value, self, other)
    }
}

impl Mul for Rounded {
    type Output = Self;
    fn mul(self, other: Self) -> Self {
        Self::erring(Operation::Round, self.value * other.value, self.value, other.value)
    }
}

impl Div for Rounded {
    type Output = Self;
    fn div(self, other: Self) -> Self {
        Self::erring(Operation::Divide, self.value / other.value, self.value, other.value)
    }
}

impl Real for Rounded {
    const ZERO: Self = Self { value: 0.0, terms: 0.0 };
    const ONE: Self = Self { value: 1.0, terms: 0.0 };
    const NEG_INFINITY: Self = Self { value: f64::NEG_INFINITY, terms: 0.0 };
    const NAN: Self = Self { value: f64::NAN, terms: 0.0 };

    fn from_f64(value: f64) -> Self {
        match MODEL.get().0 {
            Arithmetic::Double => Self::new(value),
            Arithmetic::Single | Arithmetic::Shader => Self::erring(Operation::Round, value, value, 0.0),
        }
    }

    fn to_f64(self) -> f64 {
        self.value
    }

    fn to_index(self) -> usize {
        self.value.to_index()
    }

    fn exp(self) -> Self {
        Self::erring(Operation::Exp, self.value.exp(), self.value, 0.0)
    }

    fn ln(self) -> Self {
        Self::erring(Operation::Log, self.value.ln(), self.value, 0.0)
    }

    fn sqrt(self) -> Self {
        Self::erring(Operation::Sqrt, self.value.sqrt(), self.value, 0.0)
    }

    fn abs(self) -> Self {
        Self::new(self.value.abs())
    }

    fn tanh(self) -> Self {
        Self::erring(Operation::Tanh, self.value.tanh(), self.value, 0.0)
    }

    fn powf(self, y: Self) -> Self {
        Self::erring(Operation::Pow, self.value.powf(y.value), self.value, y.value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moved(arithmetic: Arithmetic, f: impl Fn(Rounded) -> Rounded, x: f64) -> f64 {
        let exact = in_trial(arithmetic, 0, || f(Rounded::new(x)).value);
        (1..16)
            .map(|trial| in_trial(arithmetic, trial, || (f(Rounded::new(x)).value - exact).abs()))
            .fold(0.0, f64::max)
    }

    #[test]
    fn what_needs_no_rounding_is_not_moved() {
        in_trial(Arithmetic::Single, 3, || {
            assert_eq!(Rounded::new(1.0) - Rounded::new(1.0), Rounded::new(0.0));
            assert_eq!(Rounded::new(0.5) + Rounded::new(0.25), Rounded::new(0.75));
            assert_eq!(Rounded::new(3.0) * Rounded::new(-0.0), Rounded::new(-0.0));
            assert_eq!(Rounded::from_f64(2.0), Rounded::new(2.0));
        });
    }

    #[test]
    fn one_exact_result_is_rounded_in_one_way() {
        in_trial(Arithmetic::Single, 3, || {
            let (a, b) = (Rounded::new(0.1), Rounded::new(0.7));
            assert_eq!(a + b, b + a);
            assert_eq!(a - b, -(b - a));
            assert_eq!((a * b) - (b * a), Rounded::new(0.0));
            assert_ne!((a * b).value, 0.1 * 0.7);
        });
    }

    #[test]
    fn errors_are_those_of_the_arithmetic() {
        // 1/3 is rounded by half a unit of 2^-25 at most; exaggerated by four, and never by less than half of that.
        let third = |x| Rounded::new(1.0) / x;
        for (arithmetic, half_unit) in
            [(Arithmetic::Single, (-26f64).exp2()), (Arithmetic::Double, (-55f64).exp2())]
        {
            let moved = moved(arithmetic, third, 3.0);
            assert!((2.0 * half_unit..=12.0 * half_unit).contains(&moved), "{arithmetic:?}: {moved:e}");
        }
        // e^-80 on a GPU: 163 units of 2^-23, that is 1.9e-5, exaggerated; two trials are compared.
        let relative = moved(Arithmetic::Shader, |x| x.exp(), -80.0) / (-80f64).exp();
        assert!((3e-5..2e-4).contains(&relative), "{relative:e}");
    }

    #[test]
    fn a_shader_may_reorder_a_sum_of_three() {
        let shifted = |arithmetic| moved(arithmetic, |x| (x - Rounded::new(1e4)) + Rounded::new(0.5), 1e4);
        assert_eq!(shifted(Arithmetic::Single), 0.0);
        // (10000.0 + 0.5) - 10000.0 in f32 may err by half of 2^-10.
        assert!((5e-4..5e-3).contains(&shifted(Arithmetic::Shader)), "{}", shifted(Arithmetic::Shader));
    }

    #[test]
    fn single_precision_overflows() {
        in_trial(Arithmetic::Single, 1, || {
            assert_eq!(Rounded::new(-1e38) * Rounded::new(1e3), Rounded::new(f64::NEG_INFINITY))
        });
        in_trial(Arithmetic::Double, 1, || {
            assert!((Rounded::new(-1e38) * Rounded::new(1e3)).value.is_finite())
        });
    }
}
