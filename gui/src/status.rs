//! What a run is doing, as a word, an icon and a colour; never as a colour alone.

use eframe::egui::Color32;

use crate::data::RunState;
use crate::theme::{Icon, Palette};

/// The word for a state.
pub fn word(state: RunState) -> &'static str {
    match state {
        RunState::Running => "running",
        RunState::Paused => "paused",
        RunState::Evaluating => "evaluating",
        RunState::Done => "done",
        RunState::Stopped => "stopped",
        RunState::Failed => "failed",
        RunState::Stalled => "stalled",
        RunState::Damaged => "damaged",
    }
}

/// What it means, in a sentence.
pub fn meaning(state: RunState) -> &'static str {
    match state {
        RunState::Running => "It trains.",
        RunState::Paused => "It waits, as control.toml asks.",
        RunState::Evaluating => "It plays an evaluation.",
        RunState::Done => "It trained to its end.",
        RunState::Stopped => "It was stopped before its end and can be resumed.",
        RunState::Failed => "It ended with an error.",
        RunState::Stalled => "It says that it trains, but no longer beats: killed, or out of reach.",
        RunState::Damaged => "Its folder cannot be read, or what stands in it is damaged.",
    }
}

/// Its icon.
pub fn icon(state: RunState) -> Icon {
    match state {
        RunState::Running => Icon::Play,
        RunState::Paused => Icon::Pause,
        RunState::Evaluating => Icon::Gamepad2,
        RunState::Done => Icon::Check,
        RunState::Stopped => Icon::Square,
        RunState::Failed => Icon::CircleX,
        RunState::Stalled => Icon::HeartOff,
        RunState::Damaged => Icon::FileWarning,
    }
}

/// Its colour.
pub fn color(state: RunState, palette: &Palette) -> Color32 {
    match state {
        RunState::Running | RunState::Evaluating => palette.good,
        RunState::Paused | RunState::Stalled => palette.warn,
        RunState::Done | RunState::Stopped => palette.weak,
        RunState::Failed | RunState::Damaged => palette.bad,
    }
}

/// Those that ask for somebody first.
pub fn rank(state: RunState) -> u8 {
    match state {
        RunState::Failed => 0,
        RunState::Damaged => 1,
        RunState::Stalled => 2,
        RunState::Running => 3,
        RunState::Evaluating => 4,
        RunState::Paused => 5,
        RunState::Stopped => 6,
        RunState::Done => 7,
    }
}

/// Every state.
pub const ALL: [RunState; 8] = [
    RunState::Running,
    RunState::Paused,
    RunState::Evaluating,
    RunState::Done,
    RunState::Stopped,
    RunState::Failed,
    RunState::Stalled,
    RunState::Damaged,
];
