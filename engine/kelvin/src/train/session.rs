//! Everything a training run consists of, put together once.

use super::recorder::Recorder;
use super::reload::{Reloader, Watched};
use super::request::TrainRequest;
use crate::config::Config;
use crate::console::{Console, grouped};
use crate::failure::Failure;
use crate::learner::ReplayLearner;
use crate::memory;
use crate::replay::bytes_per_transition;
use crate::staged::{self, Staged};
use crate::units::AgentSteps;
use kelvin_compute::{Device, DeviceRequest};
use kelvin_env::{EnvOptions, EnvSpec, VecEnv, make};
use kelvin_objective::Script;
use kelvin_run::{RunDir, RunLock};
use std::path::PathBuf;

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

    /// Opens the run's files and starts watching its script.
    pub(super) fn assemble(
        config: Config,
        dir: RunDir,
        lock: RunLock,
        learner: ReplayLearner,
    ) -> Result<Self, Failure> {
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

    /// Says what runs, on what, and where it is kept.
    pub(super) fn introduce(&self, spec: &EnvSpec, console: &Console) {
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
        let (path, script) = (self.dir.path().display(), &self.config.script);
        if std::fs::exists(script).unwrap_or(false) {
            console.line(format!("run directory {path}; edit {script} while it trains"));
        } else {
            console.line(format!("run directory {path}"));
            console.line(format!("warning: {script} is not here, so that edits of it will not be seen"));
        }
        let first_update = self.config.learning_starts.frames(spec.frames_per_step);
        if first_update >= self.config.frames {
            console.line(format!(
                "warning: learning starts after {} frames, and the run ends at {}: nothing will be learned; \
                 --set learning_starts=… counts agent steps",
                grouped(first_update.0),
                grouped(self.config.frames.0)
            ));
        }
        if !self._lock.enforced() {
            console.line(
                "warning: this filesystem has no locks: see to it that nobody else trains in this folder",
            );
        }
    }
}

/// What a run needs beside its files, made before the first of them is.
pub(super) struct Parts {
    device: Box<dyn Device>,
    options: EnvOptions,
    /// The environment's shape.
    pub spec: EnvSpec,
}

impl Parts {
    /// Opens the device and looks at the environment.
    pub fn open(device: &str, env: &str, options: EnvOptions, console: &Console) -> Result<Self, Failure> {
        let device = open_device(device, console)?;
        let spec = make(env, &options, 1)?.spec().clone();
        Ok(Self { device, options, spec })
    }

    /// A learner that starts, or goes on, at agent step `from`.
    pub fn learner(
        &self,
        config: &Config,
        script: Script,
        from: AgentSteps,
    ) -> Result<ReplayLearner, Failure> {
        let params = staged::param_values(&script, config)?;
        let staged = Staged::new(script, &staged::layout(config, self.spec.actions.len()), &params)?;
        self.check_memory(config)?;
        let seed = ReplayLearner::env_seed(config, from);
        let envs = VecEnv::new(&config.env, &self.options, config.envs, seed)?;
        ReplayLearner::new(config, self.device.as_ref(), envs, staged)
    }

    /// Refuses a replay memory that cannot fit: its pages are taken as they fill, so that the system would
    /// end the process hours into the run.
    fn check_memory(&self, config: &Config) -> Result<(), Failure> {
        let (capacity, bytes) =
            (config.replay_capacity as u64, bytes_per_transition(self.spec.frame_len()) as u64);
        let wanted = capacity.saturating_mul(bytes);
        match memory::available_bytes().filter(|free| wanted > *free) {
            None => Ok(()),
            Some(free) => Err(Failure::usage(format!(
                "a replay memory of {} transitions takes {}, and {} are free",
                grouped(capacity),
                memory::readable(wanted),
                memory::readable(free)
            ))
            .hint(format!("free some, or start a run with at most --set replay_capacity={}", free / bytes))),
        }
    }
}

/// Opens the device and says which, as the first line of output.
pub(crate) fn open_device(request: &str, console: &Console) -> Result<Box<dyn Device>, Failure> {
    let Ok(request) = request.parse::<DeviceRequest>();
    let device = kelvin_compute::open(&request)?;
    console.line(device.describe());
    Ok(device)
}
