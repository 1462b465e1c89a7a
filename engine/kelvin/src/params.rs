//! The numbers of a run that may change while it goes on, and whose word counts.
//!
//! `control.toml` and `--set` come first: what somebody set by hand stays. Then what the script itself says at that
//! moment, `schedule` before `on_eval`; then the script's defaults, and the configuration for what is no parameter.

use crate::config::Config;
use crate::failure::Failure;
use kelvin_objective::{ParamKind, Script};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Values by name.
pub type Values = BTreeMap<String, f64>;

/// What a `schedule` may set beside parameters: the optimizer's step size.
pub const LEARNING_RATE: &str = "learning_rate";
/// What a `schedule` may set beside parameters: the share of random actions.
pub const EPSILON: &str = "epsilon";

/// What was said while the run went on.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Steered {
    /// In `control.toml`.
    pub control: Values,
    /// By the script's `schedule`, when it was last called.
    pub schedule: Values,
    /// By the script's `on_eval`, in all calls.
    pub on_eval: Values,
}

impl Steered {
    /// What the script itself says about `name`, unless somebody set it by hand.
    pub fn by_script(&self, name: &str, config: &Config) -> Option<f64> {
        let said = self.schedule.get(name).or_else(|| self.on_eval.get(name));
        said.copied().filter(|_| !config.pinned.contains(name))
    }

    /// Forgets what a script said that no longer runs, and keeps what `script` may still mean.
    pub fn adopt(&mut self, script: &Script) {
        let hooks = script.hooks();
        for (said, hook) in [(&mut self.schedule, hooks.schedule), (&mut self.on_eval, hooks.on_eval)] {
            said.retain(|name, value| hook && script.may_set(name, *value));
        }
    }
}

/// The value of each of the script's parameters. One that was set by hand and lies outside the range that the script
/// gives is an error, placed in the script.
pub fn values(script: &Script, config: &Config, steered: &Steered) -> Result<Values, Failure> {
    let mut values = Values::new();
    for param in script.params() {
        let name = &param.name;
        let pinned = config.params.get(name).filter(|_| config.pinned.contains(name));
        let by_hand = steered.control.get(name).map(|value| ("control.toml: ", value));
        let by_hand = by_hand.or_else(|| pinned.map(|value| ("--set ", value)));
        let value = match by_hand {
            Some((who, value)) => {
                param.check(*value).map_err(|message| {
                    script.diagnostic(
                        format!("{who}{name}={value} does not fit this version: {message}"),
                        "widen the parameter's range, or set another value",
                    )
                })?;
                *value
            }
            None => steered.by_script(name, config).unwrap_or(param.default),
        };
        values.insert(name.clone(), value);
    }
    Ok(values)
}

/// Those of the values that a script is traced with.
pub fn statics(script: &Script, values: &Values) -> Values {
    let traced = script.params().iter().filter(|param| !matches!(param.kind, ParamKind::Live { .. }));
    traced.filter_map(|param| Some((param.name.clone(), *values.get(&param.name)?))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Wanted;
    use kelvin_env::{EnvSpec, Preset};

    fn script(more: &str) -> Script {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("s.rhai");
        let text = format!(
            "fn config() {{ #{{}} }}\n\
             fn params() {{ #{{ a: param(1.0, 0.0, 9.0, \"a\"), b: param(1.0, 0.0, 9.0, \"b\"), \
                               deep: param(false, \"deep\") }} }}\n\
             fn loss(net, t, p) {{ p.a * p.b * (net.q[t.action] - t.reward) ** 2 }}\n{more}"
        );
        std::fs::write(&path, text).unwrap();
        Script::load(&path).unwrap()
    }

    fn config(script: &Script, sets: &[(&str, &str)]) -> Config {
        let env = EnvSpec {
            id: "x".to_owned(),
            height: 2,
            width: 2,
            actions: vec!["A".to_owned(), "B".to_owned()],
            frames_per_step: 1,
            stack: 1,
            atari: false,
        };
        let wanted = Wanted {
            env: "x".to_owned(),
            preset: Preset::Paper,
            full_action_set: false,
            seed: 0,
            device: "cpu".to_owned(),
            frames: None,
            reference: None,
            sets: sets.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect(),
        };
        Config::resolve(&wanted, script, &env).unwrap()
    }

    fn said(values: &[(&str, f64)]) -> Values {
        values.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect()
    }

    #[test]
    fn whoever_sets_by_hand_comes_first_then_the_script_then_its_defaults() {
        let script = script("");
        let config = config(&script, &[("b", "2"), ("learning_rate", "0.5")]);
        let mut steered = Steered::default();
        let now = |steered: &Steered| values(&script, &config, steered).unwrap();
        assert_eq!(now(&steered), said(&[("a", 1.0), ("b", 2.0), ("deep", 0.0)]));
        steered.on_eval = said(&[("a", 3.0), ("b", 3.0), (LEARNING_RATE, 0.1), (EPSILON, 0.3)]);
        assert_eq!(now(&steered), said(&[("a", 3.0), ("b", 2.0), ("deep", 0.0)]));
        steered.schedule = said(&[("a", 4.0)]);
        assert_eq!(now(&steered)["a"], 4.0);
        steered.control = said(&[("a", 5.0), ("b", 5.0), ("deep", 1.0)]);
        assert_eq!(now(&steered), said(&[("a", 5.0), ("b", 5.0), ("deep", 1.0)]));
        assert_eq!(statics(&script, &now(&steered)), said(&[("deep", 1.0)]));
        assert_eq!(steered.by_script(EPSILON, &config), Some(0.3));
        assert_eq!(steered.by_script(LEARNING_RATE, &config), None, "it was set on the command line");
        let bad = Steered { control: said(&[("a", 10.0)]), ..Steered::default() };
        let failure = values(&script, &config, &bad).unwrap_err().to_string();
        assert!(failure.contains("control.toml: a=10 does not fit this version"), "{failure}");
    }

    #[test]
    fn what_no_longer_runs_is_forgotten() {
        let all = said(&[("a", 5.0), ("gone", 1.0), ("b", 99.0), ("deep", 1.0), (EPSILON, 0.1)]);
        let before = Steered { control: all.clone(), schedule: all.clone(), on_eval: all.clone() };
        let mut steered = before.clone();
        steered.adopt(&script("fn schedule(step) { #{} }"));
        assert_eq!(steered.control, before.control, "the file says what it says");
        assert_eq!(steered.schedule, said(&[("a", 5.0), (EPSILON, 0.1)]));
        assert_eq!(steered.on_eval, Values::new());
    }
}
