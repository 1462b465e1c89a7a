//! Going on with a run, from its directory alone.

use super::checkpoint::{self, Past, Saved};
use super::fork::{self, Origin};
use super::loss::Kept;
use super::recorder::Marks;
use super::request::TrainRequest;
use super::session::{Given, Parts, Session, reference};
use super::steering::Scheduled;
use crate::config::{Config, DecayName};
use crate::console::{Console, grouped};
use crate::failure::Failure;
use crate::learner::Learner;
use crate::units::Frames;
use kelvin_objective::Script;
use kelvin_run::{Checkpoint, ObjectiveVersion, RunDir, RunError, RunLock};
use serde_json::json;
use std::collections::VecDeque;
use std::fmt::Display;
use std::path::Path;

/// A learner that is where its run was last.
struct TakenUp {
    learner: Learner,
    /// Whether its episodes go on.
    same: bool,
    past: Past,
    /// Returns of the last episodes.
    returns: VecDeque<f64>,
    /// How far the records had come, if the run has saved anything.
    marks: Option<Marks>,
    from: Option<Checkpoint>,
}

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
        let text = dir.read_config()?;
        let mut config = Config::parse(&text)?;
        is_whole(&config, &text)?;
        agrees(request, &config)?;
        settings_agree(request, &config, &recorded_script(&dir, None)?.1)?;
        adjust(&mut config, request, console);
        let options = request.env_options(config.preset, config.full_action_set);
        let (parts, heard) = match kept {
            Some(kept) => (Parts::on(kept.device, &config.env, options)?, Some(kept.asks)),
            None => (Parts::open(&config.device, &config.env, options, console)?, None),
        };
        let taken_up = take_up(&dir, &config, &parts, console)?;
        let TakenUp { learner, same, past, returns, marks, from } = taken_up;
        // One that was killed between its last checkpoint and its end has only that end to make.
        let ended = dir.is_done() || request.frames.is_some();
        if ended && learner.frames() >= config.frames {
            return Err(done(&learner));
        }
        dir.clear_done()?;
        dir.rewind_objectives(past.versions)?;
        dir.write_config(&config.to_toml()?)?;
        let given = Given { from: from.as_ref(), returns, heard, ..Given::default() };
        let mut session = Self::assemble(config, dir, lock, parts, learner, given)?;
        (session.scheduled, session.edited) = (past.scheduled, past.edited);
        match marks {
            Some(marks) => session
                .recorder
                .cut_to(&marks)?
                .iter()
                .for_each(|damage| console.warn(format!("{damage}\nthe run itself goes on as it was"))),
            None => session.recorder.clear()?,
        }
        let detail = json!({ "same_episodes": same, "edited": past.edited });
        session.note_beginning("resume", detail)?;
        Ok((session, same))
    }
}

/// Puts a learner where the newest checkpoint is that it can be put to, or else where the run began.
fn take_up(dir: &RunDir, config: &Config, parts: &Parts, console: &Console) -> Result<TakenUp, Failure> {
    // No checkpoint's fault.
    parts.check_memory(config)?;
    let updates = dir.checkpoint_updates()?;
    for update in updates.iter().rev() {
        let own = dir.checkpoint(*update).map_err(Failure::from);
        match own.and_then(|own| at_checkpoint(dir, config, parts, own, console)) {
            Ok(taken_up) => return Ok(taken_up),
            Err(lost) if lost.is_device_lost() => return Err(lost),
            Err(failure) => {
                let reason = failure.message();
                console.warn(format!("the checkpoint of update {update} is passed over: {reason}"));
            }
        }
    }
    if !updates.is_empty() {
        // Not the same as none: starting over would wipe the run's records.
        return Err(checkpoint::all_damaged());
    }
    let (versions, script) = recorded_script(dir, None)?;
    let Some(origin) = Origin::of(dir, config)? else {
        let reference = reference(dir, config)?;
        let learner = parts.learner(config, script, reference.as_ref())?;
        let past = Past { scheduled: Scheduled::Due, versions, edited: 0 };
        let returns = VecDeque::new();
        return Ok(TakenUp { learner, same: true, past, returns, marks: None, from: None });
    };
    let saved = checkpoint::load_state(&origin.checkpoint)?;
    let past = Past { scheduled: origin.scheduled(&script)?, versions, edited: 0 };
    let (returns, mut steered) = (saved.returns, saved.learner.steered);
    fork::carry_over(&mut steered, &script, &config.pinned);
    let (learner, same) = origin.learner(parts, config, script, steered, console)?;
    let from = Some(origin.checkpoint);
    Ok(TakenUp { learner, same, past, returns, marks: None, from })
}

/// Puts a learner where a checkpoint of its run is.
fn at_checkpoint(
    dir: &RunDir,
    config: &Config,
    parts: &Parts,
    own: Checkpoint,
    console: &Console,
) -> Result<TakenUp, Failure> {
    let saved = checkpoint::load_state(&own)?;
    let (_, script) = recorded_script(dir, Some(&saved))?;
    let mut steered = saved.learner.steered;
    steered.adopt(&script);
    let (learner, same) = parts.resumed(config, script, &own, steered, console)?;
    let (past, returns) = (saved.past, saved.returns);
    let (marks, from) = (Some(checkpoint::load_marks(&own)?), Some(own));
    Ok(TakenUp { learner, same, past, returns, marks, from })
}

/// A file that lost its last lines, with its checksum, may still be one that can be read.
fn is_whole(config: &Config, text: &str) -> Result<(), Failure> {
    if config.to_toml()? == text {
        return Ok(());
    }
    Err(Failure::failed(
        "config.toml is not as it was written: lines are missing, or were written by another version",
    )
    .hint("put it back as it was, or start a new run with another --out"))
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
    let count = saved.map_or(1, |saved| saved.past.versions);
    let ran = count.checked_sub(1).and_then(|at| versions.get(at));
    let ran = ran.filter(|version| saved.is_none_or(|saved| version.hash == saved.objective));
    let missing = "the script that ran is not in objective/index.jsonl";
    let ran = ran.ok_or_else(|| Failure::failed(missing).hint("start a new run with another --out"))?;
    Ok((count, load(dir, ran)?))
}

/// A version of the script that ran.
pub(super) fn load(dir: &RunDir, version: &ObjectiveVersion) -> Result<Script, Failure> {
    let path = dir.path().join(&version.script);
    let script = Script::load(&path)?;
    if script.hash() != version.hash {
        return Err(RunError::damaged(&path, "it, or what it imports, is not the version that ran").into());
    }
    Ok(script)
}
