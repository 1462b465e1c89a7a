//! A preset, spelled out as numbers.

use crate::{EnvOptions, Preset};

/// Frames after which a game is cut off: half an hour of play at 60 frames a second.
const HALF_AN_HOUR: u64 = 108_000;

/// What a preset decides about an episode.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Rules {
    /// Chance that a frame repeats the last action.
    pub(super) repeat_action_probability: f32,
    /// A new game starts with 1 to this many no-op frames; 0 for none.
    pub(super) max_noops: u32,
    /// A new game or life starts with FIRE and the game's next action, where its action set begins with NOOP, FIRE.
    pub(super) press_fire: bool,
    /// A lost life terminates; the reset that follows lets a no-op step pass and presses what a life starts with.
    pub(super) life_loss_terminates: bool,
    /// A lost life does not terminate, and the step that lost it goes on with what that reset would have done: the
    /// policy sees the lives it was trained on.
    pub(super) life_loss_reopens: bool,
    /// The learner sees the sign of the reward.
    pub(super) clip_reward: bool,
    /// Emulator frames of a true episode.
    pub(super) max_frames: u64,
}

impl Rules {
    pub(super) fn of(options: &EnvOptions) -> Self {
        let (clip_reward, max_frames) = (options.training && options.clip_rewards, HALF_AN_HOUR);
        match options.preset {
            Preset::Paper => Self {
                repeat_action_probability: 0.0,
                max_noops: 30,
                press_fire: true,
                life_loss_terminates: options.training,
                life_loss_reopens: !options.training,
                clip_reward,
                max_frames,
            },
            Preset::Machado => Self {
                repeat_action_probability: 0.25,
                max_noops: 0,
                press_fire: false,
                life_loss_terminates: false,
                life_loss_reopens: false,
                clip_reward,
                max_frames,
            },
        }
    }
}
