//! What each elementwise operation means as a number, once for `f32` and `f64`: the definition that constant
//! folding and the CPU kernel share and that the WGSL text is tested against.

use std::fmt::Debug;
use std::ops::{Add, Div, Mul, Neg, Sub};

use crate::ops::{BinaryOp, CmpOp, UnaryOp};

/// The number types an objective can be evaluated in: `f32`, `f64`, and whatever else computes, such as a type
/// that rounds on purpose to measure what rounding does.
pub trait Real:
    Copy
    + Debug
    + Default
    + PartialOrd
    + Send
    + Sync
    + Neg<Output = Self>
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + 'static
{
    /// 0.
    const ZERO: Self;
    /// 1.
    const ONE: Self;
    /// Below every other value: where a maximum starts.
    const NEG_INFINITY: Self;
    /// Not a number.
    const NAN: Self;

    /// Nearest value to a constant of the graph.
    fn from_f64(value: f64) -> Self;
    /// Back to `f64`.
    fn to_f64(self) -> f64;
    /// An action index from its stored form: rounded towards zero, negative and NaN to 0.
    fn to_index(self) -> usize;
    /// `e^x`
    fn exp(self) -> Self;
    /// Natural logarithm.
    fn ln(self) -> Self;
    /// Square root.
    fn sqrt(self) -> Self;
    /// Absolute value.
    fn abs(self) -> Self;
    /// Hyperbolic tangent.
    fn tanh(self) -> Self;
    /// `x^y`
    fn powf(self, y: Self) -> Self;
}

macro_rules! real {
    ($type:ident) => {
        impl Real for $type {
            const ZERO: Self = 0.0;
            const ONE: Self = 1.0;
            const NEG_INFINITY: Self = $type::NEG_INFINITY;
            const NAN: Self = $type::NAN;
            fn from_f64(value: f64) -> Self {
                value as $type
            }
            fn to_f64(self) -> f64 {
                f64::from(self)
            }
            fn to_index(self) -> usize {
                self as usize
            }
            fn exp(self) -> Self {
                $type::exp(self)
            }
            fn ln(self) -> Self {
                $type::ln(self)
            }
            fn sqrt(self) -> Self {
                $type::sqrt(self)
            }
            fn abs(self) -> Self {
                $type::abs(self)
            }
            fn tanh(self) -> Self {
                $type::tanh(self)
            }
            fn powf(self, y: Self) -> Self {
                $type::powf(self, y)
            }
        }
    };
}

real!(f32);
real!(f64);

/// Any number but 0 is true (NaN too).
#[inline(always)]
pub(crate) fn is_true<T: Real>(x: T) -> bool {
    x != T::ZERO
}

/// Truth as a number.
#[inline(always)]
pub(crate) fn number<T: Real>(truth: bool) -> T {
    if truth { T::ONE } else { T::ZERO }
}

#[inline(always)]
pub(crate) fn unary<T: Real>(op: UnaryOp, x: T) -> T {
    match op {
        UnaryOp::Neg => -x,
        UnaryOp::Exp => x.exp(),
        UnaryOp::Log => x.ln(),
        UnaryOp::Sqrt => x.sqrt(),
        UnaryOp::Abs => x.abs(),
        UnaryOp::Tanh => x.tanh(),
        UnaryOp::Sigmoid => {
            // Of the two forms take the one whose exponential cannot overflow.
            let e = (-x.abs()).exp();
            (if x >= T::ZERO { T::ONE } else { e }) / (T::ONE + e)
        }
    }
}

#[inline(always)]
pub(crate) fn binary<T: Real>(op: BinaryOp, x: T, y: T) -> T {
    match op {
        BinaryOp::Add => x + y,
        BinaryOp::Sub => x - y,
        BinaryOp::Mul => x * y,
        BinaryOp::Div => x / y,
        // Written so that a NaN on either side comes out: a fault must not hide in a clip.
        BinaryOp::Min => {
            if x <= y || is_nan(x) {
                x
            } else {
                y
            }
        }
        BinaryOp::Max => {
            if x >= y || is_nan(x) {
                x
            } else {
                y
            }
        }
        // Rust would answer for a negative base with a whole exponent; WGSL does not, so neither does Kelvin.
        BinaryOp::Pow if x < T::ZERO => T::NAN,
        BinaryOp::Pow => x.powf(y),
    }
}

#[inline(always)]
pub(crate) fn compare<T: Real>(op: CmpOp, x: T, y: T) -> bool {
    match op {
        CmpOp::Lt => x < y,
        CmpOp::Le => x <= y,
        CmpOp::Gt => x > y,
        CmpOp::Ge => x >= y,
        CmpOp::Eq => x == y,
        CmpOp::Ne => x != y,
    }
}

/// The largest value; NaN if one of them is.
#[inline(always)]
pub(crate) fn maximum<T: Real>(values: impl Iterator<Item = T>) -> T {
    values.fold(T::NEG_INFINITY, |max, x| binary(BinaryOp::Max, max, x))
}

/// Where the largest value first stands; 0 of none. A NaN counts as the largest, so that the value gathered
/// there shows the fault.
#[inline(always)]
pub(crate) fn first_maximum<T: Real>(values: impl Iterator<Item = T>) -> usize {
    let mut best = None;
    for (k, value) in values.enumerate() {
        match best {
            Some((max, _)) if !(value > max || (is_nan(value) && !is_nan(max))) => {}
            _ => best = Some((value, k)),
        }
    }
    best.map_or(0, |(_, k)| k)
}

#[inline(always)]
pub(crate) fn is_nan<T: Real>(x: T) -> bool {
    x.partial_cmp(&x).is_none()
}
