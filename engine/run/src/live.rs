//! The live slots: what a run shows of itself while it goes on, each the newest value and no history.
//!
//! ```text
//! live/status.json        → [`Status`]: where it is, how fast, and that it lives
//! live/agent.json         → [`AgentView`]: what the network makes of what one environment shows
//! live/view.safetensors   → [`Picture`]: that environment's screen and the frames that the network sees
//! ```

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// What a run is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Activity {
    /// It trains.
    Running,
    /// It waits, as `control.toml` asks.
    Paused,
    /// It plays an evaluation.
    Evaluating,
    /// It was stopped before its end; it can be resumed.
    Stopped,
    /// It trained to its end.
    Done,
    /// It ended with an error.
    Failed,
}

impl Activity {
    /// Whether a process is there that takes requests.
    pub fn lives(self) -> bool {
        matches!(self, Self::Running | Self::Paused | Self::Evaluating)
    }
}

/// Where a run is. It is written anew at least once a second while the process lives, so that a `beat` that stands
/// still tells of a process that hangs or was killed, whatever the clocks of two machines say.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// What it is doing.
    pub activity: Activity,
    /// Grows with every write.
    pub beat: u64,
    /// The process.
    pub pid: u32,
    /// The machine it runs on.
    pub host: String,
    /// The writer's clock, milliseconds since 1970.
    pub unix_ms: u64,
    /// Frames trained.
    pub frames: u64,
    /// Frames at its end.
    pub total_frames: u64,
    /// Agent steps, over all environments.
    pub agent_steps: u64,
    /// Optimizer steps.
    pub updates: u64,
    /// Frames a second, over the last few seconds.
    pub frames_per_s: f64,
    /// Updates a second, over the last few seconds.
    pub updates_per_s: f64,
    /// Mean return of the last hundred episodes.
    pub mean_return: Option<f64>,
    /// Mean loss in the last record.
    pub loss: Option<f64>,
    /// Probability of a random action.
    pub epsilon: f64,
    /// The optimizer's step size.
    pub learning_rate: f64,
    /// Transitions in memory.
    pub replay: u64,
    /// Transitions that there is room for.
    pub replay_capacity: u64,
    /// The adapter or processor that computes.
    pub device: String,
    /// The script's name.
    pub script: String,
    /// The hash of the version that runs.
    pub script_hash: String,
    /// The update that version took effect at.
    pub script_since: u64,
    /// The script's parameters.
    pub params: BTreeMap<String, f64>,
    /// Shares of the last seconds' time by phase (`act`, `step`, `update`, …); together at most 1.
    pub phases: BTreeMap<String, f64>,
}

/// What the network makes of what one environment shows.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct AgentView {
    /// Grows with every write.
    pub beat: u64,
    /// Which environment.
    pub env: usize,
    /// Agent steps, over all environments.
    pub agent_steps: u64,
    /// Names of the actions, by index.
    pub actions: Vec<String>,
    /// The action that was taken.
    pub action: usize,
    /// Action values, where the network has them.
    pub q: Option<Vec<f32>>,
    /// Policy logits, where the network has them.
    pub logits: Option<Vec<f32>>,
    /// State value: that of the head `v`, else what `q` and τ imply (eq. 11: τ log mean exp(q / τ)), else max q.
    pub v: Option<f32>,
    /// Probabilities that actions are drawn with, ε aside.
    pub policy: Vec<f32>,
    /// Its entropy in nats.
    pub entropy: f32,
    /// Its KL divergence to the uniform policy in nats.
    pub kl_uniform: f32,
    /// The Boltzmann policy softmax(q / τ), where there are action values and a temperature.
    pub boltzmann: Option<Vec<f32>>,
    /// The temperature, where the script has a parameter `tau`.
    pub tau: Option<f64>,
    /// Probability of a random action.
    pub epsilon: f64,
    /// Sum of the raw rewards of the episode so far.
    pub episode_return: f64,
    /// Agent steps of the episode so far.
    pub episode_agent_steps: u64,
    /// Returns of this environment's last episodes, newest last.
    pub last_returns: Vec<f64>,
}

/// Pictures of one environment, bytes, row-major.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Picture {
    /// The screen as a person would see it, `[height, width, 3]`, RGB; nothing where the environment has none.
    pub screen: Vec<u8>,
    /// Height and width of the screen.
    pub screen_size: [usize; 2],
    /// What the network sees, `[stack, height, width]`, the oldest frame first.
    pub stack: Vec<u8>,
    /// Frames, height and width of the stack.
    pub stack_size: [usize; 3],
}
