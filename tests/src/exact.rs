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

    const GAMMA: f64 = 0.99;

    #[test]
    fn the_best_policy_of_the_chain_walks_right() {
        let mdp = chain();
        let best = value(&mdp, GAMMA, &vec![1; mdp.states]);
        // Both are fixed points of the same equations, to rounding.
        assert!((best - optimum(&mdp, GAMMA)).abs() < 1e-12, "{best}");
        let trapped = value(&mdp, GAMMA, &vec![0; mdp.states]);
        // 0.005 in nine steps of ten, for ever: 0.0045 / (1 - 0.99) at the most, and never the large reward.
        assert!((0.05..0.45).contains(&trapped) && trapped < best, "{trapped} {best}");
    }

    #[test]
    fn the_maze_can_be_solved_and_not_by_standing_still() {
        let mdp = gridworld();
        let (best, stuck) = (optimum(&mdp, GAMMA), value(&mdp, GAMMA, &vec![0; mdp.states]));
        assert!((0.5..1.0).contains(&best) && (-1.5..0.0).contains(&stuck), "{best} {stuck}");
    }
}
