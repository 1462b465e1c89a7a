//! The configuration of a run that starts from a checkpoint of another.

use super::merge::{self, Problem};
use super::{Config, LearnerName, defaults};
use crate::failure::Failure;
use crate::params::{EPSILON, LEARNING_RATE};
use kelvin_objective::Script;
use std::collections::BTreeSet;
use toml::Table;

/// Settings by which a checkpoint is read, or that what it holds came about by.
const BUILT_ON: [&str; 12] = [
    "learner",
    "n",
    "heads",
    "network",
    "hidden",
    "init",
    "optimizer",
    "envs",
    "replay_capacity",
    // How many updates are due is counted from the start of the training.
    "learning_starts",
    "update_every",
    // Rewards are in memory as they were learned from.
    "clip_rewards",
];

/// Whether a checkpoint of this learner fits no other value of the setting.
fn built_on(key: &str, learner: LearnerName) -> bool {
    // A rollout has a window of each environment.
    BUILT_ON.contains(&key) || key == "batch" && learner == LearnerName::Rollout
}

impl Config {
    /// The configuration of a run of `script` that starts from a checkpoint of this one's, taken while `recorded` ran:
    /// the same, but for `sets`. What the script newly says in its `config()` must hold already.
    ///
    /// Also the names that `sets` pinned.
    pub fn forked(
        &self,
        sets: &[(String, String)],
        recorded: &Script,
        script: &Script,
    ) -> Result<(Self, BTreeSet<String>), Failure> {
        let by_hand = |name: &String| self.params.get(name).filter(|_| self.pinned.contains(name));
        let params = script.params().iter();
        let params =
            params.map(|param| (param.name.clone(), *by_hand(&param.name).unwrap_or(&param.default)));
        let start = Self {
            script: defaults::path(script),
            params: params.collect(),
            pinned: BTreeSet::new(),
            ..self.clone()
        };
        let mut forked = start.with_sets(sets, script)?;
        let set = forked.pinned.clone();
        let still_means = |name: &String| {
            forked.params.contains_key(name) || [LEARNING_RATE, EPSILON].contains(&name.as_str())
        };
        let kept: Vec<String> = self.pinned.iter().filter(|name| still_means(name)).cloned().collect();
        forked.pinned.extend(kept);
        let (before, now) = (merge::to_table(self)?, merge::to_table(&forked)?);
        if let Some((key, value)) =
            now.iter().find(|(key, value)| built_on(key, self.learner) && before.get(*key) != Some(*value))
        {
            let has = before.get(key).map_or_else(String::new, ToString::to_string);
            return Err(Failure::usage(format!(
                "`{key}` is {value}, and the checkpoint was made with {has}"
            ))
            .hint(format!("leave --set {key} out, or start a run from its beginning, without --fork")));
        }
        self.says_nothing_new(&now, sets, recorded, script)?;
        Ok((forked, set))
    }

    /// Refuses what a script newly says in its `config()` and the fork, whose settings are `now`, has otherwise. What
    /// `sets` name is theirs to say.
    fn says_nothing_new(
        &self,
        now: &Table,
        sets: &[(String, String)],
        recorded: &Script,
        script: &Script,
    ) -> Result<(), Failure> {
        let placed =
            |problem: Problem| Failure::from(script.diagnostic(problem.message, problem.hint.as_str()));
        for (key, value) in script.config() {
            if recorded.config().get(key) == Some(value) {
                continue;
            }
            let mut said = now.clone();
            merge::from_script(&mut said, key, value).map_err(placed)?;
            let set = |key: &str| sets.iter().any(|(name, _)| name == key);
            let changed = said.iter().find(|(key, value)| now.get(*key) != Some(*value) && !set(key));
            let Some((key, value)) = changed else { continue };
            let has = now.get(key).map_or_else(String::new, ToString::to_string);
            let message =
                format!("config() says `{key}` is {value}, and the run that it is to start from has {has}");
            let hint = match built_on(key, self.learner) {
                true => {
                    "the checkpoint fits no other: leave it as it was, or start without --fork".to_owned()
                }
                false => {
                    format!("--set {key}={value} makes it so in the new run; --set {key}={has} leaves it")
                }
            };
            return Err(placed(Problem::new(message, hint)));
        }
        Ok(())
    }
}
