//! Formulas written wrongly on purpose, to see that a row notices.
//!
//! A check writes each formula once, with a [`Pen`]. Where a slip is likely it writes
//! `pen.unless(Slip::Tau, tau, 1.0)`: τ, unless the pen is to lose it. A table that is run for its result has a
//! pen that never slips; the test of this crate goes through every row and every slip that the row names, and
//! demands that the row then fails.

use serde::Serialize;

/// A way to get a formula wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Slip {
    /// A sign is flipped.
    Sign,
    /// A temperature is lost, or one too many.
    Tau,
    /// A KL term is lost.
    Kl,
    /// A discount is lost, or has the wrong power.
    Gamma,
    /// The reference policy is lost: uniform in its place, or its `log|A|` dropped.
    Reference,
    /// The first step is treated like the others.
    FirstStep,
    /// A target that is to be held fixed is not, or another one stands in its place.
    Target,
    /// Actions come from another policy than the formula's.
    Policy,
    /// In a row that shows a difference: the wrong formula is mended, so that no difference is left.
    Mended,
}

/// What formulas are written with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pen(pub(crate) Option<Slip>);

impl Pen {
    /// `right`, unless this pen makes the slip: then `wrong`.
    pub(crate) fn unless<T>(self, slip: Slip, right: T, wrong: T) -> T {
        if self.0 == Some(slip) { wrong } else { right }
    }
}
