//! Going on with a run, from its directory alone.

use super::checkpoint::{self, Saved};
use super::fork::{self, Origin};
use super::loss::Kept;
use super::request::TrainRequest;
use super::session::{Parts, Session};
use super::steering::Scheduled;
use crate::VERSION;
use crate::config::{Config, DecayName};
use crate::console::{Console, grouped};
use crate::failure::Failure;
use crate::learner::Learner;
use crate::params::Steered;
use crate::units::{AgentSteps, Frames};
use kelvin_objective::Script;
use kelvin_run::{ObjectiveVersion, RunDir, RunLock};
use serde_json::json;
use std::fmt::Display;
use std::path::Path;

impl Session {
    pub(super) fn resume(request: &TrainRequest, console: &Console) -> Result<Self, Failure> {
        let dir = RunDir::open(request.out()?)?;
        let lock = dir.lock()?;
        let (session, same) = Self::take_up(request, (dir, lock), None, console)?;
        let frames = grouped(session.learner.frames().0);
        console.line(format!("resuming at {frames} frames{}", episodes(same)));
        session.introduce(console);
        Ok(session)
    }

    /// Goes on with a run from its last checkpoint; also whether its episodes go on as well. `kept` is what is left of this
    /// process's own session, if it had one.
    pub(super) fn take_up(
        request: &TrainRequest,
        (dir, lock): (RunDir, RunLock),
        kept: Option<Kept>,
        console: &Console,
    ) -> Result<(Self, bool), Failure> {
        let mut config = Config::parse(&dir.read_config()?)?;
        agrees(request, &config)?;
        settings_agree(request, &config, &recorded_script(&dir, None)?.1)?;
        adjust(&mut config, request, console);
        let own = checkpoint::newest(dir.latest_checkpoint()?, console)?;
        let origin = if own.is_none() { Origin::of(&config, console)? } else { None };
        let checkpoint = own.as_ref().or(origin.as_ref().map(|origin| &origin.checkpoint));
        let saved = checkpoint.map(checkpoint::load_state).transpose()?;
        let (versions, script) = recorded_script(&dir, saved.as_ref())?;
        let (from, mut steered) = match &saved {
            Some(saved) => (saved.learner.agent_steps, saved.learner.steered.clone()),
            None => (AgentSteps(0), Steered::default()),
        };
        let scheduled = saved.map_or(Scheduled::Due, |saved| saved.scheduled);
        match &origin {
            Some(_) => fork::carry_over(&mut steered, &script, &config.pinned),
            None => steered.adopt(&script),
        }
        let options = request.env_options(config.preset, config.full_action_set);
        let (parts, heard) = match kept {
            Some(kept) => (Parts::on(kept.device, &config.env, options)?, Some(kept.asks)),
            None => (Parts::open(&config.device, &config.env, options, console)?, None),
        };
        let (learner, same) = match checkpoint {
            Some(checkpoint) => parts.resumed(&config, script, checkpoint, steered, console)?,
            None => (parts.learner(&config, script, console)?, true),
        };
        // One that was killed between its last checkpoint and its end has only that end to make.
        let ended = dir.is_done() || request.frames.is_some();
        if ended && learner.frames() >= config.frames {
            return Err(done(&learner));
        }
        let past = origin.as_ref().map_or(Ok(Vec::new()), |origin| origin.past(from))?;
        dir.clear_done()?;
        dir.rewind_objectives(versions)?;
        dir.write_config(&config.to_toml()?)?;
        let mut session = Self::assemble(config, dir, lock, parts, learner, checkpoint, heard)?;
        session.scheduled = scheduled;
        session.recorder.recall(&past);
        let detail = json!({ "same_episodes": same, "frames": session.config.frames, "kelvin": VERSION });
        session.recorder.event("resume", &session.learner, detail)?;
        Ok((session, same))
    }
}

/// A command may name again what the run was started with, and nothing else.
fn agrees(request: &TrainRequest, config: &Config) -> Result<(), Failure> {
    let stem = |path: &Path| path.file_stem().map(|stem| stem.display().to_string());
    let script = request.script.as_deref().and_then(stem);
    same("script", script.as_ref(), &stem(Path::new(&config.script)).unwrap_or_default())
        .and_then(|()| same_game(request, config))
        .map_err(|failure| failure.hint("start a new run for it with another --out"))
}

/// What decides which game is played, and how it goes on.
pub(super) fn same_game(request: &TrainRequest, config: &Config) -> Result<(), Failure> {
    same("environment", request.env.as_ref(), &config.env)?;
    same("preset", request.preset.as_ref(), &config.preset)?;
    same("seed", request.seed.as_ref(), &config.seed)
}

fn same<T: PartialEq + Display>(what: &str, asked: Option<&T>, has: &T) -> Result<(), Failure> {
    match asked {
        Some(asked) if asked != has => Err(Failure::usage(format!("this run has {what} {has}, not {asked}"))),
        _ => Ok(()),
    }
}

/// The same for `--set`.
fn settings_agree(request: &TrainRequest, config: &Config, script: &Script) -> Result<(), Failure> {
    if config.with_sets(&request.sets, script)? == *config {
        return Ok(());
    }
    Err(Failure::usage("this run was started with other settings than --set now gives")
        .hint("leave --set out to go on with the run's own, or start a new run with another --out"))
}

/// What may be another where a run goes on.
pub(super) fn adjust(config: &mut Config, request: &TrainRequest, console: &Console) {
    if let Some(device) = &request.device {
        config.device.clone_from(device);
    }
    if let Some(frames) = request.frames {
        change_length(config, frames, console);
    }
}

/// Why nothing is left to train.
pub(super) fn done(learner: &Learner) -> Failure {
    Failure::usage(format!("this run is done: {} frames", grouped(learner.frames().0)))
        .hint("train it for longer with --frames")
}

/// Another length leaves the exploration schedule where it was, in frames.
fn change_length(config: &mut Config, frames: Frames, console: &Console) {
    if config.learning_rate_decay == DecayName::Linear && frames != config.frames {
        console.line("the step size falls to zero at the new end: it is not where it was");
    }
    let scale = config.frames.0 as f64 / frames.0 as f64;
    config.epsilon_mid_at *= scale;
    config.epsilon_end_at *= scale;
    config.frames = frames;
}

/// What there is to say of the episodes where a run goes on.
pub(super) fn episodes(same: bool) -> &'static str {
    if same { "" } else { ", with new episodes" }
}

/// The version that ran when this was saved, the first where nothing was, and how many there are up to it: the file itself
/// may have been edited since, which the watcher notices.
pub(crate) fn recorded_script(dir: &RunDir, saved: Option<&Saved>) -> Result<(usize, Script), Failure> {
    let versions = dir.objectives()?;
    let ran = |version: &ObjectiveVersion| {
        saved
            .is_some_and(|saved| version.hash == saved.objective && version.update <= saved.learner.updates.0)
    };
    // A fork without a checkpoint of its own has the state of another run, and its own first version.
    let at = versions.iter().rposition(ran).unwrap_or(0);
    let version = versions.get(at).ok_or_else(|| {
        Failure::failed("the run directory holds no objective").hint("start a new run with another --out")
    })?;
    Ok((at + 1, Script::load(&dir.path().join(&version.script))?))
}
