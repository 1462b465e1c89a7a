//! The equivalence of soft Q-learning and policy gradients (65).
//!
//! Left is the gradient of the squared error by the backward pass. Right are the policy gradient, the KL term and the
//! value error by dual numbers through the definitions of `V_θ` (55), `π_θ` (56) and KL. Neither knows of the other.

use super::backups::apply_to_q;
use super::targets::td_sum;
use crate::draw;
use crate::mdp::Mdp;
use crate::model::{Build, Model};
use crate::number::{Dual, Number, gradient};
use crate::row::Kind;
use crate::slip::{Pen, Slip};
use crate::soft::{self, TEMPERATURES, condition, size};
use crate::trial::{Check, Trial};

const WHY: &str = "Relative to residual × steepest slope. Policies err by (1 + range(Q)/τ) ε; each sum over states and \
                   actions rounds once for each.";

pub(super) const CHECKS: &[Check] = &[
    check("equivalence-table", |t| fixed(t, "table", Model::table)),
    check("equivalence-linear", |t| fixed(t, "random features", Model::features)),
    check("equivalence-neural", |t| fixed(t, "tanh network", Model::network)),
    Check {
        id: "equivalence-mdp",
        equations: "46, 65",
        claim: "(65) in an MDP: y by n backups on the left, Δ by the TD errors of all trajectories on the right",
        why: WHY,
        kind: Kind::Identity,
        slips: &[Slip::Gamma, Slip::Kl, Slip::Tau],
        evaluate: in_mdp,
    },
];

const fn check(id: &'static str, evaluate: fn(&mut Trial)) -> Check {
    Check {
        id,
        equations: "55, 56, 57, 65",
        claim: "E∇½(Q − y)² = E[−τ∇log π Δ + τ²∇KL] + E∇½(V − V̂)² for any Δ(s, a), actions weighted by π_θ",
        why: WHY,
        kind: Kind::Identity,
        slips: &[Slip::Tau, Slip::Kl, Slip::Sign, Slip::Target, Slip::Policy],
        evaluate,
    }
}

/// A soft Q-function with parameters, where its states are met and how.
struct Learner {
    model: Model,
    theta: Vec<f64>,
    /// `ρ(s)`.
    visits: Vec<f64>,
    /// `π̄`, `[states, actions]`.
    reference: Vec<f64>,
    tau: f64,
}

impl Learner {
    fn actions(&self) -> usize {
        self.reference.len() / self.visits.len()
    }

    fn reference(&self, s: usize) -> &[f64] {
        &self.reference[s * self.actions()..][..self.actions()]
    }

    fn q(&self) -> Vec<f64> {
        (0..self.visits.len()).flat_map(|s| self.model.outputs(&self.theta, s)).collect()
    }

    /// `E[(Q − y) ∇Q]`.
    fn q_learning(&self, targets: &[f64], pen: Pen) -> Vec<f64> {
        let mut sum = vec![0.0; self.theta.len()];
        for (s, visits) in self.visits.iter().enumerate() {
            let q = self.model.outputs(&self.theta, s);
            let pi = soft::boltzmann(&q, self.reference(s), self.tau);
            let pi = pen.unless(Slip::Policy, pi, self.reference(s).to_vec());
            let target = &targets[s * q.len()..][..q.len()];
            let errors: Vec<f64> = (0..q.len()).map(|a| visits * pi[a] * (q[a] - target[a])).collect();
            self.model.pull_back(&self.theta, s, &errors, &mut sum);
        }
        sum
    }

    /// The right side of (65).
    fn policy_gradient(&self, delta: &[f64], pen: Pen) -> Vec<f64> {
        let tau = pen.unless(Slip::Tau, self.tau, 2.0 * self.tau) * pen.unless(Slip::Sign, 1.0, -1.0);
        gradient(&self.theta, |theta| {
            let states = self.visits.iter().enumerate().map(|(s, &visits)| {
                let reference = self.reference(s);
                let held_q = self.model.outputs(&self.theta, s);
                let (held_pi, held_v) = (
                    soft::boltzmann(&held_q, reference, self.tau),
                    soft::value(&held_q, reference, self.tau),
                );
                let q = self.model.outputs(theta, s);
                let kl = soft::kl(&soft::boltzmann(&q, reference, self.tau), reference);
                let v = soft::value(&q, reference, self.tau);
                let ratios = soft::log_ratio(&q, reference, self.tau);
                let actions = (0..q.len()).map(|a| {
                    let delta = delta[s * q.len() + a];
                    let base = pen.unless(Slip::Target, Dual::from(held_v), v);
                    let error = v - (base + delta);
                    (ratios[a] * (-tau * delta) + error.square() * 0.5) * held_pi[a]
                });
                (soft::sum(actions) + kl * self.tau.powi(2)) * visits
            });
            soft::sum(states)
        })
    }

    /// `τ KL + V_θ + Δ`, with `V̂ = V_θ + Δ` (47).
    fn targets(&self, delta: &[f64], pen: Pen) -> Vec<f64> {
        let row = |s: usize| {
            let q = self.model.outputs(&self.theta, s);
            let kl = soft::kl(&soft::boltzmann(&q, self.reference(s), self.tau), self.reference(s));
            let base =
                pen.unless(Slip::Kl, self.tau * kl, 0.0) + soft::value(&q, self.reference(s), self.tau);
            delta[s * q.len()..][..q.len()].iter().map(move |delta| base + delta).collect::<Vec<_>>()
        };
        (0..self.visits.len()).flat_map(row).collect()
    }

    /// The size of the terms, and how many roundings of it there are.
    fn rounding(&self, delta: &[f64]) -> (f64, f64) {
        let q = self.q();
        let worst = (0..self.visits.len()).map(|s| &q[s * self.actions()..][..self.actions()]);
        let worst = worst.map(|q| condition(q, self.tau)).fold(1.0, f64::max);
        let residual = 4.0 * size(&q) + size(delta) + self.tau;
        (residual * self.model.steepest(&self.theta), (20.0 + 2.0 * q.len() as f64) * worst)
    }
}

fn fixed(t: &mut Trial, name: &str, build: Build) {
    let (states, actions) = (5, 4);
    for tau in TEMPERATURES {
        for spread in [1.0, 3.0 * tau] {
            let model = build(&mut t.rng, states, actions).scaled(spread);
            let theta = model.random(&mut t.rng);
            let visits = draw::distribution(&mut t.rng, states);
            let reference = draw::policy(&mut t.rng, states, actions);
            let learner = Learner { model, theta, visits, reference, tau };
            let delta = draw::normals(&mut t.rng, states * actions);
            let left = learner.q_learning(&learner.targets(&delta, t.pen), t.pen);
            let (scale, roundings) = learner.rounding(&delta);
            t.equal_all(&left, &learner.policy_gradient(&delta, t.pen), scale, roundings);
        }
    }
    t.computed(format!("{name}, 8 problems of 5 states × 4 actions, τ 0.001–10, random Δ"));
}

fn in_mdp(t: &mut Trial) {
    for mdp in Mdp::grid(&mut t.rng, 3, 3) {
        let model = Model::network(&mut t.rng, mdp.states, mdp.actions);
        let theta = model.random(&mut t.rng);
        let visits = draw::distribution(&mut t.rng, mdp.states);
        let learner = Learner { model, theta, visits, reference: mdp.reference.clone(), tau: mdp.tau };
        let q = learner.q();
        let (pi, v) = (mdp.boltzmann(&q), mdp.soft_values(&q));
        let kls = mdp.kls(&pi);
        let wrong = Mdp {
            gamma: t.pen.unless(Slip::Gamma, mdp.gamma, 1.0),
            tau: t.pen.unless(Slip::Kl, mdp.tau, 0.0),
            ..mdp.clone()
        };
        let mut targets = q.clone();
        for n in 1..=3 {
            targets = apply_to_q(&mdp, &pi, &targets);
            let pairs = (0..mdp.states).flat_map(|s| (0..mdp.actions).map(move |a| (s, a)));
            let advantage = |(s, a)| mdp.expect(&pi, s, Some(a), n, |path| td_sum(&wrong, &v, &kls, path));
            let delta: Vec<f64> = pairs.map(advantage).collect();
            let left = learner.q_learning(&targets, t.pen);
            let (scale, roundings) = learner.rounding(&delta);
            t.equal_all(&left, &learner.policy_gradient(&delta, t.pen), scale, roundings + 20.0 * n as f64);
        }
    }
    t.computed("tanh network in 16 MDPs of 3 states × 3 actions, n 1–3, τ 0.001–10, γ 0.5–0.999");
}
