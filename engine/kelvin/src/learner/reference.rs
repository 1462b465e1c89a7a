//! How far a run's policy is from that of the network it is held near, another run's: `--reference`. What an update makes
//! of the two is the script's business; here they are compared at one observation, for whoever looks on.

use super::agent::Learner;
use super::policy::Policy;
use crate::config::{Config, HeadName};
use crate::failure::Failure;
use kelvin_run::{Compared, ReferenceView};

/// What the reference's network makes of what is shown.
pub(super) struct Consulted {
    run: String,
    /// `[outputs]`.
    outputs: Vec<f32>,
}

impl Learner {
    /// Asks the reference, which is the target network. Nothing where the run has none.
    pub(super) fn consult(&mut self) -> Result<Option<Consulted>, Failure> {
        let Some(run) = &self.config.reference else { return Ok(None) };
        let mut outputs = vec![0.0; self.shown.outputs.len()];
        self.model.consult(&self.shown.obs, &mut outputs)?;
        Ok(Some(Consulted { run: run.clone(), outputs }))
    }
}

impl Consulted {
    /// KL[π ‖ π_ref] for a run whose network says `ours`, and draws actions by `pi` for it.
    ///
    /// A policy that is drawn from is compared with what the same rule makes of the reference's outputs. Where values are
    /// followed greedily the divergence would be zero or infinite and say nothing; then the policy is compared that the
    /// network has beside them, and without one that of its values at the temperature (eq. 11).
    pub fn compare(
        self,
        config: &Config,
        policy: &mut Policy,
        (pi, ours): (&[f32], &[f32]),
        tau: Option<f64>,
    ) -> ReferenceView {
        let theirs = &self.outputs;
        let column = |head| config.column(head, pi.len());
        let at = |column: usize, tau| {
            let [ours, theirs] = [ours, theirs].map(|all| log_softmax(&all[column..column + pi.len()], tau));
            divergence(&ours, &theirs)
        };
        let (kl, of) = if policy.samples() {
            let logs = |pi: &[f32]| pi.iter().map(|p| f64::from(*p).ln()).collect::<Vec<_>>();
            // A row that no policy follows from is at no distance that could be told.
            let theirs = policy.probabilities(theirs).map_or(vec![f64::NAN; pi.len()], logs);
            (divergence(&logs(pi), &theirs), Some(Compared::Acting))
        } else if let Some(logits) = column(HeadName::Logits) {
            (at(logits, 1.0), Some(Compared::Logits))
        } else if let (Some(q), Some(tau)) = (column(HeadName::Q), tau) {
            (at(q, tau), Some(Compared::Boltzmann))
        } else {
            (f32::NAN, None)
        };
        ReferenceView { run: self.run, kl, of }
    }
}

/// log softmax(values / τ).
pub(super) fn log_softmax(values: &[f32], tau: f64) -> Vec<f64> {
    let largest = values.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let scaled: Vec<f64> = values.iter().map(|value| f64::from(value - largest) / tau).collect();
    let log_sum = scaled.iter().map(|value| value.exp()).sum::<f64>().ln();
    scaled.into_iter().map(|value| value - log_sum).collect()
}

/// Σ π (log π - log π_ref) in nats, from both logarithms.
fn divergence(log_pi: &[f64], log_ref: &[f64]) -> f32 {
    let terms = log_pi.iter().zip(log_ref).map(|(log_pi, log_ref)| match log_pi.exp() {
        // Whatever the reference makes of an action that is never taken.
        0.0 => 0.0,
        pi => pi * (log_pi - log_ref),
    });
    let sum = terms.sum::<f64>();
    // Rounding may leave it a little below zero.
    if sum < 0.0 { 0.0 } else { sum as f32 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn logs<const N: usize>(pi: [f64; N]) -> [f64; N] {
        pi.map(f64::ln)
    }

    #[test]
    fn a_divergence_is_what_its_formula_says() {
        // 1/2 log 2 + 1/4 log (1/2) + 1/4 log 1, and the other way 1/4 log (1/2) + 1/2 log 2 + 1/4 log 1.
        let (pi, other) = (logs([0.5, 0.25, 0.25]), logs([0.25, 0.5, 0.25]));
        let quarter = 0.25 * 2f32.ln();
        assert!((divergence(&pi, &other) - quarter).abs() < 1e-6);
        // 0.9 log 1.8 + 0.1 log 0.2, which is not 0.5 log (5/9) + 0.5 log 5.
        let (sure, even) = (logs([0.9, 0.1]), logs([0.5, 0.5]));
        assert!((divergence(&sure, &even) - 0.368_064).abs() < 1e-6, "{}", divergence(&sure, &even));
        assert!((divergence(&even, &sure) - 0.510_826).abs() < 1e-6, "{}", divergence(&even, &sure));
        assert_eq!(divergence(&pi, &pi), 0.0);
    }

    #[test]
    fn actions_that_are_never_taken_count_for_nothing_and_impossible_ones_without_end() {
        let (one, two) = (logs([1.0, 0.0]), logs([0.5, 0.5]));
        assert!((divergence(&one, &two) - 2f32.ln()).abs() < 1e-6);
        assert_eq!(divergence(&one, &one), 0.0);
        assert_eq!(divergence(&two, &one), f32::INFINITY);
        for broken in [[f64::NAN; 2], [f64::NAN, 0.0]] {
            assert!(divergence(&broken, &two).is_nan() && divergence(&two, &broken).is_nan());
        }
    }

    /// However small the temperature: probabilities as floats would end at 100 nats.
    #[test]
    fn values_far_apart_have_a_finite_divergence() {
        let [ours, theirs] = [[1.0, 0.0], [0.0, 1.0]].map(|q| log_softmax(&q, 1e-3));
        assert!((divergence(&ours, &theirs) - 1000.0).abs() < 1e-3, "{}", divergence(&ours, &theirs));
        let [ours, theirs] = [[0.0, 3f32.ln()], [0.0, 0.0]].map(|logits| log_softmax(&logits, 1.0));
        // 1/4 log 1/2 + 3/4 log 3/2.
        assert!((divergence(&ours, &theirs) - 0.130_812).abs() < 1e-6, "{}", divergence(&ours, &theirs));
    }
}
