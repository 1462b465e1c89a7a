//! Starting a run from a checkpoint of another, with a script that may have changed. The other run is only read.

use super::checkpoint;
use super::request::TrainRequest;
use super::resume::{adjust, done, episodes, recorded_script, same_game};
use super::session::{Given, Parts, Session, borrowed};
use super::steering::Scheduled;
use crate::config::{Config, ForkedFrom};
use crate::console::{Console, grouped};
use crate::failure::Failure;
use crate::learner::Learner;
use crate::params::{Steered, Values};
use kelvin_objective::Script;
use kelvin_run::{Borrowed, Checkpoint, RunDir};
use serde_json::json;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// The checkpoint that a run starts from.
pub(super) struct Origin {
    pub checkpoint: Checkpoint,
}

impl Origin {
    /// The one that a run started from, which it has kept; none if it began at the beginning.
    pub fn of(dir: &RunDir, config: &Config) -> Result<Option<Self>, Failure> {
        let Some(from) = &config.forked_from else { return Ok(None) };
        let checkpoint = borrowed(dir, Borrowed::Origin, Some(from.update))?;
        Ok(Some(Self { checkpoint }))
    }

    /// What was said about parameters there, but for `control.toml`, which says this.
    pub fn steered(&self, script: &Script, control: Values) -> Result<Steered, Failure> {
        let mut steered = checkpoint::load_state(&self.checkpoint)?.learner.steered;
        steered.adopt(script);
        Ok(Steered { control, ..steered })
    }

    /// When `schedule` was called last, of this script.
    pub fn scheduled(&self, script: &Script) -> Result<Scheduled, Failure> {
        let saved = checkpoint::load_state(&self.checkpoint)?;
        Ok(if script.hash() == saved.objective { saved.past.scheduled } else { Scheduled::Due })
    }

    /// A learner that starts there, and whether the episodes go on.
    pub fn learner(
        &self,
        parts: &Parts,
        config: &Config,
        script: Script,
        steered: Steered,
        console: &Console,
    ) -> Result<(Learner, bool), Failure> {
        let saved = checkpoint::load_state(&self.checkpoint)?;
        let changed = script.hash() != saved.objective;
        let (mut learner, same) = parts.resumed(config, script, &self.checkpoint, steered, console)?;
        if changed {
            // Metrics of two scripts do not mix.
            learner.take_readings();
        }
        learner.count_evaluations();
        Ok((learner, same))
    }
}

impl Session {
    pub(super) fn fork(request: &TrainRequest, parent: &Path, console: &Console) -> Result<Self, Failure> {
        let parent = RunDir::open(parent)?;
        let script = request.load_script()?;
        let mut settings = Config::parse(&parent.read_config()?)?;
        same_game(request, &settings).map_err(|failure| {
            failure.hint("a checkpoint goes on with its own; start a new run without --fork")
        })?;
        adjust(&mut settings, request, console);
        let origin = Origin { checkpoint: checkpoint::to_fork(&parent, request.at, console)? };
        let update = origin.checkpoint.update();
        let saved = checkpoint::load_state(&origin.checkpoint)?;
        let (_, recorded) = recorded_script(&parent, Some(&saved))?;
        let (mut config, set) = settings.forked(&request.sets, &recorded, &script)?;
        script.check_hooks(&recorded)?;
        let run = parent.path();
        let run = std::path::absolute(run).unwrap_or_else(|_| run.into()).display().to_string();
        config.forked_from = Some(ForkedFrom { run: run.clone(), update });
        let out = request.out.clone().unwrap_or_else(|| folder(&config, update));

        let mut steered = saved.learner.steered;
        carry_over(&mut steered, &script, &set);
        let (control, text) = (steered.control.clone(), control(&steered)?);
        let options = request.env_options(config.preset, config.full_action_set);
        let parts = Parts::open(&config.device, &config.env, options, console)?;
        let scheduled = origin.scheduled(&script)?;
        let (learner, same) = origin.learner(&parts, &config, script, steered, console)?;
        if learner.frames() >= config.frames {
            return Err(done(&learner));
        }
        let (from, returns) = (Some(&origin.checkpoint), saved.returns);
        let given = Given { control: text.as_deref(), from, returns, ..Given::default() };
        let mut session = Self::begin(&out, config, parts, learner, given)?;
        session.scheduled = scheduled;
        session.note_beginning("fork", json!({ "run": run, "same_episodes": same, "control": control }))?;
        let (frames, episodes) = (grouped(session.learner.frames().0), episodes(same));
        console.line(format!("starting from update {update} of {run}: {frames} frames{episodes}"));
        session.introduce(console);
        Ok(session)
    }
}

/// Where a fork is kept that nobody named.
fn folder(config: &Config, update: u64) -> PathBuf {
    let script = Path::new(&config.script).file_stem().unwrap_or_default().display();
    PathBuf::from("runs").join(format!("{script}-{}-s{}-at-{update}", config.env, config.seed))
}

/// Keeps of what was said about parameters what means something to `script`; what was `set` on the command line since
/// then comes before what was set by hand before.
pub(super) fn carry_over(steered: &mut Steered, script: &Script, set: &BTreeSet<String>) {
    steered.adopt(script);
    let known = |name: &str| script.params().iter().any(|param| param.name == name);
    steered.control.retain(|name, _| known(name) && !set.contains(name));
}

/// What `control.toml` says in the new run: what was in force, so that it can be seen and changed there.
fn control(steered: &Steered) -> Result<Option<String>, Failure> {
    if steered.control.is_empty() {
        return Ok(None);
    }
    let text = toml::to_string(&json!({ "params": steered.control }));
    text.map(Some).map_err(|error| Failure::failed(format!("control.toml cannot be written: {error}")))
}
