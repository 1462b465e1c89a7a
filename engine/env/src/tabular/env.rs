//! A [`TabularMdp`] to be played: observations are one-hot bytes.

use rand::{RngExt, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

use super::TabularMdp;
use crate::{Env, EnvError, EnvSpec, Episode, Screen, Step, saved};

/// Draws from an MDP's own distributions. A frame has height 1 and width `states`: 255 at the current state, else 0.
///
/// An episode that has not terminated after the time limit is truncated; the limit is no part of the dynamics.
pub struct TabularEnv {
    spec: EnvSpec,
    mdp: TabularMdp,
    time_limit: u64,
    rng: Xoshiro256PlusPlus,
    // `None` while a reset is due.
    state: Option<usize>,
    shown: usize,
    tally: Episode,
}

impl TabularEnv {
    /// Plays `mdp` under the name `id`, at most `time_limit` steps an episode.
    pub fn new(id: &str, mdp: TabularMdp, time_limit: u64, seed: u64) -> Self {
        let spec = EnvSpec {
            id: id.into(),
            height: 1,
            width: mdp.states,
            actions: mdp.actions.clone(),
            frames_per_step: 1,
            stack: 1,
            atari: false,
        };
        let tally = Episode { episode_return: 0.0, agent_steps: 0, frames: 0 };
        let rng = Xoshiro256PlusPlus::seed_from_u64(seed);
        Self { spec, mdp, time_limit, rng, state: None, shown: 0, tally }
    }

    /// The exact dynamics behind the samples.
    pub fn mdp(&self) -> &TabularMdp {
        &self.mdp
    }

    fn show(&mut self, state: usize, frame: &mut [u8]) {
        self.shown = state;
        frame.fill(0);
        frame[state] = 255;
    }
}

/// The index at which the running sum of `distribution` passes `uniform`, a number in [0, 1).
fn draw(distribution: &[f64], uniform: f64) -> usize {
    let mut sum = 0.0;
    let drawn = distribution.iter().position(|p| {
        sum += p;
        uniform < sum
    });
    // Rounding may leave the sum a little below one: what lies above belongs to the last possible outcome.
    drawn.or_else(|| distribution.iter().rposition(|&p| p > 0.0)).unwrap_or(0)
}

impl Env for TabularEnv {
    fn spec(&self) -> &EnvSpec {
        &self.spec
    }

    fn reset(&mut self, frame: &mut [u8]) -> Result<(), EnvError> {
        self.spec.check_frame(frame)?;
        let start = draw(&self.mdp.initial, self.rng.random());
        self.state = Some(start);
        self.tally = Episode { episode_return: 0.0, agent_steps: 0, frames: 0 };
        self.show(start, frame);
        Ok(())
    }

    fn step(&mut self, action: usize, frame: &mut [u8]) -> Result<Step, EnvError> {
        self.spec.check_frame(frame)?;
        self.spec.check_action(action)?;
        let Some(state) = self.state else {
            return Err(self.spec.misuse("reset it before the first step and after each end"));
        };
        let reward = self.mdp.reward(state, action);
        let next = draw(self.mdp.next(state, action), self.rng.random());
        self.show(next, frame);
        self.tally.episode_return += reward;
        self.tally.agent_steps += 1;
        self.tally.frames += 1;
        let terminated = self.mdp.terminal[next];
        let truncated = !terminated && self.tally.agent_steps >= self.time_limit;
        let ended = terminated || truncated;
        self.state = (!ended).then_some(next);
        let episode = ended.then_some(self.tally);
        Ok(Step { reward: reward as f32, terminated, truncated, episode, ..Step::default() })
    }

    fn so_far(&self) -> Episode {
        self.tally
    }

    fn screen(&self) -> Option<Screen> {
        let pixels = (0..self.mdp.states).map(|state| if state == self.shown { 255 } else { 0 });
        Some(Screen::from_gray(self.mdp.states, 1, pixels))
    }

    fn save(&self) -> Vec<u8> {
        saved::encode(&(&self.rng, self.state, self.shown, self.tally))
    }

    fn restore(&mut self, bytes: &[u8]) -> Result<(), EnvError> {
        let (rng, state, shown, tally): (_, Option<usize>, usize, _) = saved::decode(&self.spec.id, bytes)?;
        if state.unwrap_or(0).max(shown) >= self.mdp.states {
            return Err(saved::refused(&self.spec.id, "it has no such state"));
        }
        (self.rng, self.state, self.shown, self.tally) = (rng, state, shown, tally);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tabular::{chain, gridworld};

    fn state_of(frame: &[u8]) -> usize {
        assert_eq!(frame.iter().filter(|&&byte| byte == 255).count(), 1);
        assert_eq!(frame.iter().filter(|&&byte| byte == 0).count(), frame.len() - 1);
        frame.iter().position(|&byte| byte == 255).unwrap()
    }

    #[test]
    fn what_is_sampled_is_what_is_written_down() {
        for mdp in [chain(), gridworld()] {
            let actions = mdp.actions.len();
            let mut env = TabularEnv::new("test", mdp.clone(), u64::MAX, 5);
            let mut counts = vec![0u32; mdp.transition.len()];
            let mut frame = vec![0; mdp.states];
            let mut policy = Xoshiro256PlusPlus::seed_from_u64(6);
            env.reset(&mut frame).unwrap();
            for _ in 0..400_000 {
                let (state, action) = (state_of(&frame), policy.random_range(0..actions));
                let step = env.step(action, &mut frame).unwrap();
                let next = state_of(&frame);
                counts[(state * actions + action) * mdp.states + next] += 1;
                assert_eq!(step.reward, mdp.reward(state, action) as f32);
                assert_eq!(step.terminated, mdp.terminal[next]);
                if step.ended() {
                    env.reset(&mut frame).unwrap();
                }
            }
            for (row, counts) in counts.chunks_exact(mdp.states).enumerate() {
                let (state, action) = (row / actions, row % actions);
                let n = f64::from(counts.iter().sum::<u32>());
                assert!(mdp.terminal[state] || n > 50.0, "state {state} was hardly seen: {n}");
                for (&count, &p) in counts.iter().zip(mdp.next(state, action)) {
                    // Five standard deviations of a binomial count, and one for small ones: over some 2,000 counts
                    // a false alarm has a chance below 1e-3, and the seed is fixed.
                    let allowed =
                        5.0 * (n * p * (1.0 - p)).sqrt() + if p == 0.0 || p == 1.0 { 0.0 } else { 1.0 };
                    let off = f64::from(count) - n * p;
                    assert!(
                        off.abs() <= allowed + 1e-9 * n,
                        "P({state}, {action}): {count} of {n}, wanted {p}"
                    );
                }
            }
        }
    }

    #[test]
    fn the_time_limit_truncates_and_is_no_termination() {
        let mut env = TabularEnv::new("test", chain(), 3, 1);
        let mut frame = vec![0; env.mdp().states];
        env.reset(&mut frame).unwrap();
        for _ in 0..2 {
            assert_eq!(env.step(0, &mut frame).unwrap().episode, None);
        }
        let last = env.step(0, &mut frame).unwrap();
        assert_eq!((last.terminated, last.truncated), (false, true));
        assert_eq!(last.episode.unwrap().agent_steps, 3);
        assert!(matches!(env.step(0, &mut frame), Err(EnvError::Misuse { .. })));
    }

    #[test]
    fn a_draw_never_lands_on_the_impossible() {
        assert_eq!(draw(&[0.0, 0.5, 0.5, 0.0], 0.0), 1);
        assert_eq!(draw(&[0.0, 0.5, 0.5, 0.0], 0.5), 2);
        // The largest f64 below one, against a sum that rounding left short.
        assert_eq!(draw(&[0.25, 0.7499, 0.0], 1.0 - f64::EPSILON / 2.0), 1);
    }
}
