//! Finite Markov decision processes whose dynamics are known exactly.
//!
//! A [`TabularMdp`] is the one truth about a built-in problem: theory reads its probabilities, and the environment
//! [`TabularEnv`] draws from the same numbers. What the two say about a problem cannot part.
//!
//! - [`chain`]: ten states in a row; a small reward at the start, the large one at the far end.
//! - [`gridworld`]: a maze with a goal, two pits and slippery ground.

mod env;
mod problems;

pub use env::TabularEnv;
pub use problems::{chain, gridworld};

/// A finite MDP: states `0..states`, actions `0..actions.len()`.
///
/// A terminal state has value zero and is never left: it leads to itself with reward 0.
#[derive(Clone, Debug, PartialEq)]
pub struct TabularMdp {
    /// Number of states, terminal ones included.
    pub states: usize,
    /// The actions by name.
    pub actions: Vec<String>,
    /// `P[s][a][s']`, the chance that action `a` leads from `s` to `s'`; `[states, actions, states]`, row-major.
    pub transition: Vec<f64>,
    /// `R[s][a]`, the reward for action `a` in `s`; `[states, actions]`, row-major.
    pub reward: Vec<f64>,
    /// Which states are terminal; `[states]`.
    pub terminal: Vec<bool>,
    /// The chance of starting in each state; `[states]`.
    pub initial: Vec<f64>,
}

impl TabularMdp {
    /// An MDP in which every action leads from every state to itself and earns nothing, with no terminal state and no
    /// initial distribution: the sheet that problems are drawn on.
    pub fn blank(states: usize, actions: &[&str]) -> Self {
        let mut blank = Self {
            states,
            actions: actions.iter().map(|&name| name.into()).collect(),
            transition: vec![0.0; states * actions.len() * states],
            reward: vec![0.0; states * actions.len()],
            terminal: vec![false; states],
            initial: vec![0.0; states],
        };
        for state in 0..states {
            for action in 0..actions.len() {
                blank.move_with(state, action, state, 1.0);
            }
        }
        blank
    }

    /// `P[state][action]`, the distribution over next states; `[states]`.
    pub fn next(&self, state: usize, action: usize) -> &[f64] {
        &self.transition[self.row(state, action) * self.states..][..self.states]
    }

    /// `R[state][action]`.
    pub fn reward(&self, state: usize, action: usize) -> f64 {
        self.reward[self.row(state, action)]
    }

    fn row(&self, state: usize, action: usize) -> usize {
        state * self.actions.len() + action
    }

    fn move_with(&mut self, state: usize, action: usize, next: usize, probability: f64) {
        let row = self.row(state, action);
        self.transition[row * self.states + next] += probability;
    }

    /// Replaces `P[state][action]`.
    fn set_next(
        &mut self,
        state: usize,
        action: usize,
        distribution: impl IntoIterator<Item = (usize, f64)>,
    ) {
        let row = self.row(state, action);
        self.transition[row * self.states..][..self.states].fill(0.0);
        for (next, probability) in distribution {
            self.move_with(state, action, next, probability);
        }
    }

    fn set_reward(&mut self, state: usize, action: usize, reward: f64) {
        let row = self.row(state, action);
        self.reward[row] = reward;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn problems_are_well_formed() {
        for mdp in [chain(), gridworld()] {
            let actions = mdp.actions.len();
            assert_eq!(mdp.transition.len(), mdp.states * actions * mdp.states);
            assert_eq!(mdp.reward.len(), mdp.states * actions);
            assert_eq!((mdp.terminal.len(), mdp.initial.len()), (mdp.states, mdp.states));
            assert!((mdp.initial.iter().sum::<f64>() - 1.0).abs() < 1e-12);
            assert!(mdp.terminal.contains(&true));
            for state in 0..mdp.states {
                for action in 0..actions {
                    let next = mdp.next(state, action);
                    // Sums of up to five chances, each exact to 1e-16.
                    assert!((next.iter().sum::<f64>() - 1.0).abs() < 1e-12, "state {state}, action {action}");
                    assert!(next.iter().all(|p| (0.0..=1.0).contains(p)));
                    if mdp.terminal[state] {
                        assert_eq!(
                            (next[state], mdp.reward(state, action)),
                            (1.0, 0.0),
                            "terminal states absorb"
                        );
                        assert_eq!(mdp.initial[state], 0.0);
                    }
                }
            }
        }
    }

    /// Optimal values by value iteration.
    fn values(mdp: &TabularMdp, gamma: f64) -> Vec<f64> {
        let mut values = vec![0.0; mdp.states];
        for _ in 0..2000 {
            let backup = |s: usize, a: usize| {
                let expected: f64 = mdp.next(s, a).iter().zip(&values).map(|(p, v)| p * v).sum();
                mdp.reward(s, a) + gamma * expected
            };
            let best = |s| (0..mdp.actions.len()).map(|a| backup(s, a)).fold(f64::NEG_INFINITY, f64::max);
            values = (0..mdp.states).map(best).collect();
        }
        values
    }

    #[test]
    fn the_far_reward_is_worth_the_walk() {
        let (mdp, gamma) = (chain(), 0.99);
        let values = values(&mdp, gamma);
        let worth = |state: usize, action: usize| -> f64 {
            let expected: f64 = mdp.next(state, action).iter().zip(&values).map(|(p, v)| p * v).sum();
            mdp.reward(state, action) + gamma * expected
        };
        assert!(values[0] > 0.8 && values[0].is_finite(), "{}", values[0]);
        for state in 0..9 {
            let (left, right) = (worth(state, 0), worth(state, 1));
            assert!(right > left + 1e-3, "state {state}: left is worth {left}, right {right}");
        }
    }

    #[test]
    fn the_goal_can_be_reached_from_everywhere() {
        let mdp = gridworld();
        for (state, value) in values(&mdp, 0.99).into_iter().enumerate() {
            // Pits are worth their −1 whatever one does there; every other state can reach the goal's +1.
            let pit = (0..mdp.actions.len()).any(|a| mdp.reward(state, a) == -1.0);
            assert!(mdp.terminal[state] || if pit { value == -1.0 } else { value > 0.3 }, "{state}: {value}");
        }
    }
}
