//! The bandit whose action is a real number: `π̄` is the standard normal distribution, sums are integrals.
//!
//! An identity of sums would hold on any grid, so the two sides of each row are integrated by different rules.

use crate::draw;
use crate::model::Model;
use crate::number::{Number, gradient};
use crate::quadrature::Rule;
use crate::row::Kind;
use crate::slip::Slip;
use crate::soft::{self, condition, mean, range, size};
use crate::trial::{Check, Trial};

/// Lower ones would need finer grids: a policy has the width √τ.
const TEMPERATURES: [f64; 3] = [0.1, 1.0, 10.0];

const QUADRATURE: &str = "Both rules err by less than 1e-17 here (analytic integrands, exp(−2πd/h)), so that some \
                          700 roundings of q/τ under exp are what is left.";

pub(super) const CHECKS: &[Check] = &[
    Check {
        id: "continuous-optimum",
        equations: "1, 2",
        claim: "η(π*) − η(π) = τ KL[π ‖ π*] for Gaussian π; for a quadratic reward η(π*) is known in closed form",
        why: QUADRATURE,
        kind: Kind::Identity,
        slips: &[Slip::Tau, Slip::Sign, Slip::Kl],
        evaluate: optimum,
    },
    Check {
        id: "continuous-value",
        equations: "11, 13",
        claim: "τ log ∫ π̄ exp(q/τ) = ∫ π_q q − τ KL[π_q ‖ π̄]",
        why: QUADRATURE,
        kind: Kind::Identity,
        slips: &[Slip::Tau, Slip::Kl],
        evaluate: value,
    },
    Check {
        id: "continuous-gradient",
        equations: "23",
        claim: "∇½E[(q − r)²] = −τ∇E[r − τ KL] + ∇½E[(v − (r − τ KL))²] for a network q(a)",
        why: QUADRATURE,
        kind: Kind::Identity,
        slips: &[Slip::Tau, Slip::Kl, Slip::Sign, Slip::Target],
        evaluate: equivalence,
    },
];

fn legendre() -> Rule {
    Rule::gauss_legendre(48, 16)
}

fn trapezoid() -> Rule {
    Rule::trapezoid(0.04)
}

/// A smooth, bounded reward with two hills.
struct Reward {
    height: [f64; 2],
    centre: [f64; 2],
}

impl Reward {
    fn random(t: &mut Trial) -> Self {
        let mut draw = || draw::normal(&mut t.rng).tanh();
        Self { height: [draw(), draw()], centre: [2.0 * draw(), 2.0 * draw()] }
    }

    fn at(&self, action: f64) -> f64 {
        let hill = |i: usize| self.height[i] * (-0.5 * (action - self.centre[i]).powi(2)).exp();
        hill(0) + hill(1)
    }
}

fn optimum(t: &mut Trial) {
    let (pen, left, right) = (t.pen, legendre(), trapezoid());
    for tau in TEMPERATURES {
        let reward = Reward::random(t);
        let slipped = pen.unless(Slip::Tau, tau, 3.0 * tau) * pen.unless(Slip::Sign, 1.0, -1.0);
        let on = |rule: &Rule| rule.nodes.iter().map(|&a| reward.at(a)).collect::<Vec<_>>();
        let (r, r_right) = (on(&left), on(&right));
        // Policies are densities relative to π̄. The optimum's logarithm is (r − v)/τ.
        let best = soft::boltzmann(&r, &left.weights, slipped);
        let v = soft::value(&r_right, &right.weights, slipped);
        let roundings = 800.0 * condition(&r, tau);
        for _ in 0..4 {
            let (middle, deviation) =
                (0.5 * draw::normal(&mut t.rng), 0.6 + 0.3 * draw::normal(&mut t.rng).tanh());
            let log = |a: f64| 0.5 * a * a - 0.5 * ((a - middle) / deviation).powi(2) - deviation.ln();
            // η(π) from its definition, with the logarithm of the density known in closed form.
            let objective =
                |(&a, &weight): (&f64, &f64)| weight * log(a).exp() * (reward.at(a) - tau * log(a));
            let eta: f64 = left.nodes.iter().zip(&left.weights).map(objective).sum();
            let eta_best = mean(&best, &r) - pen.unless(Slip::Kl, tau, 0.0) * soft::kl(&best, &left.weights);
            let distance = |((&a, &weight), r): ((&f64, &f64), f64)| {
                weight * log(a).exp() * (log(a) - (r - v) / slipped)
            };
            let distance: f64 =
                right.nodes.iter().zip(&right.weights).zip(r_right.iter().copied()).map(distance).sum();
            t.equal(eta_best - eta, tau * distance, size(&r) + 2.0 * tau, roundings);
        }
        // r(a) = −½ k (a − c)²: E_π̄[exp(r/τ)] = exp(−½ k c² / (τ + k)) / √(1 + k/τ).
        let (k, c) = (0.8 * tau, 0.7);
        let quadratic: Vec<f64> = left.nodes.iter().map(|a| -0.5 * k * (a - c).powi(2)).collect();
        let best = soft::boltzmann(&quadratic, &left.weights, slipped);
        let eta = mean(&best, &quadratic) - pen.unless(Slip::Kl, tau, 0.0) * soft::kl(&best, &left.weights);
        let closed = -0.5 * tau * (1.0 + k / tau).ln() - 0.5 * k * c * c / (1.0 + k / tau);
        // The nodes in the tails carry no weight; 20 τ is the most that the exponent varies where there is any.
        t.equal(eta, closed, tau, 800.0 * 20.0);
    }
    t.computed("3 temperatures, 4 policies each; Gauss–Legendre 48×16 against 601 trapezoids");
}

fn value(t: &mut Trial) {
    let (pen, left, right) = (t.pen, legendre(), trapezoid());
    for tau in TEMPERATURES {
        for _ in 0..4 {
            let q = Reward::random(t);
            let on = |rule: &Rule| rule.nodes.iter().map(|&a| q.at(a)).collect::<Vec<_>>();
            let v = soft::value(&on(&left), &left.weights, tau);
            let q = on(&right);
            let pi = soft::boltzmann(&q, &right.weights, tau);
            let slipped = pen.unless(Slip::Kl, pen.unless(Slip::Tau, tau, 2.0 * tau), 0.0);
            let by_mean = mean(&pi, &q) - slipped * soft::kl(&pi, &right.weights);
            t.equal(v, by_mean, size(&q) + tau, 800.0 * condition(&q, tau));
        }
    }
    t.computed("3 temperatures, 4 functions each; Gauss–Legendre 48×16 against 601 trapezoids");
}

/// Left: backward pass and Gauss–Legendre. Right: dual numbers and trapezoids.
fn equivalence(t: &mut Trial) {
    let (pen, left_rule, right_rule) = (t.pen, legendre(), trapezoid());
    for tau in TEMPERATURES {
        let reward = Reward::random(t);
        let model = |rule: &Rule| Model::network_on(rule.nodes.clone(), 1, 4, 1);
        let (model_left, model_right) = (model(&left_rule), model(&right_rule));
        // Slopes of about a half keep the network's poles far from the real line.
        let theta: Vec<f64> =
            model_left.random(&mut t.rng).into_iter().map(|theta| 0.5 * theta.tanh()).collect();

        let q: Vec<f64> = (0..left_rule.nodes.len()).map(|i| model_left.outputs(&theta, i)[0]).collect();
        let pi = soft::boltzmann(&q, &left_rule.weights, tau);
        let mut left = vec![0.0; theta.len()];
        for (i, &action) in left_rule.nodes.iter().enumerate() {
            model_left.pull_back(&theta, i, &[pi[i] * (q[i] - reward.at(action))], &mut left);
        }

        let expected: Vec<f64> = right_rule.nodes.iter().map(|&action| reward.at(action)).collect();
        let values = |theta: &[f64]| -> Vec<f64> {
            (0..right_rule.nodes.len()).map(|i| model_right.outputs(theta, i)[0]).collect()
        };
        let held = soft::boltzmann(&values(&theta), &right_rule.weights, tau);
        let kl = pen.unless(Slip::Target, soft::kl(&held, &right_rule.weights), 0.0);
        let right = gradient(&theta, |theta| {
            let q: Vec<_> = (0..right_rule.nodes.len()).map(|i| model_right.outputs(theta, i)[0]).collect();
            let (v, pi) =
                (soft::value(&q, &right_rule.weights, tau), soft::boltzmann(&q, &right_rule.weights, tau));
            let penalty = soft::kl(&pi, &right_rule.weights) * pen.unless(Slip::Kl, tau, 0.0);
            let weight = pen.unless(Slip::Tau, tau, 2.0 * tau) * pen.unless(Slip::Sign, -1.0, 1.0);
            let fit = held.iter().zip(&expected).map(|(&pi, r)| (v - (r - tau * kl)).square() * (0.5 * pi));
            (mean(&pi, &expected) - penalty) * weight + soft::sum(fit)
        });
        // In the weights of the first layer the slope is an action; where the policy lives these are below 5.
        let scale = (size(&q) + size(&expected) + range(&q)) * 5.0;
        t.equal_all(&left, &right, scale, 800.0 * condition(&q, tau));
    }
    t.computed("3 temperatures; Gauss–Legendre 48×16 against 601 trapezoids; 13 parameters");
}
