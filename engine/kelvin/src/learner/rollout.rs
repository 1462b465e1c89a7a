//! What was just played: a window of `n` steps of each environment, all with the same weights.
//!
//! A window ends with its episode. The environment then waits for the next one, so that no step of the next episode goes
//! unlearned, or is learned with weights that did not choose it. Where a time limit cut the episode off, nothing says that it ended:
//! the window is then the last `n` steps before the limit, which reaches back into the rollout before this one, and is
//! bootstrapped from the final frame like any other.

use crate::replay::{KEPT_AFTER_DRAWING, Transition};

/// How far a rollout has come.
#[derive(Clone, Debug)]
pub(super) struct Rollout {
    n: usize,
    /// Lockstep steps of all environments since it began.
    ticks: usize,
    /// Steps of each environment.
    taken: Vec<usize>,
    /// Environments whose episode ended.
    waiting: Vec<bool>,
}

/// Slots that an environment's memory needs: this rollout, the one before it, and what may be looked at later.
pub fn rollout_slots(n: usize) -> usize {
    2 * n + 2 * KEPT_AFTER_DRAWING
}

impl Rollout {
    pub fn new(n: usize, envs: usize) -> Self {
        Self { n, ticks: 0, taken: vec![0; envs], waiting: vec![false; envs] }
    }

    /// Whether an environment is stepped in this tick.
    pub fn steps(&self, env: usize) -> bool {
        !self.waiting[env]
    }

    /// Takes note of what an environment's step led to.
    pub fn note(&mut self, env: usize, transition: &Transition<'_>) {
        self.taken[env] += 1;
        self.waiting[env] = transition.end.is_final();
    }

    /// Ends a tick that was not the last.
    pub fn tick(&mut self) {
        self.ticks += 1;
    }

    /// Whether the tick that goes on now is the last.
    pub fn is_last_tick(&self) -> bool {
        self.ticks + 1 >= self.n
    }

    /// Steps of each environment.
    pub fn taken(&self) -> &[usize] {
        &self.taken
    }

    /// Begins the next.
    pub fn begin(&mut self) {
        *self = Self::new(self.n, self.taken.len());
    }
}
