//! An emulator that keeps what was done since it was started, so that another can be brought to the same place.
//!
//! The way there is kept and not the place: the emulator's own reader of states must not be fed from a disk, and leaves out
//! what is on the screen. A game of half an hour is gone through again in five seconds, a usual one in a tenth of one.

use std::ops::Deref;

use serde::{Deserialize, Serialize};

use super::ffi::{Action, Emulator};

/// How a game was started, and every frame's action since.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Tape {
    wait: u8,
    actions: Vec<Action>,
}

impl Tape {
    /// Frames that were waited for before the game was started.
    #[cfg(test)]
    pub(super) fn wait(&self) -> u8 {
        self.wait
    }

    /// Frames since the start.
    pub(super) fn len(&self) -> usize {
        self.actions.len()
    }
}

/// An emulator and its tape; reading goes to the emulator.
pub(super) struct Taped {
    emulator: Emulator,
    tape: Tape,
}

impl Taped {
    /// A game that starts as [`Emulator::restart`] does without a wait.
    pub(super) fn new(mut emulator: Emulator) -> Self {
        emulator.restart(0);
        Self { emulator, tape: Tape::default() }
    }

    /// See [`Emulator::act`].
    pub(super) fn act(&mut self, action: Action) -> i32 {
        self.tape.actions.push(action);
        self.emulator.act(action)
    }

    /// See [`Emulator::restart`].
    pub(super) fn restart(&mut self, wait: u8) {
        self.tape.wait = wait;
        self.tape.actions.clear();
        self.emulator.restart(wait);
    }

    /// What was done since the start.
    pub(super) fn tape(&self) -> &Tape {
        &self.tape
    }

    /// Does all of it again.
    pub(super) fn follow(&mut self, tape: Tape) {
        self.emulator.restart(tape.wait);
        for action in &tape.actions {
            self.emulator.act(*action);
        }
        self.tape = tape;
    }
}

impl Deref for Taped {
    type Target = Emulator;

    fn deref(&self) -> &Emulator {
        &self.emulator
    }
}
