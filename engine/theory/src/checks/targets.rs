//! Targets along trajectories: soft Q-learning's (44 to 47) and the value function's (53, 54).

use super::backups::apply_to_q;
use crate::draw;
use crate::mdp::{Mdp, Path};
use crate::row::Kind;
use crate::slip::{Pen, Slip};
use crate::soft::size;
use crate::trial::{Check, Trial};

const PATHS: &str =
    "Trajectories are added with a correction: n + 1 terms and factors round, and a backup for each n.";

pub(super) const CHECKS: &[Check] = &[
    Check {
        id: "target-forms",
        equations: "46, 47",
        claim: "τ KL + Σ γᵈ(r − τ KL) + γⁿ V_Q(s_n) = τ KL + V_Q(s_0) + Σ γᵈδ on every trajectory",
        why: "2n terms and their powers of γ, each rounded once.",
        kind: Kind::Identity,
        slips: &[Slip::Kl, Slip::Gamma, Slip::Sign, Slip::FirstStep],
        evaluate: forms,
    },
    Check {
        id: "target-one-step",
        equations: "45",
        claim: "E[r + γ V_Q̂(s')] = T Q̂ whatever policy acts, and (46) with n = 1 is (45)",
        why: PATHS,
        kind: Kind::Identity,
        slips: &[Slip::Kl, Slip::Gamma, Slip::FirstStep],
        evaluate: one_step,
    },
    Check {
        id: "target-unbiased",
        equations: "46",
        claim: "E[y | s, a] = T_{π_Q̂}ⁿ Q̂ when the actions after the first come from π_Q̂",
        why: PATHS,
        kind: Kind::Identity,
        slips: &[Slip::Policy, Slip::Kl, Slip::Gamma, Slip::FirstStep],
        evaluate: unbiased,
    },
    Check {
        id: "target-biased",
        equations: "46",
        claim: "for n > 1 the target is biased when another policy acts",
        why: "Half of the digits: rounding is a thousand times less, what depends on the policy more.",
        kind: Kind::Difference,
        slips: &[Slip::Mended],
        evaluate: biased,
    },
    Check {
        id: "value-target",
        equations: "53, 54",
        claim: "E[V + Σ γᵈδ] = V_π at V = V_π, so the gradient of ½E[(V − y)²] is zero there",
        why: "The linear solve errs by the condition (1 + γ)/(1 − γ).",
        kind: Kind::Identity,
        slips: &[Slip::Policy, Slip::Kl, Slip::Gamma],
        evaluate: value_target,
    },
];

/// The n-step target (46) on a trajectory.
pub(super) fn target(mdp: &Mdp, v: &[f64], kls: &[f64], path: &Path<'_>, pen: Pen) -> f64 {
    let n = path.actions.len();
    let tau = pen.unless(Slip::Kl, mdp.tau, 0.0);
    let gain = |d: usize| {
        let s = path.states[d];
        mdp.gamma.powi(d as i32) * (mdp.at(&mdp.reward, s)[path.actions[d]] - tau * kls[s])
    };
    let first = pen.unless(Slip::FirstStep, mdp.tau * kls[path.states[0]], 0.0);
    let last = mdp.gamma.powi(pen.unless(Slip::Gamma, n, n - 1) as i32);
    first + (0..n).map(gain).sum::<f64>() + last * v[path.states[n]]
}

/// `Σ_d γ^d δ_d` of a trajectory (47, 52, 54).
pub(super) fn td_sum(mdp: &Mdp, v: &[f64], kls: &[f64], path: &Path<'_>) -> f64 {
    let delta = |d: usize| {
        let (s, next) = (path.states[d], path.states[d + 1]);
        (mdp.at(&mdp.reward, s)[path.actions[d]] - mdp.tau * kls[s]) + mdp.gamma * v[next] - v[s]
    };
    (0..path.actions.len()).map(|d| mdp.gamma.powi(d as i32) * delta(d)).sum()
}

fn forms(t: &mut Trial) {
    for mdp in Mdp::grid(&mut t.rng, 5, 4) {
        let q = mdp.action_values(&mut t.rng);
        let (pi, v) = (mdp.boltzmann(&q), mdp.soft_values(&q));
        let kls = mdp.kls(&pi);
        for _ in 0..20 {
            let n = 1 + draw::index(&mut t.rng, 20);
            let (mut states, mut actions) = (vec![draw::index(&mut t.rng, mdp.states)], Vec::new());
            for d in 0..n {
                actions.push(draw::index(&mut t.rng, mdp.actions));
                states.push(draw::outcome(&mut t.rng, mdp.next(states[d], actions[d])));
            }
            let path = Path { states: &states, actions: &actions, chance: 1.0 };
            let errors = t.pen.unless(Slip::Sign, 1.0, -1.0) * td_sum(&mdp, &v, &kls, &path);
            let right = mdp.tau * kls[states[0]] + v[states[0]] + errors;
            let scale = n as f64 * (size(&mdp.reward) + mdp.tau * size(&kls) + 2.0 * size(&v));
            t.equal(target(&mdp, &v, &kls, &path, t.pen), right, scale, 4.0 * n as f64 + 10.0);
        }
    }
    t.computed("16 MDPs of 5 states × 4 actions, 20 trajectories each of up to 20 steps, uniform actions");
}

fn one_step(t: &mut Trial) {
    for mdp in Mdp::grid(&mut t.rng, 5, 4) {
        let q = mdp.action_values(&mut t.rng);
        let (pi, v) = (mdp.boltzmann(&q), mdp.soft_values(&q));
        let kls = mdp.kls(&pi);
        let anyone = mdp.policy(&mut t.rng);
        let exact = apply_to_q(&mdp, &pi, &q);
        let plain = mdp.backup(&v);
        let scale = size(&mdp.reward) + size(&q) + mdp.tau * (1.0 + size(&kls));
        t.equal_all(&plain, &exact, scale, 40.0);
        for s in 0..mdp.states {
            for a in 0..mdp.actions {
                let mean = mdp.expect(&anyone, s, Some(a), 1, |path| target(&mdp, &v, &kls, path, t.pen));
                t.equal(mean, mdp.at(&exact, s)[a], scale, 40.0);
            }
        }
    }
    t.computed("16 MDPs of 5 states × 4 actions, a random policy acts");
}

/// For each MDP, state, action and n: the mean target, the n-step backup, and the size of the terms.
fn means(t: &mut Trial, off_policy: bool, mut judge: impl FnMut(&mut Trial, &[f64], &[f64], f64, usize)) {
    for mdp in Mdp::grid(&mut t.rng, 3, 3) {
        let q = mdp.action_values(&mut t.rng);
        let (pi, v) = (mdp.boltzmann(&q), mdp.soft_values(&q));
        let kls = mdp.kls(&pi);
        let other = mdp.policy(&mut t.rng);
        let acting = if off_policy { &other } else { &pi };
        let mut applied = apply_to_q(&mdp, &pi, &q);
        for n in 2..=3 {
            applied = apply_to_q(&mdp, &pi, &applied);
            let pairs = (0..mdp.states).flat_map(|s| (0..mdp.actions).map(move |a| (s, a)));
            let mean = |(s, a)| mdp.expect(acting, s, Some(a), n, |path| target(&mdp, &v, &kls, path, t.pen));
            let means: Vec<f64> = pairs.map(mean).collect();
            let scale = n as f64 * (size(&mdp.reward) + mdp.tau * size(&kls)) + size(&q) + mdp.tau;
            judge(t, &means, &applied, scale, n);
        }
    }
    t.computed("16 MDPs of 3 states × 3 actions, n 2–3, all trajectories (up to 729)");
}

fn unbiased(t: &mut Trial) {
    let off_policy = t.pen.unless(Slip::Policy, false, true);
    means(t, off_policy, |t, means, exact, scale, n| {
        t.equal_all(means, exact, scale, 20.0 * n as f64 + 20.0)
    });
}

fn biased(t: &mut Trial) {
    let off_policy = t.pen.unless(Slip::Mended, true, false);
    means(t, off_policy, |t, means, exact, scale, _| t.differ(means, exact, scale));
}

fn value_target(t: &mut Trial) {
    let pen = t.pen;
    for mdp in Mdp::grid(&mut t.rng, 3, 3) {
        let (pi, other) = (mdp.policy(&mut t.rng), mdp.policy(&mut t.rng));
        let (v, kls) = (mdp.evaluate(&pi), mdp.kls(&pi));
        let acting = pen.unless(Slip::Policy, &pi, &other);
        let wrong = Mdp {
            tau: pen.unless(Slip::Kl, mdp.tau, 0.0),
            gamma: pen.unless(Slip::Gamma, mdp.gamma, mdp.gamma.powi(2)),
            ..mdp.clone()
        };
        for n in 1..=3 {
            for s in 0..mdp.states {
                let mean = mdp.expect(acting, s, None, n, |path| v[s] + td_sum(&wrong, &v, &kls, path));
                let scale = n as f64 * (size(&mdp.reward) + mdp.tau * size(&kls) + size(&v));
                t.equal(mean, v[s], scale, 20.0 * mdp.states as f64 * (1.0 + mdp.gamma) / (1.0 - mdp.gamma));
            }
        }
    }
    t.computed("16 MDPs of 3 states × 3 actions, n 1–3, all trajectories (up to 729)");
}
