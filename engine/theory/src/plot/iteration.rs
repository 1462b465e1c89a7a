//! Soft value iteration, sweep by sweep.

use super::Drawn;
use crate::draw::Rng;
use crate::mdp::Mdp;
use crate::number::gradient;
use crate::soft::{self, size};
use kelvin_chart::{Axis, BLUE, Canvas, Corner, Curve, GREEN, ORANGE, Panel, Stroke};

/// Sweeps until Q has converged, and until its policy has: advantages converge faster than values, which a constant
/// slows down that no policy sees.
const SWEEPS: usize = 400;
const FIRST_SWEEPS: usize = 60;

pub(super) fn draw(canvas: &Canvas<'_>, rng: &mut Rng) -> Drawn {
    let (mut distances, mut gradients) = (Vec::new(), Vec::new());
    for (gamma, color) in [(0.5, BLUE), (0.8, GREEN), (0.9, ORANGE)] {
        let mdp = Mdp::random(rng, 6, 3, 0.2, gamma);
        let exact = mdp.optimal();
        let mut q = vec![0.0; exact.len()];
        let (mut away, mut slopes) = (Vec::new(), Vec::new());
        for sweep in 0..=SWEEPS {
            let distance: Vec<f64> = q.iter().zip(&exact).map(|(q, exact)| q - exact).collect();
            away.push((sweep as f64, size(&distance) / size(&exact)));
            if sweep <= FIRST_SWEEPS {
                slopes.push((sweep as f64, steepness(&mdp, &q)));
            }
            q = mdp.backup(&mdp.soft_values(&q));
        }
        let bound = (0..=SWEEPS).map(|k| (k as f64, gamma.powi(k as i32)));
        let bound = bound.take_while(|(_, bound)| *bound > 1e-17).collect();
        let last = slopes.last().map_or(f64::NAN, |(_, slope)| *slope);
        distances.push(Curve { name: format!("γ = {gamma}"), color, stroke: Stroke::Solid, points: away });
        distances.push(Curve { name: format!("{gamma}ᵏ"), color, stroke: Stroke::Dashed, points: bound });
        let name = format!("γ = {gamma}, ends at {last:.0e}");
        gradients.push(Curve { name, color, stroke: Stroke::Solid, points: slopes });
    }
    let sweeps = |to: usize| Axis { name: "sweep k", from: 0.0, to: to as f64, logarithmic: false };
    let (left, right) = canvas.split_horizontally(620);
    Panel {
        title: "Soft value iteration converges at the rate γ (38)",
        x: sweeps(SWEEPS),
        y: Axis {
            name: "‖Q_k − Q*‖ / ‖Q*‖ (largest entry)", from: -17.0, to: 1.0, logarithmic: true
        },
        curves: distances,
        corner: Corner::Right,
    }
    .draw(&left)?;
    Panel {
        title: "The policy gradient at its Boltzmann policy vanishes",
        x: sweeps(FIRST_SWEEPS),
        y: Axis { name: "‖g_γ‖ of π_{Q_k} (largest entry)", from: -17.0, to: 1.0, logarithmic: true },
        curves: gradients,
        corner: Corner::Right,
    }
    .draw(&right)
}

/// The largest entry of the gradient of the exact return in the logits of π_Q.
fn steepness(mdp: &Mdp, q: &[f64]) -> f64 {
    let row = |s: usize| -> Vec<f64> {
        let reference = mdp.at(&mdp.reference, s);
        let ratios = soft::log_ratio(mdp.at(q, s), reference, mdp.tau);
        ratios.iter().zip(reference).map(|(ratio, reference)| reference.ln() + ratio).collect()
    };
    let logits: Vec<f64> = (0..mdp.states).flat_map(row).collect();
    let slopes = gradient(&logits, |logits| {
        let pi: Vec<_> = (0..mdp.states).flat_map(|s| soft::softmax(mdp.at(logits, s))).collect();
        soft::sum(mdp.evaluate(&pi).into_iter()) / mdp.states as f64
    });
    size(&slopes)
}
