//! The off-policy loop of DQN (Mnih et al. 2015), with the backup target and the loss left to the script.

use super::look::{Broken, LOOK_AFTER_TICKS, READ_EVERY};
use super::pending::Pending;
use super::policy::{Choice, Policy};
use super::readings::Readings;
use super::seeds::{Seeds, from_step};
use super::state::LearnerState;
use crate::config::Config;
use crate::failure::Failure;
use crate::params::{self, EPSILON, LEARNING_RATE, Steered, Values};
use crate::replay::{BatchBuffers, End, Replay, ReplaySpec, Transition};
use crate::schedule::EpsilonSchedule;
use crate::staged::Staged;
use crate::units::{AgentSteps, Frames};
use kelvin_compute::{Batch, Device, Model, ModelSpec, ModelState, ObjectiveCompiler};
use kelvin_env::{EnvSpec, Episode, VecEnv};

/// Environments, network and memory of one run.
pub struct ReplayLearner {
    pub(super) config: Config,
    pub(super) envs: VecEnv,
    pub(super) model: Model,
    pub(super) replay: Replay,
    pub(super) batch: BatchBuffers,
    pub(super) staged: Staged,
    pub(super) policy: Policy,
    pub(super) values: Values,
    pub(super) state: LearnerState,
    pub(super) pending: Pending,
    pub(super) broken: Option<Broken>,
    epsilon: EpsilonSchedule,
    outputs: Vec<f32>,
    choices: Vec<Choice>,
    acted_on: Vec<u8>,
    first: Vec<bool>,
}

/// What happened in one lockstep of all environments and the updates that became due.
#[derive(Clone, Debug, Default)]
pub struct Tick {
    /// Episodes that ended: environment, and statistics of the true game.
    pub episodes: Vec<(usize, Episode)>,
    /// Why an action could not be chosen as the policy says, and was uniform instead.
    pub unsampled: Option<String>,
}

impl ReplayLearner {
    /// A learner at its beginning, or where these values were said: fresh weights and environments, an empty memory.
    pub fn new(
        config: &Config,
        device: &dyn Device,
        envs: VecEnv,
        staged: Staged,
        steered: Steered,
    ) -> Result<Self, Failure> {
        let (spec, seeds) = (envs.spec(), Seeds::new(config.seed));
        let actions = spec.actions.len();
        let reads = staged.reads();
        let mut model =
            Model::new(device, config.model_spec(spec, config.envs, reads.clone(), seeds.weights))?;
        let compiled = model.compiler().compile(&staged.kernel())?;
        model.set_objective(&reads, compiled)?;
        let replay = Replay::new(ReplaySpec {
            capacity: config.replay_capacity,
            lanes: config.envs,
            pixels: spec.height * spec.width,
            stack: spec.stack,
            n: config.n,
        });
        let mut learner = Self {
            batch: BatchBuffers::new(replay.spec(), reads.states(), config.batch),
            outputs: vec![0.0; config.envs * config.outputs(actions)],
            choices: vec![Choice { action: 0, logp: 0.0 }; config.envs],
            acted_on: vec![0; config.envs * spec.height * spec.width],
            first: vec![true; config.envs],
            epsilon: EpsilonSchedule::new(config),
            pending: Pending::new(READ_EVERY, config.batch),
            broken: None,
            policy: Policy::new(config, &staged, actions)?,
            values: Values::new(),
            state: LearnerState::new(&seeds),
            config: config.clone(),
            envs,
            model,
            replay,
            staged,
        };
        learner.set_values(steered)?;
        Ok(learner)
    }

    /// Seed of the environments of a run that starts, or goes on, at agent step `from`: a continuation plays new
    /// episodes, so that its environments must not repeat those of the start.
    pub fn env_seed(config: &Config, from: AgentSteps) -> u64 {
        from_step(Seeds::new(config.seed).envs, from.0)
    }

    /// Seed of the evaluation at agent step `at`: no other evaluation's, and nothing that training draws from.
    pub fn evaluation_seed(&self) -> u64 {
        from_step(Seeds::new(self.config.seed).evaluation, self.state.agent_steps.0)
    }

    /// Goes on from a checkpoint; environments start new episodes.
    pub fn restore(&mut self, state: LearnerState, model: &ModelState) -> Result<(), Failure> {
        self.model.import(model)?;
        self.state = state;
        self.set_values(self.state.steered.clone())?;
        self.replay.cut();
        Ok(())
    }

    /// Takes what was said about parameters for the values in force.
    pub(super) fn set_values(&mut self, steered: Steered) -> Result<(), Failure> {
        // Of the script and not of the configuration: a resumed run's script may have been edited since the start.
        let values = params::values(&self.staged.script, &self.config, &steered)?;
        let uniforms = self.staged.uniforms(&values);
        self.model.set_uniforms(&uniforms)?;
        self.policy.set_uniforms(&uniforms);
        self.values = values;
        self.state.steered = steered;
        Ok(())
    }

    /// Steps every environment once, remembers what came of it, and makes the updates that are due.
    pub fn tick(&mut self) -> Result<Tick, Failure> {
        let unsampled = self.act()?;
        let episodes = self.step_envs()?;
        let before = self.state.agent_steps.0;
        self.state.agent_steps.0 += self.config.envs as u64;
        self.learn()?;
        // Counted in agent steps and not in updates, as published settings are.
        if before / self.config.target_every != self.state.agent_steps.0 / self.config.target_every {
            self.look()?;
            self.model.sync_target()?;
        }
        if self.pending.tick() >= LOOK_AFTER_TICKS {
            self.look()?;
        }
        Ok(Tick { episodes, unsampled })
    }

    fn act(&mut self) -> Result<Option<String>, Failure> {
        let width = self.outputs.len() / self.config.envs;
        self.model.act(self.envs.obs(), &mut self.outputs)?;
        let (epsilon, mut unsampled) = (self.epsilon(), None);
        for (choice, row) in self.choices.iter_mut().zip(self.outputs.chunks_exact(width)) {
            let chosen = self.policy.choose(row, epsilon, &mut self.state.exploration);
            *choice = chosen.unwrap_or_else(|failed| {
                unsampled = Some(failed.reason);
                failed.instead
            });
        }
        Ok(unsampled)
    }

    fn step_envs(&mut self) -> Result<Vec<(usize, Episode)>, Failure> {
        let pixels = self.replay.spec().pixels;
        for (env, frame) in self.acted_on.chunks_exact_mut(pixels).enumerate() {
            frame.copy_from_slice(self.envs.frame(env));
        }
        let actions: Vec<usize> = self.choices.iter().map(|choice| choice.action).collect();
        let steps = self.envs.step(&actions)?.to_vec();
        let mut episodes = Vec::new();
        for (env, step) in steps.into_iter().enumerate() {
            let end = match (step.terminated, step.truncated) {
                (true, _) => End::Terminated,
                (false, true) => End::Truncated,
                (false, false) => End::Continues,
            };
            self.replay.push(
                env,
                &Transition {
                    frame: &self.acted_on[env * pixels..(env + 1) * pixels],
                    first: self.first[env],
                    action: self.choices[env].action,
                    behaviour_logp: self.choices[env].logp,
                    reward: step.reward,
                    end,
                    final_frame: self.envs.final_frame(env),
                },
            );
            self.first[env] = end != End::Continues;
            episodes.extend(step.episode.map(|episode| (env, episode)));
        }
        Ok(episodes)
    }

    fn learn(&mut self) -> Result<(), Failure> {
        let learned_on = self.state.agent_steps.0.saturating_sub(self.config.learning_starts.0);
        let learning_rate = self.learning_rate() as f32;
        while self.broken.is_none() && self.state.updates.0 < learned_on / self.config.update_every {
            if !self.replay.sample(&mut self.state.sampling, &mut self.batch) {
                return Ok(());
            }
            let BatchBuffers { obs, samples, starts, .. } = &self.batch;
            self.model.update(&Batch { obs, samples }, learning_rate)?;
            self.state.updates.0 += 1;
            self.pending.push(self.state.updates.0, starts);
            if self.state.updates.0.is_multiple_of(READ_EVERY) {
                self.look_and_read()?;
            }
        }
        Ok(())
    }

    /// What its model is made from.
    pub fn model_spec(&self) -> &ModelSpec {
        self.model.spec()
    }

    /// Compiles objectives for this learner's device, on any thread.
    pub fn compiler(&self) -> Box<dyn ObjectiveCompiler> {
        self.model.compiler()
    }

    /// The metrics since the last call.
    pub fn take_readings(&mut self) -> Readings {
        std::mem::take(&mut self.state.readings)
    }

    /// Weights, target network and optimizer.
    pub fn export(&mut self) -> Result<ModelState, Failure> {
        Ok(self.model.export()?)
    }

    /// The memory.
    pub fn replay(&self) -> &Replay {
        &self.replay
    }

    /// The memory, to be filled from a checkpoint before [`ReplayLearner::restore`].
    pub fn replay_mut(&mut self) -> &mut Replay {
        &mut self.replay
    }

    /// The network and the policy that acts by its outputs.
    pub fn player(&mut self) -> (&mut Model, &mut Policy) {
        (&mut self.model, &mut self.policy)
    }

    /// Counters, random streams and what was said about parameters.
    pub fn state(&self) -> &LearnerState {
        &self.state
    }

    /// The objective that runs now.
    pub fn staged(&self) -> &Staged {
        &self.staged
    }

    /// What the environments look like.
    pub fn env(&self) -> &EnvSpec {
        self.envs.spec()
    }

    /// The script's parameters as they are now.
    pub fn values(&self) -> &Values {
        &self.values
    }

    /// Adam's step size as it is now.
    pub fn learning_rate(&self) -> f64 {
        let said = self.state.steered.by_script(LEARNING_RATE, &self.config);
        said.unwrap_or(self.config.learning_rate)
    }

    /// ε of the behaviour policy as it is now.
    pub fn epsilon(&self) -> f64 {
        let said = self.state.steered.by_script(EPSILON, &self.config);
        said.unwrap_or_else(|| self.epsilon.at(self.frames().0 as f64 / self.config.frames.0 as f64))
    }

    /// Frames stepped.
    pub fn frames(&self) -> Frames {
        self.state.agent_steps.frames(self.envs.spec().frames_per_step)
    }
}
