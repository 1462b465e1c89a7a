//! Finite problems solved exactly: what a learner could reach at best, and what a policy is worth.

use kelvin_env::tabular::TabularMdp;

/// Sweeps of value iteration: 0.99^4000 is 3e-18, below the rounding of values near 1.
const SWEEPS: usize = 4000;

/// Discounted value of the best policy from the initial states.
pub fn optimum(mdp: &TabularMdp, gamma: f64) -> f64 {
    let best = |backups: &[f64], _| backups.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    from_the_start(mdp, &values(mdp, gamma, best))
}

/// Discounted value, from the initial states, of the policy that takes `actions[state]`.
pub fn value(mdp: &TabularMdp, gamma: f64, actions: &[usize]) -> f64 {
    from_the_start(mdp, &values(mdp, gamma, |backups, state| backups[actions[state]]))
}

/// The fixed point of `V(s) = choose([R(s, a) + γ Σ P(s' | s, a) V(s')], s)`.
fn values(mdp: &TabularMdp, gamma: f64, choose: impl Fn(&[f64], usize) -> f64) -> Vec<f64> {
    let mut values = vec![0.0; mdp.states];
    for _ in 0..SWEEPS {
        let backup = |state, action| {
            let next: f64 = mdp.next(state, action).iter().zip(&values).map(|(p, v)| p * v).sum();
            mdp.reward(state, action) + gamma * next
        };
        let of = |state| {
            let backups: Vec<f64> = (0..mdp.actions.len()).map(|action| backup(state, action)).collect();
            choose(&backups, state)
        };
        values = (0..mdp.states).map(of).collect();
    }
    values
}

fn from_the_start(mdp: &TabularMdp, values: &[f64]) -> f64 {
    mdp.initial.iter().zip(values).map(|(p, v)| p * v).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use kelvin_env::tabular::{chain, gridworld};

    #[test]
    fn the_best_policy_beats_the_traps() {
        let (chain, maze) = (chain(), gridworld());
        let gamma = 0.99;
        // Walking right is the best policy of the chain; staying left is the trap.
        let (right, left) = (value(&chain, gamma, &[1; 11]), value(&chain, gamma, &[0; 11]));
        // Both solve the same equations, to rounding.
        assert!((right - optimum(&chain, gamma)).abs() < 1e-12, "{right}");
        assert!(left < right - 0.005, "{left} {right}");
        let stuck = value(&maze, gamma, &[0; 18]);
        assert!((0.5..1.0).contains(&optimum(&maze, gamma)) && stuck < 0.0, "{stuck}");
    }
}
