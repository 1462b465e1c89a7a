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

/// What a `schedule` may set beside parameters: Adam's step size.
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
            said.retain(|name, value| hook && fits(script, name, *value));
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

/// Whether a script may mean `name` when it sets it to `value` while it runs.
fn fits(script: &Script, name: &str, value: f64) -> bool {
    match script.params().iter().find(|param| param.name == name) {
        Some(param) => matches!(param.kind, ParamKind::Live { .. }) && param.check(value).is_ok(),
        None => [LEARNING_RATE, EPSILON].contains(&name),
    }
}
