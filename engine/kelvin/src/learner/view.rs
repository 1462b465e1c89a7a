//! What an environment shows and what the network makes of it, for whoever looks on. Nothing of it changes the training:
//! no random stream is drawn from.

use super::agent::Learner;
use super::reference::log_softmax;
use crate::config::HeadName;
use crate::failure::Failure;
use kelvin_run::{AgentView, Picture};

/// The parameter that scripts call the temperature.
const TEMPERATURE: &str = "tau";

/// The environment that is shown.
pub const SHOWN: usize = 0;

/// What belongs together of one step: what was acted on, what the network made of it, and what was done.
pub(super) struct Shown {
    /// `[stack, height, width]`.
    pub obs: Vec<u8>,
    /// `[outputs]`.
    pub outputs: Vec<f32>,
    pub action: usize,
}

impl Shown {
    pub fn new(obs: usize, outputs: usize) -> Self {
        Self { obs: vec![0; obs], outputs: vec![0.0; outputs], action: 0 }
    }
}

impl Learner {
    /// A view of environment [`SHOWN`]: what was last acted on, and the screen and the return that this led to. What came
    /// before is the observer's to add. A run with a reference asks that one, too. Fails where the device does.
    pub fn view(&mut self) -> Result<(AgentView, Picture), Failure> {
        let consulted = self.consult()?;
        let Shown { obs, outputs, action } = &self.shown;
        let spec = self.envs.spec();
        let actions = spec.actions.len();
        let head = |name: HeadName| {
            let at = self.config.column(name, actions)?;
            Some(outputs[at..at + name.columns(actions)].to_vec())
        };
        let (q, logits, v) = (head(HeadName::Q), head(HeadName::Logits), head(HeadName::V));
        let tau = self.values.get(TEMPERATURE).copied().filter(|tau| *tau > 0.0);
        let boltzmann = q.as_ref().zip(tau).map(|(q, tau)| softmax(q, tau));
        // A row that nothing can be sampled from is acted on uniformly.
        let policy =
            self.policy.probabilities(outputs).map_or(vec![1.0 / actions as f32; actions], <[f32]>::to_vec);
        let entropy = entropy(&policy);
        let reference =
            consulted.map(|theirs| theirs.compare(&self.config, &mut self.policy, (&policy, outputs), tau));
        let episode = self.envs.so_far(SHOWN);
        let view = AgentView {
            env: SHOWN,
            actions: spec.actions.clone(),
            action: *action,
            v: v.map(|v| v[0]).or_else(|| q.as_ref().map(|q| value(q, tau))),
            entropy,
            kl_uniform: (actions as f32).ln() - entropy,
            reference,
            epsilon: self.epsilon(),
            episode_return: episode.episode_return,
            episode_agent_steps: episode.agent_steps,
            agent_steps: self.state.agent_steps.0,
            q,
            logits,
            policy,
            boltzmann,
            tau,
            ..AgentView::default()
        };
        let screen = self.envs.screen(SHOWN);
        let picture = Picture {
            screen_size: screen.as_ref().map_or([0; 2], |screen| [screen.height, screen.width]),
            screen: screen.map_or(Vec::new(), |screen| screen.rgb),
            stack: obs.to_vec(),
            stack_size: [spec.stack, spec.height, spec.width],
        };
        Ok((view, picture))
    }
}

/// What action values say of the state: τ log mean exp(q / τ) (eq. 11, uniform reference), without a temperature max q.
fn value(q: &[f32], tau: Option<f64>) -> f32 {
    let largest = q.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let Some(tau) = tau else { return largest };
    let sum: f64 = q.iter().map(|q| (f64::from(q - largest) / tau).exp()).sum();
    (f64::from(largest) + tau * (sum / q.len() as f64).ln()) as f32
}

fn softmax(q: &[f32], tau: f64) -> Vec<f32> {
    log_softmax(q, tau).into_iter().map(|log_pi| log_pi.exp() as f32).collect()
}

/// In nats.
fn entropy(policy: &[f32]) -> f32 {
    // Adding zero takes the sign of a negative one away.
    0.0 - policy.iter().filter(|p| **p > 0.0).map(|p| p * p.ln()).sum::<f32>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_is_worth_what_the_temperature_makes_of_its_actions() {
        let q = [1.0, 2.0, 4.0, -3.0];
        assert_eq!(value(&q, None), 4.0);
        // Between the mean, for a hot agent, and the maximum less τ log |A|, for a cold one.
        assert!((value(&q, Some(1e4)) - 1.0).abs() < 1e-2, "{}", value(&q, Some(1e4)));
        assert!((value(&q, Some(1e-3)) - (4.0 - 1e-3 * 4f32.ln())).abs() < 1e-5);
        // 0.5 log((e^2 + e^4 + e^8 + e^-6) / 4), computed apart.
        assert!((value(&q, Some(0.5)) - 3.317_144).abs() < 1e-5, "{}", value(&q, Some(0.5)));
    }

    #[test]
    fn probabilities_and_their_entropy() {
        let policy = softmax(&[0.0, 0.5 * 3f32.ln()], 0.5);
        assert!((policy[0] - 0.25).abs() < 1e-6 && (policy[1] - 0.75).abs() < 1e-6, "{policy:?}");
        // Whatever the temperature, nothing overflows.
        assert_eq!(softmax(&[0.0, 1000.0], 1e-6), [0.0, 1.0]);
        assert!((entropy(&[0.25; 4]) - 4f32.ln()).abs() < 1e-6);
        assert_eq!(entropy(&[0.0, 1.0]), 0.0);
    }
}
