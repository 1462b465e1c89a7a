//! Policies as least squares (section 5): the natural gradient step and the regressions that it approximates.

use crate::draw::{self, Rng};
use crate::model::{Build, Model, add};
use crate::number::Number;
use crate::soft;
use nalgebra::{DMatrix, DVector};

/// A policy, and advantages that it is to be moved towards. Tables are `[states, actions]`.
pub(crate) struct Regression {
    /// Logits of all actions but the last, whose logit is 0. With a free one the parameters would have a direction
    /// that the policy does not see, and the Fisher matrix no inverse.
    model: Model,
    states: usize,
    pub(crate) actions: usize,
    pub(crate) reference: Vec<f64>,
    pub(crate) tau: f64,
    /// The parameters that the data come from.
    pub(crate) old: Vec<f64>,
    /// `ρ(s) π_old(a|s)`.
    pub(crate) weights: Vec<f64>,
    /// `ρ(s)`.
    pub(crate) visits: Vec<f64>,
    /// Δ.
    pub(crate) delta: Vec<f64>,
}

/// The solution of a least-squares problem.
pub(crate) struct Solution {
    pub(crate) step: Vec<f64>,
    /// The largest singular value over the smallest.
    pub(crate) condition: f64,
}

impl Regression {
    /// A random problem with advantages of size τ.
    pub(crate) fn random(rng: &mut Rng, network: bool, tau: f64) -> Self {
        let actions = 4;
        let states = if network { 30 } else { 8 };
        let narrow: Build =
            |rng, states, outputs| Model::network_on(draw::normals(rng, states * 3), 3, 3, outputs);
        let build: Build = if network { narrow } else { Model::features };
        let model = build(rng, states, actions - 1);
        let old = model.random(rng);
        let visits = draw::distribution(rng, states);
        let reference = draw::policy(rng, states, actions);
        let delta = draw::normals(rng, states * actions).into_iter().map(|delta| 0.5 * tau * delta).collect();
        let mut made =
            Self { model, states, actions, reference, tau, old, weights: Vec::new(), visits, delta };
        let log_old = made.log_policy(&made.old);
        made.weights =
            log_old.iter().enumerate().map(|(i, log)| made.visits[i / actions] * log.exp()).collect();
        made
    }

    /// `log π_θ(a|s)`.
    pub(crate) fn log_policy<T: Number>(&self, theta: &[T]) -> Vec<T> {
        let row = |s: usize| {
            let mut logits = self.model.outputs(theta, s);
            logits.push(T::from(0.0));
            let total = soft::value(&logits, &vec![1.0; self.actions], 1.0);
            logits.into_iter().map(move |logit| logit - total)
        };
        (0..self.states).flat_map(row).collect()
    }

    /// `KL[π_old ‖ π̄](s)`.
    pub(crate) fn kls(&self) -> Vec<f64> {
        let log_old = self.log_policy(&self.old);
        let kl = |s: usize| {
            let row = s * self.actions..(s + 1) * self.actions;
            let pi: Vec<f64> = log_old[row.clone()].iter().map(|log| log.exp()).collect();
            soft::kl(&pi, &self.reference[row])
        };
        (0..self.states).map(kl).collect()
    }

    /// `Δ − τ (log(π_old/π̄) − KL[π_old ‖ π̄])`: the target (71) without its ε.
    pub(crate) fn entropy_target(&self) -> Vec<f64> {
        let (log_old, kls) = (self.log_policy(&self.old), self.kls());
        let ratio = |i: usize| log_old[i] - self.reference[i].ln();
        (0..log_old.len()).map(|i| self.delta[i] - self.tau * (ratio(i) - kls[i / self.actions])).collect()
    }

    /// Rows `∇log π(a|s)`, by the backward pass.
    pub(crate) fn scores(&self, theta: &[f64]) -> Vec<Vec<f64>> {
        let pi: Vec<f64> = self.log_policy(theta).iter().map(|log| log.exp()).collect();
        let row = |i: usize| {
            let (s, a) = (i / self.actions, i % self.actions);
            let slope = |b: usize| f64::from(a == b) - pi[s * self.actions + b];
            let slopes: Vec<f64> = (0..self.actions - 1).map(slope).collect();
            let mut row = vec![0.0; theta.len()];
            self.model.pull_back(theta, s, &slopes, &mut row);
            row
        };
        (0..pi.len()).map(row).collect()
    }

    /// `argmin_w Σ weight (ψ · w − target)²`, by singular values.
    pub(crate) fn least_squares(&self, scores: &[Vec<f64>], target: &[f64]) -> Solution {
        let root = |i: usize| self.weights[i].sqrt();
        let matrix = DMatrix::from_fn(target.len(), self.old.len(), |i, j| root(i) * scores[i][j]);
        let right = DVector::from_fn(target.len(), |i, _| root(i) * target[i]);
        let svd = matrix.svd(true, true);
        let condition = svd.singular_values.max() / svd.singular_values.min();
        // It fails where U or V were not asked for, and they were.
        let step = svd.solve(&right, 0.0).expect("U and V were computed");
        Solution { step: step.as_slice().to_vec(), condition }
    }

    /// `F⁻¹ g` with `F = Σ weight ψψᵀ`, by the factors of Cholesky. None if F has no inverse.
    pub(crate) fn natural(&self, scores: &[Vec<f64>], weights: &[f64], gradient: &[f64]) -> Option<Vec<f64>> {
        let entry =
            |i: usize, j: usize| scores.iter().zip(weights).map(|(score, w)| w * score[i] * score[j]).sum();
        let fisher = DMatrix::from_fn(self.old.len(), self.old.len(), entry);
        let step = fisher.cholesky()?.solve(&DVector::from_column_slice(gradient));
        Some(step.as_slice().to_vec())
    }

    /// `g = Σ weight ψ Δ`.
    pub(crate) fn gradient(&self, scores: &[Vec<f64>], delta: &[f64]) -> Vec<f64> {
        let mut sum = vec![0.0; self.old.len()];
        for ((score, weight), delta) in scores.iter().zip(&self.weights).zip(delta) {
            add(&mut sum, score, weight * delta);
        }
        sum
    }

    fn loss(&self, theta: &[f64], target: &[f64], log_old: &[f64]) -> f64 {
        let errors = self.log_policy(theta).into_iter().zip(log_old).zip(target);
        errors.zip(&self.weights).map(|(((log, old), target), w)| w * (log - old - target).powi(2)).sum()
    }

    /// The parameters that minimise `Σ weight (log π_θ − log π_old − target)²`, by Gauss and Newton with halved steps.
    pub(crate) fn minimise(&self, target: &[f64]) -> Vec<f64> {
        let log_old = self.log_policy(&self.old);
        let mut theta = self.old.clone();
        let mut loss = self.loss(&theta, target, &log_old);
        for _ in 0..200 {
            let log = self.log_policy(&theta);
            let left: Vec<f64> = (0..target.len()).map(|i| target[i] - (log[i] - log_old[i])).collect();
            let Solution { step, condition } = self.least_squares(&self.scores(&theta), &left);
            // The logarithms' rounding, as it comes out of the least squares: there is nothing left to gain.
            if soft::size(&step) < condition * f64::EPSILON * soft::size(&log) {
                break;
            }
            let moved = |size: f64| -> Vec<f64> {
                theta.iter().zip(&step).map(|(t, step)| t + size * step).collect()
            };
            // Near the end a step gains less than the loss is rounded by, and is still worth taking.
            let no_worse = |theta: Vec<f64>| {
                let new = self.loss(&theta, target, &log_old);
                (new <= loss * (1.0 + 1e-6)).then_some((theta, new))
            };
            let Some(next) = (0..20).map(|halvings| moved(0.5f64.powi(halvings))).find_map(no_worse) else {
                break;
            };
            (theta, loss) = next;
        }
        theta
    }

    /// How far the policy that minimises the regression on `fitted` is from the one after the natural step for
    /// `target`:
    /// `‖log π_θ − log π_{θ_old + w}‖ / ‖Ψ w‖` with `w` the natural step.
    pub(crate) fn departure(&self, fitted: &[f64], target: &[f64]) -> f64 {
        let scores = self.scores(&self.old);
        let step = self.least_squares(&scores, target).step;
        let moved: Vec<f64> = self.old.iter().zip(&step).map(|(old, step)| old + step).collect();
        let (fitted, moved) = (self.log_policy(&self.minimise(fitted)), self.log_policy(&moved));
        let norm = |of: &dyn Fn(usize) -> f64| {
            let squares = self.weights.iter().enumerate().map(|(i, weight)| weight * of(i).powi(2));
            squares.sum::<f64>().sqrt()
        };
        let seen = |i: usize| scores[i].iter().zip(&step).map(|(score, step)| score * step).sum();
        norm(&|i| fitted[i] - moved[i]) / norm(&seen)
    }
}
