//! The bandit with finitely many actions (section 2).

use crate::draw;
use crate::model::{Build, Model};
use crate::number::{Number, gradient};
use crate::row::Kind;
use crate::slip::Slip;
use crate::soft::{self, TEMPERATURES, condition, mean, range, size};
use crate::trial::{Check, Trial};

const ACTIONS: [usize; 3] = [2, 3, 18];

const SOFTMAX: &str = "An exponential and a logarithm cancel: q/τ is rounded by ε|q|/τ, which τ log brings back to \
                       ε|q|. Sums over the actions round once for each.";

pub(super) const CHECKS: &[Check] = &[
    Check {
        id: "bandit-optimum",
        equations: "1, 2",
        claim: "η(π*) − η(π) = τ KL[π ‖ π*] ≥ 0 for every π, so π* of (2) is the maximum of (1)",
        why: SOFTMAX,
        kind: Kind::Identity,
        slips: &[Slip::Tau, Slip::Reference, Slip::Sign],
        evaluate: optimum,
    },
    Check {
        id: "bandit-stationary",
        equations: "1, 2",
        claim: "the gradient of η in the logits of the policy is zero at π* of (2)",
        why: SOFTMAX,
        kind: Kind::Identity,
        slips: &[Slip::Tau, Slip::Reference, Slip::Sign],
        evaluate: stationary,
    },
    Check {
        id: "bandit-value",
        equations: "11, 13",
        claim: "τ log E_π̄[exp(q/τ)] = E_π[q] − τ KL[π ‖ π̄] for π = π_q",
        why: SOFTMAX,
        kind: Kind::Identity,
        slips: &[Slip::Tau, Slip::Kl, Slip::Reference],
        evaluate: value,
    },
    Check {
        id: "bandit-policy",
        equations: "12",
        claim: "π̄ exp((q − v)/τ) is the normalised π̄ exp(q/τ)",
        why: "exp turns the error ε|q|/τ of its argument into a relative one: (1 + |q|/τ) roundings for each \
              operation.",
        kind: Kind::Identity,
        slips: &[Slip::Tau, Slip::Reference],
        evaluate: policy,
    },
    Check {
        id: "bandit-inverse",
        equations: "14",
        claim: "q = v + τ log(π_q/π̄)",
        why: SOFTMAX,
        kind: Kind::Identity,
        slips: &[Slip::Tau, Slip::Reference],
        evaluate: inverse,
    },
    equivalence_check("bandit-gradient-table", |t| equivalence(t, "table", Model::table)),
    equivalence_check("bandit-gradient-linear", |t| equivalence(t, "random features", Model::features)),
    equivalence_check("bandit-gradient-neural", |t| equivalence(t, "tanh network", Model::network)),
];

const fn equivalence_check(id: &'static str, evaluate: fn(&mut Trial)) -> Check {
    Check {
        id,
        equations: "23",
        claim: "∇½E[(q − r)²] = −τ∇E[r − τ KL] + ∇½E[(v − (r − τ KL))²], actions from π_q",
        why: "Relative to residual × steepest slope. Policies err by (1 + range(q)/τ) ε, and each of the two sums \
              over the actions rounds once for each.",
        kind: Kind::Identity,
        slips: &[Slip::Tau, Slip::Kl, Slip::Sign, Slip::Target],
        evaluate,
    }
}

/// Mean rewards or action values, a reference policy, and a temperature.
struct Case {
    q: Vec<f64>,
    reference: Vec<f64>,
    tau: f64,
}

/// For each temperature and number of actions, values that spread over several τ, and over 1.
fn cases(t: &mut Trial) -> Vec<Case> {
    let mut cases = Vec::new();
    for tau in TEMPERATURES {
        for actions in ACTIONS {
            for spread in [1.0, 3.0 * tau] {
                let q = draw::normals(&mut t.rng, actions).into_iter().map(|q| spread * q).collect();
                cases.push(Case { q, reference: draw::distribution(&mut t.rng, actions), tau });
            }
        }
    }
    t.computed(format!("{} bandits, 2–18 actions, τ 0.001–10", cases.len()));
    cases
}

/// `η(π) = E_π[r] − τ KL[π ‖ π̄]` (1).
fn eta<T: Number>(case: &Case, pi: &[T]) -> T {
    mean(pi, &case.q) - soft::kl(pi, &case.reference) * case.tau
}

/// `log π*` of (2).
fn log_optimum(t: &Trial, case: &Case) -> Vec<f64> {
    let tau = t.pen.unless(Slip::Tau, case.tau, 1.0) * t.pen.unless(Slip::Sign, 1.0, -1.0);
    let reference = t.pen.unless(Slip::Reference, case.reference.clone(), soft::uniform(case.q.len()));
    // Shifted by the best: a large q/τ would round the probability of the best action, which is nearly one.
    let top = soft::largest(&case.q);
    let logit = |(q, reference): (&f64, &f64)| reference.ln() + (q - top) / tau;
    let logits: Vec<f64> = case.q.iter().zip(&reference).map(logit).collect();
    let total = soft::value(&logits, &vec![1.0; logits.len()], 1.0);
    logits.into_iter().map(|logit| logit - total).collect()
}

fn optimum(t: &mut Trial) {
    for case in cases(t) {
        let best = log_optimum(t, &case);
        let at_best: Vec<f64> = best.iter().map(|log| log.exp()).collect();
        for near in [1.0, 0.1, 1e-3] {
            // From far away and from close by.
            let other = draw::distribution(&mut t.rng, best.len());
            let pi: Vec<f64> =
                at_best.iter().zip(&other).map(|(best, other)| best + near * (other - best)).collect();
            let distance = pi.iter().zip(&best).filter(|(pi, _)| **pi > 0.0);
            let distance: f64 = distance.map(|(pi, best)| pi * (pi.ln() - best)).sum();
            let scale = size(&case.q) + case.tau * (1.0 + size(&best));
            t.equal(
                eta(&case, &at_best) - eta(&case, &pi),
                case.tau * distance,
                scale,
                2.0 * best.len() as f64 + 20.0,
            );
            t.at_most(eta(&case, &pi), eta(&case, &at_best), scale, 20.0);
        }
    }
}

fn stationary(t: &mut Trial) {
    for case in cases(t) {
        let logits = log_optimum(t, &case);
        let slopes = gradient(&logits, |logits| eta(&case, &soft::softmax(logits)));
        let scale = size(&case.q) + case.tau * (1.0 + size(&logits));
        t.equal_all(&slopes, &vec![0.0; slopes.len()], scale, logits.len() as f64 + 20.0);
    }
}

fn value(t: &mut Trial) {
    for case in cases(t) {
        let tau = t.pen.unless(Slip::Tau, case.tau, 2.0 * case.tau);
        let v = soft::value(&case.q, &case.reference, case.tau);
        let pi = soft::boltzmann(&case.q, &case.reference, case.tau);
        let reference = t.pen.unless(Slip::Reference, case.reference.clone(), soft::uniform(pi.len()));
        let kl = t.pen.unless(Slip::Kl, soft::kl(&pi, &reference), 0.0);
        t.equal(v, mean(&pi, &case.q) - tau * kl, size(&case.q) + tau, 2.0 * pi.len() as f64 + 20.0);
    }
}

fn policy(t: &mut Trial) {
    for Case { q, reference, tau } in cases(t) {
        let slipped = t.pen.unless(Slip::Tau, tau, 1.0);
        let wrong = t.pen.unless(Slip::Reference, reference.clone(), soft::uniform(q.len()));
        let v = soft::value(&q, &reference, tau);
        let by_value: Vec<f64> = q.iter().zip(&wrong).map(|(q, p)| p * ((q - v) / slipped).exp()).collect();
        let roundings = (q.len() as f64 + 20.0) * (1.0 + size(&q) / tau);
        t.equal_all(&by_value, &soft::boltzmann(&q, &reference, tau), 1.0, roundings);
        t.equal(by_value.iter().sum(), 1.0, 1.0, roundings);
    }
}

fn inverse(t: &mut Trial) {
    for Case { q, reference, tau } in cases(t) {
        let v = soft::value(&q, &reference, tau);
        let pi = soft::boltzmann(&q, &reference, tau);
        let wrong = t.pen.unless(Slip::Reference, reference, soft::uniform(pi.len()));
        let slipped = t.pen.unless(Slip::Tau, tau, 1.0);
        for ((q, pi), reference) in q.iter().zip(&pi).zip(&wrong) {
            // Below, the probability has underflowed and its logarithm is gone.
            if *pi > f64::MIN_POSITIVE {
                t.equal(
                    *q,
                    v + slipped * (pi / reference).ln(),
                    size(&[*q, v]) + tau,
                    wrong.len() as f64 + 20.0,
                );
            }
        }
    }
}

/// Left: the backward pass of the squared error. Right: dual numbers through the definition of the objective.
fn equivalence(t: &mut Trial, name: &str, build: Build) {
    let pen = t.pen;
    for tau in TEMPERATURES {
        for actions in ACTIONS {
            for spread in [1.0, 3.0 * tau] {
                let model = build(&mut t.rng, 1, actions).scaled(spread);
                let theta = model.random(&mut t.rng);
                let reference = draw::distribution(&mut t.rng, actions);
                // Two rewards for each action, equally likely.
                let rewards = [draw::normals(&mut t.rng, actions), draw::normals(&mut t.rng, actions)];
                let expected: Vec<f64> =
                    (0..actions).map(|a| (rewards[0][a] + rewards[1][a]) / 2.0).collect();

                let q = model.outputs(&theta, 0);
                let pi = soft::boltzmann(&q, &reference, tau);
                let mut left = vec![0.0; theta.len()];
                let errors = |a: usize| rewards.iter().map(|r| 0.5 * pi[a] * (q[a] - r[a])).sum();
                let errors: Vec<f64> = (0..actions).map(errors).collect();
                model.pull_back(&theta, 0, &errors, &mut left);

                let kl = soft::kl(&pi, &reference);
                let right = gradient(&theta, |theta| {
                    let q = model.outputs(theta, 0);
                    let (v, moving) =
                        (soft::value(&q, &reference, tau), soft::boltzmann(&q, &reference, tau));
                    let penalty = soft::kl(&moving, &reference) * pen.unless(Slip::Kl, tau, 0.0);
                    let policy_gradient = mean(&moving, &expected) - penalty;
                    let held = tau * pen.unless(Slip::Target, kl, 0.0);
                    let fit = (0..actions).flat_map(|a| {
                        let pi = pi[a];
                        rewards.iter().map(move |r| (v - (r[a] - held)).square() * (0.25 * pi))
                    });
                    let weight = pen.unless(Slip::Tau, tau, 1.0) * pen.unless(Slip::Sign, -1.0, 1.0);
                    policy_gradient * weight + soft::sum(fit)
                });
                let residual = size(&q) + size(&rewards[0]) + size(&rewards[1]) + range(&q);
                let scale = residual * model.steepest(&theta);
                t.equal_all(&left, &right, scale, (4.0 * actions as f64 + 30.0) * condition(&q, tau));
            }
        }
    }
    t.computed(format!("{name}, 24 bandits, 2–18 actions, τ 0.001–10"));
}
