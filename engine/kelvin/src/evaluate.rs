//! Full episodes without learning, raw rewards: `kelvin eval`, and the evaluations of a run that trains.

use crate::config::{Config, EvalPolicyName};
use crate::console::{Console, grouped};
use crate::failure::Failure;
use crate::learner::{LearnerState, Policy};
use crate::params;
use crate::protocol::Protocol;
use crate::staged::{self, Staged};
use crate::train::checkpoint::{self, Saved};
use crate::train::{interrupt, open_device, recorded_script};
use kelvin_compute::{Model, ModelState, Tensor};
use kelvin_env::{EnvOptions, Preset, VecEnv};
use kelvin_run::RunDir;
use rand::SeedableRng;
use rand_xoshiro::Xoshiro256PlusPlus;
use serde::Serialize;
use std::fmt;
use std::ops::ControlFlow;
use std::path::PathBuf;

/// Environments played side by side.
const ENVS: usize = 8;

/// What to evaluate, and how.
#[derive(Clone, Debug)]
pub struct EvalRequest {
    /// The run directory.
    pub run: PathBuf,
    /// Full episodes.
    pub episodes: u64,
    /// How actions are chosen; as the run's settings say if not given.
    pub policy: Option<EvalPolicyName>,
    /// Probability of a random action; that of its policy if not given.
    pub epsilon: Option<f64>,
    /// Protocol; that of the run's evaluations if not given.
    pub preset: Option<Preset>,
    /// Seed of environments and choices.
    pub seed: u64,
    /// As for training.
    pub device: String,
    /// A folder of ROMs to search first.
    pub roms: Option<PathBuf>,
}

/// Returns of full episodes, and the protocol that they hold for.
#[derive(Clone, Debug, Serialize)]
pub struct Evaluation {
    env: String,
    /// Where the environment has one.
    preset: Option<Preset>,
    #[serde(flatten)]
    protocol: Protocol,
    seed: u64,
    frames_trained: u64,
    #[serde(flatten)]
    summary: Summary,
}

/// A run's latest network in environments of its own, acting as the run did.
pub struct Player {
    /// The run's settings.
    pub config: Config,
    /// Where it plays.
    pub envs: VecEnv,
    /// The network.
    pub model: Model,
    /// How actions are chosen.
    pub protocol: Protocol,
    /// Frames trained.
    pub frames_trained: u64,
    /// Optimizer steps made.
    pub updates: u64,
    preset: Preset,
    policy: Policy,
}

impl Player {
    /// Loads a run's latest weights, for `count` environments side by side.
    ///
    /// # Errors
    /// A run without a checkpoint, an environment or a device that cannot be had, a policy that cannot be.
    pub fn open(request: &EvalRequest, count: usize, console: &Console) -> Result<Self, Failure> {
        interrupt::listen()?;
        let dir = RunDir::open(&request.run)?;
        let config = Config::parse(&dir.read_config()?)?;
        let checkpoint = checkpoint::for_evaluation(&dir, console)?;
        let (saved, weights) = checkpoint::load_model(&checkpoint)?;
        let device = open_device(&request.device, console)?;
        let preset = request.preset.unwrap_or(config.eval_preset());
        let options = EnvOptions {
            preset,
            training: false,
            clip_rewards: config.clip_rewards,
            full_action_set: config.full_action_set,
            roms: request.roms.clone(),
        };
        let envs = VecEnv::new(&config.env, &options, count, request.seed)?;
        let staged = as_it_ran(&dir, &config, &saved, envs.spec().actions.len())?;
        let state = &saved.learner;
        let policy = policy(&config, &staged, state, envs.spec().actions.len())?;
        let asked = request.policy.unwrap_or(config.eval_policy);
        let protocol = Protocol::resolve(asked, request.epsilon, config.eval_epsilon, &policy)?;
        let model = model(device.as_ref(), &config, &staged, &envs, &weights)?;
        let frames_trained = state.agent_steps.frames(envs.spec().frames_per_step).0;
        let updates = checkpoint.update();
        Ok(Self { config, envs, model, protocol, frames_trained, updates, preset, policy })
    }

    /// Plays the episodes that are asked for; `see` looks at every step before it is taken, and may end it all.
    ///
    /// # Errors
    /// A policy that no action can be chosen from; a device that fails.
    pub fn play(
        &mut self,
        request: &EvalRequest,
        see: &mut dyn FnMut(Look<'_>) -> ControlFlow<()>,
    ) -> Result<Played, Failure> {
        let play =
            Play { episodes: request.episodes, protocol: self.protocol, seed: request.seed, strict: true };
        play.watched(&mut self.envs, &mut self.model, &mut self.policy, see)
    }

    /// The online network's parameters by their names, as in `conv1.weight`, in the order of the layers.
    ///
    /// # Errors
    /// A device that fails.
    pub fn weights(&mut self) -> Result<Vec<Tensor>, Failure> {
        let online = self.model.export()?.tensors.into_iter().filter_map(|tensor| {
            let name = tensor.name.strip_prefix("online.")?.to_owned();
            Some(Tensor { name, ..tensor })
        });
        Ok(online.collect())
    }
}

/// How playing came to an end.
#[derive(Clone, Debug, PartialEq)]
pub enum Played {
    /// All episodes were played; their returns.
    All(Vec<f64>),
    /// Whoever looked on had seen enough.
    Enough,
    /// The user wished to stop.
    Stopped,
}

/// What there is to see before a step: of the first environment, where there are several.
pub struct Look<'a> {
    /// The environments.
    pub envs: &'a VecEnv,
    /// Probabilities of the actions, or the action values where they are followed greedily.
    pub weights: &'a [f32],
    /// The action that will be taken.
    pub action: usize,
}

/// Plays full episodes with a run's latest weights.
pub fn evaluate(request: &EvalRequest, console: &Console) -> Result<Evaluation, Failure> {
    let count = ENVS.min(usize::try_from(request.episodes).unwrap_or(ENVS));
    let mut player = Player::open(request, count, console)?;
    let Played::All(returns) = player.play(request, &mut |_| ControlFlow::Continue(()))? else {
        return Err(
            Failure::failed("stopped before all episodes were played").hint("ask for fewer with --episodes")
        );
    };
    Ok(Evaluation {
        frames_trained: player.frames_trained,
        preset: player.envs.spec().atari.then_some(player.preset),
        protocol: player.protocol,
        seed: request.seed,
        summary: Summary::new(returns),
        env: player.config.env,
    })
}

/// The version of the script that ran when this was saved, with the parameters it had.
fn as_it_ran(dir: &RunDir, config: &Config, saved: &Saved, actions: usize) -> Result<Staged, Failure> {
    let (_, script) = recorded_script(dir, Some(saved))?;
    let values = params::values(&script, config, &saved.learner.steered)?;
    Staged::new(script, &staged::layout(config, actions), &values)
}

fn policy(config: &Config, staged: &Staged, state: &LearnerState, actions: usize) -> Result<Policy, Failure> {
    let mut policy = Policy::new(config, staged, actions)?;
    let values = params::values(&staged.script, config, &state.steered)?;
    policy.set_uniforms(&staged.uniforms(&values));
    Ok(policy)
}

fn model(
    device: &dyn kelvin_compute::Device,
    config: &Config,
    staged: &Staged,
    envs: &VecEnv,
    weights: &ModelState,
) -> Result<Model, Failure> {
    let spec = config.model_spec(envs.spec(), envs.len(), staged.reads(), 0);
    let mut model = Model::blank(device, spec)?;
    model.import(weights)?;
    Ok(model)
}

/// A number of full episodes.
#[derive(Clone, Copy, Debug)]
pub struct Play {
    /// How many.
    pub episodes: u64,
    /// How actions are chosen.
    pub protocol: Protocol,
    /// Of the choices.
    pub seed: u64,
    /// Whether a policy that cannot be sampled from is an error; else actions are uniform where that happens.
    pub strict: bool,
}

impl Play {
    /// Their returns, seen by somebody who may end it. The model may act on more observations at a time than there are
    /// environments.
    ///
    /// Every environment plays a share fixed beforehand: taking the first to finish would favour short episodes.
    pub fn watched(
        &self,
        envs: &mut VecEnv,
        model: &mut Model,
        policy: &mut Policy,
        see: &mut dyn FnMut(Look<'_>) -> ControlFlow<()>,
    ) -> Result<Played, Failure> {
        let (count, rows, outputs) = (envs.len(), model.spec().act_batch, model.spec().outputs);
        let shares: Vec<u64> = (0..count as u64).map(|env| (self.episodes + env) / count as u64).collect();
        let mut returns: Vec<Vec<f64>> = vec![Vec::new(); count];
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(self.seed);
        let mut obs = vec![0; rows * envs.spec().obs_len()];
        let (mut values, mut chosen) = (vec![0.0; rows * outputs], vec![0; count]);
        while returns.iter().zip(&shares).any(|(done, share)| (done.len() as u64) < *share) {
            if interrupt::wished() {
                return Ok(Played::Stopped);
            }
            obs[..envs.obs().len()].copy_from_slice(envs.obs());
            model.act(&obs, &mut values)?;
            for (action, row) in chosen.iter_mut().zip(values.chunks_exact(outputs)) {
                *action = match self.protocol.choose(policy, row, &mut rng) {
                    Ok(choice) => choice.action,
                    Err(failed) if !self.strict => failed.instead.action,
                    Err(failed) => {
                        let message = format!("no action can be chosen: {}", failed.reason);
                        let hint = "look at what `behave` returns, and whether the weights have diverged";
                        return Err(Failure::failed(message).hint(hint));
                    }
                };
            }
            let weights = policy.weights(&values[..outputs]);
            if see(Look { envs, weights, action: chosen[0] }).is_break() {
                return Ok(Played::Enough);
            }
            for (env, step) in envs.step(&chosen)?.iter().enumerate() {
                if let Some(episode) = step.episode.filter(|_| (returns[env].len() as u64) < shares[env]) {
                    returns[env].push(episode.episode_return);
                }
            }
        }
        Ok(Played::All(returns.concat()))
    }
}

/// What a list of returns comes to.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Summary {
    /// How many there are.
    pub episodes: usize,
    /// Their mean.
    pub mean: f64,
    /// Their median.
    pub median: f64,
    /// Their standard deviation, with the number of returns as the divisor.
    pub std: f64,
    /// The smallest.
    pub min: f64,
    /// The largest.
    pub max: f64,
    /// All of them.
    pub returns: Vec<f64>,
}

impl Summary {
    /// Sums up at least one return.
    pub fn new(returns: Vec<f64>) -> Self {
        let mut sorted = returns.clone();
        sorted.sort_by(f64::total_cmp);
        let count = sorted.len() as f64;
        let mean = sorted.iter().sum::<f64>() / count;
        let variance = sorted.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / count;
        let middle = sorted.len() / 2;
        Self {
            episodes: returns.len(),
            mean,
            median: if sorted.len() % 2 == 1 {
                sorted[middle]
            } else {
                (sorted[middle - 1] + sorted[middle]) / 2.0
            },
            std: variance.sqrt(),
            min: sorted[0],
            max: sorted[sorted.len() - 1],
            returns,
        }
    }
}

impl fmt::Display for Evaluation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { env, protocol, .. } = self;
        let Summary { episodes, mean, median, std, min, max, .. } = self.summary;
        let preset = self.preset.map_or(String::new(), |preset| format!("{preset}, "));
        let s = if episodes == 1 { "" } else { "s" };
        let frames = grouped(self.frames_trained);
        writeln!(f, "{env} after {frames} frames: {episodes} episode{s} ({preset}{protocol})")?;
        write!(f, "return {mean:.2} ± {std:.2} (mean ± std), median {median:.2}, from {min:.2} to {max:.2}")
    }
}
