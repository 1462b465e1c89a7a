//! The updates that are due after a tick: on samples of the memory, or on the rollout that was just completed.

use super::agent::Learner;
use super::look::READ_EVERY;
use crate::failure::Failure;
use crate::replay::BatchBuffers;
use kelvin_compute::Batch;

impl Learner {
    /// Makes the updates that are due.
    pub(super) fn learn(&mut self) -> Result<(), Failure> {
        match self.rollout {
            Some(_) => self.learn_from_rollout(),
            None => self.learn_from_memory(),
        }
    }

    /// DQN's loop (Mnih et al. 2015): as many updates as agent steps say, each on a sample of what is remembered.
    fn learn_from_memory(&mut self) -> Result<(), Failure> {
        let learned_on = self.state.agent_steps.0.saturating_sub(self.config.learning_starts.0);
        while self.broken.is_none() && self.state.updates.0 < learned_on / self.config.update_every {
            if !self.replay.sample(&mut self.state.sampling, &mut self.batch) {
                return Ok(());
            }
            self.update()?;
        }
        Ok(())
    }

    /// A2C's loop (Mnih et al. 2016, synchronous): one update on the windows of all environments.
    fn learn_from_rollout(&mut self) -> Result<(), Failure> {
        let Some(rollout) = &mut self.rollout else { return Ok(()) };
        if !rollout.is_last_tick() {
            rollout.tick();
            return Ok(());
        }
        for env in (0..rollout.taken().len()).filter(|env| rollout.steps(*env)) {
            self.replay.foresee(env, self.envs.frame(env));
        }
        let found = self.replay.latest(rollout.taken(), &mut self.batch);
        rollout.begin();
        if found && self.broken.is_none() {
            self.update()?;
        }
        Ok(())
    }

    /// One update on the batch.
    fn update(&mut self) -> Result<(), Failure> {
        let learning_rate = self.learning_rate() as f32;
        let BatchBuffers { obs, samples, starts, .. } = &self.batch;
        self.model.update(&Batch { obs, samples }, learning_rate)?;
        self.state.updates.0 += 1;
        self.pending.push(self.state.updates.0, starts);
        if self.state.updates.0.is_multiple_of(READ_EVERY) {
            self.look_and_read()?;
        }
        Ok(())
    }
}
