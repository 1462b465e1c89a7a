//! What a configuration must be, whatever it was merged from.

use super::merge::Problem;
use super::{Config, HeadName, LearnerName};
use crate::replay::KEPT_AFTER_DRAWING;
use std::collections::BTreeSet;
use std::ops::RangeInclusive;

/// Longest window, agent steps.
const MAX_WINDOW: f64 = 128.0;
/// Most environments, and samples of an update.
const MAX_ROWS: f64 = 65_536.0;
/// Most episodes of an evaluation.
const MAX_EPISODES: f64 = 100_000.0;
/// Widest hidden layer, and most of them.
const MAX_HIDDEN: (usize, usize) = (8192, 16);
/// Slots of an environment's ring that never start a sample: the stack's older frames, the write position, and
/// those that are about to be overwritten.
const MARGIN: usize = 8 + KEPT_AFTER_DRAWING;
/// The `f32` below one that a decay may come to: 1 itself divides by zero in the bias correction.
const BELOW_ONE: f64 = 1.0 - f32::EPSILON as f64;
/// Smallest and largest positive number that an `f32` holds without loss of precision.
const POSITIVE: RangeInclusive<f64> = f32::MIN_POSITIVE as f64..=f32::MAX as f64;

/// When a schedule may end, in trainings: beyond one where a run was shortened.
const LATEST: RangeInclusive<f64> = 0.0..=1e6;

impl Config {
    pub(super) fn validate(&self) -> Result<(), Problem> {
        let (count, fraction) = (1.0..=u64::MAX as f64, 0.0..=1.0);
        let ranges = [
            ("envs", self.envs as f64, 1.0..=MAX_ROWS),
            ("n", self.n as f64, 1.0..=MAX_WINDOW),
            ("batch", self.batch as f64, 1.0..=MAX_ROWS),
            ("frames", self.frames.0 as f64, count.clone()),
            ("update_every", self.update_every as f64, count.clone()),
            ("log_every", self.log_every as f64, count.clone()),
            ("checkpoint_every", self.checkpoint_every as f64, count),
            ("eval_episodes", self.eval_episodes as f64, 1.0..=MAX_EPISODES),
            ("learning_rate", self.learning_rate, POSITIVE),
            ("adam_epsilon", self.adam_epsilon, POSITIVE),
            ("rmsprop_epsilon", self.rmsprop_epsilon, POSITIVE),
            ("clip_norm", self.clip_norm, POSITIVE),
            ("rmsprop_decay", self.rmsprop_decay, 0.0..=BELOW_ONE),
            ("adam_beta1", self.adam_beta1, 0.0..=BELOW_ONE),
            ("adam_beta2", self.adam_beta2, 0.0..=BELOW_ONE),
            ("epsilon_start", self.epsilon_start, fraction.clone()),
            ("epsilon_mid", self.epsilon_mid, fraction.clone()),
            ("epsilon_end", self.epsilon_end, fraction.clone()),
            ("eval_epsilon", self.eval_epsilon, fraction),
            ("epsilon_mid_at", self.epsilon_mid_at, LATEST),
            ("epsilon_end_at", self.epsilon_end_at, LATEST),
        ];
        for (key, value, range) in ranges {
            if !range.contains(&value) {
                let range = match *range.end() == u64::MAX as f64 {
                    _ if range == POSITIVE => "be a positive number".to_owned(),
                    true => format!("be {} or more", range.start()),
                    false => format!("lie in {} to {}", range.start(), range.end()),
                };
                return Err(Problem::new(format!("`{key}` is {value}"), format!("it must {range}")));
            }
        }
        if self.epsilon_mid_at > self.epsilon_end_at {
            let hint = "both are fractions of the training, the steep part's end first";
            return Err(Problem::new("`epsilon_mid_at` lies after `epsilon_end_at`", hint));
        }
        self.validate_heads()?;
        self.validate_hidden()?;
        self.validate_replay()
    }

    fn validate_heads(&self) -> Result<(), Problem> {
        let unique: BTreeSet<_> = self.heads.iter().map(|head| *head as u8).collect();
        if unique.len() != self.heads.len() {
            return Err(Problem::new("`heads` names a head twice", "name each once, as in [\"q\", \"v\"]"));
        }
        Ok(())
    }

    /// Refuses a configuration that says nothing about how to act. `behave`: whether the script does.
    pub(super) fn validate_behaviour(&self, behave: bool) -> Result<(), Problem> {
        if behave || self.heads.iter().any(|head| *head != HeadName::V) {
            return Ok(());
        }
        let message = "nothing says how to act: `heads` has neither \"q\" nor \"logits\"";
        let hint =
            "add a head, as in `heads: [\"q\"]`, or a function `behave(net, p)` that returns probabilities";
        Err(Problem::new(message, hint))
    }

    fn validate_hidden(&self) -> Result<(), Problem> {
        let (widest, most) = MAX_HIDDEN;
        let sound = self.hidden.len() <= most && self.hidden.iter().all(|width| (1..=widest).contains(width));
        if sound {
            return Ok(());
        }
        let hint = format!("it must name at most {most} layers, 1 to {widest} wide");
        Err(Problem::new(format!("`hidden` is {:?}", self.hidden), hint))
    }

    fn validate_replay(&self) -> Result<(), Problem> {
        if self.learner == LearnerName::Rollout {
            if self.reference.is_some() && self.target_every > 0 {
                let message =
                    format!("`target_every` is {}, which would overwrite --reference", self.target_every);
                return Err(Problem::new(message, "leave one of them out"));
            }
            return Ok(());
        }
        if self.reference.is_some() {
            let message = "`--reference` is for rollouts: the target network of replay is the run's own";
            return Err(Problem::new(message, "leave it out, or --set learner=rollout"));
        }
        if self.target_every == 0 {
            return Err(Problem::new("`target_every` is 0", "it must be 1 or more"));
        }
        let smallest = self.envs * (self.n + self.batch.div_ceil(self.envs) + MARGIN);
        if self.replay_capacity >= smallest {
            return Ok(());
        }
        let message = format!(
            "`replay_capacity` is {}, too small for {} environments, windows of {} and batches of {}",
            self.replay_capacity, self.envs, self.n, self.batch
        );
        Err(Problem::new(message, format!("it must be at least {smallest}")))
    }
}
