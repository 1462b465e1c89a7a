//! The mathematics of Schulman, Chen and Abbeel (2017), [Equivalence Between Policy Gradients and Soft
//! Q-Learning](https://arxiv.org/abs/1704.06440), checked by computation.
//!
//! What flows in is a seed; what flows out is a table, one [`Row`] for each identity of the paper, and pictures. The
//! one idea: **each side of an identity is computed by a route of its own, on problems small enough to be exact.**
//! Values are discounted sums on one side and linear solves on the other; gradients are backward passes written by hand
//! on one side and dual numbers through a definition on the other; expectations are sums over all trajectories. So what
//! two sides differ by is rounding, and every tolerance is a count of roundings times a condition that is known or
//! measured.
//!
//! Some rows are [`Kind::Difference`]: what the paper prints with a slip, or what is only true under a condition that
//! the row takes away. `docs/theory.md` has the derivations.
//!
//! Every formula can be written wrongly on purpose ([`Slip`]); a test goes through all rows and all their slips and
//! sees each row fail.
#![forbid(unsafe_code)]

mod checks;
mod draw;
mod mdp;
mod model;
mod number;
mod plot;
mod quadrature;
mod regression;
mod row;
mod slip;
mod soft;
mod trial;

pub use plot::{PlotError, plot};
pub use row::{Kind, Row};
pub use slip::Slip;

/// The ids of all rows, in order.
pub fn ids() -> Vec<&'static str> {
    checks::all().map(|check| check.id).collect()
}

/// Computes the rows whose id `wanted` accepts, and shows each to `progress` when it is done.
///
/// A row follows from its id and the seed alone, whichever others are computed.
pub fn run(seed: u64, wanted: impl Fn(&str) -> bool, mut progress: impl FnMut(&Row)) -> Vec<Row> {
    let rows = checks::all().filter(|check| wanted(check.id)).map(|check| {
        let row = check.run(seed, None);
        progress(&row);
        row
    });
    rows.collect()
}

/// The slips that a row has to notice; none if there is no such row.
pub fn slips(id: &str) -> &'static [Slip] {
    checks::all().find(|check| check.id == id).map_or(&[], |check| check.slips)
}

/// A row computed with a slip in its formula, as the tests do; none if there is no such row.
pub fn run_wrong(seed: u64, id: &str, slip: Slip) -> Option<Row> {
    checks::all().find(|check| check.id == id).map(|check| check.run(seed, Some(slip)))
}
