//! Everything a training run consists of, put together once.

use super::archive::Archive;
use super::cautions::cautions;
use super::checkpoint;
use super::control::Asks;
use super::edits::Edits;
use super::faults::Tally;
use super::keeper::Keeper;
use super::live::Live;
use super::profile::Profile;
use super::recorder::Recorder;
use super::request::TrainRequest;
use super::rerun::Edit;
use super::steering::Scheduled;
use super::version::{Workshop, stage};
use super::waiting::Waiting;
use super::watch::Watcher;
use crate::config::{Config, LearnerName};
use crate::console::{Console, grouped};
use crate::failure::Failure;
use crate::learner::Learner;
use crate::memory;
use crate::monitor::Beside;
use crate::params::Steered;
use crate::protocol::Protocol;
use crate::replay::bytes_per_transition;
use crate::staged::{self, Staged};
use crate::units::AgentSteps;
use kelvin_compute::{Device, DeviceRequest, ModelSpec, Network, Reads};
use kelvin_env::{EnvError, EnvOptions, EnvSpec, VecEnv, make};
use kelvin_objective::Script;
use kelvin_run::{Borrowed, Checkpoint, RunDir, RunLock};
use std::collections::VecDeque;
use std::fmt::Display;
use std::path::Path;
use std::sync::Arc;

/// A training run, ready to go.
pub struct Session {
    pub(super) config: Config,
    pub(super) dir: RunDir,
    pub(super) learner: Learner,
    pub(super) recorder: Recorder,
    pub(super) edits: Edits,
    pub(super) archive: Archive,
    pub(super) keeper: Keeper,
    /// What it computes on.
    pub(super) device: Arc<dyn Device>,
    /// The environments, as training makes them.
    pub(super) options: EnvOptions,
    /// Where the last checkpoint of this process was taken.
    pub(super) saved: Option<AgentSteps>,
    pub(super) scheduled: Scheduled,
    /// Edits that it took over, of those in its records.
    pub(super) edited: usize,
    pub(super) tally: Tally,
    /// Whether it was told that the policy cannot be sampled from.
    pub(super) acts_at_random: bool,
    /// Whether what ends the run is on record already.
    pub(super) noted: bool,
    /// What the run shows of itself, unless nobody is to look on.
    pub(super) live: Option<Live>,
    /// What the run was asked for while it goes on.
    pub(super) waiting: Waiting,
    /// What is left to do of `--profile`.
    pub(super) profile: Option<Profile>,
    /// The window that was opened beside it.
    pub(super) monitor: Option<Beside>,
    /// Devices that were lost since the last checkpoint.
    pub(super) losses: u32,
    /// Held as long as the session lives.
    pub(super) lock: RunLock,
}

/// What a run begins with beside its configuration and its learner.
#[derive(Default)]
pub(super) struct Given<'a> {
    /// What `control.toml` says.
    pub control: Option<&'a str>,
    /// The checkpoint that it goes on from, its own or that of another run.
    pub from: Option<&'a Checkpoint>,
    /// That of the run whose network is the reference.
    pub reference: Option<&'a Checkpoint>,
    /// Returns of the last episodes before it.
    pub returns: VecDeque<f64>,
    /// The run that it is to be once more, and its edits; without, it is edited as it goes.
    pub edits: Option<(RunDir, VecDeque<(AgentSteps, Edit)>)>,
    /// What was asked of it already, where this process has trained it before.
    pub heard: Option<Asks>,
}

impl Session {
    /// Starts a run, at the beginning or from a checkpoint of another, or takes one up again.
    pub fn open(request: &TrainRequest, console: &Console) -> Result<Self, Failure> {
        match &request.fork {
            _ if request.resume => Self::resume(request, console),
            Some(parent) => Self::fork(request, parent, console),
            None => Self::start(request, console),
        }
    }

    /// Opens the run's files and starts watching its script.
    pub(super) fn assemble(
        config: Config,
        dir: RunDir,
        lock: RunLock,
        parts: Parts,
        learner: Learner,
        given: Given<'_>,
    ) -> Result<Self, Failure> {
        let (segments, is_made_again) = (dir.segments(given.from)?, given.edits.is_some());
        let recorder = Recorder::new(&dir, config.log_every, &learner, given.returns)?;
        let live = config
            .live
            .then(|| Live::start(dir.clone(), parts.device.describe(), &config, &learner))
            .transpose()?;
        let workshop = Workshop::new(&config, Arc::clone(&parts.device), &learner, dir.control_path());
        Ok(Self {
            edits: match given.edits {
                Some((run, edits)) => Edits::Recorded(Box::new(workshop), run, edits),
                None => Edits::Live(Watcher::start(workshop, dir.clone(), given.heard)?),
            },
            device: parts.device,
            options: parts.options,
            archive: Archive::new(dir.clone()),
            keeper: Keeper::start(dir.clone(), segments, &learner, !is_made_again)?,
            config,
            dir,
            learner,
            recorder,
            saved: None,
            scheduled: Scheduled::default(),
            edited: 0,
            tally: Tally::default(),
            acts_at_random: false,
            noted: false,
            live,
            waiting: Waiting::default(),
            profile: None,
            monitor: None,
            losses: 0,
            lock,
        })
    }

    /// The learner, to look at.
    pub fn learner(&self) -> &Learner {
        &self.learner
    }

    /// What it computes on.
    pub fn device(&self) -> &dyn Device {
        self.device.as_ref()
    }

    /// Says what runs, on what, and where it is kept.
    pub(super) fn introduce(&self, console: &Console) {
        let spec = self.learner.env();
        let Config { env, preset, seed, envs, batch, n, .. } = &self.config;
        let game = if spec.atari { format!("{env} ({preset})") } else { env.clone() };
        console.line(format!(
            "{} on {game}: {} actions, {envs} environments, seed {seed}",
            self.learner.staged().script.name(),
            spec.actions.len(),
        ));
        console.line(match self.config.learner {
            LearnerName::Replay => format!(
                "replay {} transitions (up to {}; {} free), window {n}, batch {batch}",
                grouped(self.config.slots() as u64),
                memory::readable((self.config.slots() * bytes_per_transition(spec.frame_len())) as u64),
                memory::available(),
            ),
            LearnerName::Rollout => format!("rollouts of {n} steps: {} samples an update", n * envs),
        });
        let (path, script) = (self.dir.path().display(), &self.config.script);
        if std::fs::exists(script).unwrap_or(false) {
            console.line(format!("run directory {path}; edit {script} while it trains"));
        } else {
            console.line(format!("run directory {path}"));
            console.warn(format!("{script} is not here, so that edits of it will not be seen"));
        }
        let first_update = self.config.learning_starts.frames(spec.frames_per_step);
        if self.config.learner == LearnerName::Replay && first_update >= self.config.frames {
            console.warn(format!(
                "learning starts after {} frames, and the run ends at {}: nothing will be learned; \
                 --set learning_starts=… counts agent steps",
                grouped(first_update.0),
                grouped(self.config.frames.0)
            ));
        }
        let cautions = cautions(&self.config, self.learner.staged());
        cautions.iter().for_each(|warning| console.warn(warning));
        if !self.lock.enforced() {
            console.warn("this filesystem has no locks: see to it that nobody else trains in this folder");
        }
    }
}

/// What a run needs beside its files, made before the first of them is.
pub(super) struct Parts {
    device: Arc<dyn Device>,
    options: EnvOptions,
    /// The environment's shape.
    pub spec: EnvSpec,
}

impl Parts {
    /// Opens the device and looks at the environment.
    pub fn open(device: &str, env: &str, options: EnvOptions, console: &Console) -> Result<Self, Failure> {
        Self::on(Arc::from(open_device(device, console)?), env, options)
    }

    /// The same with a device that is open.
    pub fn on(device: Arc<dyn Device>, env: &str, options: EnvOptions) -> Result<Self, Failure> {
        let spec = make(env, &options, 1)?.spec().clone();
        Ok(Self { device, options, spec })
    }

    /// Whether kernels run on the cores that step the environments.
    pub fn on_cpu(&self) -> bool {
        self.device.on_cpu()
    }

    /// A learner that starts.
    pub fn learner(
        &self,
        config: &Config,
        script: Script,
        reference: Option<&Checkpoint>,
    ) -> Result<Learner, Failure> {
        let envs = Self::new_envs(&self.options, config, AgentSteps(0))?;
        let mut learner = self.learner_of(config, script, envs, Steered::default())?;
        if let Some(reference) = reference {
            check_reads(learner.staged())?;
            let (_, learned) = checkpoint::load_model(reference)?;
            learner.import_target(&learned).map_err(|error| unfit(reference.path(), &error))?;
        }
        Ok(learner)
    }

    /// A learner that goes on from a checkpoint, with what was said about parameters by then; and whether its episodes go on
    /// as well, or new ones begin.
    pub fn resumed(
        &self,
        config: &Config,
        script: Script,
        checkpoint: &Checkpoint,
        steered: Steered,
        console: &Console,
    ) -> Result<(Learner, bool), Failure> {
        let saved = checkpoint::load_envs(checkpoint, config.envs, self.spec.obs_len())?;
        let options = train_options(&self.options, config);
        let (envs, same) = match VecEnv::restore(&config.env, &options, config.envs, &saved) {
            Ok(envs) => (envs, true),
            Err(EnvError::State { reason, .. }) => {
                console.warn(format!("the episodes cannot go on, so that new ones begin: {reason}"));
                let from = checkpoint::load_state(checkpoint)?.learner.agent_steps;
                (Self::new_envs(&self.options, config, from)?, false)
            }
            Err(error) => return Err(error.into()),
        };
        let mut learner = self.learner_of(config, script, envs, steered)?;
        checkpoint::restore(checkpoint, &mut learner, same)?;
        Ok((learner, same))
    }

    /// Environments in new episodes, at agent step `from`.
    pub fn new_envs(options: &EnvOptions, config: &Config, from: AgentSteps) -> Result<VecEnv, Failure> {
        let seed = Learner::env_seed(config, from);
        Ok(VecEnv::new(&config.env, &train_options(options, config), config.envs, seed)?)
    }

    fn learner_of(
        &self,
        config: &Config,
        script: Script,
        envs: VecEnv,
        steered: Steered,
    ) -> Result<Learner, Failure> {
        let layout = staged::layout(config, self.spec.actions.len());
        let staged = stage(script, &layout, config, &steered)?;
        self.check_memory(config)?;
        let mut learner = Learner::new(config, self.device.as_ref(), envs, staged, steered)?;
        if config.eval_every > 0 {
            // Better known now than at the first evaluation.
            Protocol::resolve(config.eval_policy, None, config.eval_epsilon, learner.player().1)?;
        }
        Ok(learner)
    }

    /// Refuses a replay memory that cannot fit: its pages are taken as they fill, so that the system would
    /// end the process hours into the run.
    pub fn check_memory(&self, config: &Config) -> Result<(), Failure> {
        let (capacity, bytes) = (config.slots() as u64, bytes_per_transition(self.spec.frame_len()) as u64);
        let wanted = capacity.saturating_mul(bytes);
        match memory::available_bytes().filter(|free| wanted > *free) {
            None => Ok(()),
            Some(free) => Err(Failure::usage(format!(
                "a replay memory of {} transitions takes {}, and {} are free",
                grouped(capacity),
                memory::readable(wanted),
                memory::readable(free)
            ))
            .hint(match config.learner {
                LearnerName::Replay => {
                    format!("free some, or start a run with at most --set replay_capacity={}", free / bytes)
                }
                LearnerName::Rollout => {
                    "free some, or start a run with fewer `envs` or a smaller `n`".to_owned()
                }
            })),
        }
    }
}

fn train_options(options: &EnvOptions, config: &Config) -> EnvOptions {
    EnvOptions { clip_rewards: config.clip_rewards, ..options.clone() }
}

/// Refuses a reference for a script that reads none.
fn check_reads(staged: &Staged) -> Result<(), Failure> {
    let script = &staged.script;
    if staged.reads().target.is_empty() {
        let message = "the script reads nothing of the reference";
        let hint = "t.logits, t.v, t.q and t.steps.logits are its outputs: kl(softmax(net.logits), softmax(t.logits))";
        return Err(script.diagnostic_at("loss", message, hint).into());
    }
    Ok(())
}

/// The newest checkpoint of a run that is to be the reference.
pub(super) fn newest(run: &Path, console: &Console) -> Result<Checkpoint, Failure> {
    checkpoint::for_evaluation(&RunDir::open(run)?, console)
}

/// What a run that has no checkpoint yet needs of another one to begin once more.
pub(super) fn borrowed(dir: &RunDir, what: Borrowed, update: Option<u64>) -> Result<Checkpoint, Failure> {
    dir.borrowed(what, update).map_err(|error| {
        Failure::failed(format!("what the run began with of another cannot be used: {error}"))
            .hint("start a new run with another --out")
    })
}

/// The reference of a run that has one, as it was when the run began. A fork has it from where it started.
pub(super) fn reference(dir: &RunDir, config: &Config) -> Result<Option<Checkpoint>, Failure> {
    let is_own = config.reference.is_some() && config.forked_from.is_none();
    is_own.then(|| borrowed(dir, Borrowed::Reference, None)).transpose()
}

/// Refuses a run as the reference of one with such a network on such an environment.
pub(crate) fn check_reference(
    run: &Path,
    config: &Config,
    env: &EnvSpec,
    staged: &Staged,
    console: &Console,
) -> Result<(), Failure> {
    check_reads(staged)?;
    let (_, learned) = checkpoint::load_model(&newest(run, console)?)?;
    let ModelSpec { net, obs, outputs, .. } = config.model_spec(env, 1, Reads::default(), 0);
    for wanted in Network::new(&net, obs, outputs)?.tensors() {
        let name = format!("online.{}", wanted.name);
        let found = learned.tensors.iter().find(|tensor| tensor.name == name);
        if found.is_none_or(|tensor| tensor.shape != wanted.shape) {
            let found = found.map_or("none".to_owned(), |tensor| format!("{:?}", tensor.shape));
            return Err(unfit(
                run,
                &format_args!("tensor `{name}` is {found}, the model needs {:?}", wanted.shape),
            ));
        }
    }
    Ok(())
}

fn unfit(run: &Path, reason: &dyn Display) -> Failure {
    // Wrong use: no other try makes it another network.
    Failure::usage(format!("{} cannot be the reference: {reason}", run.display()))
        .hint("it must have the same network, heads, and number of actions")
}

/// Opens the device and says which, as the first line of output.
pub(crate) fn open_device(request: &str, console: &Console) -> Result<Box<dyn Device>, Failure> {
    let Ok(request) = request.parse::<DeviceRequest>();
    let device = kelvin_compute::open(&request)?;
    console.line(device.describe());
    Ok(device)
}
