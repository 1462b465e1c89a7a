//! A number together with its derivative.
//!
//! A tangent says how a number changes with each output of the online network: of every state and every sample
//! of the batch, since a batch mean mixes the samples. Nearly all of it is zero, so only the rest is kept. A
//! zero that is *not there* is not the same as a zero that was computed: what is not there stays zero next to
//! an infinite slope, as the side of a `select` that was not taken must.

use std::rc::Rc;

use super::Shake;

/// Numbers and entries of tangents that one evaluation may make: 16 bytes each, if all of them were kept.
const MOST_ENTRIES: u64 = 100_000_000;

/// Derivatives by the index of the output, ascending.
type Entries = Rc<[(u32, f64)]>;

/// `None`: nothing of the online network reaches here.
pub(super) type Tangent = Option<Entries>;

/// A value and its derivative.
#[derive(Clone, Debug)]
pub(super) struct Number {
    pub value: f64,
    pub tangent: Tangent,
}

impl Number {
    pub fn constant(value: f64) -> Self {
        Self { value, tangent: None }
    }

    /// The output of the online network with this index.
    pub fn output(value: f64, index: usize) -> Self {
        Self { value, tangent: Some(Rc::from([(index as u32, 1.0)])) }
    }

    /// The derivatives there are.
    pub fn slopes(&self) -> &[(u32, f64)] {
        self.tangent.as_deref().unwrap_or_default()
    }
}

/// What a result may be off by.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rounding {
    /// Size of the numbers that it is computed from, 0 if it is one of them.
    pub size: f64,
    /// Whether it has no error all the same: small whole numbers, and their ties, stay what they are.
    pub exact: bool,
}

impl Rounding {
    /// None at all.
    pub const NONE: Self = Self { size: 0.0, exact: true };

    /// In proportion to numbers of this size.
    pub fn of(size: f64) -> Self {
        Self { size, exact: false }
    }
}

/// The derivative by one operand.
#[derive(Clone, Copy, Debug)]
pub(super) struct Slope {
    pub factor: f64,
    /// Size of the numbers that it is computed from; its rounding errors are in proportion to this. 0 if it is
    /// exact.
    pub rounding: f64,
}

impl Slope {
    /// A slope of 1, -1, or another number without a rounding error.
    pub fn exact(factor: f64) -> Self {
        Self { factor, rounding: 0.0 }
    }

    /// A slope that is right to its last digits.
    pub fn close(factor: f64) -> Self {
        Self { factor, rounding: factor.abs() }
    }

    /// A slope that was computed from numbers of the size `rounding`.
    pub fn rounded(factor: f64, rounding: f64) -> Self {
        Self { factor, rounding }
    }
}

/// Every so many seeds numbers have fewer digits instead of random errors: what would be equal if nothing were rounded is,
/// and signs and ties of it are met.
const ROUNDED: u64 = 9;

/// Makes numbers out of numbers: the chain rule, and the rounding errors that are put in on purpose.
#[derive(Debug)]
pub(super) struct Machine {
    shake: Option<Shake>,
    state: u64,
    entries: u64,
}

impl Machine {
    pub fn new(shake: Option<Shake>) -> Self {
        let state = shake.map_or(0, |shake| shake.seed);
        Self { shake, state, entries: 0 }
    }

    /// Whether there was no end to it. What was made since then has no derivative.
    pub fn is_exhausted(&self) -> bool {
        self.entries > MOST_ENTRIES
    }

    /// Counts numbers that are kept elsewhere.
    pub fn note(&mut self, entries: usize) {
        self.entries += entries as u64;
    }

    /// A number with this value that changes with each of `terms` by its slope.
    pub fn number<'a>(
        &mut self,
        value: f64,
        rounding: Rounding,
        terms: impl IntoIterator<Item = (&'a Number, Option<Slope>)>,
    ) -> Number {
        self.entries += 1;
        let exact = rounding.exact && self.holds(value);
        let value = self.jitter(value, if exact { 0.0 } else { rounding.size });
        if self.is_exhausted() {
            return Number::constant(value);
        }
        let mut parts: Vec<(&'a Entries, f64)> = Vec::new();
        for (number, slope) in terms {
            if let (Some(tangent), Some(slope)) = (&number.tangent, slope) {
                parts.push((tangent, self.jitter(slope.factor, slope.rounding)));
            }
        }
        let mut entries = match parts[..] {
            [] => return Number::constant(value),
            [(tangent, 1.0)] => return Number { value, tangent: Some(tangent.clone()) },
            _ => sum(&parts, |slope| slope),
        };
        self.entries += entries.len() as u64;
        if rounding.size != 0.0 && self.shake.is_some() {
            // What cancels here may be added up in another order elsewhere, and leave its rounding errors.
            for ((_, slope), (_, size)) in entries.iter_mut().zip(sum(&parts, f64::abs)) {
                *slope = self.jitter(*slope, size);
            }
        }
        Number { value, tangent: Some(entries.into()) }
    }

    /// `x`, off by as much as a computation on numbers of this size may be.
    fn jitter(&mut self, x: f64, size: f64) -> f64 {
        let Some(Shake { unit, seed }) = self.shake else { return x };
        if x == 0.0 && size == 0.0 {
            // The compiler keeps every bit of a result but this one; its zeros may be all of one sign.
            return match seed % 3 {
                0 => 0.0,
                1 => -0.0,
                _ => x.copysign(signed(splitmix(&mut self.state))),
            };
        }
        if size == 0.0 || !size.is_finite() || !x.is_finite() {
            return x;
        }
        if seed % ROUNDED == 0 {
            let grid = (unit * size).log2().ceil().exp2();
            return (x / grid).round() * grid;
        }
        x + unit * size * signed(splitmix(&mut self.state))
    }

    /// Whether numbers of the precision that is played have the digits for `x`.
    fn holds(&self, x: f64) -> bool {
        let Some(shake) = self.shake else { return true };
        let digits = 53 - i64::from((x.to_bits() | 1 << 52).trailing_zeros());
        digits as f64 <= -shake.unit.log2()
    }
}

/// Σ factor · tangent, of each product what `part` makes of it.
fn sum(parts: &[(&Entries, f64)], part: fn(f64) -> f64) -> Vec<(u32, f64)> {
    let mut entries = Vec::with_capacity(parts.iter().map(|(tangent, _)| tangent.len()).sum());
    for (tangent, factor) in parts {
        entries.extend(tangent.iter().map(|&(index, slope)| (index, part(factor * slope))));
    }
    // Stable, so that equal indices are added in the order of the operands.
    entries.sort_by_key(|(index, _)| *index);
    entries.dedup_by(|next, first| {
        let same = next.0 == first.0;
        if same {
            first.1 += next.1;
        }
        same
    });
    entries
}

/// The next of a sequence of evenly spread numbers (the finaliser of Steele, Lea, Flood 2014, "Fast splittable
/// pseudorandom number generators").
pub(super) fn splitmix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut x = *state;
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

/// From random bits to -1..1.
pub(super) fn signed(bits: u64) -> f64 {
    (bits >> 11) as f64 / (1u64 << 52) as f64 - 1.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outputs(count: usize) -> Vec<Number> {
        (0..count).map(|index| Number::output(index as f64, index)).collect()
    }

    #[test]
    fn tangents_add_by_index() {
        let [a, b, c] = &outputs(3)[..] else { unreachable!() };
        let mut machine = Machine::new(None);
        let ab = machine.number(
            0.0,
            Rounding::of(1.0),
            [(b, Some(Slope::exact(2.0))), (a, Some(Slope::exact(3.0)))],
        );
        assert_eq!(ab.slopes(), [(0, 3.0), (1, 2.0)]);
        let all = machine.number(
            0.0,
            Rounding::of(1.0),
            [(c, Some(Slope::exact(1.0))), (&ab, Some(Slope::exact(-1.0))), (b, Some(Slope::exact(0.5)))],
        );
        assert_eq!(all.slopes(), [(0, -3.0), (1, -1.5), (2, 1.0)]);
    }

    #[test]
    fn what_is_not_there_survives_an_infinite_slope() {
        let [a, ..] = &outputs(1)[..] else { unreachable!() };
        let mut machine = Machine::new(None);
        let dropped = machine.number(1.0, Rounding::NONE, [(a, None)]);
        let steep = machine.number(0.0, Rounding::NONE, [(&dropped, Some(Slope::exact(f64::INFINITY)))]);
        assert!(steep.slopes().is_empty());
        let computed = machine.number(1.0, Rounding::NONE, [(a, Some(Slope::exact(0.0)))]);
        let steep = machine.number(0.0, Rounding::NONE, [(&computed, Some(Slope::exact(f64::INFINITY)))]);
        assert!(steep.slopes()[0].1.is_nan());
    }

    #[test]
    fn shaking_moves_what_is_rounded_and_nothing_else() {
        let [a, ..] = &outputs(1)[..] else { unreachable!() };
        let mut machine = Machine::new(Some(Shake { unit: 1e-3, seed: 5 }));
        for _ in 0..100 {
            let rounded = machine.number(2.0, Rounding::of(2.0), [(a, Some(Slope::close(4.0)))]);
            assert!(rounded.value != 2.0 && (rounded.value - 2.0).abs() <= 2e-3);
            let slope = rounded.slopes()[0].1;
            assert!(slope != 4.0 && (slope - 4.0).abs() <= 8.01e-3);
            let exact = machine.number(2.0, Rounding::NONE, [(a, Some(Slope::exact(-1.0)))]);
            assert!(exact.value == 2.0 && exact.slopes()[0].1 == -1.0);
        }
        let mut machine = Machine::new(Some(Shake { unit: 1e-3, seed: ROUNDED }));
        for (value, rounded) in [(0.5 - 1e-4, 0.5), (0.5 + 3e-4, 0.5), (-1e-9, 0.0)] {
            assert_eq!(machine.number(value, Rounding::of(0.5), [(a, None)]).value, rounded);
        }
    }
}
