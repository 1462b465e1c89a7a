//! Which published protocol an Atari environment follows.

use std::{fmt, path::PathBuf, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::EnvError;

/// A published way of turning an Atari game into a decision problem.
///
/// | | `Paper` (Mnih et al. 2015; the settings that Schulman et al. 2017 build on) | `Machado` (Machado et al. 2018) |
/// |---|---|---|
/// | chance | 1 to 30 no-op frames at the start | each frame repeats the last action with probability 0.25 |
/// | FIRE at the start of a game or life, where the game has it | yes | no |
/// | a lost life terminates (training only) | yes | no |
/// | a lost life starts the next one without an end (evaluation only) | yes | no |
/// | reward clipped to its sign (training only, unless [`EnvOptions::clip_rewards`] says otherwise) | yes | yes |
/// | frames per agent step, frames pooled, cap | 4, last 2, 108,000 | 4, last 2, 108,000 |
///
/// What `Paper` does between two lives is the same in training and in evaluation: a no-op step, FIRE and the action
/// listed after it (these two where the game has FIRE), then an observation that holds one frame and zeros. In training
/// a reset does it; in evaluation the step that lost the life does, its reward and the episode's frames include it, and
/// nothing terminates. So a policy meets the states it was trained on, and one that never had to press FIRE does not
/// wait for a ball until the cap. With `Machado` lives are the agent's own affair in both.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Preset {
    /// The paper's protocol.
    #[default]
    Paper,
    /// Sticky actions, true episodes.
    Machado,
}

impl FromStr for Preset {
    type Err = EnvError;

    fn from_str(text: &str) -> Result<Self, EnvError> {
        match text {
            "paper" => Ok(Self::Paper),
            "machado" => Ok(Self::Machado),
            other => Err(EnvError::UnknownPreset(other.into())),
        }
    }
}

impl fmt::Display for Preset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Paper => "paper",
            Self::Machado => "machado",
        })
    }
}

/// How to make an environment. The built-in ones have one protocol and need none of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EnvOptions {
    /// The protocol.
    pub preset: Preset,
    /// Training sees clipped rewards (see `clip_rewards`) and, with [`Preset::Paper`], lost lives as terminations.
    /// Evaluation sees raw rewards and true episodes.
    pub training: bool,
    /// Whether training sees the sign of the reward, as both protocols have it, or the reward itself.
    pub clip_rewards: bool,
    /// All 18 joystick actions instead of those the game reacts to; the others are no-ops.
    pub full_action_set: bool,
    /// A folder of ROMs to search first.
    pub roms: Option<PathBuf>,
}

impl Default for EnvOptions {
    fn default() -> Self {
        Self { preset: Preset::Paper, training: true, clip_rewards: true, full_action_set: false, roms: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn presets_survive_text_and_others_are_refused() {
        for preset in [Preset::Paper, Preset::Machado] {
            assert_eq!(preset.to_string().parse::<Preset>().unwrap(), preset);
        }
        let error = "Paper".parse::<Preset>().unwrap_err();
        assert_eq!(error.to_string(), "unknown preset `Paper`");
        assert!(error.hint().unwrap().contains("machado"));
    }
}
