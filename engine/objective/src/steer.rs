//! The functions that steer a run by plain numbers: `schedule` and `on_eval`.

use std::collections::BTreeMap;

use rhai::{Dynamic, Map};

use crate::clock::{Clock, EvalStats};
use crate::diagnostic::{Diagnostic, did_you_mean, listing};
use crate::hooks::Hook;
use crate::host::{Complaint, Operand, Phase, Record, place_of_key};
use crate::params::{Param, ParamKind};
use crate::run::{Failed, Run};

/// What a script may set beside its parameters: the optimizer's step size and the exploration rate, with
/// their ranges.
pub(crate) const SETTINGS: [(&str, f64, f64); 2] = [("learning_rate", 0.0, 1.0), ("epsilon", 0.0, 1.0)];

impl Run<'_> {
    /// Calls `schedule` or `on_eval`; the numbers of the trace say at what time.
    pub fn steer(&self, hook: Hook, params: &[Param]) -> Result<BTreeMap<String, f64>, Failed> {
        let record = if hook == Hook::OnEval { Record::EvalStats } else { Record::Step };
        let result = self.call(hook.name(), vec![Dynamic::from(record)])?;
        read(hook.name(), result, params).map_err(|(key, complaint)| {
            let text = &self.bundle.sources[0].text;
            let at = key.and_then(|key| place_of_key(text, hook.name(), &key));
            let at = at.unwrap_or_else(|| self.result(hook.name(), 1));
            Failed { about_value: complaint.about_value, diagnostic: Box::new(self.fail(at, complaint)) }
        })
    }

    /// Tries `schedule` or `on_eval` before a run does, so that a slip in it does not end the run hours later.
    /// What goes wrong with made-up numbers counts only if it goes wrong whatever they are; the start of a run
    /// is not made up for `schedule`.
    pub fn try_steering(&self, hook: Hook, params: &[Param]) -> Result<(), Diagnostic> {
        for stats in trials() {
            let real = hook == Hook::Schedule && stats.clock == Clock::default();
            self.host.with(|trace| {
                trace.phase = Phase::Steer;
                trace.params = params.to_vec();
                trace.stats = Some(stats);
            });
            match self.steer(hook, params) {
                Err(failed) if real || !failed.about_value => return Err(failed.into()),
                _ => {}
            }
        }
        Ok(())
    }
}

/// Start, middle and end of a run. Nothing round divides the counts, so that a division of whole numbers that
/// works out now and then is found.
fn trials() -> [EvalStats; 3] {
    let clocks = [
        Clock::default(),
        Clock { frames: 5_000_011, agent_steps: 1_250_003, updates: 312_509, progress: 0.5 },
        Clock { frames: 10_000_019, agent_steps: 2_500_009, updates: 625_007, progress: 1.0 },
    ];
    clocks.map(|clock| EvalStats {
        episodes: 11,
        mean_return: 1.0,
        std_return: 1.0,
        best_return: 1.0,
        clock,
        params: BTreeMap::new(),
    })
}

/// The map that `schedule` or `on_eval` returned, checked; a complaint comes with the key that it is about.
fn read(
    name: &str,
    result: Dynamic,
    params: &[Param],
) -> Result<BTreeMap<String, f64>, (Option<String>, Complaint)> {
    let example = "return a map such as #{ tau: 0.1, learning_rate: 1e-4 }, or #{} to set nothing";
    if result.is_unit() {
        return Ok(BTreeMap::new());
    }
    let Some(map) = result.clone().try_cast::<Map>() else {
        let what = Operand::read(result).describe();
        return Err((None, Complaint::new(format!("`{name}` returns {what}, not a map")).hint(example)));
    };
    let mut values = BTreeMap::new();
    for (key, value) in map {
        let value = Operand::read(value);
        let number = value.plain().ok_or_else(|| {
            Complaint::new(format!("`{key}` of {name} is {}, not a number", value.describe())).hint(example)
        });
        let number = number.and_then(|number| check(&key, number, params).map(|()| number));
        values.insert(key.to_string(), number.map_err(|complaint| (Some(key.to_string()), complaint))?);
    }
    Ok(values)
}

pub(crate) fn check(key: &str, value: f64, params: &[Param]) -> Result<(), Complaint> {
    if let Some(param) = params.iter().find(|param| param.name == key) {
        if !matches!(param.kind, ParamKind::Live { .. }) {
            return Err(Complaint::new(format!("`{key}` is static: a new value compiles the script anew"))
                .hint("write its numbers with a fraction, param(1.0, 0.0, 10.0, \"…\"), to make it live"));
        }
        return param.check(value).map_err(|message| {
            Complaint::new(message).hint("bring it into its range: clip(x, low, high)").about_value()
        });
    }
    let live = params.iter().filter(|param| matches!(param.kind, ParamKind::Live { .. }));
    let names = live.map(|param| param.name.as_str()).chain(SETTINGS.map(|(name, ..)| name));
    match SETTINGS.iter().find(|(name, ..)| *name == key) {
        // Written so that NaN fails.
        Some(&(name, low, high)) if !(low <= value && value <= high) => {
            Err(Complaint::new(format!("`{name}` lies between {low} and {high}, which {value} does not"))
                .hint("bring it into its range: clip(x, low, high)")
                .about_value())
        }
        Some(_) => Ok(()),
        None => {
            let names: Vec<&str> = names.collect();
            let near = did_you_mean(key, names.iter().copied());
            let near = near.map(|near| format!("did you mean {near}? ")).unwrap_or_default();
            Err(Complaint::new(format!("there is nothing called `{key}` to set"))
                .hint(format!("{near}what can be set is {}", listing(names))))
        }
    }
}
