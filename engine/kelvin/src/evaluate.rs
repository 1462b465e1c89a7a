//! `kelvin eval`: full episodes with a run's latest weights, raw rewards, no learning.

use crate::config::Config;
use crate::console::{Console, grouped};
use crate::failure::Failure;
use crate::learner::epsilon_greedy;
use crate::train::{checkpoint, interrupt, open_device};
use kelvin_compute::Model;
use kelvin_env::{EnvOptions, Preset, VecEnv};
use kelvin_run::RunDir;
use rand::SeedableRng;
use rand_xoshiro::Xoshiro256PlusPlus;
use serde::Serialize;
use std::fmt;
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
    /// Probability of a random action.
    pub epsilon: f64,
    /// Protocol; the run's own if not given.
    pub preset: Option<Preset>,
    /// Seed of environments and exploration.
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
    epsilon: f64,
    seed: u64,
    frames_trained: u64,
    episodes: usize,
    mean: f64,
    median: f64,
    std: f64,
    min: f64,
    max: f64,
    returns: Vec<f64>,
}

/// Loads a run's latest weights and plays full episodes with them.
pub fn evaluate(request: &EvalRequest, console: &Console) -> Result<Evaluation, Failure> {
    let dir = RunDir::open(&request.run)?;
    let config = Config::parse(&dir.read_config()?)?;
    let latest = dir.latest_checkpoint_with(&checkpoint::FOR_EVALUATION)?;
    let checkpoint = checkpoint::newest(latest, console)?.ok_or_else(|| {
        Failure::failed(format!("{} has no checkpoint yet", request.run.display()))
            .hint("a run makes one every `checkpoint_every` agent steps and when it is stopped with Ctrl-C")
    })?;
    let (state, weights) = checkpoint::load_model(&checkpoint)?;
    let device = open_device(&request.device, console)?;
    let preset = request.preset.unwrap_or(config.preset);
    let options = EnvOptions {
        preset,
        training: false,
        full_action_set: config.full_action_set,
        roms: request.roms.clone(),
    };
    let count = ENVS.min(usize::try_from(request.episodes).unwrap_or(ENVS));
    let mut envs = VecEnv::new(&config.env, &options, count, request.seed)?;
    let (actions, frames_per_step) = (envs.spec().actions.len(), envs.spec().frames_per_step);
    // Nothing is random in a model whose weights are imported.
    let mut model = Model::new(device.as_ref(), config.model_spec(envs.spec(), count, 0))?;
    model.import(&weights)?;
    interrupt::listen()?;
    let frames_trained = state.agent_steps.frames(frames_per_step).0;
    let returns = play(request, &mut envs, &mut model, config.q_column(actions))?;
    let preset = envs.spec().atari.then_some(preset);
    Ok(Evaluation::new(&config, request, preset, frames_trained, returns))
}

/// Returns of the episodes that were asked for.
///
/// Every environment plays a share fixed beforehand: taking the first to finish would favour short ones.
fn play(
    request: &EvalRequest,
    envs: &mut VecEnv,
    model: &mut Model,
    q_column: usize,
) -> Result<Vec<f64>, Failure> {
    let (count, actions, outputs) = (envs.len(), envs.spec().actions.len(), model.spec().outputs);
    let shares: Vec<u64> = (0..count as u64).map(|env| (request.episodes + env) / count as u64).collect();
    let mut returns: Vec<Vec<f64>> = vec![Vec::new(); count];
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(request.seed);
    let (mut values, mut chosen) = (vec![0.0; count * outputs], vec![0; count]);
    while returns.iter().zip(&shares).any(|(done, share)| (done.len() as u64) < *share) {
        if interrupt::wished() {
            return Err(Failure::failed("stopped before all episodes were played")
                .hint("ask for fewer with --episodes"));
        }
        model.act(envs.obs(), &mut values)?;
        for (action, row) in chosen.iter_mut().zip(values.chunks_exact(outputs)) {
            *action = epsilon_greedy(&row[q_column..q_column + actions], request.epsilon, &mut rng);
        }
        for (env, step) in envs.step(&chosen)?.iter().enumerate() {
            if let Some(episode) = step.episode.filter(|_| (returns[env].len() as u64) < shares[env]) {
                returns[env].push(episode.episode_return);
            }
        }
    }
    Ok(returns.concat())
}

impl Evaluation {
    fn new(
        config: &Config,
        request: &EvalRequest,
        preset: Option<Preset>,
        frames_trained: u64,
        returns: Vec<f64>,
    ) -> Self {
        let mut sorted = returns.clone();
        sorted.sort_by(f64::total_cmp);
        let count = sorted.len() as f64;
        let mean = sorted.iter().sum::<f64>() / count;
        let variance = sorted.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / count;
        let middle = sorted.len() / 2;
        Self {
            env: config.env.clone(),
            preset,
            epsilon: request.epsilon,
            seed: request.seed,
            frames_trained,
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
        let Self { env, epsilon, episodes, mean, median, std, min, max, .. } = self;
        let protocol = self.preset.map_or(String::new(), |preset| format!("{preset}, "));
        let s = if *episodes == 1 { "" } else { "s" };
        let frames = grouped(self.frames_trained);
        writeln!(f, "{env} after {frames} frames: {episodes} episode{s} ({protocol}ε {epsilon})")?;
        write!(f, "return {mean:.2} ± {std:.2} (mean ± std), median {median:.2}, from {min:.2} to {max:.2}")
    }
}
