//! Choosing actions and taking them, a group of environments at a time.
//!
//! With overlap a rollout's environments form two groups: while one steps, the device acts for the other. What a group
//! does depends on nothing that the other does meanwhile, so that a run without it has the same bits.

use super::agent::{Learner, Tick};
use super::policy::Choice;
use crate::failure::Failure;
use crate::replay::{End, Transition};
use kelvin_env::{EnvError, VecEnv};
use kelvin_trace::span;
use std::ops::Range;

/// Environments that the network acts for together.
pub(super) struct Group {
    envs: Range<usize>,
    /// What they saw, `[group, stack, height, width]`.
    seen: Vec<u8>,
    /// The network's outputs there, `[group, outputs]`.
    outputs: Vec<f32>,
    /// Whether `outputs` are those of what the environments show now.
    acted: bool,
}

impl Group {
    /// All environments in one group, or in two of one size.
    pub fn split(envs: usize, halves: bool, obs_len: usize, outputs: usize) -> Vec<Self> {
        let size = if halves && envs.is_multiple_of(2) { envs / 2 } else { envs };
        (0..envs)
            .step_by(size)
            .map(|first| Self {
                envs: first..first + size,
                seen: vec![0; size * obs_len],
                outputs: vec![0.0; size * outputs],
                acted: false,
            })
            .collect()
    }

    /// Environments in it.
    pub fn len(&self) -> usize {
        self.envs.len()
    }

    /// Takes note that the environments show something else than what was acted on.
    pub fn forget(&mut self) {
        self.acted = false;
    }

    fn look(&mut self, envs: &VecEnv) {
        let obs_len = envs.spec().obs_len();
        self.seen.copy_from_slice(&envs.obs()[self.envs.start * obs_len..self.envs.end * obs_len]);
    }
}

impl Learner {
    /// Steps the environments of a group, and meanwhile acts for the group after it.
    pub(super) fn advance(&mut self, group: usize, tick: &mut Tick) -> Result<(), Failure> {
        if !self.groups[group].acted {
            self.groups[group].look(&self.envs);
            let Group { seen, outputs, .. } = &mut self.groups[group];
            let _span = span("act");
            self.model.act(seen, outputs)?;
        }
        self.groups[group].acted = false;
        self.choose(group, tick);
        self.remember_frames(group);
        match self.acts_meanwhile(group) {
            None => step(&mut self.envs, &self.actions)?,
            Some(next) => {
                let (envs, actions, model) = (&mut self.envs, &self.actions, &mut self.model);
                let next = &mut self.groups[next];
                next.look(envs);
                let Group { seen, outputs, .. } = &mut *next;
                let (stepped, acted) = rayon::join(
                    || step(envs, actions),
                    || {
                        let _span = span("act");
                        model.act(seen, outputs)
                    },
                );
                stepped?;
                acted?;
                next.acted = true;
            }
        }
        self.store(tick);
        Ok(())
    }

    /// The group that the network may act for while this one steps: its environments stand still, and no update comes
    /// before they are stepped.
    fn acts_meanwhile(&self, group: usize) -> Option<usize> {
        let rollout = self.state.rollout.as_ref().filter(|_| self.config.overlap && self.groups.len() > 1)?;
        match group + 1 < self.groups.len() {
            true => Some(group + 1),
            false => (!rollout.is_last_tick()).then_some(0),
        }
    }

    /// Chooses what each environment of the group does; nothing for those of other groups and those that wait.
    fn choose(&mut self, group: usize, tick: &mut Tick) {
        let _span = span("choose");
        let epsilon = self.epsilon();
        self.actions.fill(None);
        let Group { envs, seen, outputs, .. } = &self.groups[group];
        let width = outputs.len() / envs.len();
        for (env, row) in envs.clone().zip(outputs.chunks_exact(width)) {
            let chosen = self.policy.choose(row, epsilon, &mut self.state.exploration);
            let choice = chosen.unwrap_or_else(|failed| {
                tick.unsampled = Some(failed.reason);
                failed.instead
            });
            self.choices[env] = choice;
            if self.state.rollout.as_ref().is_none_or(|rollout| rollout.steps(env)) {
                self.actions[env] = Some(choice.action);
            }
        }
        // The network may act for the next step before anybody looks.
        if envs.start == 0 {
            let first = |all: usize| ..all / envs.len();
            self.shown.obs.clone_from_slice(&seen[first(seen.len())]);
            self.shown.outputs.clone_from_slice(&outputs[first(outputs.len())]);
            self.shown.action = self.choices[0].action;
        }
    }

    fn remember_frames(&mut self, group: usize) {
        let _span = span("store");
        let pixels = self.replay.spec().pixels;
        for env in self.groups[group].envs.clone() {
            self.acted_on[env * pixels..(env + 1) * pixels].copy_from_slice(self.envs.frame(env));
        }
    }

    /// Puts what came of the actions into the memory.
    fn store(&mut self, tick: &mut Tick) {
        let _span = span("store");
        let pixels = self.replay.spec().pixels;
        for env in 0..self.actions.len() {
            if self.actions[env].is_none() {
                continue;
            }
            let step = self.envs.last_step(env);
            let end = match (step.terminated, step.truncated) {
                (true, _) => End::Terminated,
                (false, true) => End::Truncated,
                (false, false) => End::Continues,
            };
            let Choice { action, logp } = self.choices[env];
            let transition = Transition {
                frame: &self.acted_on[env * pixels..(env + 1) * pixels],
                first: self.state.first[env],
                action,
                behaviour_logp: logp,
                reward: step.reward,
                end,
                final_frame: self.envs.final_frame(env),
            };
            self.replay.push(env, &transition);
            if let Some(rollout) = &mut self.state.rollout {
                rollout.note(env, &transition);
            }
            self.state.first[env] = end.is_final();
            self.state.agent_steps.0 += 1;
            tick.episodes.extend(step.episode.map(|episode| (env, episode)));
        }
    }
}

fn step(envs: &mut VecEnv, actions: &[Option<usize>]) -> Result<(), EnvError> {
    let _span = span("step");
    envs.step_some(actions).map(drop)
}
