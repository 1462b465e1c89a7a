//! Everything a training run consists of, put together once: from a command line, or from a run directory.
//!
//! What can be wrong is found out before the first file is made, so that a mistake leaves nothing behind.

use super::checkpoint;
use super::recorder::Recorder;
use super::reload::{Reloader, Watched};
use crate::config::{Config, Wanted};
use crate::console::{Console, grouped};
use crate::failure::Failure;
use crate::learner::ReplayLearner;
use crate::memory;
use crate::replay::bytes_per_transition;
use crate::staged::{self, Staged};
use crate::units::AgentSteps;
use kelvin_compute::{Device, DeviceRequest};
use kelvin_env::{EnvOptions, EnvSpec, Preset, VecEnv};
use kelvin_objective::Script;
use kelvin_run::{Checkpoint, RunDir, RunLock};
use serde_json::json;
use std::path::PathBuf;

/// What the command line asks for.
#[derive(Clone, Debug)]
pub struct TrainRequest {
    /// The objective; a resumed run has its own.
    pub script: Option<PathBuf>,
    /// Environment, preset, seed, device, length, settings.
    pub wanted: Wanted,
    /// The run directory.
    pub out: Option<PathBuf>,
    /// Go on with the run in `out`.
    pub resume: bool,
    /// A folder of ROMs to search first.
    pub roms: Option<PathBuf>,
}

/// A training run, ready to go.
pub struct Session {
    pub(super) config: Config,
    pub(super) dir: RunDir,
    pub(super) learner: ReplayLearner,
    pub(super) recorder: Recorder,
    pub(super) reloader: Reloader,
    /// Where the last checkpoint of this process was taken.
    pub(super) saved: Option<AgentSteps>,
    // Held as long as the session lives.
    _lock: RunLock,
}

impl Session {
    /// Starts a run, or takes one up again.
    pub fn open(request: &TrainRequest, console: &Console) -> Result<Self, Failure> {
        if request.resume { Self::resume(request, console) } else { Self::start(request, console) }
    }

    fn start(request: &TrainRequest, console: &Console) -> Result<Self, Failure> {
        let path = request.script.as_deref().ok_or_else(|| {
            Failure::usage("no script given").hint("kelvin train scripts/soft_kl.rhai --env pong")
        })?;
        let script = Script::load(path)?;
        let device = open_device(&request.wanted.device, console)?;
        let options =
            env_options(request.wanted.preset, request.wanted.full_action_set, request.roms.clone());
        let spec = kelvin_env::make(&request.wanted.env, &options, 1)?.spec().clone();
        let config = Config::resolve(&request.wanted, &script, &spec)?;
        let out = request.out.clone().unwrap_or_else(|| default_out(&script, &config));
        let staged = Staged::new(script, &staged::layout(&config, spec.actions.len()), &config.params)?;
        let learner = learner(&config, device.as_ref(), &options, staged, AgentSteps(0))?;
        let dir = RunDir::create(&out)?;
        let lock = dir.lock()?;
        dir.write_config(&config.to_toml()?)?;
        let session = Self::assemble(config, dir, lock, learner)?;
        session.record_objective()?;
        session.introduce(&spec, console);
        Ok(session)
    }

    fn resume(request: &TrainRequest, console: &Console) -> Result<Self, Failure> {
        let out = request.out.as_ref().ok_or_else(|| {
            Failure::usage("--resume needs to know which run").hint("kelvin train --resume --out runs/NAME")
        })?;
        let dir = RunDir::open(out)?;
        let lock = dir.lock()?;
        let mut config = Config::parse(&dir.read_config()?)?;
        if let Some(frames) = request.wanted.frames {
            config.frames = frames;
        }
        let latest = dir.latest_checkpoint()?;
        for damage in &latest.damaged {
            console.line(format!("warning: {damage}"));
        }
        let device = open_device(&config.device, console)?;
        let options = env_options(config.preset, config.full_action_set, request.roms.clone());
        let spec = kelvin_env::make(&config.env, &options, 1)?.spec().clone();
        let update = latest.checkpoint.as_ref().map_or(0, Checkpoint::update);
        let script = recorded_script(&dir, update)?;
        let params = staged::param_values(&script, &config);
        let staged = Staged::new(script, &staged::layout(&config, spec.actions.len()), &params)?;
        let from = match &latest.checkpoint {
            Some(checkpoint) => checkpoint::load_model(checkpoint)?.0.agent_steps,
            None => AgentSteps(0),
        };
        let mut learner = learner(&config, device.as_ref(), &options, staged, from)?;
        if let Some(checkpoint) = &latest.checkpoint {
            checkpoint::restore(checkpoint, &mut learner)?;
        }
        if learner.frames() >= config.frames {
            return Err(Failure::usage(format!("this run is done: {} frames", grouped(learner.frames().0)))
                .hint("train it for longer with --frames"));
        }
        dir.clear_done()?;
        dir.write_config(&config.to_toml()?)?;
        let mut session = Self::assemble(config, dir, lock, learner)?;
        session.recorder.event("resume", &session.learner, json!({}))?;
        console.line(format!("resuming at {} frames", grouped(session.learner.frames().0)));
        session.introduce(&spec, console);
        Ok(session)
    }

    fn assemble(config: Config, dir: RunDir, lock: RunLock, learner: ReplayLearner) -> Result<Self, Failure> {
        let recorder = Recorder::new(&dir, config.log_every, &learner)?;
        let script = &learner.staged().script;
        let watched = Watched {
            path: PathBuf::from(&config.script),
            config: config.clone(),
            actions: learner.actions(),
            script_config: script.config().clone(),
            hash: script.hash().to_owned(),
        };
        let reloader = Reloader::start(watched, learner.compiler())?;
        Ok(Self { config, dir, learner, recorder, reloader, saved: None, _lock: lock })
    }

    /// Keeps the sources that run from the next update on.
    pub(super) fn record_objective(&self) -> Result<(), Failure> {
        let script = &self.learner.staged().script;
        let sources: Vec<_> =
            script.sources().iter().map(|source| (source.path.clone(), source.text.clone())).collect();
        Ok(self.dir.record_objective(self.learner.state().updates.0, script.hash(), &sources)?)
    }

    fn introduce(&self, spec: &EnvSpec, console: &Console) {
        let Config { env, preset, seed, envs, batch, n, replay_capacity, .. } = &self.config;
        let game = if spec.atari { format!("{env} ({preset})") } else { env.clone() };
        let bytes = (replay_capacity * bytes_per_transition(spec.frame_len())) as u64;
        console.line(format!(
            "{} on {game}: {} actions, {envs} environments, seed {seed}",
            self.learner.staged().script.name(),
            spec.actions.len(),
        ));
        console.line(format!(
            "replay {} transitions (up to {}; {} free), window {n}, batch {batch}",
            grouped(*replay_capacity as u64),
            memory::readable(bytes),
            memory::available(),
        ));
        console.line(format!(
            "run directory {}; edit {} while it trains",
            self.dir.path().display(),
            self.config.script
        ));
    }
}

fn learner(
    config: &Config,
    device: &dyn Device,
    options: &EnvOptions,
    staged: Staged,
    from: AgentSteps,
) -> Result<ReplayLearner, Failure> {
    let seed = ReplayLearner::env_seed(config, from);
    let envs = VecEnv::new(&config.env, options, config.envs, seed)?;
    ReplayLearner::new(config, device, envs, staged)
}

/// Opens the device and says which, as the first line of output.
pub(crate) fn open_device(request: &str, console: &Console) -> Result<Box<dyn Device>, Failure> {
    let Ok(request) = request.parse::<DeviceRequest>();
    let device = kelvin_compute::open(&request)?;
    console.line(device.describe());
    Ok(device)
}

fn env_options(preset: Preset, full_action_set: bool, roms: Option<PathBuf>) -> EnvOptions {
    EnvOptions { preset, training: true, full_action_set, roms }
}

/// `runs/<script>-<env>-s<seed>`.
fn default_out(script: &Script, config: &Config) -> PathBuf {
    PathBuf::from("runs").join(format!("{}-{}-s{}", script.name(), config.env, config.seed))
}

/// The version that ran at `update`: the file itself may have been edited since, which the watcher notices.
fn recorded_script(dir: &RunDir, update: u64) -> Result<Script, Failure> {
    let versions = dir.objectives()?;
    let version =
        versions.iter().rfind(|version| version.update <= update).or(versions.first()).ok_or_else(|| {
            Failure::failed("the run directory holds no objective").hint("start a new run with another --out")
        })?;
    Ok(Script::load(&dir.path().join(&version.script))?)
}
