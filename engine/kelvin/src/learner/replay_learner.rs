//! The off-policy loop of DQN (Mnih et al. 2015), with the backup target and the loss left to the script.

use super::epsilon_greedy::epsilon_greedy;
use super::readings::Readings;
use super::seeds::Seeds;
use crate::config::Config;
use crate::failure::Failure;
use crate::replay::{BatchBuffers, End, Replay, ReplaySpec, Transition};
use crate::schedule::EpsilonSchedule;
use crate::staged::{self, Staged};
use crate::units::{AgentSteps, Frames, Updates};
use kelvin_compute::{Batch, CompiledObjective, Device, Model, ModelState, ObjectiveCompiler};
use kelvin_env::{Episode, VecEnv};
use rand::SeedableRng;
use rand_xoshiro::Xoshiro256PlusPlus;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Updates between two readings of the objective's metrics, each of which waits for the device.
const READ_EVERY: u64 = 8;

/// Environments, network and memory of one run.
pub struct ReplayLearner {
    config: Config,
    envs: VecEnv,
    model: Model,
    replay: Replay,
    batch: BatchBuffers,
    staged: Staged,
    params: BTreeMap<String, f64>,
    epsilon: EpsilonSchedule,
    state: LearnerState,
    outputs: Vec<f32>,
    actions: Vec<usize>,
    acted_on: Vec<u8>,
    first: Vec<bool>,
}

/// What a learner carries over a checkpoint, beside its model and memory.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LearnerState {
    /// Decisions taken.
    pub agent_steps: AgentSteps,
    /// Optimizer steps taken.
    pub updates: Updates,
    exploration: Xoshiro256PlusPlus,
    sampling: Xoshiro256PlusPlus,
    /// Metrics since the last record.
    readings: Readings,
}

/// What happened in one lockstep of all environments and the updates that became due.
#[derive(Clone, Debug, Default)]
pub struct Tick {
    /// Episodes that ended: environment, and statistics of the true game.
    pub episodes: Vec<(usize, Episode)>,
}

impl ReplayLearner {
    /// A learner at its beginning: fresh weights and environments, an empty memory.
    pub fn new(config: &Config, device: &dyn Device, envs: VecEnv, staged: Staged) -> Result<Self, Failure> {
        let (spec, seeds) = (envs.spec(), Seeds::new(config.seed, 0));
        let actions = spec.actions.len();
        let mut model = Model::new(device, config.model_spec(spec, config.envs, seeds.weights))?;
        let kernel = staged.kernel();
        let compiled = model.compiler().compile(&kernel)?;
        model.set_objective(kernel.passes, compiled)?;
        // Of the script and not of the configuration: a resumed run's script may have been edited since the start.
        let params = staged::param_values(&staged.script, config)?;
        model.set_uniforms(&staged.uniforms(&params))?;
        let replay = Replay::new(ReplaySpec {
            capacity: config.replay_capacity,
            lanes: config.envs,
            pixels: spec.height * spec.width,
            stack: spec.stack,
            n: config.n,
        });
        Ok(Self {
            batch: BatchBuffers::new(replay.spec(), config.batch),
            outputs: vec![0.0; config.envs * config.outputs(actions)],
            actions: vec![0; config.envs],
            acted_on: vec![0; config.envs * spec.height * spec.width],
            first: vec![true; config.envs],
            epsilon: EpsilonSchedule::new(config),
            params,
            state: LearnerState {
                agent_steps: AgentSteps(0),
                updates: Updates(0),
                exploration: Xoshiro256PlusPlus::seed_from_u64(seeds.exploration),
                sampling: Xoshiro256PlusPlus::seed_from_u64(seeds.sampling),
                readings: Readings::default(),
            },
            config: config.clone(),
            envs,
            model,
            replay,
            staged,
        })
    }

    /// Seed of the environments of a run that starts, or goes on, at agent step `from`.
    pub fn env_seed(config: &Config, from: AgentSteps) -> u64 {
        Seeds::new(config.seed, from.0).envs
    }

    /// Goes on from a checkpoint; environments start new episodes.
    pub fn restore(&mut self, state: LearnerState, model: &ModelState) -> Result<(), Failure> {
        self.model.import(model)?;
        self.state = state;
        self.replay.cut();
        Ok(())
    }

    /// Steps every environment once, remembers what came of it, and makes the updates that are due.
    pub fn tick(&mut self) -> Result<Tick, Failure> {
        self.act()?;
        let tick = self.step_envs()?;
        let before = self.state.agent_steps.0;
        self.state.agent_steps.0 += self.config.envs as u64;
        self.learn()?;
        // Counted in agent steps and not in updates, as published settings are.
        if before / self.config.target_every != self.state.agent_steps.0 / self.config.target_every {
            self.model.sync_target()?;
        }
        Ok(tick)
    }

    fn act(&mut self) -> Result<(), Failure> {
        let actions = self.actions();
        self.model.act(self.envs.obs(), &mut self.outputs)?;
        let (epsilon, q_column) = (self.epsilon(), self.config.q_column(actions));
        let rows = self.outputs.chunks_exact(self.config.outputs(actions));
        for (action, row) in self.actions.iter_mut().zip(rows) {
            *action =
                epsilon_greedy(&row[q_column..q_column + actions], epsilon, &mut self.state.exploration);
        }
        Ok(())
    }

    fn step_envs(&mut self) -> Result<Tick, Failure> {
        let pixels = self.replay.spec().pixels;
        for (env, frame) in self.acted_on.chunks_exact_mut(pixels).enumerate() {
            frame.copy_from_slice(self.envs.frame(env));
        }
        let steps = self.envs.step(&self.actions)?.to_vec();
        let mut tick = Tick::default();
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
                    action: self.actions[env],
                    reward: step.reward,
                    end,
                    final_frame: self.envs.final_frame(env),
                },
            );
            self.first[env] = end != End::Continues;
            tick.episodes.extend(step.episode.map(|episode| (env, episode)));
        }
        Ok(tick)
    }

    fn learn(&mut self) -> Result<(), Failure> {
        let learned_on = self.state.agent_steps.0.saturating_sub(self.config.learning_starts.0);
        while self.state.updates.0 < learned_on / self.config.update_every {
            if !self.replay.sample(&mut self.state.sampling, &mut self.batch) {
                return Ok(());
            }
            let BatchBuffers { obs, next_obs, samples, .. } = &self.batch;
            self.model.update(&Batch { obs, next_obs, samples }, self.config.learning_rate as f32)?;
            self.state.updates.0 += 1;
            if self.state.updates.0.is_multiple_of(READ_EVERY) {
                let means = self.model.metrics()?;
                self.state.readings.add(&means);
            }
        }
        Ok(())
    }

    /// Replaces the objective. Called between two ticks, so between two updates.
    pub fn swap(&mut self, staged: Staged, compiled: CompiledObjective) -> Result<(), Failure> {
        // What can be refused comes before what cannot be taken back.
        let params = staged::param_values(&staged.script, &self.config)?;
        self.model.set_objective(staged.kernel().passes, compiled)?;
        self.model.set_uniforms(&staged.uniforms(&params))?;
        self.params = params;
        self.staged = staged;
        // Metrics of two scripts do not mix.
        self.state.readings = Readings::default();
        Ok(())
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

    /// Counters and random streams.
    pub fn state(&self) -> &LearnerState {
        &self.state
    }

    /// The objective that runs now.
    pub fn staged(&self) -> &Staged {
        &self.staged
    }

    /// Actions of the environment.
    pub fn actions(&self) -> usize {
        self.envs.spec().actions.len()
    }

    /// The script's parameters as they are now.
    pub fn params(&self) -> &BTreeMap<String, f64> {
        &self.params
    }

    /// ε of the behaviour policy as it is now.
    pub fn epsilon(&self) -> f64 {
        self.epsilon.at(self.frames().0 as f64 / self.config.frames.0 as f64)
    }

    /// Frames stepped.
    pub fn frames(&self) -> Frames {
        self.state.agent_steps.frames(self.envs.spec().frames_per_step)
    }
}
