//! A number that rounds on purpose: how far a result may move when every operation errs as its arithmetic allows.
//!
//! A tolerance must know how well conditioned what it judges is: an entropy at `Q/τ = 10⁷` has no correct digit in
//! `f32`, and a target at the same `Q` has seven. So the compiled kernel is run in [`Rounded`], an `f64` that moves
//! each result by a few of the roundings of the arithmetic in question, several times with other errors; what the
//! outputs move by is what that arithmetic explains.
//!
//! **The one idea: a rounding is a function of the exact result.** Equal numbers stay equal, `x - x` stays 0, and a
//! result that the arithmetic holds exactly is not moved at all, as in the real thing. Independent noise would break
//! every tie and so allow anything wherever there is one.

use kelvin_objective::Real;
use std::cell::Cell;
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
    /// `f32` with the accuracy that the WGSL specification asks of a GPU.
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
#[derive(Clone, Copy, Debug, Default, PartialEq, PartialOrd)]
pub(super) struct Rounded(pub f64);

/// Runs `f` with the errors number `trial` of `arithmetic`; the same number, the same errors.
pub(super) fn in_trial<T>(arithmetic: Arithmetic, trial: u64, f: impl FnOnce() -> T) -> T {
    let before = MODEL.replace((arithmetic, trial));
    let result = f();
    MODEL.set(before);
    result
}

impl Rounded {
    /// A network output as an evaluation reads it.
    pub(super) fn output(value: f64) -> Self {
        match MODEL.get().0 {
            Arithmetic::Double => Self::erring(Operation::Round, value, value, 0.0),
            Arithmetic::Single | Arithmetic::Shader => Self(value),
        }
    }

    /// `exact`, which is `operation` of `x` and `y`, with its error.
    fn erring(operation: Operation, exact: f64, x: f64, y: f64) -> Self {
        let (arithmetic, trial) = MODEL.get();
        let (units, absolute) = arithmetic.error(operation, x, y);
        let correct = units <= 0.5 && absolute == 0.0;
        if !exact.is_finite() || exact == 0.0 || (correct && arithmetic.holds(exact)) {
            return Self(exact);
        }
        let least = arithmetic.least();
        if exact.abs() > arithmetic.greatest() {
            return Self(f64::INFINITY.copysign(exact));
        }
        // Numbers below the least normal one may lose all their digits, but not change their sign.
        let error = exact.abs() * units * arithmetic.unit() + absolute + least;
        let moved = exact + EXAGGERATION * error * exact.signum() * draw(exact.abs().to_bits(), trial);
        let kept = exact.abs() > least || moved.signum() == exact.signum();
        Self(if kept { moved } else { 0.0 })
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

impl Neg for Rounded {
    type Output = Self;
    fn neg(self) -> Self {
        Self(-self.0)
    }
}

macro_rules! operator {
    ($trait:ident, $method:ident, $symbol:tt, $operation:expr) => {
        impl $trait for Rounded {
            type Output = Self;
            fn $method(self, other: Self) -> Self {
                Self::erring($operation, self.0 $symbol other.0, self.0, other.0)
            }
        }
    };
}

operator!(Add, add, +, Operation::Round);
operator!(Sub, sub, -, Operation::Round);
operator!(Mul, mul, *, Operation::Round);
operator!(Div, div, /, Operation::Divide);

impl Real for Rounded {
    const ZERO: Self = Self(0.0);
    const ONE: Self = Self(1.0);
    const NEG_INFINITY: Self = Self(f64::NEG_INFINITY);
    const NAN: Self = Self(f64::NAN);

    fn from_f64(value: f64) -> Self {
        match MODEL.get().0 {
            Arithmetic::Double => Self(value),
            Arithmetic::Single | Arithmetic::Shader => Self::erring(Operation::Round, value, value, 0.0),
        }
    }

    fn to_f64(self) -> f64 {
        self.0
    }

    fn to_index(self) -> usize {
        self.0.to_index()
    }

    fn exp(self) -> Self {
        Self::erring(Operation::Exp, self.0.exp(), self.0, 0.0)
    }

    fn ln(self) -> Self {
        Self::erring(Operation::Log, self.0.ln(), self.0, 0.0)
    }

    fn sqrt(self) -> Self {
        Self::erring(Operation::Sqrt, self.0.sqrt(), self.0, 0.0)
    }

    fn abs(self) -> Self {
        Self(self.0.abs())
    }

    fn tanh(self) -> Self {
        Self::erring(Operation::Tanh, self.0.tanh(), self.0, 0.0)
    }

    fn powf(self, y: Self) -> Self {
        Self::erring(Operation::Pow, self.0.powf(y.0), self.0, y.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moved(arithmetic: Arithmetic, f: impl Fn(Rounded) -> Rounded, x: f64) -> f64 {
        let exact = in_trial(arithmetic, 0, || f(Rounded(x)).0);
        (1..16)
            .map(|trial| in_trial(arithmetic, trial, || (f(Rounded(x)).0 - exact).abs()))
            .fold(0.0, f64::max)
    }

    #[test]
    fn what_needs_no_rounding_is_not_moved() {
        in_trial(Arithmetic::Single, 3, || {
            assert_eq!(Rounded(1.0) - Rounded(1.0), Rounded(0.0));
            assert_eq!(Rounded(0.5) + Rounded(0.25), Rounded(0.75));
            assert_eq!(Rounded(3.0) * Rounded(-0.0), Rounded(-0.0));
            assert_eq!(Rounded::from_f64(2.0), Rounded(2.0));
        });
    }

    #[test]
    fn one_exact_result_is_rounded_in_one_way() {
        in_trial(Arithmetic::Single, 3, || {
            let (a, b) = (Rounded(0.1), Rounded(0.7));
            assert_eq!(a + b, b + a);
            assert_eq!(a - b, -(b - a));
            assert_eq!((a * b) - (b * a), Rounded(0.0));
            assert_ne!((a * b).0, 0.1 * 0.7);
        });
    }

    #[test]
    fn errors_are_those_of_the_arithmetic() {
        // 1/3 is rounded by half a unit of 2^-25 at most; exaggerated by four, and never by less than half of that.
        let third = |x| Rounded(1.0) / x;
        for (arithmetic, half_unit) in
            [(Arithmetic::Single, (-26f64).exp2()), (Arithmetic::Double, (-55f64).exp2())]
        {
            let moved = moved(arithmetic, third, 3.0);
            assert!((2.0 * half_unit..=12.0 * half_unit).contains(&moved), "{arithmetic:?}: {moved:e}");
        }
        // e^-80 on a GPU: 163 units of 2^-23.
        let relative = moved(Arithmetic::Shader, |x| x.exp(), -80.0) / (-80f64).exp();
        assert!((3e-5..4e-4).contains(&relative), "{relative:e}");
    }

    #[test]
    fn single_precision_overflows() {
        in_trial(Arithmetic::Single, 1, || {
            assert_eq!(Rounded(-1e38) * Rounded(1e3), Rounded(f64::NEG_INFINITY))
        });
        in_trial(Arithmetic::Double, 1, || assert!((Rounded(-1e38) * Rounded(1e3)).0.is_finite()));
    }
}
