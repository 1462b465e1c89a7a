//! The updates that are due after a tick: on samples of the memory, or on the rollout that was just completed.

use super::agent::{Learner, Tick};
use super::look::READ_EVERY;
use crate::config::OnNan;
use crate::failure::Failure;
use crate::replay::BatchBuffers;
use kelvin_compute::Batch;
use kelvin_trace::span;

impl Learner {
    /// Makes the updates that are due.
    pub(super) fn learn(&mut self) -> Result<(), Failure> {
        match self.state.rollout {
            Some(_) => self.learn_from_rollout(),
            None => self.learn_from_memory(),
        }
    }

    /// DQN's loop (Mnih et al. 2015): as many updates as agent steps say, each on a sample of what is remembered.
    fn learn_from_memory(&mut self) -> Result<(), Failure> {
        let learned_on = self.state.agent_steps.0.saturating_sub(self.config.learning_starts.0);
        while !self.is_stopped() && self.state.updates.0 < learned_on / self.config.update_every {
            if !self.replay.sample(&mut self.state.sampling, &mut self.batch) {
                return Ok(());
            }
            self.update()?;
        }
        Ok(())
    }

    /// Whether a broken update ends the run. Where it does not, nothing may depend on when it is found: looks come at other
    /// moments where somebody edits, or saves.
    fn is_stopped(&self) -> bool {
        self.broken.is_some() && self.config.on_nan == OnNan::Stop
    }

    /// A2C's loop (Mnih et al. 2016, synchronous): one update on the windows of all environments.
    fn learn_from_rollout(&mut self) -> Result<(), Failure> {
        if self.complete_rollout()? && !self.is_stopped() {
            self.update()?;
        }
        Ok(())
    }

    /// Ends a tick of the rollout; true if it was the last, and the batch has its windows now.
    fn complete_rollout(&mut self) -> Result<bool, Failure> {
        let Some(rollout) = &mut self.state.rollout else { return Ok(false) };
        if !rollout.is_last_tick() {
            rollout.tick();
            return Ok(false);
        }
        for env in (0..rollout.taken().len()).filter(|env| rollout.steps(*env)) {
            self.replay.foresee(env, self.envs.frame(env));
        }
        let found = self.replay.latest(rollout.taken(), &mut self.batch);
        rollout.begin(found)?;
        Ok(found)
    }

    /// Plays a rollout and learns nothing from it: its windows, with the observations at all `n + 1` states.
    pub fn play(&mut self) -> Result<BatchBuffers, Failure> {
        let states = (0..=self.config.n).collect();
        let mut windows = BatchBuffers::new(self.replay.spec(), states, self.config.batch);
        loop {
            let mut tick = Tick::default();
            for group in 0..self.groups.len() {
                self.advance(group, &mut tick)?;
            }
            if self.complete_rollout()? && self.replay.again(&self.batch.starts, &mut windows) {
                return Ok(windows);
            }
        }
    }

    /// One update on the batch.
    fn update(&mut self) -> Result<(), Failure> {
        let learning_rate = self.learning_rate() as f32;
        let BatchBuffers { obs, samples, starts, .. } = &self.batch;
        let _span = span("update");
        self.model.update(&Batch { obs, samples }, learning_rate)?;
        self.state.updates.0 += 1;
        self.pending.push(self.state.updates.0, starts);
        if self.state.updates.0.is_multiple_of(READ_EVERY) {
            self.look_and_read()?;
        }
        Ok(())
    }
}
