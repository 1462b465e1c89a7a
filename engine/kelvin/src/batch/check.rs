//! Whether runs can be: their scripts, environments, settings and references, looked at before anything starts.

use super::facts::Facts;
use crate::config::{Config, Wanted};
use crate::console::Console;
use crate::failure::Failure;
use crate::learner::Policy;
use crate::params::Steered;
use crate::protocol::Protocol;
use crate::staged::{self, Staged};
use crate::train::{cautions, check_reference, stage};
use crate::units::Frames;
use kelvin_batch::{Checked, Refusal, Run};
use kelvin_env::{EnvOptions, EnvSpec, Preset, make};
use kelvin_objective::Script;
use kelvin_run::RunDir;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// What a run is compiled from: script, environment, its actions, reference and settings.
type Compiled = (PathBuf, String, usize, Option<PathBuf>, Vec<(String, String)>);

/// Looks at runs, each script and environment once.
pub(super) struct Checker {
    roms: Option<PathBuf>,
    scripts: BTreeMap<PathBuf, Script>,
    envs: BTreeMap<(String, String, bool), EnvSpec>,
    /// What was compiled already, and what is to be known of it. Seeds make no difference.
    compiled: BTreeMap<Compiled, Vec<&'static str>>,
    /// What the runs were found to be, in their order.
    pub facts: Vec<Facts>,
}

impl Checker {
    pub fn new(roms: Option<&Path>) -> Self {
        Self {
            roms: roms.map(Path::to_path_buf),
            scripts: BTreeMap::new(),
            envs: BTreeMap::new(),
            compiled: BTreeMap::new(),
            facts: Vec::new(),
        }
    }

    /// The objectives of the runs so far.
    pub fn scripts(&self) -> impl Iterator<Item = &Script> {
        self.scripts.values()
    }

    /// Looks at a run.
    pub fn check(&mut self, run: &Run) -> Result<Checked, Refusal> {
        let script = self.script(run)?;
        let preset = preset(run)?;
        let env = self.env(run, preset)?;
        find_reference(run)?;
        let config = resolve(run, preset, &script, &env)?;
        let cautions = self.compile(run, &script, &env, &config)?;
        self.facts.push(Facts::new(&config, &env, cautions));
        Ok(Checked {
            // It was just read, so that it is somewhere.
            script: run.script.canonicalize().unwrap_or_else(|_| run.script.clone()),
            script_hash: script.hash().to_owned(),
            frames: config.frames.0,
            preset: config.preset.to_string(),
        })
    }

    fn script(&mut self, run: &Run) -> Result<Script, Refusal> {
        if let Some(script) = self.scripts.get(&run.script) {
            return Ok(script.clone());
        }
        let script = Script::load(&run.script).map_err(|diagnostic| {
            // A path that leads nowhere is the batch script's mistake, all others are the objective's.
            if diagnostic.line > 0 {
                return Refusal::Objective(Box::new(diagnostic));
            }
            let message = format!("{}: {}", run.script.display(), diagnostic.message);
            let name = run.script.file_name().map(|name| name.to_string_lossy().into_owned());
            let hint = diagnostic.hint.map(|hint| format!("{hint} (paths are relative to the batch script)"));
            Refusal::Says { key: "script".to_owned(), value: name, message, hint }
        })?;
        self.scripts.insert(run.script.clone(), script.clone());
        Ok(script)
    }

    fn env(&mut self, run: &Run, preset: Preset) -> Result<EnvSpec, Refusal> {
        let key = (run.env.clone(), preset.to_string(), run.full_action_set);
        if let Some(env) = self.envs.get(&key) {
            return Ok(env.clone());
        }
        let options = EnvOptions {
            preset,
            full_action_set: run.full_action_set,
            roms: self.roms.clone(),
            ..EnvOptions::default()
        };
        let env = make(&run.env, &options, 1).map_err(|error| Refusal::Says {
            key: "env".to_owned(),
            value: Some(run.env.clone()),
            message: error.to_string(),
            hint: error.hint(),
        })?;
        Ok(self.envs.entry(key).or_insert(env.spec().clone()).clone())
    }

    /// Compiles the objective for this run, which finds what `config` and `params` alone do not show, and looks at what
    /// else the run will need of it. Says what a person should know of it.
    fn compile(
        &mut self,
        run: &Run,
        script: &Script,
        env: &EnvSpec,
        config: &Config,
    ) -> Result<Vec<&'static str>, Refusal> {
        let actions = env.actions.len();
        let key = (run.script.clone(), run.env.clone(), actions, run.reference.clone(), sets(run));
        if let Some(cautions) = self.compiled.get(&key) {
            return Ok(cautions.clone());
        }
        let layout = staged::layout(config, actions);
        let staged = stage(script.clone(), &layout, config, &Steered::default())
            .map_err(|failure| says(run, "script", None, &failure))?;
        check_evaluations(run, &staged, env, config)?;
        if let Some(reference) = &run.reference {
            check_reference(reference, config, env, &staged, &Console::new(true))
                .map_err(|failure| says(run, "reference", None, &failure))?;
        }
        Ok(self.compiled.entry(key).or_insert(cautions(config, &staged)).clone())
    }
}

/// Looks whether the policy can be evaluated as the run asks for.
fn check_evaluations(run: &Run, staged: &Staged, env: &EnvSpec, config: &Config) -> Result<(), Refusal> {
    if config.eval_every == 0 {
        return Ok(());
    }
    let protocol = Policy::new(config, staged, env.actions.len())
        .and_then(|policy| Protocol::resolve(config.eval_policy, None, config.eval_epsilon, &policy));
    let key = "eval_policy";
    let value = run.set.get(key).map(String::as_str);
    protocol.map(drop).map_err(|failure| says(run, key, value, &failure))
}

/// The settings of a run, in the order in which they are set.
pub(super) fn sets(run: &Run) -> Vec<(String, String)> {
    run.set.iter().map(|(key, value)| (key.clone(), value.clone())).collect()
}

fn preset(run: &Run) -> Result<Preset, Refusal> {
    let Some(preset) = &run.preset else { return Ok(Preset::default()) };
    preset.parse().map_err(|error: kelvin_env::EnvError| Refusal::Says {
        key: "preset".to_owned(),
        value: Some(preset.clone()),
        message: error.to_string(),
        hint: error.hint(),
    })
}

fn find_reference(run: &Run) -> Result<(), Refusal> {
    let Some(reference) = &run.reference else { return Ok(()) };
    RunDir::open(reference).map(drop).map_err(|error| Refusal::Says {
        key: "reference".to_owned(),
        value: None,
        message: error.to_string().lines().next().unwrap_or_default().to_owned(),
        hint: Some("it is the folder of a run, relative to the batch script".to_owned()),
    })
}

/// The run's configuration. Where it cannot be, the setting is named without which it could.
fn resolve(run: &Run, preset: Preset, script: &Script, env: &EnvSpec) -> Result<Config, Refusal> {
    let wanted = |sets: &[(String, String)]| Wanted {
        env: run.env.clone(),
        preset,
        full_action_set: run.full_action_set,
        seed: run.seed,
        device: "auto".to_owned(),
        frames: run.frames.map(Frames),
        reference: run.reference.as_ref().map(|reference| reference.display().to_string()),
        sets: sets.to_vec(),
    };
    let sets = sets(run);
    let failure = match Config::resolve(&wanted(&sets), script, env) {
        Ok(config) => return Ok(config),
        Err(failure) => failure,
    };
    let culprit =
        (0..sets.len()).find(|&last| Config::resolve(&wanted(&sets[..=last]), script, env).is_err());
    match (culprit.map(|at| &sets[at]), Config::resolve(&wanted(&[]), script, env)) {
        (Some((key, value)), Ok(_)) => Err(says(run, key, Some(value), &failure)),
        // Without any settings it cannot be either.
        _ => Err(says(run, "script", None, &failure)),
    }
}

/// A failure about a run as one about what the batch script says of it.
fn says(run: &Run, key: &str, value: Option<&str>, failure: &Failure) -> Refusal {
    if let Some(diagnostic) = failure.diagnostic() {
        let mut diagnostic = diagnostic.clone();
        diagnostic.message = in_words_of_a_script(&diagnostic.message);
        diagnostic.hint = diagnostic.hint.as_deref().map(in_words_of_a_script);
        return Refusal::Objective(Box::new(diagnostic));
    }
    let message = failure.message();
    // As for the command line, which there is none of here.
    let told = value.and_then(|value| message.strip_prefix(&format!("--set {key}={value}: ")));
    // What has no such name is shown at its name.
    let shown = value.filter(|_| told.is_none_or(|told| !told.starts_with("there is no setting")));
    let script = || run.script.file_name().map(|name| name.to_string_lossy().into_owned());
    Refusal::Says {
        key: key.to_owned(),
        value: if key == "script" { script() } else { shown.map(str::to_owned) },
        message: match (told, value) {
            (Some(told), Some(value)) => {
                format!("{key}: {value} for {}: {}", run.script.display(), in_words_of_a_script(told))
            }
            _ => in_words_of_a_script(message),
        },
        hint: failure.advice().map(in_words_of_a_script),
    }
}

/// What is said of a command line, said of a map: `--set tau=0.01` as `tau: 0.01`, and `--reference` as `reference`.
fn in_words_of_a_script(text: &str) -> String {
    const SET: &str = "--set ";
    let mut text = text.replace("--reference", "reference");
    while let Some(at) = text.find(SET) {
        let rest = &text[at + SET.len()..];
        let (entry, rest) = match rest.strip_prefix('\'').and_then(|rest| rest.split_once('\'')) {
            Some(quoted) => quoted,
            None => rest.split_at(rest.find([' ', ';']).unwrap_or(rest.len())),
        };
        text = format!("{}{}{rest}", &text[..at], entry.replacen('=', ": ", 1));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hints_name_what_a_batch_script_has() {
        for (said, told) in [
            (
                "set a parameter by its name, as in --set tau=0.01",
                "set a parameter by its name, as in tau: 0.01",
            ),
            (
                "a list, as in --set 'heads=[\"q\", \"v\"]' or --set hidden=[64,64]",
                "a list, as in heads: [\"q\", \"v\"] or hidden: [64,64]",
            ),
            (
                "`--reference` is for rollouts; --set learner=rollout; more",
                "`reference` is for rollouts; learner: rollout; more",
            ),
            ("nothing of either", "nothing of either"),
        ] {
            assert_eq!(in_words_of_a_script(said), told);
        }
    }
}
