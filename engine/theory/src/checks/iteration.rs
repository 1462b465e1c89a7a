//! Soft value iteration and where it ends.

use crate::draw;
use crate::mdp::Mdp;
use crate::number::gradient;
use crate::row::Kind;
use crate::slip::Slip;
use crate::soft::{self, size};
use crate::trial::{Check, Trial};

const SOLVES: &str = "Q* errs by the condition (1 + γ)/(1 − γ) of its linear solves, and 1/(1 − γ) sweeps or steps add \
                      their roundings up.";

pub(super) const CHECKS: &[Check] = &[
    Check {
        id: "iteration-end",
        equations: "38",
        claim: "soft value iteration ends at Q* of soft policy iteration",
        why: SOLVES,
        kind: Kind::Identity,
        slips: &[Slip::Tau, Slip::Gamma, Slip::Reference],
        evaluate: end,
    },
    Check {
        id: "iteration-rate",
        equations: "38",
        claim: "‖Q_{k+1} − Q*‖ ≤ γ ‖Q_k − Q*‖ in every sweep, with equality from Q* + c",
        why: SOLVES,
        kind: Kind::Identity,
        slips: &[Slip::Gamma],
        evaluate: rate,
    },
    Check {
        id: "iteration-gradient",
        equations: "28, 38, 49",
        claim: "the regularised policy gradient g_γ is zero at the Boltzmann policy of Q*",
        why: "Q* errs by the condition (1 + γ)/(1 − γ), and the gradient weighs states by visits, 1/(1 − γ) in all.",
        kind: Kind::Identity,
        slips: &[Slip::Tau, Slip::Kl, Slip::Reference],
        evaluate: policy_gradient,
    },
    Check {
        id: "iteration-best",
        equations: "28, 38",
        claim: "V* − V_π = E_π[Σ γᵗ τ KL[π ‖ π*](s_t)] ≥ 0 for every π, so no policy is better",
        why: SOLVES,
        kind: Kind::Identity,
        slips: &[Slip::Tau, Slip::Gamma, Slip::Policy],
        evaluate: best,
    },
];

fn roundings(mdp: &Mdp) -> f64 {
    (mdp.states * mdp.actions) as f64 * (1.0 + 2.0 / (1.0 - mdp.gamma))
}

/// The size of values: rewards and KL terms over 1 − γ.
fn scale(mdp: &Mdp, q: &[f64]) -> f64 {
    (size(&mdp.reward) + mdp.tau) / (1.0 - mdp.gamma) + size(q)
}

fn end(t: &mut Trial) {
    let pen = t.pen;
    for mdp in Mdp::grid(&mut t.rng, 5, 3) {
        let exact = mdp.optimal();
        let mut wrong = pen.unless(Slip::Reference, mdp.clone(), mdp.clone().uniform());
        wrong.tau = pen.unless(Slip::Tau, mdp.tau, 2.0 * mdp.tau);
        wrong.gamma = pen.unless(Slip::Gamma, mdp.gamma, mdp.gamma.powi(2));
        let mut q = vec![0.0; exact.len()];
        for _ in 0..Mdp::horizon(mdp.gamma) {
            q = wrong.backup(&wrong.soft_values(&q));
        }
        t.equal_all(&q, &exact, scale(&mdp, &exact), roundings(&mdp));
    }
    t.computed("16 MDPs of 5 states × 3 actions, τ 0.001–10, γ 0.5–0.999");
}

fn rate(t: &mut Trial) {
    for mdp in Mdp::grid(&mut t.rng, 5, 3) {
        let exact = mdp.optimal();
        let bound = t.pen.unless(Slip::Gamma, mdp.gamma, mdp.gamma.powi(2));
        let away = |q: &[f64]| size(&q.iter().zip(&exact).map(|(q, exact)| q - exact).collect::<Vec<_>>());
        let (scale, roundings) = (scale(&mdp, &exact), roundings(&mdp));
        let mut q: Vec<f64> =
            draw::normals(&mut t.rng, exact.len()).iter().map(|x| x * size(&exact)).collect();
        for _ in 0..200 {
            let next = mdp.backup(&mdp.soft_values(&q));
            t.at_most(away(&next), bound * away(&q), scale, roundings);
            q = next;
        }
        let shift = draw::normal(&mut t.rng) * size(&exact);
        let raised: Vec<f64> = exact.iter().map(|q| q + shift).collect();
        let expected: Vec<f64> = exact.iter().map(|q| q + bound * shift).collect();
        t.equal_all(&mdp.backup(&mdp.soft_values(&raised)), &expected, scale, roundings);
    }
    t.computed("16 MDPs of 5 states × 3 actions, 200 sweeps from random Q, τ 0.001–10, γ 0.5–0.999");
}

/// The exact return, differentiated through its linear solve by dual numbers.
fn policy_gradient(t: &mut Trial) {
    let pen = t.pen;
    for mdp in Mdp::grid(&mut t.rng, 5, 3) {
        let q = mdp.optimal();
        let tau = pen.unless(Slip::Tau, mdp.tau, 2.0 * mdp.tau);
        let reference = pen.unless(Slip::Reference, mdp.clone(), mdp.clone().uniform()).reference;
        let row = |s: usize| -> Vec<f64> {
            let reference = mdp.at(&reference, s);
            let ratios = soft::log_ratio(mdp.at(&q, s), reference, tau);
            ratios.iter().zip(reference).map(|(ratio, reference)| reference.ln() + ratio).collect()
        };
        let logits: Vec<f64> = (0..mdp.states).flat_map(row).collect();
        let judged = Mdp { tau: pen.unless(Slip::Kl, mdp.tau, 0.0), ..mdp.clone() };
        let slopes = gradient(&logits, |logits| {
            let pi: Vec<_> = (0..mdp.states).flat_map(|s| soft::softmax(mdp.at(logits, s))).collect();
            soft::sum(judged.evaluate(&pi).into_iter()) / mdp.states as f64
        });
        let scale = scale(&mdp, &q) / (1.0 - mdp.gamma);
        t.equal_all(&slopes, &vec![0.0; slopes.len()], scale, roundings(&mdp));
    }
    t.computed("16 MDPs of 5 states × 3 actions, uniform start, τ 0.001–10, γ 0.5–0.999");
}

fn best(t: &mut Trial) {
    let pen = t.pen;
    for mdp in Mdp::grid(&mut t.rng, 4, 3) {
        let q = mdp.optimal();
        let v = mdp.soft_values(&q);
        for _ in 0..4 {
            let pi = mdp.policy(&mut t.rng);
            let distance = |s: usize| {
                let (pi, reference) = (mdp.at(&pi, s), mdp.at(&mdp.reference, s));
                let ratios = soft::log_ratio(mdp.at(&q, s), reference, mdp.tau);
                soft::kl(pi, reference) - pen.unless(Slip::Policy, soft::mean(pi, &ratios), 0.0)
            };
            let tau = pen.unless(Slip::Tau, mdp.tau, 2.0 * mdp.tau);
            let distances: Vec<f64> = (0..mdp.states).map(|s| tau * distance(s)).collect();
            let discount = pen.unless(Slip::Gamma, mdp.gamma, mdp.gamma.powi(2));
            let worth = mdp.evaluate(&pi);
            let scale = scale(&mdp, &q) + size(&distances) / (1.0 - mdp.gamma);
            for s in 0..mdp.states {
                let mut start = vec![0.0; mdp.states];
                start[s] = 1.0;
                t.equal(
                    v[s] - worth[s],
                    mdp.discounted(&pi, &start, discount, &distances),
                    scale,
                    roundings(&mdp),
                );
                t.at_most(worth[s], v[s], scale, roundings(&mdp));
            }
        }
    }
    t.computed("16 MDPs of 4 states × 3 actions, 4 policies each, τ 0.001–10, γ 0.5–0.999");
}
