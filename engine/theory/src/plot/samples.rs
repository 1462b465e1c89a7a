//! Sampled gradients: with actions drawn from π_θ the two sides of (65) differ by noise of mean zero.

use super::Drawn;
use crate::draw::{self, Rng};
use crate::model::{Model, add};
use crate::soft;
use kelvin_chart::{Axis, BLUE, Canvas, Corner, Curve, GREEN, GREY, ORANGE, Panel, Stroke};

const STATES: usize = 10;
const ACTIONS: usize = 4;
const TAU: f64 = 0.5;
/// Batches that root mean squares and means are taken over.
const BATCHES: usize = 32;

/// The two gradients for each state and action, and the probability of each.
struct Gradients {
    q_learning: Vec<Vec<f64>>,
    policy: Vec<Vec<f64>>,
    chances: Vec<f64>,
}

impl Gradients {
    fn random(rng: &mut Rng) -> Self {
        let model = Model::network(rng, STATES, ACTIONS);
        let theta = model.random(rng);
        let visits = draw::distribution(rng, STATES);
        let reference = draw::policy(rng, STATES, ACTIONS);
        let delta = draw::normals(rng, STATES * ACTIONS);
        let mut made = Self { q_learning: Vec::new(), policy: Vec::new(), chances: Vec::new() };
        for s in 0..STATES {
            let (q, reference) = (model.outputs(&theta, s), &reference[s * ACTIONS..][..ACTIONS]);
            let pi = soft::boltzmann(&q, reference, TAU);
            let ratios = soft::log_ratio(&q, reference, TAU);
            let (v, kl) = (soft::value(&q, reference, TAU), soft::kl(&pi, reference));
            for a in 0..ACTIONS {
                let delta = delta[s * ACTIONS + a];
                let taken = |b: usize| f64::from(a == b);
                // (Q − y) ∇Q with y = τ KL + V + Δ.
                let error = q[a] - (TAU * kl + v + delta);
                let squared: Vec<f64> = (0..ACTIONS).map(|b| taken(b) * error).collect();
                // −τ ∇log π Δ + τ² ∇KL + (V − V̂) ∇V: slopes of log π, KL and V in Q(b).
                let slope =
                    |b: usize| -delta * (taken(b) - pi[b]) + TAU * pi[b] * (ratios[b] - kl) - delta * pi[b];
                let slopes: Vec<f64> = (0..ACTIONS).map(slope).collect();
                for (cotangent, gradients) in [(squared, &mut made.q_learning), (slopes, &mut made.policy)] {
                    let mut gradient = vec![0.0; theta.len()];
                    model.pull_back(&theta, s, &cotangent, &mut gradient);
                    gradients.push(gradient);
                }
                made.chances.push(visits[s] * pi[a]);
            }
        }
        made
    }

    /// `Σ weight · gradient`, of both.
    fn means(&self, weights: &[f64]) -> [Vec<f64>; 2] {
        [&self.q_learning, &self.policy].map(|gradients| {
            let mut sum = vec![0.0; gradients[0].len()];
            gradients.iter().zip(weights).for_each(|(gradient, &weight)| add(&mut sum, gradient, weight));
            sum
        })
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn apart(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum()
}

pub(super) fn draw(canvas: &Canvas<'_>, rng: &mut Rng) -> Drawn {
    let gradients = Gradients::random(rng);
    // Equal to rounding, by (65).
    let [exact, _] = gradients.means(&gradients.chances);
    let norm = dot(&exact, &exact);
    let mut curves: [Vec<(f64, f64)>; 4] = Default::default();
    for half_decades in 2..=10 {
        let samples = 10f64.powf(f64::from(half_decades) / 2.0).round();
        let mut sums = [0.0; 4];
        for _ in 0..BATCHES {
            let mut weights = vec![0.0; gradients.chances.len()];
            for _ in 0..samples as usize {
                weights[draw::outcome(rng, &gradients.chances)] += 1.0 / samples;
            }
            let [q_learning, policy] = gradients.means(&weights);
            let cosine =
                dot(&q_learning, &policy) / (dot(&q_learning, &q_learning) * dot(&policy, &policy)).sqrt();
            let found = [
                apart(&q_learning, &exact),
                apart(&policy, &exact),
                apart(&q_learning, &policy),
                norm * (1.0 - cosine),
            ];
            sums.iter_mut().zip(found).for_each(|(sum, found)| *sum += found / norm / BATCHES as f64);
        }
        for (i, (curve, sum)) in curves.iter_mut().zip(sums).enumerate() {
            curve.push((samples, if i < 3 { sum.sqrt() } else { sum }));
        }
    }
    let [q_learning, policy, between, cosine] = curves;
    let guide = |through: &[(f64, f64)], power: f64| {
        // Beside the curve, so that both are seen.
        let (x, y) = through[through.len() - 1];
        let at = |samples: f64| (samples, 2.0 * y * (samples / x).powf(power));
        [10.0, 1e5].map(at).to_vec()
    };
    let (slow, fast) = (guide(&policy, -0.5), guide(&cosine, -1.0));
    let curve = |name: &str, color, stroke, points| Curve { name: name.to_owned(), color, stroke, points };
    let samples = || Axis { name: "sampled state–action pairs N", from: 1.0, to: 5.0, logarithmic: true };
    let (left, right) = canvas.split_horizontally(620);
    Panel {
        title: "Sampled gradients against the exact one (65)",
        x: samples(),
        y: Axis {
            name: "relative error (root mean square of 32 batches)",
            from: -3.0,
            to: 1.0,
            logarithmic: true,
        },
        curves: vec![
            curve("soft Q-learning", BLUE, Stroke::Dotted, q_learning),
            curve("policy and value gradient", ORANGE, Stroke::Dashed, policy),
            curve("one from the other", GREEN, Stroke::Dotted, between),
            curve("proportional to 1/√N", GREY, Stroke::Dashed, slow),
        ],
        corner: Corner::Right,
    }
    .draw(&left)?;
    Panel {
        title: "The directions of the two become one",
        x: samples(),
        y: Axis {
            name: "1 − cosine of the angle (mean of 32 batches)",
            from: -7.0,
            to: 1.0,
            logarithmic: true,
        },
        curves: vec![
            curve("soft Q-learning and policy gradient", GREEN, Stroke::Dotted, cosine),
            curve("proportional to 1/N", GREY, Stroke::Dashed, fast),
        ],
        corner: Corner::Right,
    }
    .draw(&right)
}
