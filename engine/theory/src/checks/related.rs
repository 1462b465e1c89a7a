//! Systems that the paper names: PGQ (87) and path consistency (90).

use crate::draw;
use crate::mdp::{Mdp, Path};
use crate::row::Kind;
use crate::slip::{Pen, Slip};
use crate::soft::{self, size};
use crate::trial::{Check, Trial};

const OPTIMUM: &str =
    "V* and Q* err by the condition (1 + γ)/(1 − γ) of a linear solve; each step of a path rounds.";
const DIFFERENT: &str =
    "Half of the digits: rounding is a thousand times less, what depends on the claim more.";

pub(super) const CHECKS: &[Check] = &[
    Check {
        id: "pgq",
        equations: "87",
        claim: "Q = V + τ(log π + H[π]) at the regularised optimum for a uniform reference, where V is E_π[Q]",
        why: OPTIMUM,
        kind: Kind::Identity,
        slips: &[Slip::Tau, Slip::Sign, Slip::Policy],
        evaluate: pgq,
    },
    Check {
        id: "pgq-soft-value",
        equations: "24, 87",
        claim: "with V_π of (24), which has the KL terms, (87) does not hold",
        why: DIFFERENT,
        kind: Kind::Difference,
        slips: &[Slip::Mended],
        evaluate: pgq_soft_value,
    },
    Check {
        id: "pcl-paths",
        equations: "90",
        claim: "(V*, π*) is consistent on every path of a deterministic MDP, whatever policy takes it",
        why: OPTIMUM,
        kind: Kind::Identity,
        slips: &[Slip::Tau, Slip::Gamma, Slip::Sign, Slip::Reference],
        evaluate: pcl_paths,
    },
    Check {
        id: "pcl-mean",
        equations: "90",
        claim: "in a stochastic MDP the residual of (V*, π*) has mean zero under every policy",
        why: OPTIMUM,
        kind: Kind::Identity,
        slips: &[Slip::Tau, Slip::Gamma, Slip::Sign, Slip::Reference],
        evaluate: pcl_mean,
    },
    Check {
        id: "pcl-stochastic",
        equations: "90",
        claim: "on single paths of a stochastic MDP (V*, π*) is not consistent",
        why: DIFFERENT,
        kind: Kind::Difference,
        slips: &[Slip::Mended],
        evaluate: pcl_stochastic,
    },
    Check {
        id: "pcl-other",
        equations: "90",
        claim: "another policy with its own value is not consistent",
        why: DIFFERENT,
        kind: Kind::Difference,
        slips: &[Slip::Mended],
        evaluate: pcl_other,
    },
];

/// A policy's `log(π/π̄)` and a value function.
struct Pair {
    log_ratio: Vec<f64>,
    v: Vec<f64>,
}

impl Pair {
    /// `(V*, π*)`.
    fn optimal(mdp: &Mdp) -> Self {
        let q = mdp.optimal();
        let row = |s| soft::log_ratio(mdp.at(&q, s), mdp.at(&mdp.reference, s), mdp.tau);
        Self { log_ratio: (0..mdp.states).flat_map(row).collect(), v: mdp.soft_values(&q) }
    }

    /// `Σ γ^t τ log(π/π̄) − (Σ γ^t r + γⁿ V(s_n) − V(s_0))` on a path (90).
    fn residual(&self, mdp: &Mdp, path: &Path<'_>, pen: Pen) -> f64 {
        let n = path.actions.len();
        let tau = pen.unless(Slip::Tau, mdp.tau, 2.0 * mdp.tau);
        let step = |t: usize| {
            let (s, a) = (path.states[t], path.actions[t]);
            let reference = pen.unless(Slip::Reference, 0.0, mdp.at(&mdp.reference, s)[a].ln());
            let ratio = mdp.at(&self.log_ratio, s)[a] + reference;
            mdp.gamma.powi(t as i32) * (tau * ratio - mdp.at(&mdp.reward, s)[a])
        };
        let last = mdp.gamma.powi(pen.unless(Slip::Gamma, n, n - 1) as i32) * self.v[path.states[n]];
        (0..n).map(step).sum::<f64>() - last + pen.unless(Slip::Sign, 1.0, -1.0) * self.v[path.states[0]]
    }
}

fn scale(mdp: &Mdp, pair: &Pair) -> f64 {
    4.0 * (size(&mdp.reward) + size(&pair.v) + mdp.tau * size(&pair.log_ratio))
}

fn roundings(mdp: &Mdp) -> f64 {
    (mdp.states * mdp.actions) as f64 * (1.0 + 1.0 / (1.0 - mdp.gamma))
}

/// Residuals on all paths of up to three steps from every state.
fn residuals(mdp: &Mdp, pair: &Pair, pen: Pen) -> Vec<f64> {
    let uniform = vec![1.0 / mdp.actions as f64; mdp.reward.len()];
    let mut residuals = Vec::new();
    for n in 1..=3 {
        for s in 0..mdp.states {
            mdp.paths(&uniform, s, None, n, &mut |path| residuals.push(pair.residual(mdp, path, pen)));
        }
    }
    residuals
}

fn pcl_paths(t: &mut Trial) {
    for mdp in Mdp::grid(&mut t.rng, 5, 3) {
        let mdp = mdp.deterministic(&mut t.rng);
        let pair = Pair::optimal(&mdp);
        let residuals = residuals(&mdp, &pair, t.pen);
        t.equal_all(&residuals, &vec![0.0; residuals.len()], scale(&mdp, &pair), roundings(&mdp));
    }
    t.computed("16 deterministic MDPs of 5 states × 3 actions, every path of 1–3 steps");
}

fn pcl_mean(t: &mut Trial) {
    for mdp in Mdp::grid(&mut t.rng, 3, 3) {
        let pair = Pair::optimal(&mdp);
        let anyone = mdp.policy(&mut t.rng);
        for n in 1..=3 {
            for s in 0..mdp.states {
                let mean = mdp.expect(&anyone, s, None, n, |path| pair.residual(&mdp, path, t.pen));
                t.equal(mean, 0.0, scale(&mdp, &pair), roundings(&mdp));
            }
        }
    }
    t.computed("16 MDPs of 3 states × 3 actions, a random policy acts, n 1–3, all trajectories (up to 729)");
}

fn pcl_stochastic(t: &mut Trial) {
    for mdp in Mdp::grid(&mut t.rng, 3, 3) {
        let plain = mdp.clone().deterministic(&mut t.rng);
        let mdp = t.pen.unless(Slip::Mended, mdp, plain);
        let pair = Pair::optimal(&mdp);
        let residuals = residuals(&mdp, &pair, t.pen);
        t.differ(&residuals, &vec![0.0; residuals.len()], scale(&mdp, &pair));
    }
    t.computed("16 MDPs of 3 states × 3 actions, every path of 1–3 steps, n 1–3");
}

fn pcl_other(t: &mut Trial) {
    for mdp in Mdp::grid(&mut t.rng, 5, 3) {
        let mdp = mdp.deterministic(&mut t.rng);
        let pi = mdp.policy(&mut t.rng);
        let log_ratio = pi.iter().zip(&mdp.reference).map(|(pi, reference)| (pi / reference).ln()).collect();
        let other = Pair { log_ratio, v: mdp.evaluate(&pi) };
        let pair = t.pen.unless(Slip::Mended, other, Pair::optimal(&mdp));
        let residuals = residuals(&mdp, &pair, t.pen);
        t.differ(&residuals, &vec![0.0; residuals.len()], scale(&mdp, &pair));
    }
    t.computed("16 deterministic MDPs of 5 states × 3 actions, every path of 1–3 steps");
}

/// For each MDP: `Q_π` of the policy, and `V + τ(log π + H)` with V from `value(mdp, π, Q_π)`.
fn relation(
    t: &mut Trial,
    value: impl Fn(&Mdp, &[f64], &[f64]) -> Vec<f64>,
    mut judge: impl FnMut(&mut Trial, &Mdp, [&[f64]; 2], f64),
) {
    let pen = t.pen;
    for (tau, gamma) in [0.1, 1.0, 10.0].into_iter().flat_map(|tau| soft::DISCOUNTS.map(|gamma| (tau, gamma)))
    {
        let mdp = Mdp::random(&mut t.rng, 5, 3, tau, gamma).uniform();
        // The policy's own action values by a linear solve: at the optimum they are Q*.
        let other = mdp.boltzmann(&draw::normals(&mut t.rng, mdp.reward.len()));
        let pi = pen.unless(Slip::Policy, mdp.boltzmann(&mdp.optimal()), other);
        let q = mdp.backup(&mdp.evaluate(&pi));
        let v = value(&mdp, &pi, &q);
        let (mut left, mut right, mut least) = (Vec::new(), Vec::new(), 0.0f64);
        for (s, &v) in v.iter().enumerate() {
            let logs: Vec<f64> = mdp.at(&pi, s).iter().map(|pi| pi.max(f64::MIN_POSITIVE).ln()).collect();
            let entropy = -soft::mean(mdp.at(&pi, s), &logs) * pen.unless(Slip::Sign, 1.0, -1.0);
            for ((q, pi), log) in mdp.at(&q, s).iter().zip(mdp.at(&pi, s)).zip(&logs) {
                // Below, the probability has underflowed and its logarithm is gone.
                if *pi > f64::MIN_POSITIVE {
                    left.push(*q);
                    right.push(v + pen.unless(Slip::Tau, tau, 2.0 * tau) * (log + entropy));
                    least = least.min(*log);
                }
            }
        }
        let scale = size(&q) + size(&v) + tau * (1.0 - least);
        judge(t, &mdp, [&left, &right], scale);
    }
    t.computed("12 MDPs of 5 states × 3 actions, uniform reference, τ 0.1–10, γ 0.5–0.999");
}

fn pgq(t: &mut Trial) {
    let mean = |mdp: &Mdp, pi: &[f64], q: &[f64]| mdp.means(pi, q);
    relation(t, mean, |t, mdp, [left, right], scale| t.equal_all(left, right, scale, roundings(mdp)));
}

fn pgq_soft_value(t: &mut Trial) {
    let pen = t.pen;
    let value =
        |mdp: &Mdp, pi: &[f64], q: &[f64]| pen.unless(Slip::Mended, mdp.evaluate(pi), mdp.means(pi, q));
    relation(t, value, |t, _, [left, right], scale| t.differ(left, right, scale));
}
