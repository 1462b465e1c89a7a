//! The natural gradient as least squares (66 to 71).

use crate::number::{Dual, Number, gradient};
use crate::regression::Regression;
use crate::row::Kind;
use crate::slip::Slip;
use crate::soft::{self, size};
use crate::trial::{Check, Trial};

/// The step size.
const EPSILON: f64 = 0.1;

const NORMAL: &str = "The normal equations square the condition of √w Ψ, which is measured by its singular values; \
                      each of the sums over states and actions rounds once for each.";

pub(super) const CHECKS: &[Check] = &[
    Check {
        id: "natural-step",
        equations: "66",
        claim: "argmin_w ½‖Ψw − εΔ‖² = ε F⁻¹g: singular values against Cholesky factors of F",
        why: NORMAL,
        kind: Kind::Identity,
        slips: &[Slip::Sign, Slip::Policy],
        evaluate: step,
    },
    Check {
        id: "natural-regression",
        equations: "66, 68",
        claim: "∇½Σ(log π_θ − log π_old − εΔ)² at θ_old is −εg",
        why: "Relative to Σ weight × score × ε|Δ|: one rounding for each state and action.",
        kind: Kind::Identity,
        slips: &[Slip::Sign, Slip::Policy],
        evaluate: regression,
    },
    Check {
        id: "natural-entropy",
        equations: "71",
        claim: "with the target ε(Δ − τ[log(π/π̄) − KL]) the step is ε F⁻¹∇(E[Δ] − τ KL)",
        why: NORMAL,
        kind: Kind::Identity,
        slips: &[Slip::Tau, Slip::Kl, Slip::Sign, Slip::Reference],
        evaluate: entropy,
    },
];

fn problems(t: &mut Trial) -> Vec<Regression> {
    let kinds = [0.1, 1.0, 10.0].into_iter().flat_map(|tau| [(tau, false), (tau, true)]);
    t.computed("8 states and 10 features; 30 states and a network of 24 parameters; 4 actions; τ 0.1–10");
    kinds.map(|(tau, network)| Regression::random(&mut t.rng, network, tau)).collect()
}

fn scaled(numbers: &[f64], factor: f64) -> Vec<f64> {
    numbers.iter().map(|number| factor * number).collect()
}

/// Other weights than the policy's: each action like any other.
fn uniform_weights(problem: &Regression) -> Vec<f64> {
    let weight = |i: usize| problem.visits[i / problem.actions] / problem.actions as f64;
    (0..problem.weights.len()).map(weight).collect()
}

/// Compares two steps, of which one went through the normal equations.
fn compare(t: &mut Trial, left: &[f64], right: Option<Vec<f64>>, condition: f64, terms: usize) {
    // Where F has no inverse there is nothing to compare with, and the row fails.
    let right = right.unwrap_or_else(|| vec![f64::NAN; left.len()]);
    t.equal_all(left, &right, size(left), condition.powi(2) * terms as f64);
}

fn step(t: &mut Trial) {
    for problem in problems(t) {
        let scores = problem.scores(&problem.old);
        let solution = problem.least_squares(&scores, &scaled(&problem.delta, EPSILON));
        let weights = t.pen.unless(Slip::Policy, problem.weights.clone(), uniform_weights(&problem));
        let g =
            problem.gradient(&scores, &scaled(&problem.delta, EPSILON * t.pen.unless(Slip::Sign, 1.0, -1.0)));
        let natural = problem.natural(&scores, &weights, &g);
        compare(t, &solution.step, natural, solution.condition, scores.len());
    }
}

fn regression(t: &mut Trial) {
    for problem in problems(t) {
        let log_old = problem.log_policy(&problem.old);
        let weights = t.pen.unless(Slip::Policy, problem.weights.clone(), uniform_weights(&problem));
        let slopes = gradient(&problem.old, |theta| {
            let logs = problem.log_policy(theta).into_iter().enumerate();
            soft::sum(logs.map(|(i, log)| {
                (log - log_old[i] - EPSILON * problem.delta[i]).square() * (0.5 * weights[i])
            }))
        });
        let scores = problem.scores(&problem.old);
        let factor = -EPSILON * t.pen.unless(Slip::Sign, 1.0, -1.0);
        let g = problem.gradient(&scores, &scaled(&problem.delta, factor));
        let steepest = scores.iter().map(|score| size(score)).fold(0.0, f64::max);
        // At θ_old the difference of logarithms is an exact zero, so only Δ's own size counts.
        t.equal_all(&slopes, &g, EPSILON * size(&problem.delta) * steepest, 20.0 + scores.len() as f64);
    }
}

/// Left: least squares. Right: dual numbers through the definition of the regularised objective.
fn entropy(t: &mut Trial) {
    let pen = t.pen;
    for problem in problems(t) {
        let scores = problem.scores(&problem.old);
        let (log_old, kls) = (problem.log_policy(&problem.old), problem.kls());
        let tau = problem.tau * pen.unless(Slip::Sign, 1.0, -1.0) * pen.unless(Slip::Tau, 1.0, 2.0);
        let target = |i: usize| {
            let reference = pen.unless(Slip::Reference, problem.reference[i], 1.0 / problem.actions as f64);
            // KL itself is a baseline and moves no step. Its log π does, so that is what the pen can lose.
            let ratio = pen.unless(Slip::Kl, log_old[i], 0.0) - reference.ln();
            EPSILON * (problem.delta[i] - tau * (ratio - kls[i / problem.actions]))
        };
        let target: Vec<f64> = (0..log_old.len()).map(target).collect();
        let solution = problem.least_squares(&scores, &target);
        let g = gradient(&problem.old, |theta| {
            let pi: Vec<Dual> = problem.log_policy(theta).into_iter().map(|log| log.exp()).collect();
            let states = problem.visits.iter().enumerate().map(|(s, &visits)| {
                let row = s * problem.actions..(s + 1) * problem.actions;
                let kl = soft::kl(&pi[row.clone()], &problem.reference[row.clone()]);
                (soft::mean(&pi[row.clone()], &problem.delta[row]) - kl * problem.tau) * (EPSILON * visits)
            });
            soft::sum(states)
        });
        let natural = problem.natural(&scores, &problem.weights, &g);
        compare(t, &solution.step, natural, solution.condition, scores.len());
    }
}
