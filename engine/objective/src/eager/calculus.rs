//! Functions of one, two or more numbers, each with its derivatives, written from the definition.
//!
//! A rule that *chooses* one of its operands sends the whole derivative there and none elsewhere, and rounds
//! nothing. Ties go to the left.

use super::number::{Rounding, Slope};

/// A function at one point.
#[derive(Debug)]
pub(super) struct Local<const N: usize> {
    pub value: f64,
    pub rounding: Rounding,
    /// Derivative by each operand; `None` where there is none by convention.
    pub slopes: [Option<Slope>; N],
}

impl<const N: usize> Local<N> {
    /// A value and derivatives that are right to the last digits.
    fn smooth(value: f64, slopes: [f64; N]) -> Self {
        Self::of(value, value.abs(), slopes.map(|slope| Some(Slope::close(slope))))
    }

    /// A value that is computed from numbers of this size.
    fn of(value: f64, size: f64, slopes: [Option<Slope>; N]) -> Self {
        Self { value, rounding: Rounding::of(size), slopes }
    }

    /// A value that has no error if this is 0.
    fn with_residue(value: f64, residue: f64, slopes: [Slope; N]) -> Self {
        let rounding = Rounding { size: value.abs(), exact: residue == 0.0 };
        Self { value, rounding, slopes: slopes.map(Some) }
    }

    /// One of the operands.
    fn choice(value: f64, chosen: usize) -> Self {
        let slopes = std::array::from_fn(|operand| (operand == chosen).then_some(Slope::exact(1.0)));
        Self { value, rounding: Rounding::NONE, slopes }
    }

    /// A number that jumps, or stays as it is.
    fn flat(value: f64) -> Self {
        Self { value, rounding: Rounding::NONE, slopes: [None; N] }
    }
}

pub(super) fn neg([x]: [f64; 1]) -> Local<1> {
    Local { value: -x, rounding: Rounding::NONE, slopes: [Some(Slope::exact(-1.0))] }
}

pub(super) fn exp([x]: [f64; 1]) -> Local<1> {
    Local::smooth(x.exp(), [x.exp()])
}

pub(super) fn log([x]: [f64; 1]) -> Local<1> {
    Local::smooth(x.ln(), [1.0 / x])
}

pub(super) fn sqrt([x]: [f64; 1]) -> Local<1> {
    Local::smooth(x.sqrt(), [0.5 / x.sqrt()])
}

/// The slope at 0 is none.
pub(super) fn abs([x]: [f64; 1]) -> Local<1> {
    let slope = match x {
        x if x > 0.0 => Some(Slope::exact(1.0)),
        x if x < 0.0 => Some(Slope::exact(-1.0)),
        _ => None,
    };
    Local { value: x.abs(), rounding: Rounding::NONE, slopes: [slope] }
}

/// -1, 0 or 1: `(x > 0) - (x < 0)`.
pub(super) fn sign([x]: [f64; 1]) -> Local<1> {
    Local::flat(f64::from(i8::from(x > 0.0) - i8::from(x < 0.0)))
}

/// The slope `1 - tanh²` is a difference of numbers of size 1.
pub(super) fn tanh([x]: [f64; 1]) -> Local<1> {
    let y = x.tanh();
    Local::of(y, y.abs(), [Some(Slope::rounded((1.0 - y) * (1.0 + y), 1.0))])
}

/// `1 / (1 + e^-x)`; the slope `y (1 - y)` holds a difference of numbers of size 1.
pub(super) fn sigmoid([x]: [f64; 1]) -> Local<1> {
    let small = (-x.abs()).exp();
    let y = if x < 0.0 { small / (1.0 + small) } else { 1.0 / (1.0 + small) };
    let slope = Slope::rounded(small / ((1.0 + small) * (1.0 + small)), y);
    Local::of(y, y, [Some(slope)])
}

pub(super) fn add([x, y]: [f64; 2]) -> Local<2> {
    Local::with_residue(x + y, residue_of_sum(x, y), [Slope::exact(1.0), Slope::exact(1.0)])
}

pub(super) fn sub([x, y]: [f64; 2]) -> Local<2> {
    Local::with_residue(x - y, residue_of_sum(x, -y), [Slope::exact(1.0), Slope::exact(-1.0)])
}

pub(super) fn mul([x, y]: [f64; 2]) -> Local<2> {
    let product = x * y;
    Local::with_residue(product, x.mul_add(y, -product), [Slope::exact(y), Slope::exact(x)])
}

pub(super) fn div([x, y]: [f64; 2]) -> Local<2> {
    let quotient = x / y;
    let slopes = [Slope::close(1.0 / y), Slope::close(-quotient / y)];
    Local::with_residue(quotient, quotient.mul_add(y, -x), slopes)
}

/// What a sum is off by (Knuth's two-sum); not a number where it is not finite.
pub(super) fn residue_of_sum(x: f64, y: f64) -> f64 {
    let sum = x + y;
    let rest = sum - x;
    (x - (sum - rest)) + (y - rest)
}

/// `x^n` for a whole `n` that the script knows, whatever the sign of `x`.
pub(super) fn whole_power(n: i32) -> impl Fn([f64; 2]) -> Local<2> {
    move |[x, _]| {
        if n == 0 {
            return Local::flat(1.0);
        }
        let value = x.powi(n);
        // A product of n factors has n roundings.
        let slope = f64::from(n) * x.powi(n - 1);
        let errors = f64::from(n.unsigned_abs());
        let slopes = [Some(Slope::rounded(slope, errors * slope.abs())), None];
        Local::of(value, errors * value.abs(), slopes)
    }
}

/// `x^y` for `x >= 0`, and not a number for another `x`.
pub(super) fn power([x, y]: [f64; 2]) -> Local<2> {
    if x < 0.0 {
        return Local::smooth(f64::NAN, [f64::NAN; 2]);
    }
    let value = x.powf(y);
    let by_base = y * x.powf(y - 1.0);
    // x^y log x tends to 0 with x; at 0 itself the product would be 0 · ∞.
    let by_exponent = if x > 0.0 { Some(Slope::close(value * x.ln())) } else { None };
    Local::of(value, value.abs(), [Some(Slope::close(by_base)), by_exponent])
}

/// The smaller of two; not a number if one of them is not.
pub(super) fn min([x, y]: [f64; 2]) -> Local<2> {
    if x <= y || x.is_nan() { Local::choice(x, 0) } else { Local::choice(y, 1) }
}

/// The larger of two; not a number if one of them is not.
pub(super) fn max([x, y]: [f64; 2]) -> Local<2> {
    if x >= y || x.is_nan() { Local::choice(x, 0) } else { Local::choice(y, 1) }
}

/// `x` held between two bounds, by the lower first.
pub(super) fn clip([x, low, high]: [f64; 3]) -> Local<3> {
    let raised = if x >= low || x.is_nan() { (x, 0) } else { (low, 1) };
    let (value, chosen) = if raised.0 <= high || raised.0.is_nan() { raised } else { (high, 2) };
    Local::choice(value, chosen)
}

/// A parabola up to `delta`, and a line from there on.
pub(super) fn huber([x, delta]: [f64; 2]) -> Local<2> {
    let size = x.abs();
    if size <= delta {
        let value = 0.5 * x * x;
        return Local::of(value, value, [Some(Slope::close(x)), None]);
    }
    // As in `abs`: no slope at 0, where a threshold below 0 leads.
    let by_x = (x != 0.0).then_some(Slope::close(delta * x.signum()));
    let by_delta = Slope::rounded(size - delta, size + delta.abs());
    let largest = (delta * size).abs() + (delta * delta).abs();
    Local::of(delta * (size - 0.5 * delta), largest, [by_x, Some(by_delta)])
}

/// `yes` where the condition is not 0.
pub(super) fn select([condition, yes, no]: [f64; 3]) -> Local<3> {
    if condition != 0.0 { Local::choice(yes, 1) } else { Local::choice(no, 2) }
}

/// 1 where both are not 0, and so on.
pub(super) fn truth<const N: usize>(holds: impl Fn([f64; N]) -> bool) -> impl Fn([f64; N]) -> Local<N> {
    move |x| Local::flat(f64::from(u8::from(holds(x))))
}

/// `r + γ later`: a return and the one a step later.
pub(super) fn discounted([reward, later, gamma]: [f64; 3]) -> Local<3> {
    let value = reward + gamma * later;
    let slopes = [Some(Slope::exact(1.0)), Some(Slope::close(gamma)), Some(Slope::close(later))];
    Local::of(value, reward.abs() + (gamma * later).abs(), slopes)
}

/// `(1 - λ) v + λ later`
pub(super) fn mixed([v, later, lambda]: [f64; 3]) -> Local<3> {
    let slopes =
        [Slope::close(1.0 - lambda), Slope::close(lambda), Slope::rounded(later - v, later.abs() + v.abs())];
    let value = (1.0 - lambda) * v + lambda * later;
    Local::of(value, ((1.0 - lambda) * v).abs() + (lambda * later).abs(), slopes.map(Some))
}

/// `r + γ (1 - terminated) ahead`
pub(super) fn backup([reward, terminated, ahead, gamma]: [f64; 4]) -> Local<4> {
    let discount = gamma * (1.0 - terminated);
    let slopes = [
        Slope::exact(1.0),
        Slope::close(-gamma * ahead),
        Slope::close(discount),
        Slope::close((1.0 - terminated) * ahead),
    ];
    let size = reward.abs() + (discount * ahead).abs();
    Local::of(reward + discount * ahead, size, slopes.map(Some))
}
