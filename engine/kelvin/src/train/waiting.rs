//! A run that waits, as `control.toml` asks: nothing is trained, and everything else is still listened to.

use super::Session;
use super::control::Asks;
use super::interrupt;
use crate::console::Console;
use crate::failure::Failure;
use crate::units::Updates;
use kelvin_run::Activity;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// Time between two looks at whether there is something to do.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// Ticks that a step may take until an update is due; there may be none yet.
const MOST_TICKS: u32 = 256;
/// Steps that one look at `control.toml` can ask for.
const MOST_STEPS: u64 = 1000;

/// What the run was asked for while it goes on.
#[derive(Default)]
pub(super) struct Waiting {
    /// Whether it waits.
    paused: bool,
    /// Turns of the loop to make all the same, each until it has updated.
    steps: u64,
    /// Ticks since the step that is being made began, and the updates then.
    stepping: Option<(u32, Updates)>,
    /// Whether where it stands has been shown since it began to wait.
    shown: bool,
    /// Whether it is to end.
    pub(super) stop: bool,
}

fn source() -> Value {
    json!({ "source": "control.toml" })
}

impl Session {
    /// Takes over what `control.toml` asks for.
    pub(super) fn ask(&mut self, before: Asks, now: Asks, console: &mut Console) -> Result<(), Failure> {
        let update = self.learner.state().updates;
        if before.pause != now.pause {
            let (event, said) = if now.pause { ("paused", "waits") } else { ("continued", "goes on") };
            // Whoever lets it go on wants no more steps.
            self.waiting = Waiting { paused: now.pause, stop: self.waiting.stop, ..Waiting::default() };
            console.line(format!("control.toml: the run {said} at update {update}"));
            self.recorder.event(event, &self.learner, source())?;
        }
        if before.step != now.step && now.pause {
            // Numbers that came too fast to be seen one by one are steps all the same.
            self.waiting.steps += now.step.checked_sub(before.step).unwrap_or(1).min(MOST_STEPS);
            self.recorder.event("step", &self.learner, source())?;
        }
        if before.checkpoint != now.checkpoint {
            if self.checkpoint_now(console)? {
                console.line(format!("control.toml: a checkpoint of update {update} is saved"));
            } else {
                console.line(format!("control.toml: no other checkpoint of update {update} is made"));
            }
        }
        if before.stop != now.stop {
            self.stop_as_asked(console)?;
        }
        Ok(())
    }

    /// Is to end, since `control.toml` says so.
    pub(super) fn stop_as_asked(&mut self, console: &Console) -> Result<(), Failure> {
        self.waiting.stop = true;
        console.line("control.toml: the run is to stop");
        self.recorder.event("stop", &self.learner, source())
    }

    /// Whether somebody wants the run to end.
    pub(super) fn is_to_end(&self) -> bool {
        self.waiting.stop || interrupt::wished()
    }

    /// Whether to make no tick now; if so, a moment has passed.
    pub(super) fn waits(&mut self, console: &Console) -> Result<bool, Failure> {
        let waiting = &mut self.waiting;
        if !waiting.paused {
            self.show(Activity::Running);
            return Ok(false);
        }
        if waiting.stepping.is_none() && waiting.steps > 0 {
            waiting.steps -= 1;
            waiting.stepping = Some((0, self.learner.state().updates));
        }
        if let Some((ticks, updates)) = &mut waiting.stepping {
            *ticks += 1;
            if *ticks <= MOST_TICKS && self.learner.state().updates == *updates {
                return Ok(false);
            }
            waiting.stepping = None;
            waiting.shown = false;
        }
        if !std::mem::replace(&mut waiting.shown, true) {
            // Where it stands, exactly.
            self.show_now(console)?;
            self.show(Activity::Paused);
        }
        let start = Instant::now();
        std::thread::sleep(LOOK_EVERY);
        self.recorder.leave_out(start.elapsed());
        Ok(true)
    }
}
