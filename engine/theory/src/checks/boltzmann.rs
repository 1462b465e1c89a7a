//! Backups under the Boltzmann policy of the function that is backed up (38 to 43).
//!
//! `T_{π_Q}ⁿ Q` keeps π_Q through all n steps; it is what n-step returns estimate. Applying the backup (38) n times
//! takes a new Boltzmann policy each time, and is another thing for n > 1.

use super::backups::apply_to_q;
use super::targets::target;
use crate::mdp::Mdp;
use crate::row::Kind;
use crate::slip::{Pen, Slip};
use crate::soft::{self, Sum, size};
use crate::trial::{Check, Trial};

/// From the one-step backup to long mixtures.
const LAMBDAS: [f64; 3] = [0.0, 0.5, 0.9];

const MIXTURE: &str = "1/(1 − λ) applications carry the weight; each rounds once for each state and action.";

pub(super) const CHECKS: &[Check] = &[
    Check {
        id: "boltzmann-backup",
        equations: "38, 39",
        claim: "E[r + γ τ log E_π̄ exp(Q/τ)] = E[r + γ (E_{π_Q}[Q] − τ KL)]",
        why: "log and exp cancel, ε|Q| is left for each action and next state.",
        kind: Kind::Identity,
        slips: &[Slip::Kl, Slip::Tau, Slip::Gamma],
        evaluate: backup,
    },
    Check {
        id: "boltzmann-n-step",
        equations: "40, 41",
        claim: "T_{π_Q}ⁿ Q − τ KL(s) is the mean n-step return under π_Q with V_Q at its end",
        why: "Trajectories are added with a correction: n + 1 terms and factors round, and a backup for each n.",
        kind: Kind::Identity,
        slips: &[Slip::Kl, Slip::Gamma, Slip::FirstStep],
        evaluate: n_step,
    },
    Check {
        id: "boltzmann-shortfall",
        equations: "38, 40",
        claim: "T(T Q) − T_{π_Q}² Q = γ E[τ KL[π_Q ‖ π_{TQ}](s')] ≥ 0: two steps are no two backups",
        why: "Two backups, each rounded once for each action and next state.",
        kind: Kind::Identity,
        slips: &[Slip::Tau, Slip::Gamma, Slip::Policy],
        evaluate: shortfall,
    },
    Check {
        id: "boltzmann-renewed",
        equations: "40",
        claim: "n backups (38), each with a new Boltzmann policy, are not the n-step backup (40) for n = 2",
        why: "Half of the digits: rounding is a thousand times less, what depends on the formula more.",
        kind: Kind::Difference,
        slips: &[Slip::Mended],
        evaluate: renewed,
    },
    Check {
        id: "lambda",
        equations: "42, 43",
        claim: "(1 − λ) Σ λᵏ T_{π_Q}ᵏ⁺¹ Q = V_Q + τ KL(s) + E[Σ (γλ)ᵗδ_t]: the first term is not Q",
        why: MIXTURE,
        kind: Kind::Identity,
        slips: &[Slip::FirstStep, Slip::Kl, Slip::Gamma],
        evaluate: lambda,
    },
    Check {
        id: "lambda-first-term",
        equations: "42, 43",
        claim: "with Q as the first term, as printed, (43) is off by exactly τ(log(π_Q/π̄) − KL)",
        why: MIXTURE,
        kind: Kind::Identity,
        slips: &[Slip::Tau, Slip::Kl],
        evaluate: first_term,
    },
    Check {
        id: "lambda-printed",
        equations: "42, 43",
        claim: "Q + E[Σ (γλ)ᵗδ_t], as printed, is not the definition",
        why: "Half of the digits: rounding is a thousand times less, what depends on the formula more.",
        kind: Kind::Difference,
        slips: &[Slip::Mended],
        evaluate: printed,
    },
];

/// `T Q` (38).
fn greedy(mdp: &Mdp, q: &[f64]) -> Vec<f64> {
    mdp.backup(&mdp.soft_values(q))
}

fn backup(t: &mut Trial) {
    let pen = t.pen;
    for mdp in Mdp::grid(&mut t.rng, 5, 4) {
        let q = mdp.action_values(&mut t.rng);
        let tau = pen.unless(Slip::Kl, pen.unless(Slip::Tau, mdp.tau, 2.0 * mdp.tau), 0.0);
        let wrong = Mdp { tau, gamma: pen.unless(Slip::Gamma, mdp.gamma, 1.0), ..mdp.clone() };
        let right = apply_to_q(&wrong, &mdp.boltzmann(&q), &q);
        let roundings = 20.0 + 2.0 * (mdp.states + mdp.actions) as f64;
        t.equal_all(&greedy(&mdp, &q), &right, size(&mdp.reward) + size(&q) + mdp.tau, roundings);
    }
    t.computed("16 MDPs of 5 states × 4 actions, τ 0.001–10, γ 0.5–0.999");
}

fn n_step(t: &mut Trial) {
    for mdp in Mdp::grid(&mut t.rng, 3, 3) {
        let q = mdp.action_values(&mut t.rng);
        let (pi, v) = (mdp.boltzmann(&q), mdp.soft_values(&q));
        let kls = mdp.kls(&pi);
        let mut applied = q.clone();
        for n in 1..=3 {
            applied = apply_to_q(&mdp, &pi, &applied);
            let scale = n as f64 * (size(&mdp.reward) + mdp.tau * size(&kls)) + size(&q) + mdp.tau;
            for s in 0..mdp.states {
                for a in 0..mdp.actions {
                    let mean = mdp.expect(&pi, s, Some(a), n, |path| target(&mdp, &v, &kls, path, t.pen));
                    let roundings = 20.0 * n as f64 + 2.0 * (mdp.states * mdp.actions) as f64;
                    t.equal(mdp.at(&applied, s)[a], mean, scale, roundings);
                }
            }
        }
    }
    t.computed("16 MDPs of 3 states × 3 actions, n 1–3, all trajectories (up to 729)");
}

fn shortfall(t: &mut Trial) {
    let pen = t.pen;
    for mdp in Mdp::grid(&mut t.rng, 5, 4) {
        let q = mdp.action_values(&mut t.rng);
        let (pi, once) = (mdp.boltzmann(&q), greedy(&mdp, &q));
        let twice = greedy(&mdp, &once);
        let kept = apply_to_q(&mdp, &pi, &once);
        let distance = |s: usize| {
            let (pi, reference) = (mdp.at(&pi, s), mdp.at(&mdp.reference, s));
            let new = soft::log_ratio(mdp.at(&once, s), reference, mdp.tau);
            // KL[π_Q ‖ π_TQ] = KL[π_Q ‖ π̄] − E_{π_Q}[log(π_TQ/π̄)]; the other way round if the pen slips.
            let distance = soft::kl(pi, reference) - soft::mean(pi, &new);
            pen.unless(Slip::Policy, distance, soft::kl(pi, reference))
        };
        let tau = pen.unless(Slip::Tau, mdp.tau, 2.0 * mdp.tau);
        let distances: Vec<f64> = (0..mdp.states).map(|s| tau * distance(s)).collect();
        let silent =
            Mdp { gamma: pen.unless(Slip::Gamma, mdp.gamma, 1.0), reward: vec![0.0; q.len()], ..mdp.clone() };
        let left: Vec<f64> = twice.iter().zip(&kept).map(|(twice, kept)| twice - kept).collect();
        let scale = size(&once) + size(&twice) + mdp.tau;
        t.equal_all(&left, &silent.backup(&distances), scale, 20.0 + 2.0 * (mdp.states + mdp.actions) as f64);
    }
    t.computed("16 MDPs of 5 states × 4 actions, τ 0.001–10, γ 0.5–0.999");
}

fn renewed(t: &mut Trial) {
    for mdp in Mdp::grid(&mut t.rng, 5, 4) {
        let q = mdp.action_values(&mut t.rng);
        let (pi, once) = (mdp.boltzmann(&q), greedy(&mdp, &q));
        let twice = t.pen.unless(Slip::Mended, greedy(&mdp, &once), apply_to_q(&mdp, &pi, &once));
        let kept = apply_to_q(&mdp, &pi, &apply_to_q(&mdp, &pi, &q));
        t.differ(&twice, &kept, size(&twice));
    }
    t.computed("16 MDPs of 5 states × 4 actions, τ 0.001–10, γ 0.5–0.999");
}

/// `(1 − λ) Σ_k λ^k T_{π_Q}^{k+1} Q`, by applying the backup and adding up.
fn definition(mdp: &Mdp, pi: &[f64], q: &[f64], lambda: f64) -> Vec<f64> {
    let mut mixed: Vec<Sum> = q.iter().map(|_| Sum::default()).collect();
    let (mut applied, mut weight) = (q.to_vec(), 1.0 - lambda);
    let terms = if lambda == 0.0 { 1 } else { Mdp::horizon(lambda) };
    for _ in 0..terms {
        applied = apply_to_q(mdp, pi, &applied);
        mixed.iter_mut().zip(&applied).for_each(|(mixed, applied)| mixed.add(weight * applied));
        weight *= lambda;
    }
    mixed.iter().map(Sum::total).collect()
}

/// `E[Σ_t (γλ)^t δ_t | s, a]` with actions from π after the first, by moving the distribution of states forward.
fn td_errors(mdp: &Mdp, pi: &[f64], v: &[f64], kls: &[f64], lambda: f64, pen: Pen) -> Vec<f64> {
    let tau = pen.unless(Slip::Kl, mdp.tau, 0.0);
    let ahead = Mdp { gamma: pen.unless(Slip::Gamma, mdp.gamma, 1.0), ..mdp.clone() }.backup(v);
    let delta = |s: usize, a: usize| mdp.at(&ahead, s)[a] - tau * kls[s] - v[s];
    let pairs = || (0..mdp.states).flat_map(|s| (0..mdp.actions).map(move |a| (s, a)));
    let deltas: Vec<f64> = pairs().map(|(s, a)| delta(s, a)).collect();
    let averages = mdp.means(pi, &deltas);
    let discount = mdp.gamma * lambda;
    let later =
        |s, a| if lambda == 0.0 { 0.0 } else { mdp.discounted(pi, mdp.next(s, a), discount, &averages) };
    pairs().zip(&deltas).map(|((s, a), delta)| delta + discount * later(s, a)).collect()
}

/// For each MDP and λ: the definition, and what `first(mdp, q, π_Q, KL)` plus the TD errors come to.
fn compare(
    t: &mut Trial,
    first: impl Fn(&Mdp, &[f64], &[f64], &[f64]) -> Vec<f64>,
    mut judge: impl FnMut(&mut Trial, &[f64], &[f64], f64, f64),
) {
    for mdp in Mdp::grid(&mut t.rng, 4, 3) {
        let q = mdp.action_values(&mut t.rng);
        let (pi, v) = (mdp.boltzmann(&q), mdp.soft_values(&q));
        let kls = mdp.kls(&pi);
        for lambda in LAMBDAS {
            let errors = td_errors(&mdp, &pi, &v, &kls, lambda, t.pen);
            let right: Vec<f64> =
                first(&mdp, &q, &pi, &kls).iter().zip(errors).map(|(q, error)| q + error).collect();
            let scale = (size(&mdp.reward) + 2.0 * size(&q) + mdp.tau) / (1.0 - lambda);
            let roundings = (20.0 + (mdp.states * mdp.actions) as f64) / (1.0 - lambda);
            judge(t, &definition(&mdp, &pi, &q, lambda), &right, scale, roundings);
        }
    }
    t.computed("16 MDPs of 4 states × 3 actions, τ 0.001–10, γ 0.5–0.999, λ 0, 0.5, 0.9");
}

/// `V_Q(s) + τ KL(s)`, which is `E_{π_Q}[Q]`, for each action.
fn correct_first(mdp: &Mdp, q: &[f64], _: &[f64], kls: &[f64]) -> Vec<f64> {
    let v = mdp.soft_values(q);
    (0..q.len()).map(|i| v[i / mdp.actions] + mdp.tau * kls[i / mdp.actions]).collect()
}

fn lambda(t: &mut Trial) {
    let pen = t.pen;
    let first = |mdp: &Mdp, q: &[f64], pi: &[f64], kls: &[f64]| {
        pen.unless(Slip::FirstStep, correct_first(mdp, q, pi, kls), q.to_vec())
    };
    compare(t, first, |t, left, right, scale, roundings| t.equal_all(left, right, scale, roundings));
}

fn first_term(t: &mut Trial) {
    let pen = t.pen;
    let first = |mdp: &Mdp, q: &[f64], _: &[f64], kls: &[f64]| {
        let tau = pen.unless(Slip::Tau, mdp.tau, 2.0 * mdp.tau);
        let corrected = |s: usize| {
            let ratios = soft::log_ratio(mdp.at(q, s), mdp.at(&mdp.reference, s), mdp.tau);
            let kl = pen.unless(Slip::Kl, kls[s], 0.0);
            (0..mdp.actions).map(|a| mdp.at(q, s)[a] - tau * (ratios[a] - kl)).collect::<Vec<_>>()
        };
        (0..mdp.states).flat_map(corrected).collect()
    };
    compare(t, first, |t, left, right, scale, roundings| t.equal_all(left, right, scale, roundings));
}

fn printed(t: &mut Trial) {
    let pen = t.pen;
    let first = |mdp: &Mdp, q: &[f64], pi: &[f64], kls: &[f64]| {
        pen.unless(Slip::Mended, q.to_vec(), correct_first(mdp, q, pi, kls))
    };
    compare(t, first, |t, left, right, scale, _| t.differ(left, right, scale));
}
