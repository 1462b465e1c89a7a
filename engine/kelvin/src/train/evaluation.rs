//! Evaluations while a run trains: environments and seeds of their own, nothing of which training notices.

use super::Session;
use crate::config::OnNan;
use crate::console::{Console, grouped};
use crate::evaluate::{Look, Play, Played, Summary};
use crate::failure::Failure;
use crate::protocol::Protocol;
use kelvin_env::{EnvOptions, VecEnv};
use kelvin_run::Activity;
use std::ops::ControlFlow;

impl Session {
    /// How many evaluations there should be by now, if there are fewer.
    pub(super) fn evaluation_due(&self) -> Option<u64> {
        let state = self.learner.state();
        let due = state.agent_steps.0.checked_div(self.config.eval_every)?;
        (due > state.evaluations.done).then_some(due)
    }

    /// Evaluates if it is time to. An evaluation that the user's wish to stop cuts off has not happened: the run makes
    /// it when it goes on.
    pub(super) fn evaluate_if_due(&mut self, console: &Console) -> Result<(), Failure> {
        let Some(due) = self.evaluation_due() else { return Ok(()) };
        let preset = self.config.eval_preset();
        let options = EnvOptions { training: false, preset, ..self.options.clone() };
        let episodes = self.config.eval_episodes;
        let most = self.learner.model().spec().act_batch;
        let count = most.min(usize::try_from(episodes).unwrap_or(usize::MAX));
        let seed = self.learner.evaluation_seed();
        self.show(Activity::Evaluating);
        let mut envs = VecEnv::new(&self.config.env, &options, count, seed)?;
        let (model, policy) = self.learner.player();
        let strict = self.config.on_nan == OnNan::Stop;
        let protocol = Protocol::resolve(self.config.eval_policy, None, self.config.eval_epsilon, policy)?;
        let play = Play { episodes, protocol, seed, strict };
        let edits = &self.edits;
        // What else is asked for has time until its end.
        let mut see = |_: Look<'_>| match edits.stop_is_asked() {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        };
        let returns = match play.watched(&mut envs, model, policy, &mut see) {
            Ok(Played::All(returns)) => returns,
            Ok(Played::Stopped) => return Ok(()),
            // Edits that came with it are for after the evaluation, which is still to be made.
            Ok(Played::Enough) => return self.stop_as_asked(console),
            Err(lost) if lost.is_device_lost() => return Err(lost),
            Err(failure) => return Err(self.stopped(&failure, console)),
        };
        let summary = Summary::new(returns);
        self.learner.note_evaluation(due, summary.mean);
        let preset = envs.spec().atari.then_some(preset);
        self.recorder.evaluation(&self.learner, &play, preset, &summary)?;
        let Summary { mean, std, .. } = summary;
        let s = if episodes == 1 { "" } else { "s" };
        console.line(format!(
            "evaluation at {} frames: return {mean:.2} ± {std:.2} over {episodes} episode{s} ({protocol})",
            grouped(self.learner.frames().0)
        ));
        self.tell_script(&summary, console)
    }
}
