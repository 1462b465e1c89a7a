//! The forms that the experiments use (section 6).

use crate::draw;
use crate::mdp::Mdp;
use crate::model::Model;
use crate::number::{Dual, Number, gradient};
use crate::row::Kind;
use crate::slip::{Pen, Slip};
use crate::soft::{self, DISCOUNTS, TEMPERATURES, size};
use crate::trial::{Check, Trial};

/// The weight of the value term (86).
const C: f64 = 0.5;

const STREAMS: &str =
    "Relative to residual × steepest slope: one rounding for each state and action in each sum.";
const DIFFERENT: &str =
    "Half of the digits: rounding is a thousand times less, the factor or term at stake more.";

pub(super) const CHECKS: &[Check] = &[
    Check {
        id: "dqn-penalty",
        equations: "82",
        claim: "r + γτ(log Σ exp(Q/τ) − log|A|), with the leading τ, is (38) for a uniform reference",
        why: "log and exp cancel, ε|Q| is left for each action and next state.",
        kind: Kind::Identity,
        slips: &[Slip::Tau, Slip::Reference, Slip::Gamma],
        evaluate: penalty,
    },
    Check {
        id: "dqn-printed",
        equations: "82, 83",
        claim: "without the leading τ, as printed, it is another backup",
        why: DIFFERENT,
        kind: Kind::Difference,
        slips: &[Slip::Mended],
        evaluate: printed,
    },
    Check {
        id: "dqn-bonus",
        equations: "82, 83",
        claim: "the fixed points of bonus (83) and penalty (82) differ by γτ log|A|/(1 − γ): a reward for living",
        why: "1/(1 − γ) sweeps add up the roundings of one.",
        kind: Kind::Identity,
        slips: &[Slip::Tau, Slip::Gamma, Slip::Sign],
        evaluate: bonus,
    },
    Check {
        id: "practical-policy",
        equations: "57, 84",
        claim: "soft Q-learning into the advantage stream, scaled by 1/τ, is the gradient of −log π Δ + τ KL",
        why: STREAMS,
        kind: Kind::Identity,
        slips: &[Slip::Tau, Slip::Gamma, Slip::Sign],
        evaluate: policy_stream,
    },
    Check {
        id: "practical-value",
        equations: "57, 85, 86",
        claim: "soft Q-learning into the value stream, scaled by c, is the gradient of c ½(V − V̂)²",
        why: STREAMS,
        kind: Kind::Identity,
        slips: &[Slip::Reference, Slip::Kl, Slip::Target],
        evaluate: value_stream,
    },
    Check {
        id: "practical-log-actions",
        equations: "57, 85",
        claim: "without the log|A| of the uniform reference the value stream's gradient is biased",
        why: DIFFERENT,
        kind: Kind::Difference,
        slips: &[Slip::Mended],
        evaluate: log_actions,
    },
    Check {
        id: "practical-one-over-gamma",
        equations: "84",
        claim: "with 1/γ in place of 1/τ, as printed, the advantage stream has another gradient",
        why: DIFFERENT,
        kind: Kind::Difference,
        slips: &[Slip::Mended],
        evaluate: one_over_gamma,
    },
];

/// `r + factor · E[log Σ_a exp(Q/τ) − constant]`.
fn dqn_backup(mdp: &Mdp, q: &[f64], factor: f64, constant: f64) -> Vec<f64> {
    let ones = vec![1.0; mdp.actions];
    // τ log Σ exp(Q/τ) over τ, so that it is the logarithm of the sum.
    let logs = (0..mdp.states).map(|s| soft::value(mdp.at(q, s), &ones, mdp.tau) / mdp.tau - constant);
    let logs: Vec<f64> = logs.collect();
    Mdp { gamma: factor, ..mdp.clone() }.backup(&logs)
}

fn penalty(t: &mut Trial) {
    let pen = t.pen;
    for mdp in Mdp::grid(&mut t.rng, 5, 4) {
        let mdp = mdp.uniform();
        let q = mdp.action_values(&mut t.rng);
        let factor = pen.unless(Slip::Gamma, mdp.gamma, 1.0) * pen.unless(Slip::Tau, mdp.tau, 1.0);
        let constant = pen.unless(Slip::Reference, (mdp.actions as f64).ln(), 0.0);
        let right = mdp.backup(&mdp.soft_values(&q));
        let scale = size(&mdp.reward) + size(&q) + 2.0 * mdp.tau;
        t.equal_all(&dqn_backup(&mdp, &q, factor, constant), &right, scale, 50.0);
    }
    t.computed("16 MDPs of 5 states × 4 actions, uniform reference, τ 0.001–10, γ 0.5–0.999");
}

fn printed(t: &mut Trial) {
    for (tau, gamma) in [0.01, 0.1, 3.0].into_iter().flat_map(|tau| DISCOUNTS.map(|gamma| (tau, gamma))) {
        let mdp = Mdp::random(&mut t.rng, 5, 4, tau, gamma).uniform();
        let q = mdp.action_values(&mut t.rng);
        let factor = gamma * t.pen.unless(Slip::Mended, 1.0, tau);
        for constant in [4f64.ln(), 0.0] {
            let (with, without) =
                (dqn_backup(&mdp, &q, gamma * tau, constant), dqn_backup(&mdp, &q, factor, constant));
            t.differ(&without, &with, size(&with) + size(&without));
        }
    }
    t.computed("12 MDPs of 5 states × 4 actions, τ 0.01, 0.1, 3");
}

fn bonus(t: &mut Trial) {
    let pen = t.pen;
    for mdp in Mdp::grid(&mut t.rng, 4, 3) {
        let (mdp, log_actions) = (mdp.uniform(), 3f64.ln());
        let mut fixed = [vec![0.0; mdp.reward.len()], vec![0.0; mdp.reward.len()]];
        for _ in 0..Mdp::horizon(mdp.gamma) {
            let [penalty, bonus] = fixed;
            let factor = mdp.gamma * mdp.tau;
            fixed = [dqn_backup(&mdp, &penalty, factor, log_actions), dqn_backup(&mdp, &bonus, factor, 0.0)];
        }
        let tau = pen.unless(Slip::Tau, mdp.tau, 2.0 * mdp.tau) * pen.unless(Slip::Sign, 1.0, -1.0);
        let living = pen.unless(Slip::Gamma, mdp.gamma, 1.0) * tau * log_actions / (1.0 - mdp.gamma);
        let raised: Vec<f64> = fixed[0].iter().map(|q| q + living).collect();
        let scale = (size(&mdp.reward) + 2.0 * mdp.tau) / (1.0 - mdp.gamma);
        t.equal_all(&fixed[1], &raised, scale, 40.0 / (1.0 - mdp.gamma));
    }
    t.computed("16 MDPs of 4 states × 3 actions, uniform reference, τ 0.001–10, γ 0.5–0.999");
}

/// A network with `A + 1` outputs: logits of the policy, and V. `Q = V + τ log(π/π̄)` with a uniform reference.
struct Heads {
    model: Model,
    theta: Vec<f64>,
    states: usize,
    actions: usize,
    tau: f64,
    gamma: f64,
    delta: Vec<f64>,
}

/// What the heads say at a state.
struct Outputs<T> {
    log_pi: Vec<T>,
    value: T,
}

impl Heads {
    fn grid(t: &mut Trial, temperatures: &[f64]) -> Vec<Self> {
        let (states, actions) = (6, 4);
        let pairs = temperatures.iter().flat_map(|&tau| DISCOUNTS.map(|gamma| (tau, gamma)));
        let heads = pairs.map(|(tau, gamma)| {
            let model = Model::network(&mut t.rng, states, actions + 1);
            let theta = model.random(&mut t.rng);
            let delta = draw::normals(&mut t.rng, states * actions);
            Self { model, theta, states, actions, tau, gamma, delta }
        });
        let heads: Vec<Self> = heads.collect();
        t.computed(format!("{} networks with two heads, 6 states × 4 actions, random Δ", heads.len()));
        heads
    }

    fn at<T: Number>(&self, theta: &[T], s: usize) -> Outputs<T> {
        let mut logits = self.model.outputs(theta, s);
        let value = logits.split_off(self.actions)[0];
        let total = soft::value(&logits, &vec![1.0; self.actions], 1.0);
        Outputs { log_pi: logits.into_iter().map(|logit| logit - total).collect(), value }
    }

    fn pi(outputs: &Outputs<f64>) -> Vec<f64> {
        outputs.log_pi.iter().map(|log| log.exp()).collect()
    }

    /// `E[e ∇stream]` with `e = Q − y = τ log(π/π̄) − τ KL − Δ`, by the backward pass; `log_actions` is the `log|A|` of
    /// π̄ inside of `log(π/π̄)`, and the stream is the logits or the value, scaled.
    fn q_learning(&self, log_actions: f64, stream: Stream, pen: Pen) -> Vec<f64> {
        let mut sum = vec![0.0; self.theta.len()];
        for s in 0..self.states {
            let outputs = self.at(&self.theta, s);
            let pi = Self::pi(&outputs);
            let kl = pen.unless(Slip::Kl, soft::kl(&pi, &soft::uniform(self.actions)), 0.0);
            let error = |a: usize| {
                pi[a]
                    * (self.tau * (outputs.log_pi[a] + log_actions)
                        - self.tau * kl
                        - self.delta[s * self.actions + a])
            };
            let errors: Vec<f64> = (0..self.actions).map(error).collect();
            let total: f64 = errors.iter().sum();
            let cotangent: Vec<f64> = match stream {
                Stream::Value(scale) => {
                    (0..=self.actions).map(|b| f64::from(b == self.actions) * scale * total).collect()
                }
                Stream::Policy(scale) => {
                    let slope = |b: usize| scale * self.tau * (errors[b] - pi[b] * total);
                    (0..self.actions).map(slope).chain([0.0]).collect()
                }
            };
            self.model.pull_back(&self.theta, s, &cotangent, &mut sum);
        }
        sum
    }

    /// The gradient of `E[loss(state, action, outputs, π held)]`, by dual numbers.
    fn a2c(&self, loss: impl Fn(usize, usize, &Outputs<Dual>, &Outputs<f64>) -> Dual) -> Vec<f64> {
        gradient(&self.theta, |theta| {
            let states = (0..self.states).map(|s| {
                let (held, outputs) = (self.at(&self.theta, s), self.at(theta, s));
                let pi = Self::pi(&held);
                soft::sum((0..self.actions).map(|a| loss(s, a, &outputs, &held) * pi[a]))
            });
            soft::sum(states)
        })
    }

    /// A2C's `−log π Δ + τ KL` (84).
    fn policy_loss(&self, sign: f64) -> Vec<f64> {
        self.a2c(|s, a, outputs, _| {
            let pi: Vec<Dual> = outputs.log_pi.iter().map(|log| log.exp()).collect();
            let kl = soft::kl(&pi, &soft::uniform(self.actions));
            kl * self.tau - outputs.log_pi[a] * (sign * self.delta[s * self.actions + a])
        })
    }

    /// A2C's `c ½ (V − V̂)²` (85, 86) with `V̂ = V + Δ` held.
    fn value_loss(&self, held_fixed: bool) -> Vec<f64> {
        self.a2c(|s, a, outputs, held| {
            let delta = self.delta[s * self.actions + a];
            let base = if held_fixed { Dual::from(held.value) } else { outputs.value };
            (outputs.value - base - delta).square() * (0.5 * C)
        })
    }

    fn scale(&self) -> f64 {
        let residual = self.tau * 2.0 * (self.actions as f64).ln() + size(&self.delta);
        let logits = (0..self.states).map(|s| size(&self.at(&self.theta, s).log_pi)).fold(0.0, f64::max);
        (residual + self.tau * logits) * self.model.steepest(&self.theta)
    }

    fn roundings(&self) -> f64 {
        (self.states * (self.actions + 20)) as f64
    }
}

/// Where a gradient of the Q-function goes, and its scale there.
#[derive(Clone, Copy)]
enum Stream {
    Policy(f64),
    Value(f64),
}

fn policy_stream(t: &mut Trial) {
    let pen = t.pen;
    for heads in Heads::grid(t, &TEMPERATURES) {
        let scale = pen.unless(Slip::Gamma, pen.unless(Slip::Tau, 1.0 / heads.tau, 1.0), 1.0 / heads.gamma);
        let left = heads.q_learning((heads.actions as f64).ln(), Stream::Policy(scale), pen);
        let right = heads.policy_loss(pen.unless(Slip::Sign, 1.0, -1.0));
        t.equal_all(&left, &right, heads.scale(), heads.roundings());
    }
}

fn value_stream(t: &mut Trial) {
    let pen = t.pen;
    for heads in Heads::grid(t, &TEMPERATURES) {
        let log_actions = pen.unless(Slip::Reference, (heads.actions as f64).ln(), 0.0);
        let left = heads.q_learning(log_actions, Stream::Value(C), pen);
        let right = heads.value_loss(pen.unless(Slip::Target, true, false));
        t.equal_all(&left, &right, heads.scale(), heads.roundings());
    }
}

fn log_actions(t: &mut Trial) {
    for heads in Heads::grid(t, &TEMPERATURES) {
        let log_actions = t.pen.unless(Slip::Mended, 0.0, (heads.actions as f64).ln());
        let left = heads.q_learning(log_actions, Stream::Value(C), t.pen);
        t.differ(&left, &heads.value_loss(true), heads.scale());
    }
}

fn one_over_gamma(t: &mut Trial) {
    // Where τ = γ the two are the same.
    for heads in Heads::grid(t, &[1e-3, 0.1, 10.0]) {
        let scale = t.pen.unless(Slip::Mended, 1.0 / heads.gamma, 1.0 / heads.tau);
        let left = heads.q_learning((heads.actions as f64).ln(), Stream::Policy(scale), t.pen);
        t.differ(&left, &heads.policy_loss(1.0), heads.scale() * (1.0 + heads.tau));
    }
}
