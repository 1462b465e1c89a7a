//! What every environment is: a description, `reset`, `step`, and a picture.

use serde::{Deserialize, Serialize};

use crate::EnvError;

/// What a learner must know about an environment before it steps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EnvSpec {
    /// The name it is made by: `"pong"`, `"catch"`.
    pub id: String,
    /// Rows of a frame.
    pub height: usize,
    /// Columns of a frame.
    pub width: usize,
    /// The action set by name; an action is an index into it.
    pub actions: Vec<String>,
    /// Emulator frames per agent step (4 on Atari, 1 elsewhere).
    pub frames_per_step: usize,
    /// How many frames make an observation (4 on Atari, 1 elsewhere).
    pub stack: usize,
    /// Whether an emulator runs behind it.
    pub atari: bool,
}

impl EnvSpec {
    /// Bytes of one frame, `height · width`.
    pub fn frame_len(&self) -> usize {
        self.height * self.width
    }

    /// Bytes of one observation, `stack · height · width`.
    pub fn obs_len(&self) -> usize {
        self.stack * self.frame_len()
    }

    pub(crate) fn check_frame(&self, frame: &[u8]) -> Result<(), EnvError> {
        if frame.len() == self.frame_len() {
            return Ok(());
        }
        Err(self.misuse(format!("a frame has {} bytes, the buffer {}", self.frame_len(), frame.len())))
    }

    pub(crate) fn check_action(&self, action: usize) -> Result<(), EnvError> {
        if action < self.actions.len() {
            return Ok(());
        }
        Err(EnvError::Action { id: self.id.clone(), action, actions: self.actions.len() })
    }

    pub(crate) fn misuse(&self, what: impl Into<String>) -> EnvError {
        EnvError::Misuse { id: self.id.clone(), what: what.into() }
    }
}

/// What one agent step brought.
///
/// At most one of `terminated` and `truncated` is set: where both happen at once, it is a termination.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Step {
    /// The reward as the learner sees it: clipped to its sign on Atari in training, raw otherwise.
    pub reward: f32,
    /// The state reached is terminal: its value is zero. With life-loss termination, a lost life too.
    pub terminated: bool,
    /// The episode was cut off; the state reached has a value, which is to be bootstrapped.
    pub truncated: bool,
    /// A life was lost, and this step went on to the first frame of the next, as a reset in training would have. The
    /// episode goes on; frames from before are no part of the next observation. Only in evaluation with
    /// [`Preset::Paper`](crate::Preset::Paper), and never together with an end.
    pub new_life: bool,
    /// Set when a true episode (all lives) ended. A game can also end in the frames that follow a lost life, which
    /// belong to a reset; its statistics then come with the next step.
    pub episode: Option<Episode>,
}

impl Step {
    /// Whether the environment wants a reset now.
    pub fn ended(&self) -> bool {
        self.terminated || self.truncated
    }
}

/// The statistics of one true episode: from power-on to game over or truncation, however many lives that took.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Episode {
    /// Sum of raw, unclipped, undiscounted rewards.
    pub episode_return: f64,
    /// Decisions the agent took.
    pub agent_steps: u64,
    /// Emulator frames, those of no-op starts and action repeats included.
    pub frames: u64,
}

/// A picture for people: the raw colour screen, not what the learner sees.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Screen {
    /// Columns.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// `height · width` pixels, row by row, three bytes each: red, green, blue.
    pub rgb: Vec<u8>,
}

impl Screen {
    pub(crate) fn from_gray(width: usize, height: usize, gray: impl IntoIterator<Item = u8>) -> Self {
        Self { width, height, rgb: gray.into_iter().flat_map(|y| [y; 3]).collect() }
    }
}

/// One environment: a state machine that [`reset`](Env::reset) starts and [`step`](Env::step) drives.
///
/// A frame is `height · width` bytes, row by row. Everything an environment does follows from its seed and the
/// actions it is given.
pub trait Env: Send {
    /// What it looks like; constant over its life.
    fn spec(&self) -> &EnvSpec;

    /// Starts the next episode and writes its first frame. After a lost life (see [`Step::terminated`]) the game goes
    /// on from there; in every other case it starts anew, abandoning the one under way.
    ///
    /// # Errors
    /// [`EnvError::Misuse`] when `frame` is not `height · width` long.
    fn reset(&mut self, frame: &mut [u8]) -> Result<(), EnvError>;

    /// Takes one agent step and writes the frame it led to.
    ///
    /// # Errors
    /// [`EnvError::Action`] for an index outside the action set, [`EnvError::Misuse`] for a buffer of the wrong length
    /// or when a `reset` is due. The environment is then unchanged.
    fn step(&mut self, action: usize, frame: &mut [u8]) -> Result<Step, EnvError>;

    /// The true episode so far. Between its end and the next reset, that of the one that ended.
    fn so_far(&self) -> Episode;

    /// The screen as a person would see it, if there is one.
    fn screen(&self) -> Option<Screen>;

    /// Where it stands, between two calls. The same on every machine, and safe to be read from a disk.
    fn save(&self) -> Vec<u8>;

    /// Goes to where an environment of the same kind, options and seed was [saved](Env::save): from there on the two do
    /// the same, bit for bit. An emulator gets there by going through its episode again.
    ///
    /// # Errors
    /// [`EnvError::State`] for what no such environment saved. This one is then anywhere, and wants a `reset`.
    fn restore(&mut self, saved: &[u8]) -> Result<(), EnvError>;
}
