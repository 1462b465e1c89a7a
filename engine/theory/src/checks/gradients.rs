//! Policy gradients of the regularised return (48 to 52).
//!
//! The reference is the exact return, differentiated through its linear solve by dual numbers. States are weighted by
//! their discounted visits `Σ γ^t Pr(s_t = s)`, as the gradient of the discounted return has it.

use super::targets::td_sum;
use crate::draw;
use crate::mdp::Mdp;
use crate::model::{Build, Model};
use crate::number::{Number, gradient};
use crate::row::Kind;
use crate::slip::Slip;
use crate::soft::{self, DISCOUNTS, TEMPERATURES, size};
use crate::trial::{Check, Trial};

const VISITS: &str = "Values err by the condition (1 + γ)/(1 − γ) of a linear solve; relative to visits × values × \
                      steepest slope, before the baseline cancels.";

pub(super) const CHECKS: &[Check] = &[
    Check {
        id: "gradient-return",
        equations: "49, 50",
        claim: "∇η = E[Σ_t γᵗ (∇log π Σ_{t'≥t} γ^{t'−t}(r − τ KL)_{t'} − τ∇KL_t)]",
        why: VISITS,
        kind: Kind::Identity,
        slips: &[Slip::Kl, Slip::Tau, Slip::Gamma, Slip::Sign],
        evaluate: whole_return,
    },
    Check {
        id: "gradient-n-step",
        equations: "51, 52",
        claim: "∇η = E[Σ_t γᵗ (∇log π Σ_{d<n} γᵈδ_{t+d} − τ∇KL_t)] for every n when V = V_π",
        why: VISITS,
        kind: Kind::Identity,
        slips: &[Slip::Kl, Slip::Gamma, Slip::Target],
        evaluate: n_step,
    },
    Check {
        id: "gradient-inexact",
        equations: "51, 52",
        claim: "with another V, n steps give a biased gradient",
        why: "Half of the digits: rounding is a thousand times less, what depends on V more.",
        kind: Kind::Difference,
        slips: &[Slip::Mended],
        evaluate: inexact,
    },
    Check {
        id: "gradient-naive",
        equations: "48",
        claim: "E[∇log π Σ r − τ∇KL], without the KL terms to come, is not the gradient of the regularised return",
        why: "Half of the digits: rounding is a thousand times less, the KL terms left out more.",
        kind: Kind::Difference,
        slips: &[Slip::Mended],
        evaluate: naive,
    },
];

/// A policy with parameters in an MDP with a start.
struct Problem {
    mdp: Mdp,
    model: Model,
    theta: Vec<f64>,
    start: Vec<f64>,
    pi: Vec<f64>,
}

impl Problem {
    /// One for each temperature, discount and kind of policy.
    fn grid(t: &mut Trial) -> Vec<Self> {
        let builds: [Build; 2] = [Model::table, Model::network];
        let mut problems = Vec::new();
        for (tau, gamma) in TEMPERATURES.into_iter().flat_map(|tau| DISCOUNTS.map(|gamma| (tau, gamma))) {
            for build in builds {
                let mdp = Mdp::random(&mut t.rng, 3, 3, tau, gamma);
                let model = build(&mut t.rng, mdp.states, mdp.actions);
                let theta = model.random(&mut t.rng);
                let pi = policy(&model, &theta, mdp.states);
                let start = draw::distribution(&mut t.rng, mdp.states);
                problems.push(Self { mdp, model, theta, start, pi });
            }
        }
        t.computed("32 MDPs of 3 states × 3 actions, softmax table and network, τ 0.001–10, γ 0.5–0.999");
        problems
    }

    /// The gradient of `E[V_π(s_0)]`.
    fn exact(&self) -> Vec<f64> {
        gradient(&self.theta, |theta| {
            let values = self.mdp.evaluate(&policy(&self.model, theta, self.mdp.states));
            soft::sum(values.into_iter().zip(&self.start).map(|(v, &chance)| v * chance))
        })
    }

    /// `Σ_s visits(s) (Σ_a π ∇log π · advantage(s, a) − τ ∇KL(s))`, by the backward pass.
    fn estimate(&self, visits: &[f64], advantages: &[f64], tau: f64) -> Vec<f64> {
        let (mdp, mut sum) = (&self.mdp, vec![0.0; self.theta.len()]);
        let kls = mdp.kls(&self.pi);
        for s in 0..mdp.states {
            let (pi, reference) = (mdp.at(&self.pi, s), mdp.at(&mdp.reference, s));
            let advantages = mdp.at(advantages, s);
            let mean = soft::mean(pi, advantages);
            // ∂log π(a)/∂logit(b) = [a = b] − π(b), and ∂KL/∂logit(b) = π(b) (log(π/π̄)(b) − KL).
            let slope = |b: usize| {
                let kl = (pi[b] / reference[b]).ln() - kls[s];
                visits[s] * pi[b] * (advantages[b] - mean - tau * kl)
            };
            let slopes: Vec<f64> = (0..mdp.actions).map(slope).collect();
            self.model.pull_back(&self.theta, s, &slopes, &mut sum);
        }
        sum
    }

    fn scale(&self) -> f64 {
        let mdp = &self.mdp;
        let rewards = size(&mdp.reward) + mdp.tau * (1.0 + size(&mdp.kls(&self.pi)));
        rewards / (1.0 - mdp.gamma).powi(2) * self.model.steepest(&self.theta)
    }

    fn roundings(&self) -> f64 {
        (self.mdp.states * self.mdp.actions + self.theta.len()) as f64 * 2.0 / (1.0 - self.mdp.gamma)
    }
}

/// The softmax policy of a model's outputs, over all states.
fn policy<T: Number>(model: &Model, theta: &[T], states: usize) -> Vec<T> {
    (0..states).flat_map(|s| soft::softmax(&model.outputs(theta, s))).collect()
}

/// `E[Σ_{t'≥0} γ^{t'} (r − τ KL)_{t'} | s, a]`, by applying the definition until nothing is added any more.
fn returns(mdp: &Mdp, pi: &[f64]) -> Vec<f64> {
    let kls = mdp.kls(pi);
    let mut returns = vec![0.0; mdp.reward.len()];
    for _ in 0..Mdp::horizon(mdp.gamma) {
        let ahead = mdp.backup(&mdp.means(pi, &returns));
        returns = (0..returns.len()).map(|i| ahead[i] - mdp.tau * kls[i / mdp.actions]).collect();
    }
    returns
}

fn whole_return(t: &mut Trial) {
    let pen = t.pen;
    for problem in Problem::grid(t) {
        let Problem { mdp, start, pi, .. } = &problem;
        let visits = mdp.occupancy(pi, start, pen.unless(Slip::Gamma, mdp.gamma, mdp.gamma.powi(2)));
        let inside = Mdp { tau: pen.unless(Slip::Kl, mdp.tau, 0.0), ..mdp.clone() };
        let tau = pen.unless(Slip::Tau, mdp.tau, 2.0 * mdp.tau) * pen.unless(Slip::Sign, 1.0, -1.0);
        let estimate = problem.estimate(&visits, &returns(&inside, pi), tau);
        t.equal_all(&estimate, &problem.exact(), problem.scale(), problem.roundings());
    }
}

/// `E[Σ_{d<n} γ^d δ_d | s, a]` over all trajectories.
fn advantages(mdp: &Mdp, pi: &[f64], v: &[f64], n: usize) -> Vec<f64> {
    let kls = mdp.kls(pi);
    let pairs = (0..mdp.states).flat_map(|s| (0..mdp.actions).map(move |a| (s, a)));
    pairs.map(|(s, a)| mdp.expect(pi, s, Some(a), n, |path| td_sum(mdp, v, &kls, path))).collect()
}

fn n_step(t: &mut Trial) {
    let pen = t.pen;
    for problem in Problem::grid(t) {
        let Problem { mdp, start, pi, .. } = &problem;
        let (exact, visits) = (problem.exact(), mdp.occupancy(pi, start, mdp.gamma));
        let other = draw::normals(&mut t.rng, mdp.states);
        let v = pen.unless(Slip::Target, mdp.evaluate(pi), other);
        let wrong = Mdp {
            tau: pen.unless(Slip::Kl, mdp.tau, 0.0),
            gamma: pen.unless(Slip::Gamma, mdp.gamma, mdp.gamma.powi(2)),
            ..mdp.clone()
        };
        for n in 1..=3 {
            let estimate = problem.estimate(&visits, &advantages(&wrong, pi, &v, n), mdp.tau);
            t.equal_all(&estimate, &exact, problem.scale(), problem.roundings());
        }
    }
}

fn inexact(t: &mut Trial) {
    for problem in Problem::grid(t) {
        let Problem { mdp, start, pi, .. } = &problem;
        let visits = mdp.occupancy(pi, start, mdp.gamma);
        let exact = mdp.evaluate(pi);
        let error = draw::normals(&mut t.rng, mdp.states);
        let other: Vec<f64> = exact.iter().zip(error).map(|(v, error)| v + size(&exact) * error).collect();
        let v = t.pen.unless(Slip::Mended, other, exact);
        let estimate = problem.estimate(&visits, &advantages(mdp, pi, &v, 2), mdp.tau);
        let exact = problem.exact();
        t.differ(&estimate, &exact, size(&exact));
    }
}

fn naive(t: &mut Trial) {
    for problem in Problem::grid(t) {
        let Problem { mdp, start, pi, .. } = &problem;
        let visits = mdp.occupancy(pi, start, mdp.gamma);
        let rewards_only = Mdp { tau: t.pen.unless(Slip::Mended, 0.0, mdp.tau), ..mdp.clone() };
        let estimate = problem.estimate(&visits, &returns(&rewards_only, pi), mdp.tau);
        let exact = problem.exact();
        t.differ(&estimate, &exact, size(&exact));
    }
}
