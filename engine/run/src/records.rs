//! What the lines of a run's files mean: the same types write them while a run trains and read them afterwards.
//!
//! A number that is not finite is `null` in JSON, and so `None` here. What an older version of the program did not
//! write is absent, and has its type's default.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// A line of `metrics.jsonl`: what follows from seed and edits alone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Record {
    /// An episode of training ended.
    Episode(EpisodeRecord),
    /// Means since the record before.
    Train(TrainRecord),
    /// An evaluation, apart from training.
    Eval(EvalRecord),
}

/// An episode of training.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EpisodeRecord {
    /// Frames trained when it ended.
    pub frames: u64,
    /// Agent steps then, over all environments.
    pub agent_steps: u64,
    /// Which environment played it.
    pub env: usize,
    /// Sum of the raw rewards of the true episode.
    pub episode_return: f64,
    /// Its length in agent steps.
    pub episode_agent_steps: u64,
    /// Its length in frames.
    pub episode_frames: u64,
}

/// What training reports every `log_every` agent steps.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrainRecord {
    /// Frames trained.
    pub frames: u64,
    /// Agent steps, over all environments.
    pub agent_steps: u64,
    /// Optimizer steps.
    pub updates: u64,
    /// Mean return of the last hundred episodes.
    pub mean_return: Option<f64>,
    /// The optimizer's step size.
    pub learning_rate: f64,
    /// Probability of a random action.
    pub epsilon: f64,
    /// Transitions in memory.
    pub replay: u64,
    /// Means of the loss and of the script's metrics since the record before.
    pub metrics: BTreeMap<String, Option<f64>>,
    /// The script's parameters.
    pub params: BTreeMap<String, f64>,
    /// L2 norms of the last gradient by tensor, before clipping.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub grad_norms: BTreeMap<String, Option<f64>>,
    /// L2 norms of the weights by tensor.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub weight_norms: BTreeMap<String, Option<f64>>,
}

/// An evaluation: full episodes with environments and seeds of their own.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EvalRecord {
    /// Frames trained.
    pub frames: u64,
    /// Agent steps trained.
    pub agent_steps: u64,
    /// Optimizer steps made.
    pub updates: u64,
    /// How actions were chosen: `stochastic`, `greedy` or `epsilon`; empty in records from before it was noted.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub policy: String,
    /// Probability of a random action in the evaluation.
    pub epsilon: f64,
    /// Its protocol, `paper` or `machado`; empty where the environment has none, and in records from before it was noted.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub preset: String,
    /// Seed of its environments and choices.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
    /// Episodes played.
    pub episodes: usize,
    /// Their mean return.
    pub mean_return: f64,
    /// Their standard deviation, with the number of returns as the divisor.
    pub std_return: f64,
    /// The best mean of all evaluations so far.
    pub best_return: f64,
    /// Every return.
    pub returns: Vec<f64>,
}

impl EvalRecord {
    /// How it was played, in words: number of episodes, policy, ε and preset.
    pub fn protocol(&self) -> String {
        let s = if self.episodes == 1 { "" } else { "s" };
        let policy = match self.policy.as_str() {
            "" => "policy not on record",
            "stochastic" => "actions drawn from the policy",
            "greedy" => "the likeliest action",
            _ => "the best action, or a random one with probability ε",
        };
        let preset = if self.preset.is_empty() { String::new() } else { format!(", preset {}", self.preset) };
        format!("{} episode{s} an evaluation, {policy}, ε {}{preset}", self.episodes, self.epsilon)
    }
}

/// A line of `timing.jsonl`: what the clock says of the same steps. It joins the records on `agent_steps`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TimingRecord {
    /// Agent steps, over all environments.
    pub agent_steps: u64,
    /// Frames a second since the record before.
    pub frames_per_s: f64,
    /// Updates a second since the record before.
    pub updates_per_s: f64,
    /// Seconds since this process took the run up.
    pub wall_s: f64,
}

/// A line of `events.jsonl`: something that happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// What: `reload`, `params`, `checkpoint`, `fault`, …
    pub event: String,
    /// After how many optimizer steps.
    pub update: u64,
    /// After how many agent steps.
    pub agent_steps: u64,
    /// What belongs to it.
    #[serde(flatten)]
    pub detail: Map<String, Value>,
}
