//! The gradients in expectation over the policy's actions.

use super::agreement::Agreement;
use super::pair::{Data, Pair};
use crate::failure::Failure;
use rand::{RngExt, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

/// Size of what is added to the reward of an action.
const REWARD: f32 = 1.0;

/// Both gradients with the action of each step enumerated and weighted by the policy's probability.
///
/// Of every window there is a copy for each action. One step after the other, that step's action is the copy's, those of
/// other steps stay as they were drawn, and of the gradient only what flows into the state of that step counts (and after
/// the last step into the last state), times π(a|s). So each state's gradient is the expectation over the action taken in
/// it. The reward of the step is another for every action, so that actions differ in what follows: any fixed function of
/// state and action will do for (65), and this one is a random number. `progress` is called after each step, with the
/// number of steps.
pub fn exactly(pair: &mut Pair, mut progress: impl FnMut(usize)) -> Result<Agreement, Failure> {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(pair.seed);
    let data = pair.draw(&mut rng)?;
    let policies = pair.policies(&data)?;
    let (n, actions) = (pair.config.n, pair.env.actions.len());
    let mut copies = copied(&data, n, pair.env.obs_len(), actions);
    let drawn = copies.samples.clone();
    let mut sums: [Vec<f64>; 2] = [Vec::new(), Vec::new()];
    for step in 0..n {
        copies.samples.copy_from_slice(&drawn);
        let of_step = &policies[step * data.windows..][..data.windows];
        for (window, policy) in of_step.iter().enumerate() {
            for (action, probability) in policy.iter().enumerate() {
                let at = |field: usize| (field * n + step) * copies.windows + window * actions + action;
                // A step that was not taken has no action.
                if copies.samples[at(4)] != 0.0 {
                    let reward = rng.random_range(-REWARD..REWARD);
                    copies.samples[at(0)] += reward;
                    copies.samples[at(2)] = action as f32;
                    copies.samples[at(3)] = probability.ln();
                }
            }
        }
        for (which, sum) in sums.iter_mut().enumerate() {
            let gradient = pair.gradient(which, &copies, |state, row, of_outputs| {
                let counts = state == step || step + 1 == n && state == n;
                // The kernel takes the mean over all copies.
                let weight =
                    if counts { of_step[row / actions][row % actions] * actions as f32 } else { 0.0 };
                of_outputs.iter_mut().for_each(|slope| *slope *= weight);
            })?;
            sum.resize(gradient.len(), 0.0);
            sum.iter_mut().zip(gradient).for_each(|(sum, slope)| *sum += f64::from(slope));
        }
        progress(n);
    }
    let [a, b] = sums.map(|sum| sum.into_iter().map(|slope| slope as f32).collect::<Vec<f32>>());
    Ok(Agreement::new(&pair.parts(), &a, &b))
}

/// A copy of each window for each action, side by side.
fn copied(data: &Data, n: usize, obs_len: usize, actions: usize) -> Data {
    let windows = data.windows * actions;
    let repeat = |values: &[f32]| -> Vec<f32> {
        values.iter().flat_map(|value| std::iter::repeat_n(*value, actions)).collect()
    };
    let mut obs = Vec::with_capacity((n + 1) * windows * obs_len);
    for image in data.obs.chunks_exact(obs_len) {
        for _ in 0..actions {
            obs.extend_from_slice(image);
        }
    }
    Data { obs, samples: repeat(&data.samples), windows }
}
