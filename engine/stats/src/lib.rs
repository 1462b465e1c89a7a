//! What a few seeds on a few games say, and how sure one may be of it.
//!
//! What flows in are returns: one number a run for a table ([`Scores`]), or one row a run for a curve; what flows out
//! are estimates with 95 % intervals. The one idea: **nothing is said without how far another set of seeds might have
//! said otherwise.** Runs of deep reinforcement learning are few and differ wildly, so that a mean of three seeds is
//! a draw of a lottery; Agarwal et al. 2021, [*Deep Reinforcement Learning at the Edge of the Statistical
//! Precipice*](https://arxiv.org/abs/2108.13264), say what to report instead, and this crate follows their
//! definitions, checked against the numbers of their own library, rliable (`tests/rliable.rs`):
//!
//! - [`Scores`]: runs by game;
//! - [`Bootstrap`]: their mean, median, interquartile mean and optimality gap, with intervals from resampling the seeds
//!   within each game, the same numbers for the same seed;
//! - [`Profile`]: how many runs are better than each score;
//! - [`Pair`]: how probably one variant beats another, and by how much;
//! - [`welch`], [`mann_whitney`], [`holm`]: tests of one game, and of many;
//! - [`Band`]: curves over seeds, point by point;
//! - [`human`]: scores in units of a random and a human player.
//!
//! Scores are finite by construction. Where there is nothing to take a statistic of, it is `NaN` for points of a curve
//! and `None` elsewhere.
#![forbid(unsafe_code)]

mod band;
mod bootstrap;
pub mod human;
mod pair;
mod profile;
mod sample;
mod scores;
mod tests_of_difference;

pub use band::{Band, Center};
pub use bootstrap::{Bootstrap, Interval};
pub use pair::Pair;
pub use profile::Profile;
pub use sample::{iqm, mean, median, quantile, std};
pub use scores::{Game, Scores, ScoresError};
pub use tests_of_difference::{Outcome, holm, mann_whitney, welch};
