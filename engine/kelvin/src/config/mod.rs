//! One validated configuration, from defaults, the script's `config()` and `--set`, in that order.
//!
//! The three are merged as TOML tables, so that a key is spelled the same way in a script, on the command
//! line and in `config.toml`; only then does the table become a [`Config`], and is validated once.

mod defaults;
mod fork;
mod merge;
mod near;
mod validate;

use crate::failure::Failure;
use crate::learner::rollout_slots;
use crate::units::{AgentSteps, Frames};
use kelvin_compute::{
    AdamSpec, Clip, Init, ModelSpec, NetSpec, ObsShape, OnFault, Optimizer, Reads, RmsPropSpec,
};
use kelvin_env::{EnvSpec, Preset};
use kelvin_objective::{Head, Script};
use merge::Problem;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use toml::Table;

/// Everything that decides a run, as `config.toml` holds it: resolved, complete, re-runnable.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Path of the objective script, as given.
    pub script: String,
    /// Environment: a game's name or a built-in.
    pub env: String,
    /// Preprocessing and termination rules.
    pub preset: Preset,
    /// All 18 actions instead of those the game uses.
    pub full_action_set: bool,
    /// Seed of everything random: environments, initial weights, exploration, replay sampling.
    pub seed: u64,
    /// `auto`, `gpu`, `cpu` or an adapter's name.
    pub device: String,
    /// Length of the training.
    pub frames: Frames,
    /// Environments stepped in lockstep.
    pub envs: usize,

    /// Which learner trains the script.
    pub learner: LearnerName,
    /// Window: steps from a sample to its bootstrap state.
    pub n: usize,
    /// Outputs of the network.
    pub heads: Vec<HeadName>,
    /// Whether the network acts for one half of a rollout's environments while the other half steps. The results are
    /// the same. By default where kernels do not run on the cores that step the environments.
    #[serde(default = "overlapping")]
    pub overlap: bool,
    /// `nature` or `mlp`.
    pub network: NetworkName,
    /// Widths of the hidden layers of an `mlp`.
    pub hidden: Vec<usize>,
    /// How weights are drawn: `glorot` or `orthogonal`.
    #[serde(default)]
    pub init: InitName,

    /// Samples of an update: windows of `n` steps. A rollout's update has one of each environment.
    pub batch: usize,
    /// Transitions kept for replay, over all environments; a rollout keeps its own.
    pub replay_capacity: usize,
    /// Agent steps before the first update; of replay.
    pub learning_starts: AgentSteps,
    /// Agent steps an update; of replay.
    pub update_every: u64,
    /// Agent steps between two copies of the online network to the target network; 0 for none after the first.
    pub target_every: u64,
    /// `adam` or `rmsprop`.
    #[serde(default)]
    pub optimizer: OptimizerName,
    /// The optimizer's step size, at the start.
    pub learning_rate: f64,
    /// How the step size goes on: `constant`, or `linear` to zero at the end.
    #[serde(default)]
    pub learning_rate_decay: DecayName,
    /// Decay of Adam's first moment.
    pub adam_beta1: f64,
    /// Decay of Adam's second moment.
    pub adam_beta2: f64,
    /// Adam's ε, outside the root.
    pub adam_epsilon: f64,
    /// Decay of RMSProp's mean square, which starts at 1.
    #[serde(default = "rmsprop_decay")]
    pub rmsprop_decay: f64,
    /// RMSProp's ε, inside the root.
    #[serde(default = "rmsprop_epsilon")]
    pub rmsprop_epsilon: f64,
    /// What is clipped to `clip_norm`: `none`, `per_tensor` or `global`.
    pub clip: ClipName,
    /// Largest L2 norm of a gradient.
    pub clip_norm: f64,

    /// ε of the behaviour policy at the start.
    pub epsilon_start: f64,
    /// ε at the end of the steep part.
    pub epsilon_mid: f64,
    /// ε from the end of the schedule on.
    pub epsilon_end: f64,
    /// Fraction of the training at which the steep part ends.
    pub epsilon_mid_at: f64,
    /// Fraction of the training at which the schedule ends.
    pub epsilon_end_at: f64,

    /// Whether the learner sees the sign of the reward (Atari; other environments never clip).
    #[serde(default = "clipped")]
    pub clip_rewards: bool,
    /// What becomes of an update whose numbers are not finite: `stop`, `skip` or `continue`.
    #[serde(default)]
    pub on_nan: OnNan,

    /// Agent steps between two records of the metrics.
    pub log_every: u64,
    /// Agent steps between two checkpoints.
    pub checkpoint_every: u64,
    /// Agent steps between two evaluations; 0 for none.
    #[serde(default)]
    pub eval_every: u64,
    /// Full episodes of an evaluation.
    #[serde(default = "ten")]
    pub eval_episodes: u64,
    /// How they choose actions: `stochastic`, `greedy`, `epsilon`, or `auto` for the first where there is a policy to draw
    /// from, and else the last.
    #[serde(default)]
    pub eval_policy: EvalPolicyName,
    /// Probability of a random action where they choose by `epsilon`.
    #[serde(default = "thousandth")]
    pub eval_epsilon: f64,
    /// Their protocol: `paper`, `machado`, or `run` for that of training.
    #[serde(default)]
    pub eval_preset: EvalPresetName,

    /// Whether the run shows itself in `live/` while it goes on, for a monitor.
    #[serde(default = "shown")]
    pub live: bool,

    /// Run whose newest network is the reference of a rollout's target network; the network at the start without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// What was set by hand, and so outlasts an edit of the script's defaults and what its `schedule` says:
    /// parameters, `learning_rate`, and `epsilon` for any setting of the exploration.
    pub pinned: BTreeSet<String>,
    /// Where the run started, if that was a checkpoint of another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forked_from: Option<ForkedFrom>,
    /// Value of each of the script's `params()` at the start.
    pub params: BTreeMap<String, f64>,
}

/// How long a run is to be, and what goes by that.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Length {
    /// Frames in all.
    pub frames: Frames,
    /// Fraction of the training at which the steep part of the exploration ends.
    pub epsilon_mid_at: f64,
    /// Fraction at which it ends as a whole.
    pub epsilon_end_at: f64,
}

impl Config {
    /// How long the run is to be.
    pub fn length(&self) -> Length {
        let Self { frames, epsilon_mid_at, epsilon_end_at, .. } = *self;
        Length { frames, epsilon_mid_at, epsilon_end_at }
    }

    /// Makes it another.
    pub fn set_length(&mut self, length: Length) {
        let Length { frames, epsilon_mid_at, epsilon_end_at } = length;
        (self.frames, self.epsilon_mid_at, self.epsilon_end_at) = (frames, epsilon_mid_at, epsilon_end_at);
    }
}

/// A checkpoint that a run started from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ForkedFrom {
    /// The folder of the run that made it, from the root on.
    pub run: String,
    /// Updates made by then.
    pub update: u64,
}

// Settings that a `config.toml` from before they existed does not have.
fn clipped() -> bool {
    true
}

fn overlapping() -> bool {
    true
}

fn shown() -> bool {
    true
}

fn ten() -> u64 {
    10
}

fn thousandth() -> f64 {
    0.001
}

fn rmsprop_decay() -> f64 {
    0.99
}

fn rmsprop_epsilon() -> f64 {
    1e-5
}

/// A learner.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LearnerName {
    /// Off-policy, from a replay memory, with a target network (DQN's loop).
    Replay,
    /// On-policy, from what was just played (A2C's loop).
    Rollout,
}

/// What becomes of an update whose numbers are not finite.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnNan {
    /// The run ends, with a checkpoint of the state before it.
    #[default]
    Stop,
    /// It changes nothing; the run goes on.
    Skip,
    /// It changes what it changes; the run goes on.
    Continue,
}

impl From<OnNan> for OnFault {
    fn from(policy: OnNan) -> Self {
        match policy {
            OnNan::Stop => OnFault::Stop,
            OnNan::Skip => OnFault::Skip,
            OnNan::Continue => OnFault::Continue,
        }
    }
}

/// How an evaluation chooses actions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EvalPolicyName {
    /// As fits the policy: drawn from it, or its best action but for a random one now and then.
    #[default]
    Auto,
    /// Drawn from the policy.
    Stochastic,
    /// The best action.
    Greedy,
    /// The best action, or a random one with probability ε.
    Epsilon,
}

/// The protocol of evaluations.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EvalPresetName {
    /// That of training.
    #[default]
    Run,
    /// The paper's.
    Paper,
    /// That of Machado et al. 2018.
    Machado,
}

/// An output head.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HeadName {
    /// Action values, `[actions]`.
    Q,
    /// Policy logits, `[actions]`.
    Logits,
    /// State value.
    V,
}

impl HeadName {
    /// Columns of the network's output that it takes.
    pub fn columns(self, actions: usize) -> usize {
        match self {
            Self::Q | Self::Logits => actions,
            Self::V => 1,
        }
    }
}

impl From<HeadName> for Head {
    fn from(name: HeadName) -> Self {
        match name {
            HeadName::Q => Head::Q,
            HeadName::Logits => Head::Logits,
            HeadName::V => Head::V,
        }
    }
}

/// A network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NetworkName {
    /// Mnih et al. 2015.
    Nature,
    /// Dense layers of the widths in `hidden`.
    Mlp,
}

/// A way to draw weights.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InitName {
    /// Glorot and Bengio 2010, uniform.
    #[default]
    Glorot,
    /// Saxe, McClelland and Ganguli 2014: gain √2, 1 in the heads.
    Orthogonal,
}

/// An optimizer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OptimizerName {
    /// Kingma and Ba 2015.
    #[default]
    Adam,
    /// Tieleman and Hinton 2012, as TensorFlow 1 has it.
    Rmsprop,
}

/// How the step size goes on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DecayName {
    /// As it started.
    #[default]
    Constant,
    /// In proportion to the frames that are left.
    Linear,
}

/// A rule for clipping gradients.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClipName {
    /// As they come.
    None,
    /// Each tensor by itself.
    PerTensor,
    /// All of them as one vector.
    Global,
}

/// What the command line says about a run, beside the script.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// `--env`.
    pub env: String,
    /// `--preset`.
    pub preset: Preset,
    /// `--full-action-set`.
    pub full_action_set: bool,
    /// `--seed`.
    pub seed: u64,
    /// `--device`.
    pub device: String,
    /// `--frames`.
    pub frames: Option<Frames>,
    /// `--reference`.
    pub reference: Option<String>,
    /// `--set key=value`, in order.
    pub sets: Vec<(String, String)>,
}

/// What an Atari game with that many actions looks like, where no emulator is asked.
pub fn any_game(actions: usize) -> EnvSpec {
    EnvSpec {
        id: "pong".to_owned(),
        height: 84,
        width: 84,
        actions: (0..actions).map(|action| action.to_string()).collect(),
        frames_per_step: 4,
        stack: 4,
        atari: true,
    }
}

impl Config {
    /// Resolves what `wanted` and the script leave open, for an environment of this shape.
    ///
    /// Fails with the place of the mistake: the script's `config()`, or the `--set` that caused it.
    pub fn resolve(wanted: &Wanted, script: &Script, env: &EnvSpec) -> Result<Self, Failure> {
        let in_script =
            |problem: Problem| Failure::from(script.diagnostic(problem.message, problem.hint.as_str()));
        let mut table = merge::to_table(&defaults::defaults(wanted, script, env))?;
        let learner = table["learner"].clone();
        for (key, value) in script.config() {
            merge::from_script(&mut table, key, value).map_err(in_script)?;
        }
        // Where the command line asks for a learner, the script's settings are read as that one's.
        if wanted.sets.iter().any(|(key, _)| key == "learner") {
            table.insert("learner".to_owned(), learner);
        }
        let config = Self::from_table(table).map_err(in_script)?.with_sets(&wanted.sets, script)?;
        let asked =
            script.config().contains_key("batch") || wanted.sets.iter().any(|(key, _)| key == "batch");
        let config = config.with_batch_of_rollout(asked)?;
        config.validate_behaviour(script.hooks().behave).map_err(in_script)?;
        Ok(config)
    }

    /// The same with `--set`, all of them together.
    pub fn with_sets(&self, sets: &[(String, String)], script: &Script) -> Result<Self, Failure> {
        let mut table = merge::to_table(self)?;
        for (key, value) in sets {
            merge::from_command_line(&mut table, key, value, script.params()).map_err(|problem| {
                Failure::usage(format!("--set {key}={value}: {}", problem.message)).hint(problem.hint)
            })?;
        }
        Self::from_table(table).map_err(|problem| Failure::usage(problem.message).hint(problem.hint))
    }

    /// An update of a rollout has a window of each environment, whatever the number of these.
    fn with_batch_of_rollout(self, asked: bool) -> Result<Self, Failure> {
        if self.learner == LearnerName::Replay || self.batch == self.envs {
            return Ok(self);
        }
        if asked {
            let message = format!(
                "`batch` is {}, and an update of a rollout has one window of each of {} environments",
                self.batch, self.envs
            );
            return Err(Failure::usage(message).hint("leave it out and set `envs`"));
        }
        Ok(Self { batch: self.envs, ..self })
    }

    fn from_table(table: Table) -> Result<Self, Problem> {
        let config: Self = table.try_into().map_err(|error: toml::de::Error| Problem {
            message: error.message().trim().to_owned(),
            hint: "learner: replay, rollout; network: nature, mlp; clip: none, per_tensor, global; \
                   optimizer: adam, rmsprop; init: glorot, orthogonal; learning_rate_decay: constant, linear; \
                   on_nan: stop, skip, continue; eval_policy: auto, stochastic, greedy, epsilon; \
                   eval_preset: run, paper, machado; heads: a list of q, logits, v; hidden: a list of widths"
                .to_owned(),
        })?;
        config.validate()?;
        Ok(config)
    }

    /// Reads a run's `config.toml`.
    pub fn parse(text: &str) -> Result<Self, Failure> {
        let config: Self =
            toml::from_str(text).map_err(|error| Failure::failed(format!("config.toml: {error}")))?;
        config.validate().map_err(|problem| {
            Failure::failed(format!("config.toml: {}", problem.message)).hint(problem.hint)
        })?;
        Ok(config)
    }

    /// As `config.toml` holds it.
    pub fn to_toml(&self) -> Result<String, Failure> {
        toml::to_string(self)
            .map_err(|error| Failure::failed(format!("the configuration cannot be written: {error}")))
    }

    /// The model that learns on, or plays, this environment: `act_batch` observations at a time, for an objective
    /// that reads these states.
    pub fn model_spec(&self, env: &EnvSpec, act_batch: usize, reads: Reads, seed: u64) -> ModelSpec {
        ModelSpec {
            net: match self.network {
                NetworkName::Nature => NetSpec::Nature,
                NetworkName::Mlp => NetSpec::Mlp { hidden: self.hidden.clone() },
            },
            obs: ObsShape { stack: env.stack, height: env.height, width: env.width },
            outputs: self.outputs(env.actions.len()),
            batch: self.batch,
            act_batch,
            consults: false,
            window: self.n,
            reads,
            on_fault: self.on_nan.into(),
            optimizer: match self.optimizer {
                OptimizerName::Adam => Optimizer::Adam(AdamSpec {
                    beta1: self.adam_beta1 as f32,
                    beta2: self.adam_beta2 as f32,
                    epsilon: self.adam_epsilon as f32,
                }),
                OptimizerName::Rmsprop => Optimizer::RmsProp(RmsPropSpec {
                    decay: self.rmsprop_decay as f32,
                    epsilon: self.rmsprop_epsilon as f32,
                }),
            },
            init: match self.init {
                InitName::Glorot => Init::Glorot,
                InitName::Orthogonal => {
                    let columns = |head: &HeadName| head.columns(env.actions.len());
                    Init::Orthogonal { heads: self.heads.iter().map(columns).collect() }
                }
            },
            clip: match self.clip {
                ClipName::None => Clip::None,
                ClipName::PerTensor => Clip::PerTensor(self.clip_norm as f32),
                ClipName::Global => Clip::Global(self.clip_norm as f32),
            },
            seed,
        }
    }

    /// The protocol of evaluations.
    pub fn eval_preset(&self) -> Preset {
        match self.eval_preset {
            EvalPresetName::Run => self.preset,
            EvalPresetName::Paper => Preset::Paper,
            EvalPresetName::Machado => Preset::Machado,
        }
    }

    /// Transitions kept, over all environments.
    pub fn slots(&self) -> usize {
        match self.learner {
            LearnerName::Replay => self.replay_capacity,
            LearnerName::Rollout => self.envs * rollout_slots(self.n),
        }
    }

    /// Width of the network's output.
    pub fn outputs(&self, actions: usize) -> usize {
        self.heads.iter().map(|head| head.columns(actions)).sum()
    }

    /// First column of a head; `None` if the network has no such output.
    pub fn column(&self, head: HeadName, actions: usize) -> Option<usize> {
        let at = self.heads.iter().position(|other| *other == head)?;
        Some(self.heads[..at].iter().map(|head| head.columns(actions)).sum())
    }
}

#[cfg(test)]
mod tests;
