//! What was just played: a window of `n` steps of each environment, all with the same weights.
//!
//! A window ends with its episode. The environment then waits for the next one, so that no step of the next episode goes
//! unlearned, or is learned with weights that did not choose it. Where a time limit cut the episode off, nothing says
//! that it ended: the window is then the last `n` steps before the limit, which reaches back into the rollout before this
//! one, and is bootstrapped from the final frame like any other.

use crate::failure::Failure;
use crate::replay::{KEPT_AFTER_DRAWING, Transition};
use serde::{Deserialize, Serialize};

/// Rollouts without a window, in a row, after which there will be none.
const MOST_FRUITLESS: u32 = 100;

/// How far a rollout has come.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Rollout {
    n: usize,
    /// Lockstep steps of all environments since it began.
    ticks: usize,
    /// Steps of each environment.
    taken: Vec<usize>,
    /// Environments whose episode ended.
    waiting: Vec<bool>,
    /// Rollouts in a row that had no window at all.
    fruitless: u32,
}

/// Slots that an environment's memory needs: this rollout, the one before it, and what may be looked at later.
pub fn rollout_slots(n: usize) -> usize {
    2 * n + 2 * KEPT_AFTER_DRAWING
}

impl Rollout {
    pub fn new(n: usize, envs: usize) -> Self {
        Self { n, ticks: 0, taken: vec![0; envs], waiting: vec![false; envs], fruitless: 0 }
    }

    /// Whether what began as `begun` can have come to this.
    pub fn follows(&self, begun: &Self) -> bool {
        self.n == begun.n
            && self.ticks < self.n.max(1)
            && self.taken.len() == begun.taken.len()
            && self.waiting.len() == begun.waiting.len()
            && self.taken.iter().all(|taken| *taken <= self.ticks)
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

    /// Begins the next. Fails where no environment ever has a whole window.
    pub fn begin(&mut self, found: bool) -> Result<(), Failure> {
        let fruitless = if found { 0 } else { self.fruitless + 1 };
        *self = Self { fruitless, ..Self::new(self.n, self.taken.len()) };
        if fruitless < MOST_FRUITLESS {
            return Ok(());
        }
        let message =
            format!("nothing is learned: a time limit cuts every episode off before {} steps", self.n);
        Err(Failure::failed(message).hint("ask for a shorter window: --set n=…"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_rollout_came_to_is_told_from_what_one_did() {
        let begun = Rollout::new(5, 2);
        let rollout = Rollout { ticks: 3, taken: vec![3, 1], waiting: vec![false, true], ..begun.clone() };
        assert!(begun.follows(&begun) && rollout.follows(&begun));
        for other in [
            Rollout { n: 4, ..rollout.clone() },
            Rollout { ticks: 5, ..rollout.clone() },
            Rollout { taken: vec![3], ..rollout.clone() },
            Rollout { taken: vec![4, 1], ..rollout.clone() },
            Rollout { waiting: vec![], ..rollout.clone() },
        ] {
            assert!(!other.follows(&begun), "{other:?}");
        }
    }

    #[test]
    fn a_learner_without_windows_ends_and_one_that_has_some_does_not() {
        let mut rollout = Rollout::new(5, 2);
        let outcomes: Vec<bool> = (0..MOST_FRUITLESS).map(|_| rollout.begin(false).is_ok()).collect();
        assert_eq!(outcomes.iter().position(|ok| !ok), Some(MOST_FRUITLESS as usize - 1));
        let mut rollout = Rollout::new(5, 2);
        assert!((0..3 * MOST_FRUITLESS).all(|round| rollout.begin(round % 50 == 0).is_ok()));
    }
}
