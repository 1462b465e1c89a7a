//! One run of one check: random numbers in, comparisons out.

use crate::row::{Kind, Row};
use crate::slip::{Pen, Slip};
use rand::SeedableRng;
use rand_xoshiro::Xoshiro256PlusPlus;

/// The smallest relative difference that shows two formulas to be different ones: half of the digits of an `f64`.
/// Rounding stays orders of magnitude below it in every row, what depends on a formula above.
pub(crate) const HALF_THE_DIGITS: f64 = 1.5e-8;

/// A row of the table before it is computed.
pub(crate) struct Check {
    pub(crate) id: &'static str,
    pub(crate) equations: &'static str,
    pub(crate) claim: &'static str,
    pub(crate) why: &'static str,
    pub(crate) kind: Kind,
    /// The ways to get it wrong that it has to notice.
    pub(crate) slips: &'static [Slip],
    pub(crate) evaluate: fn(&mut Trial),
}

impl Check {
    /// Computes the row. Each check has random numbers of its own, whichever others run.
    pub(crate) fn run(&self, seed: u64, slip: Option<Slip>) -> Row {
        // FNV-1a of the id.
        let hash = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        let own = self.id.bytes().fold(0xcbf2_9ce4_8422_2325, hash);
        let mut trial = Trial {
            rng: Xoshiro256PlusPlus::seed_from_u64(seed ^ own),
            pen: Pen(slip),
            kind: self.kind,
            computed: String::new(),
            compared: 0,
            worst: None,
        };
        (self.evaluate)(&mut trial);
        // A check that compared nothing has shown nothing.
        let Comparison { error, tolerance } =
            trial.worst.unwrap_or(Comparison { error: f64::NAN, tolerance: 0.0 });
        Row {
            id: self.id,
            equations: self.equations,
            claim: self.claim,
            computed: format!("{}; {} numbers", trial.computed, trial.compared),
            error,
            tolerance,
            why: self.why,
            kind: self.kind,
            pass: match self.kind {
                Kind::Identity => error <= tolerance,
                Kind::Difference => error > tolerance && error.is_finite(),
            },
        }
    }
}

#[derive(Clone, Copy)]
struct Comparison {
    error: f64,
    tolerance: f64,
}

impl Comparison {
    fn ratio(self) -> f64 {
        self.error / self.tolerance
    }
}

/// What a check draws from, writes with and reports to.
pub(crate) struct Trial {
    pub(crate) rng: Xoshiro256PlusPlus,
    pub(crate) pen: Pen,
    kind: Kind,
    computed: String,
    compared: usize,
    worst: Option<Comparison>,
}

impl Trial {
    /// Says what was computed.
    pub(crate) fn computed(&mut self, what: impl Into<String>) {
        self.computed = what.into();
    }

    /// The two sides of an identity, relative to the size of the terms that they are sums of. `roundings` is how many
    /// relative roundings of that size can add up on the way.
    pub(crate) fn equal(&mut self, left: f64, right: f64, scale: f64, roundings: f64) {
        self.within((left - right).abs() / scale, roundings * f64::EPSILON);
    }

    /// [`Trial::equal`], number by number.
    pub(crate) fn equal_all(&mut self, left: &[f64], right: &[f64], scale: f64, roundings: f64) {
        assert_eq!(left.len(), right.len(), "two sides of one identity");
        for (&left, &right) in left.iter().zip(right) {
            self.equal(left, right, scale, roundings);
        }
    }

    /// An inequality: `value` is not above `bound`.
    pub(crate) fn at_most(&mut self, value: f64, bound: f64, scale: f64, roundings: f64) {
        let excess = (value - bound) / scale;
        // `max` would turn what is not a number into zero.
        let excess = if excess < 0.0 { 0.0 } else { excess };
        self.within(excess, roundings * f64::EPSILON);
    }

    /// Two vectors that are claimed to differ, by more than half of the digits of an `f64`.
    pub(crate) fn differ(&mut self, left: &[f64], right: &[f64], scale: f64) {
        assert_eq!(left.len(), right.len(), "two sides of one comparison");
        let square: f64 = left.iter().zip(right).map(|(l, r)| (l - r).powi(2)).sum();
        self.within((square / left.len() as f64).sqrt() / scale, HALF_THE_DIGITS);
    }

    /// An error against its tolerance or threshold.
    pub(crate) fn within(&mut self, error: f64, tolerance: f64) {
        let new = Comparison { error, tolerance };
        let (kind, ratio) = (self.kind, new.ratio());
        let closer = |old: Comparison| match kind {
            Kind::Identity => ratio > old.ratio(),
            Kind::Difference => ratio < old.ratio(),
        };
        self.compared += 1;
        // What is not a number stays, since no ratio compares with it.
        if self.worst.is_none_or(|old| ratio.is_nan() || closer(old)) {
            self.worst = Some(new);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(kind: Kind, evaluate: fn(&mut Trial)) -> Row {
        Check { id: "", equations: "", claim: "", why: "", kind, slips: &[], evaluate }.run(0, None)
    }

    #[test]
    fn what_is_not_a_number_never_passes() {
        for kind in [Kind::Identity, Kind::Difference] {
            assert!(!row(kind, |_| {}).pass, "nothing was compared");
            let nan: [fn(&mut Trial); 4] = [
                |t| {
                    t.equal(f64::NAN, 1.0, 1.0, 1.0);
                    t.equal(1.0, 1.0, 1.0, 1.0);
                },
                |t| {
                    t.equal(1.0, 1.0, 1.0, 1.0);
                    t.at_most(f64::NAN, 1.0, 1.0, 1.0);
                    t.equal(1.0, 1.0, 1.0, 1.0);
                },
                |t| t.equal(0.0, 0.0, 0.0, 1.0),
                |t| t.differ(&[f64::INFINITY], &[0.0], 1.0),
            ];
            for evaluate in nan {
                let row = row(kind, evaluate);
                assert!(!row.pass, "{row:?}");
            }
        }
    }

    #[test]
    fn the_worst_comparison_is_kept() {
        let identity = row(Kind::Identity, |t| {
            t.within(1e-3, 1e-2);
            t.within(2e-2, 1e-2);
            t.within(1e-3, 1.0);
        });
        assert_eq!((identity.error, identity.pass), (2e-2, false));
        let difference = row(Kind::Difference, |t| {
            t.within(0.5, 1e-2);
            t.within(1e-3, 1e-2);
            t.within(0.5, 1e-2);
        });
        assert_eq!((difference.error, difference.pass), (1e-3, false));
    }
}
