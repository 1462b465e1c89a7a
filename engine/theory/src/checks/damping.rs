//! Damped soft Q-learning as a natural gradient (74 to 78), with every τ kept.

use crate::draw;
use crate::number::{Number, gradient};
use crate::regression::Regression;
use crate::row::Kind;
use crate::slip::Slip;
use crate::soft::{self, size};
use crate::trial::{Check, Trial};

pub(super) const CHECKS: &[Check] = &[
    Check {
        id: "damped-residual",
        equations: "71, 74, 78",
        claim: "Q_θ − Q^ε = τ × the residual of (71) with ε/τ for ε, for every θ when V is unchanged",
        why: "A dozen operations on terms of the size of Q.",
        kind: Kind::Identity,
        slips: &[Slip::Tau, Slip::Kl, Slip::Reference],
        evaluate: residual,
    },
    Check {
        id: "damped-same-epsilon",
        equations: "71, 74, 78",
        claim: "with one and the same ε in (71) and (74), as printed, the residuals differ, unless τ = 1",
        why: "Half of the digits: rounding is a thousand times less, a factor that is off more.",
        kind: Kind::Difference,
        slips: &[Slip::Mended],
        evaluate: same_epsilon,
    },
    Check {
        id: "damped-gradient",
        equations: "74, 78",
        claim: "∇½E[(Q_θ − Q^ε)²] at θ_old is −ετ∇(E[Δ] − τ KL): the policy gradient",
        why: "Relative to the size of Q × τ × steepest score: one rounding for each state and action.",
        kind: Kind::Identity,
        slips: &[Slip::Tau, Slip::Kl, Slip::Sign],
        evaluate: damped_gradient,
    },
    Check {
        id: "damped-order",
        equations: "68, 74, 78",
        claim: "the fit of Q^ε departs from the natural step (ε/τ) F⁻¹g by a part that halves with ε",
        why: "Extrapolated from three ε, halving holds up to (Cε)²; the root of ε leaves room for C.",
        kind: Kind::Identity,
        slips: &[Slip::Tau, Slip::Kl],
        evaluate: order,
    },
    Check {
        id: "undamped",
        equations: "74, 78",
        claim: "the fit of the undamped target (ε = 1) is not a natural gradient step",
        why: "A thousand times the departure at ε = 1e-6, which rounding and first order would explain.",
        kind: Kind::Difference,
        slips: &[Slip::Mended],
        evaluate: undamped,
    },
];

/// `Q_θ − Q^ε` with `Q_θ = V + τ log(π_θ/π̄)` and `Q^ε = (1 − ε) Q_old + ε (τ KL + V + Δ)` (47, 74).
fn q_residual(problem: &Regression, v: &[f64], theta: &[f64], epsilon: f64) -> Vec<f64> {
    let (log, log_old, kls) = (problem.log_policy(theta), problem.log_policy(&problem.old), problem.kls());
    let residual = |i: usize| {
        let (tau, v, kl) = (problem.tau, v[i / problem.actions], kls[i / problem.actions]);
        let q = |log: f64| v + tau * (log - problem.reference[i].ln());
        let target = (1.0 - epsilon) * q(log_old[i]) + epsilon * (tau * kl + v + problem.delta[i]);
        q(log[i]) - target
    };
    (0..log.len()).map(residual).collect()
}

fn residual(t: &mut Trial) {
    let pen = t.pen;
    for tau in [1e-3, 0.1, 1.0, 10.0] {
        for network in [false, true] {
            let problem = Regression::random(&mut t.rng, network, tau);
            let moves = draw::normals(&mut t.rng, problem.old.len());
            let theta: Vec<f64> = problem.old.iter().zip(moves).map(|(old, by)| old + 0.3 * by).collect();
            let v = draw::normals(&mut t.rng, problem.visits.len());
            let (log, log_old, kls) =
                (problem.log_policy(&theta), problem.log_policy(&problem.old), problem.kls());
            for epsilon in [1e-3, 0.1, 1.0] {
                // The step size of (71) that belongs to the mixing rate of (74).
                let step = pen.unless(Slip::Tau, epsilon / tau, epsilon);
                let residual = |i: usize| {
                    let reference =
                        pen.unless(Slip::Reference, problem.reference[i], 1.0 / problem.actions as f64);
                    let kl = pen.unless(Slip::Kl, kls[i / problem.actions], 0.0);
                    let target = problem.delta[i] - tau * (log_old[i] - reference.ln() - kl);
                    tau * (log[i] - log_old[i] - step * target)
                };
                let by_policy: Vec<f64> = (0..log.len()).map(residual).collect();
                let by_q = q_residual(&problem, &v, &theta, epsilon);
                let scale = size(&v) + tau * (size(&log) + size(&log_old) + 5.0) + size(&problem.delta);
                t.equal_all(&by_q, &by_policy, scale, 20.0);
            }
        }
    }
    t.computed("8 problems, features and networks, random θ near θ_old, τ 0.001–10, ε 0.001, 0.1, 1");
}

fn same_epsilon(t: &mut Trial) {
    for tau in [1e-3, 0.1, 10.0] {
        for network in [false, true] {
            let problem = Regression::random(&mut t.rng, network, tau);
            let v = draw::normals(&mut t.rng, problem.visits.len());
            let epsilon = 0.1;
            let step = t.pen.unless(Slip::Mended, epsilon, epsilon / tau);
            // At θ_old the logarithms cancel and the residual of (71) is its target alone.
            let target = problem.entropy_target();
            let by_policy: Vec<f64> = target.iter().map(|target| -tau * step * target).collect();
            let by_q = q_residual(&problem, &v, &problem.old, epsilon);
            t.differ(&by_q, &by_policy, epsilon * size(&target) * (1.0 + tau));
        }
    }
    t.computed("features and networks at θ_old, τ 0.001, 0.1, 10, ε 0.1");
}

fn damped_gradient(t: &mut Trial) {
    let pen = t.pen;
    for tau in [1e-3, 0.1, 1.0, 10.0] {
        for network in [false, true] {
            let problem = Regression::random(&mut t.rng, network, tau);
            let v = draw::normals(&mut t.rng, problem.visits.len());
            let epsilon = 0.3;
            // Backward pass: E[(Q − Q^ε) τ∇log π].
            let residual = q_residual(&problem, &v, &problem.old, epsilon);
            let scores = problem.scores(&problem.old);
            let left: Vec<f64> =
                problem.gradient(&scores, &residual).iter().map(|slope| tau * slope).collect();
            // Dual numbers: the regularised objective.
            let factor = -epsilon * pen.unless(Slip::Tau, tau, 1.0) * pen.unless(Slip::Sign, 1.0, -1.0);
            let right = gradient(&problem.old, |theta| {
                let pi: Vec<_> = problem.log_policy(theta).into_iter().map(|log| log.exp()).collect();
                let states = problem.visits.iter().enumerate().map(|(s, &visits)| {
                    let row = s * problem.actions..(s + 1) * problem.actions;
                    let kl = soft::kl(&pi[row.clone()], &problem.reference[row.clone()]);
                    let penalty = kl * pen.unless(Slip::Kl, tau, 0.0);
                    (soft::mean(&pi[row.clone()], &problem.delta[row]) - penalty) * (factor * visits)
                });
                soft::sum(states)
            });
            let steepest = scores.iter().map(|score| size(score)).fold(0.0, f64::max);
            let logs = size(&problem.log_policy(&problem.old)) + 8.0;
            let scale = (size(&v) + tau * logs + size(&problem.delta)) * tau * steepest;
            t.equal_all(&left, &right, scale, 20.0 + scores.len() as f64);
        }
    }
    t.computed("8 problems, features and networks, τ 0.001–10, ε 0.3");
}

/// A problem whose scores are far from dependent: where they nearly are, natural steps are long however small ε is, and
/// the second order is not small.
fn well_conditioned(t: &mut Trial, network: bool, tau: f64) -> Regression {
    loop {
        let problem = Regression::random(&mut t.rng, network, tau);
        if problem.least_squares(&problem.scores(&problem.old), &problem.delta).condition < 30.0 {
            return problem;
        }
    }
}

fn order(t: &mut Trial) {
    let pen = t.pen;
    let epsilon = 1e-5;
    for tau in [0.1, 2.0] {
        for network in [false, true] {
            let problem = well_conditioned(t, network, tau);
            let target = problem.entropy_target();
            let departure = |epsilon: f64| {
                let fitted: Vec<f64> = target.iter().map(|target| epsilon / tau * target).collect();
                let step = epsilon / pen.unless(Slip::Tau, tau, 1.0);
                let of_step = pen.unless(Slip::Kl, &target, &problem.delta);
                let natural: Vec<f64> = of_step.iter().map(|target| step * target).collect();
                problem.departure(&fitted, &natural)
            };
            let departures = [1.0, 0.5, 0.25].map(|share| departure(share * epsilon));
            let [first, second] = [0, 1].map(|i| departures[i] / (2.0 * departures[i + 1]));
            // Each is 1 + O(ε); extrapolated, O(ε²) is left.
            t.within((2.0 * second - first - 1.0).abs(), epsilon.sqrt());
        }
    }
    t.computed("features and networks, τ 0.1 and 2, ε 1e-5, its half and quarter");
}

fn undamped(t: &mut Trial) {
    let small = 1e-6;
    for tau in [0.5, 1.0, 2.0] {
        let problem = Regression::random(&mut t.rng, false, tau);
        let target = problem.entropy_target();
        let departure = |epsilon: f64| {
            let target: Vec<f64> = target.iter().map(|target| epsilon / tau * target).collect();
            problem.departure(&target, &target)
        };
        let damped = departure(small);
        t.within(t.pen.unless(Slip::Mended, departure(1.0), damped), 1e3 * damped);
    }
    t.computed("10 features, 8 states × 4 actions, τ 0.5, 1, 2");
}
