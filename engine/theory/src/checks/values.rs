//! Values of the entropy-regularised MDP (section 3).

use crate::mdp::Mdp;
use crate::number::solve;
use crate::row::Kind;
use crate::slip::Slip;
use crate::soft::{self, size};
use crate::trial::{Check, Trial};

const SOFTMAX: &str = "The exponential and the logarithm cancel: ε|Q| is left, once for each operation.";

pub(super) const CHECKS: &[Check] = &[
    Check {
        id: "values",
        equations: "24, 25, 26",
        claim: "V_π = E_π[Q_π] − τ KL: V with every KL term, Q without the first",
        why: "I − γP has the condition (1 + γ)/(1 − γ), and 1/(1 − γ) steps carry the weight of the sum; each of \
              the states × actions operations rounds.",
        kind: Kind::Identity,
        slips: &[Slip::Kl, Slip::Sign, Slip::Gamma, Slip::FirstStep],
        evaluate: values,
    },
    Check {
        id: "boltzmann-value",
        equations: "29, 31",
        claim: "V_Q = τ log E_π̄[exp(Q/τ)] = E_{π_Q}[Q] − τ KL[π_Q ‖ π̄] in every state",
        why: SOFTMAX,
        kind: Kind::Identity,
        slips: &[Slip::Tau, Slip::Kl, Slip::Reference],
        evaluate: boltzmann_value,
    },
    Check {
        id: "boltzmann-policy",
        equations: "28, 30, 32",
        claim: "π_Q = π̄ exp((Q − V_Q)/τ), so A_Q = Q − V_Q = τ log(π_Q/π̄)",
        why: "exp turns the error ε|Q|/τ of its argument into a relative one; the logarithm takes it back.",
        kind: Kind::Identity,
        slips: &[Slip::Tau, Slip::Reference],
        evaluate: boltzmann_policy,
    },
];

/// V as the discounted sum that (24) is, Q by the linear system that (25) solves.
fn values(t: &mut Trial) {
    let pen = t.pen;
    for mdp in Mdp::grid(&mut t.rng, 4, 3) {
        let pi = mdp.policy(&mut t.rng);
        let (kls, expected) = (mdp.kls(&pi), mdp.means(&pi, &mdp.reward));
        let gain: Vec<f64> = expected.iter().zip(&kls).map(|(r, kl)| r - mdp.tau * kl).collect();
        let q = action_values(&mdp, &pi, &kls, pen.unless(Slip::Gamma, mdp.gamma, mdp.gamma.powi(2)));
        let sign = pen.unless(Slip::Sign, 1.0, -1.0) * pen.unless(Slip::Kl, 1.0, 0.0);
        // With the first KL term in Q as well, it would count twice.
        let twice = pen.unless(Slip::FirstStep, 1.0, 2.0);
        let scale = (size(&mdp.reward) + mdp.tau * size(&kls)) / (1.0 - mdp.gamma);
        for s in 0..mdp.states {
            let mut start = vec![0.0; mdp.states];
            start[s] = 1.0;
            let v = mdp.discounted(&pi, &start, mdp.gamma, &gain);
            let by_q = soft::mean(mdp.at(&pi, s), mdp.at(&q, s)) - twice * sign * mdp.tau * kls[s];
            let roundings = 2.0 * (mdp.states * mdp.actions) as f64 / (1.0 - mdp.gamma);
            t.equal(v, by_q, scale, roundings);
        }
    }
    t.computed("16 MDPs of 4 states × 3 actions, τ 0.001–10, γ 0.5–0.999");
}

/// The solution of `Q = r + γ E[E_π[Q(s', ·)] − τ KL(s')]`, over states and actions.
fn action_values(mdp: &Mdp, pi: &[f64], kls: &[f64], gamma: f64) -> Vec<f64> {
    let pairs = mdp.states * mdp.actions;
    let row = |from: usize| -> Vec<f64> {
        let next = mdp.next(from / mdp.actions, from % mdp.actions);
        (0..pairs).map(|to| f64::from(from == to) - gamma * next[to / mdp.actions] * pi[to]).collect()
    };
    let right = |from: usize| {
        let next = mdp.next(from / mdp.actions, from % mdp.actions);
        mdp.reward[from] - gamma * mdp.tau * soft::mean(next, kls)
    };
    solve((0..pairs).map(row).collect(), (0..pairs).map(right).collect())
}

fn boltzmann_value(t: &mut Trial) {
    let pen = t.pen;
    for mdp in Mdp::grid(&mut t.rng, 5, 4) {
        let q = mdp.action_values(&mut t.rng);
        let pi = mdp.boltzmann(&q);
        let v = mdp.soft_values(&q);
        let tau = pen.unless(Slip::Kl, pen.unless(Slip::Tau, mdp.tau, 2.0 * mdp.tau), 0.0);
        let kls = pen.unless(Slip::Reference, mdp.clone(), mdp.clone().uniform()).kls(&pi);
        for (s, &v) in v.iter().enumerate() {
            let by_mean = soft::mean(mdp.at(&pi, s), mdp.at(&q, s)) - tau * kls[s];
            t.equal(v, by_mean, size(mdp.at(&q, s)) + tau, 2.0 * mdp.actions as f64 + 20.0);
        }
    }
    t.computed("16 MDPs of 5 states × 4 actions, τ 0.001–10");
}

fn boltzmann_policy(t: &mut Trial) {
    let pen = t.pen;
    for mdp in Mdp::grid(&mut t.rng, 5, 4) {
        let q = mdp.action_values(&mut t.rng);
        let pi = mdp.boltzmann(&q);
        let v = mdp.soft_values(&q);
        let tau = pen.unless(Slip::Tau, mdp.tau, 2.0 * mdp.tau);
        let reference = pen.unless(Slip::Reference, mdp.clone(), mdp.clone().uniform()).reference;
        for (s, &v) in v.iter().enumerate() {
            let (q, pi, reference) = (mdp.at(&q, s), mdp.at(&pi, s), mdp.at(&reference, s));
            for a in 0..mdp.actions {
                let by_value = reference[a] * ((q[a] - v) / tau).exp();
                let roundings = (mdp.actions as f64 + 20.0) * (1.0 + size(q) / mdp.tau);
                t.equal(pi[a], by_value, 1.0, roundings);
                // Below, the probability has underflowed and its logarithm is gone.
                if pi[a] > f64::MIN_POSITIVE {
                    let advantage = tau * (pi[a] / reference[a]).ln();
                    t.equal(q[a] - v, advantage, size(q) + mdp.tau, mdp.actions as f64 + 20.0);
                }
            }
        }
    }
    t.computed("16 MDPs of 5 states × 4 actions, τ 0.001–10");
}
