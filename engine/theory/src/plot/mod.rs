//! Pictures of what the table says in numbers. They are made from the same problems and formulas.

mod damping;
mod iteration;
mod samples;
mod table;

use crate::draw::Rng;
use crate::row::Row;
pub use kelvin_chart::PlotError;
use kelvin_chart::draw;
use rand::SeedableRng;
use std::path::{Path, PathBuf};

type Drawn = Result<(), kelvin_chart::Error>;

/// Draws the pictures into a folder that is there, and returns their paths:
///
/// - `theory-table.svg`: the error of each row against its tolerance or threshold;
/// - `theory-iteration.svg`: soft value iteration against `γ^k`, and the policy gradient that goes with it;
/// - `theory-samples.svg`: sampled gradients of soft Q-learning and of policy gradients against the exact one;
/// - `theory-damping.svg`: what fits the damped and the undamped target against the natural gradient step.
pub fn plot(folder: &Path, rows: &[Row], seed: u64) -> Result<Vec<PathBuf>, PlotError> {
    let rng = || Rng::seed_from_u64(seed);
    Ok(vec![
        draw(folder, "theory-table.svg", table::size(rows), |canvas| table::draw(canvas, rows))?,
        draw(folder, "theory-iteration.svg", WIDE, |canvas| iteration::draw(canvas, &mut rng()))?,
        draw(folder, "theory-samples.svg", WIDE, |canvas| samples::draw(canvas, &mut rng()))?,
        draw(folder, "theory-damping.svg", WIDE, |canvas| damping::draw(canvas, &mut rng()))?,
    ])
}

/// Two panels side by side, in pixels.
const WIDE: (u32, u32) = (1240, 560);
