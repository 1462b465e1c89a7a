//! What a script says about its own numbers while it trains: `schedule` by the clock, `on_eval` after an evaluation.

use super::Session;
use crate::console::Console;
use crate::evaluate::Summary;
use crate::failure::Failure;
use crate::params::Steered;
use crate::units::AgentSteps;
use kelvin_objective::{Clock, Diagnostic, EvalStats, Script};
use serde::{Deserialize, Serialize};
use serde_json::json;

/// Agent steps between two calls of `schedule`.
const SCHEDULE_EVERY: u64 = 1000;

/// When a script's `schedule` was called last, or that it is not called any more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Scheduled {
    /// Not since this version of the script runs.
    #[default]
    Due,
    /// In this stretch of [`SCHEDULE_EVERY`] agent steps.
    In(u64),
    /// It failed; a new version is called again.
    Failed,
}

impl Scheduled {
    fn due(self, now: AgentSteps) -> bool {
        match self {
            Self::Due => true,
            Self::In(stretch) => stretch != now.0 / SCHEDULE_EVERY,
            Self::Failed => false,
        }
    }
}

/// Calls a script's `schedule` as at the beginning of a run, to find its mistakes before anything is made or changed.
pub(super) fn try_out(script: &Script) -> Result<(), Failure> {
    script.schedule(&Clock::default())?;
    Ok(())
}

impl Session {
    /// Calls the script's `schedule` if it is due.
    pub(super) fn follow_schedule(&mut self, console: &Console) -> Result<(), Failure> {
        let now = self.learner.state().agent_steps;
        if !self.scheduled.due(now) {
            return Ok(());
        }
        match self.learner.staged().script.schedule(&self.clock()) {
            Ok(schedule) => {
                // This may end the run, which then has not heard it yet.
                self.settle(console)?;
                self.scheduled = Scheduled::In(now.0 / SCHEDULE_EVERY);
                self.learner.steer(Steered { schedule, ..self.learner.state().steered.clone() })
            }
            Err(diagnostic) => {
                self.scheduled = Scheduled::Failed;
                self.hook_failed("schedule", &diagnostic, console)
            }
        }
    }

    /// Tells the script what an evaluation came to, and takes over what it says.
    pub(super) fn tell_script(&mut self, summary: &Summary, console: &Console) -> Result<(), Failure> {
        let script = &self.learner.staged().script;
        if !script.hooks().on_eval {
            return Ok(());
        }
        let stats = EvalStats {
            episodes: summary.episodes,
            mean_return: summary.mean,
            std_return: summary.std,
            best_return: self.learner.state().evaluations.best.unwrap_or(summary.mean),
            clock: self.clock(),
            params: self.learner.values().clone(),
        };
        match script.on_eval(&stats) {
            Err(diagnostic) => self.hook_failed("on_eval", &diagnostic, console),
            Ok(said) if said.is_empty() => Ok(()),
            Ok(said) => {
                let detail = json!({ "source": "on_eval", "params": &said });
                let mut steered = self.learner.state().steered.clone();
                steered.on_eval.extend(said);
                self.settle(console)?;
                self.learner.steer(steered)?;
                self.recorder.event("params", &self.learner, detail)
            }
        }
    }

    /// A mistake in one of them changes nothing and does not end the run.
    fn hook_failed(&mut self, hook: &str, mistake: &Diagnostic, console: &Console) -> Result<(), Failure> {
        console.line(format!("{mistake}\nwhat {hook} said before goes on to hold"));
        let detail = json!({ "hook": hook, "diagnostic": mistake.to_string() });
        self.recorder.event("hook_failed", &self.learner, detail)
    }

    fn clock(&self) -> Clock {
        let (frames, state) = (self.learner.frames(), self.learner.state());
        Clock {
            frames: frames.0,
            agent_steps: state.agent_steps.0,
            updates: state.updates.0,
            progress: (frames.0 as f64 / self.config.frames.0 as f64).min(1.0),
        }
    }
}
