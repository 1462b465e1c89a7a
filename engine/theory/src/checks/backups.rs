//! Backups under a fixed policy (33 to 37).

use crate::draw;
use crate::mdp::{Mdp, Path};
use crate::row::Kind;
use crate::slip::{Pen, Slip};
use crate::soft::{Sum, size};
use crate::trial::{Check, Trial};

pub(super) const CHECKS: &[Check] = &[
    Check {
        id: "fixed-point",
        equations: "33",
        claim: "iterating T_π on V and on Q ends at V_π and Q_π of an exact linear solve",
        why: "Each sweep rounds once for each state and action, and 1/(1 − γ) sweeps add up; the solve has the \
              condition (1 + γ)/(1 − γ).",
        kind: Kind::Identity,
        slips: &[Slip::Kl, Slip::Gamma, Slip::Tau],
        evaluate: fixed_point,
    },
    Check {
        id: "fixed-contraction",
        equations: "33",
        claim: "‖T_π V − T_π W‖ ≤ γ ‖V − W‖, and T_π (V + c) = T_π V + γc",
        why: "One sweep: one rounding for each action and next state.",
        kind: Kind::Identity,
        slips: &[Slip::Gamma],
        evaluate: contraction,
    },
    Check {
        id: "fixed-n-step",
        equations: "34, 35",
        claim: "n applications of T_π are the expectation of the n-step return over all trajectories",
        why: "Trajectories are added with a correction, so only their n + 1 terms and factors round.",
        kind: Kind::Identity,
        slips: &[Slip::Kl, Slip::Gamma, Slip::FirstStep],
        evaluate: n_step,
    },
    Check {
        id: "fixed-td-error",
        equations: "36, 37",
        claim: "T_πⁿ V = V + E[Σ γᵗδ_t], and TD(λ) = V + E[Σ (γλ)ᵗδ_t]",
        why: "n + 1 terms and factors of a trajectory round; for TD(λ), 1/((1 − γ)(1 − λ)) applications.",
        kind: Kind::Identity,
        slips: &[Slip::Kl, Slip::Gamma, Slip::Sign],
        evaluate: td_error,
    },
];

/// `[T_π V](s) = E[r − τ KL(s) + γ V(s')]` (33).
fn apply_to_v(mdp: &Mdp, pi: &[f64], v: &[f64]) -> Vec<f64> {
    let ahead = mdp.means(pi, &mdp.backup(v));
    ahead.into_iter().zip(mdp.kls(pi)).map(|(ahead, kl)| ahead - mdp.tau * kl).collect()
}

/// `[T_π Q](s, a) = E[r + γ (E_{a'~π}[Q(s', a')] − τ KL(s'))]` (33).
pub(super) fn apply_to_q(mdp: &Mdp, pi: &[f64], q: &[f64]) -> Vec<f64> {
    let ahead = mdp.means(pi, q).into_iter().zip(mdp.kls(pi));
    mdp.backup(&ahead.map(|(mean, kl)| mean - mdp.tau * kl).collect::<Vec<_>>())
}

fn slipped(mdp: &Mdp, pen: Pen) -> Mdp {
    let tau = pen.unless(Slip::Kl, pen.unless(Slip::Tau, mdp.tau, 2.0 * mdp.tau), 0.0);
    Mdp { tau, gamma: pen.unless(Slip::Gamma, mdp.gamma, mdp.gamma.powi(2)), ..mdp.clone() }
}

fn fixed_point(t: &mut Trial) {
    for mdp in Mdp::grid(&mut t.rng, 4, 3) {
        let pi = mdp.policy(&mut t.rng);
        let wrong = slipped(&mdp, t.pen);
        let exact = mdp.evaluate(&pi);
        let (mut v, mut q) = (vec![0.0; mdp.states], vec![0.0; mdp.reward.len()]);
        for _ in 0..Mdp::horizon(mdp.gamma) {
            (v, q) = (apply_to_v(&wrong, &pi, &v), apply_to_q(&wrong, &pi, &q));
        }
        let scale = (size(&mdp.reward) + mdp.tau * size(&mdp.kls(&pi))) / (1.0 - mdp.gamma);
        let roundings = (mdp.states * mdp.actions) as f64 * (1.0 + 1.0 / (1.0 - mdp.gamma));
        t.equal_all(&v, &exact, scale, roundings);
        t.equal_all(&q, &mdp.backup(&exact), scale, roundings);
    }
    t.computed("16 MDPs of 4 states × 3 actions, τ 0.001–10, γ 0.5–0.999");
}

fn contraction(t: &mut Trial) {
    for mdp in Mdp::grid(&mut t.rng, 6, 4) {
        let pi = mdp.policy(&mut t.rng);
        let gamma = t.pen.unless(Slip::Gamma, mdp.gamma, mdp.gamma.powi(2));
        let (v, w) = (draw::normals(&mut t.rng, mdp.states), draw::normals(&mut t.rng, mdp.states));
        let shift = draw::normal(&mut t.rng);
        let raised: Vec<f64> = v.iter().map(|v| v + shift).collect();
        let [of_v, of_w, of_raised] = [&v, &w, &raised].map(|v| apply_to_v(&mdp, &pi, v));
        let apart = |a: &[f64], b: &[f64]| size(&a.iter().zip(b).map(|(a, b)| a - b).collect::<Vec<_>>());
        let scale = size(&mdp.reward) + mdp.tau * size(&mdp.kls(&pi)) + size(&v) + size(&w) + shift.abs();
        let roundings = 10.0 + mdp.states as f64;
        t.at_most(apart(&of_v, &of_w), gamma * apart(&v, &w), scale, roundings);
        let shifted: Vec<f64> = of_v.iter().map(|v| v + gamma * shift).collect();
        t.equal_all(&of_raised, &shifted, scale, roundings);
    }
    t.computed("16 MDPs of 6 states × 4 actions, τ 0.001–10, γ 0.5–0.999");
}

/// `Σ_{t<n} γ^t (r_t − τ KL_t)` of a trajectory.
fn gains(mdp: &Mdp, kls: &[f64], path: &Path<'_>) -> f64 {
    let steps = path.states.iter().zip(path.actions).enumerate();
    let gain = |(t, (&s, &a))| mdp.gamma.powi(t as i32) * (mdp.at(&mdp.reward, s)[a] - mdp.tau * kls[s]);
    steps.map(gain).sum()
}

fn n_step(t: &mut Trial) {
    let pen = t.pen;
    for mdp in Mdp::grid(&mut t.rng, 3, 3) {
        let pi = mdp.policy(&mut t.rng);
        let (v, q) = (draw::normals(&mut t.rng, mdp.states), mdp.action_values(&mut t.rng));
        let kls = mdp.kls(&pi);
        let wrong = Mdp { tau: pen.unless(Slip::Kl, mdp.tau, 0.0), ..mdp.clone() };
        let (mut of_v, mut of_q) = (v.clone(), q.clone());
        for n in 1..=3 {
            (of_v, of_q) = (apply_to_v(&mdp, &pi, &of_v), apply_to_q(&mdp, &pi, &of_q));
            let last = mdp.gamma.powi(pen.unless(Slip::Gamma, n, n - 1));
            let scale = n as f64 * (size(&mdp.reward) + mdp.tau * size(&kls)) + size(&v) + size(&q);
            let roundings = 10.0 * n as f64 + (mdp.states * mdp.actions) as f64;
            for s in 0..mdp.states {
                let steps = n as usize;
                let by_paths = mdp.expect(&pi, s, None, steps, |path| {
                    gains(&wrong, &kls, path) + last * v[path.states[steps]]
                });
                t.equal(of_v[s], by_paths, scale, roundings);
                for a in 0..mdp.actions {
                    // Q has no KL at its first step: T_πⁿ Q − τ KL is what all terms together come to.
                    let first = pen.unless(Slip::FirstStep, wrong.tau * kls[s], 0.0);
                    let by_paths = mdp.expect(&pi, s, Some(a), steps, |path| {
                        let end = path.states[steps];
                        let ahead = crate::soft::mean(mdp.at(&pi, end), mdp.at(&q, end)) - mdp.tau * kls[end];
                        gains(&wrong, &kls, path) + last * ahead
                    });
                    t.equal(mdp.at(&of_q, s)[a], first + by_paths, scale, roundings);
                }
            }
        }
    }
    t.computed("16 MDPs of 3 states × 3 actions, n 1–3, all trajectories (up to 729)");
}

/// TD errors of V under π on average: `E[δ_t | s_t]`.
fn td_errors(mdp: &Mdp, pi: &[f64], v: &[f64], pen: Pen) -> Vec<f64> {
    let gamma = pen.unless(Slip::Gamma, mdp.gamma, 1.0);
    let (ahead, kls) = (mdp.means(pi, &Mdp { gamma, ..mdp.clone() }.backup(v)), mdp.kls(pi));
    let tau = pen.unless(Slip::Kl, mdp.tau, 0.0);
    (0..mdp.states).map(|s| ahead[s] - tau * kls[s] - pen.unless(Slip::Sign, v[s], -v[s])).collect()
}

fn td_error(t: &mut Trial) {
    let pen = t.pen;
    let lambda = 0.8;
    for mdp in Mdp::grid(&mut t.rng, 3, 3) {
        let pi = mdp.policy(&mut t.rng);
        let v = draw::normals(&mut t.rng, mdp.states);
        let (kls, averages) = (mdp.kls(&pi), td_errors(&mdp, &pi, &v, pen));
        let tau = pen.unless(Slip::Kl, mdp.tau, 0.0);
        let mut applied = v.clone();
        for n in 1..=3 {
            applied = apply_to_v(&mdp, &pi, &applied);
            for s in 0..mdp.states {
                let by_paths = mdp.expect(&pi, s, None, n, |path| {
                    let delta = |t: usize| {
                        let (s, next) = (path.states[t], path.states[t + 1]);
                        let gain = mdp.at(&mdp.reward, s)[path.actions[t]] - tau * kls[s];
                        gain + pen.unless(Slip::Gamma, mdp.gamma, 1.0) * v[next]
                            - pen.unless(Slip::Sign, v[s], -v[s])
                    };
                    (0..n).map(|t| mdp.gamma.powi(t as i32) * delta(t)).sum()
                });
                let scale = n as f64 * (size(&mdp.reward) + mdp.tau * size(&kls) + 2.0 * size(&v));
                t.equal(
                    applied[s],
                    v[s] + by_paths,
                    scale,
                    10.0 * n as f64 + (mdp.states * mdp.actions) as f64,
                );
            }
        }
        // (1 − λ) Σ_k λ^k T^{k+1} V, against the errors along the distribution of states moved forward.
        let mut mixed: Vec<Sum> = v.iter().map(|_| Sum::default()).collect();
        let (mut applied, mut weight) = (v.clone(), 1.0 - lambda);
        for _ in 0..Mdp::horizon(lambda) {
            applied = apply_to_v(&mdp, &pi, &applied);
            mixed.iter_mut().zip(&applied).for_each(|(mixed, applied)| mixed.add(weight * applied));
            weight *= lambda;
        }
        for s in 0..mdp.states {
            let mut start = vec![0.0; mdp.states];
            start[s] = 1.0;
            let right = v[s] + mdp.discounted(&pi, &start, mdp.gamma * lambda, &averages);
            let scale = (size(&mdp.reward) + mdp.tau * size(&kls) + size(&v)) / (1.0 - lambda);
            t.equal(
                mixed[s].total(),
                right,
                scale,
                (10.0 + (mdp.states * mdp.actions) as f64) / (1.0 - lambda),
            );
        }
    }
    t.computed("16 MDPs of 3 states × 3 actions, n 1–3, λ 0.8");
}
