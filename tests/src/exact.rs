//! Finite problems solved exactly: what a learner could reach at best, and what a policy is worth.

use kelvin::config::Config;
use kelvin::train::checkpoint::load_model;
use kelvin_compute::{CpuDevice, Model, Reads};
use kelvin_env::tabular::TabularMdp;
use kelvin_env::{EnvOptions, make};
use kelvin_run::RunDir;
use std::path::Path;

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

/// What is paid for every decision, beside the reward: τ times the divergence from the uniform policy.
#[derive(Clone, Copy, Debug)]
pub struct Price {
    /// τ.
    pub tau: f64,
    /// Earned with every decision: τ log|A| where the entropy is rewarded, 0 where the divergence is charged.
    pub bonus: f64,
}

/// Regularised value, from the initial states, of the best policy: soft value iteration, eq. 29 and 38.
pub fn soft_optimum(mdp: &TabularMdp, gamma: f64, price: Price) -> f64 {
    let Price { tau, bonus } = price;
    let soft = |backups: &[f64], state: usize| {
        if mdp.terminal[state] {
            return 0.0;
        }
        let largest = backups.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let sum: f64 = backups.iter().map(|backup| ((backup - largest) / tau).exp()).sum();
        bonus + largest + tau * (sum / backups.len() as f64).ln()
    };
    from_the_start(mdp, &values(mdp, gamma, soft))
}

/// Regularised value, from the initial states, of the policy with these probabilities, `[state][action]`.
pub fn soft_value(mdp: &TabularMdp, gamma: f64, price: Price, policy: &[Vec<f64>]) -> f64 {
    let Price { tau, bonus } = price;
    let of = |backups: &[f64], state: usize| {
        if mdp.terminal[state] {
            return 0.0;
        }
        let earned = |(p, backup): (&f64, &f64)| match *p > 0.0 {
            true => p * (backup - tau * (p * backups.len() as f64).ln()),
            false => 0.0,
        };
        bonus + policy[state].iter().zip(backups).map(earned).sum::<f64>()
    };
    from_the_start(mdp, &values(mdp, gamma, of))
}

/// `softmax(x / τ)`.
pub fn boltzmann(x: &[f32], tau: f64) -> Vec<f64> {
    let largest = x.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let weights: Vec<f64> = x.iter().map(|x| (f64::from(x - largest) / tau).exp()).collect();
    let sum: f64 = weights.iter().sum();
    weights.into_iter().map(|weight| weight / sum).collect()
}

/// Outputs of a run's last network in each state, whose one-hot byte row is its input as the environment shows it.
pub fn outputs(run: &Path, mdp: &TabularMdp) -> Vec<Vec<f32>> {
    let states = mdp.states;
    let mut obs = vec![0; states * states];
    (0..states).for_each(|state| obs[state * states + state] = 255);
    outputs_at(run, &obs, states)
}

/// Outputs of a run's last network at some observations.
pub fn outputs_at(run: &Path, obs: &[u8], observations: usize) -> Vec<Vec<f32>> {
    let dir = RunDir::open(run).expect("a run");
    let config = Config::parse(&dir.read_config().expect("a configuration")).expect("a valid one");
    let checkpoint = dir.latest_checkpoint().expect("checkpoints").checkpoint.expect("a sound one");
    let (_, weights) = load_model(&checkpoint).expect("weights");
    let env = make(&config.env, &EnvOptions::default(), 1).expect("a built-in environment");
    let reads = Reads { trained: vec![0], ..Reads::default() };
    let spec = config.model_spec(env.spec(), observations, reads, 0);
    let mut model = Model::new(&CpuDevice, spec).expect("a model");
    model.import(&weights).expect("weights of this shape");
    let mut y = vec![f32::NAN; observations * config.outputs(env.spec().actions.len())];
    model.act(obs, &mut y).expect("outputs");
    y.chunks_exact(y.len() / observations).map(<[f32]>::to_vec).collect()
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
    fn the_boltzmann_policy_of_the_soft_optimum_reaches_it_and_no_other_does() {
        let mdp = gridworld();
        for (tau, bonus) in [(0.1, 0.0), (1.0, 0.0), (0.1, 0.1 * 4.0_f64.ln())] {
            let price = Price { tau, bonus };
            let best = soft_optimum(&mdp, GAMMA, price);
            let uniform = vec![vec![0.25; 4]; mdp.states];
            let other = soft_value(&mdp, GAMMA, price, &uniform);
            assert!(other < best, "{other} {best}");
            if bonus == 0.0 {
                assert!(best < optimum(&mdp, GAMMA), "a penalty costs");
            }
        }
        let cold = soft_optimum(&mdp, GAMMA, Price { tau: 1e-5, bonus: 0.0 });
        assert!((cold - optimum(&mdp, GAMMA)).abs() < 1e-3);
    }

    #[test]
    fn the_maze_can_be_solved_and_not_by_standing_still() {
        let mdp = gridworld();
        let (best, stuck) = (optimum(&mdp, GAMMA), value(&mdp, GAMMA, &vec![0; mdp.states]));
        assert!((0.5..1.0).contains(&best) && (-1.5..0.0).contains(&stuck), "{best} {stuck}");
    }
}
