//! A learner's parts, and one turn of its loop. The backup target and the loss are the script's.

use super::acting::Group;
use super::look::{Broken, LOOK_AFTER_TICKS, READ_EVERY};
use super::pending::Pending;
use super::policy::{Choice, Policy};
use super::readings::Readings;
use super::seeds::{Seeds, from_step};
use super::state::LearnerState;
use super::view::Shown;
use crate::config::{Config, DecayName, LearnerName, Length};
use crate::failure::Failure;
use crate::params::{self, EPSILON, LEARNING_RATE, Steered, Values};
use crate::replay::{BatchBuffers, Replay, ReplaySpec};
use crate::schedule::EpsilonSchedule;
use crate::staged::Staged;
use crate::units::{AgentSteps, Frames};
use kelvin_compute::{Device, Model, ModelSpec, ModelState, ObjectiveCompiler};
use kelvin_env::{EnvSpec, Episode, VecEnv};

/// Environments, network and memory of one run.
pub struct Learner {
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
    pub(super) groups: Vec<Group>,
    pub(super) choices: Vec<Choice>,
    /// Of the first environment, for whoever looks on.
    pub(super) shown: Shown,
    /// Of the environments that are being stepped.
    pub(super) actions: Vec<Option<usize>>,
    /// Newest frames of what was acted on, `[envs, height, width]`.
    pub(super) acted_on: Vec<u8>,
    epsilon: EpsilonSchedule,
}

/// What happened in one lockstep of all environments and the updates that became due.
#[derive(Clone, Debug, Default)]
pub struct Tick {
    /// Episodes that ended: environment, and statistics of the true game.
    pub episodes: Vec<(usize, Episode)>,
    /// Why an action could not be chosen as the policy says, and was uniform instead.
    pub unsampled: Option<String>,
}

impl Learner {
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
        let on_policy = config.learner == LearnerName::Rollout;
        let halves = on_policy && config.overlap;
        let groups = Group::split(config.envs, halves, spec.obs_len(), config.outputs(actions));
        let act_batch = groups[0].len();
        let model = config.model_spec(spec, act_batch, reads.clone(), seeds.weights);
        let mut model = Model::new(device, ModelSpec { consults: config.reference.is_some(), ..model })?;
        let compiled = model.compiler().compile(&staged.kernel())?;
        model.set_objective(&reads, compiled)?;
        let replay = Replay::new(ReplaySpec {
            capacity: config.slots(),
            lanes: config.envs,
            pixels: spec.height * spec.width,
            stack: spec.stack,
            n: config.n,
        });
        let mut learner = Self {
            batch: BatchBuffers::new(replay.spec(), reads.states(), config.batch),
            groups,
            choices: vec![Choice { action: 0, logp: 0.0 }; config.envs],
            shown: Shown::new(spec.obs_len(), config.outputs(actions)),
            actions: vec![None; config.envs],
            acted_on: vec![0; config.envs * spec.height * spec.width],
            epsilon: EpsilonSchedule::new(config),
            pending: Pending::new(READ_EVERY, config.batch),
            broken: None,
            policy: Policy::new(config, &staged, actions)?,
            values: Values::new(),
            state: LearnerState::new(&seeds, config),
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

    /// Takes over the networks of a state, and nothing else of it.
    pub fn import_networks(&mut self, state: &ModelState) -> Result<(), Failure> {
        Ok(self.model.import_networks(state)?)
    }

    /// Makes the online network of a state the target network.
    pub fn import_target(&mut self, state: &ModelState) -> Result<(), kelvin_compute::Error> {
        self.model.import_target(state)
    }

    /// Goes on from a checkpoint, whose memory was filled in already: with its episodes, if the environments are where they
    /// were, or with new ones. What was said about parameters stays as it is, in the words of a script that may be
    /// another by now.
    pub fn restore(
        &mut self,
        state: LearnerState,
        model: &ModelState,
        gradient: &[f32],
        same: bool,
    ) -> Result<(), Failure> {
        if !state.fits(&self.config) {
            return Err(Failure::failed("the checkpoint's counters are those of another run"));
        }
        self.model.import(model)?;
        self.model.import_gradient(gradient)?;
        let steered = std::mem::take(&mut self.state.steered);
        self.state = LearnerState { steered, ..state };
        if !same {
            self.state.begin_episodes(&self.config);
            self.replay.cut();
        }
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

    /// Steps every environment that does not wait for the rollout's end, remembers what came of it, and makes the updates that are due.
    pub fn tick(&mut self) -> Result<Tick, Failure> {
        let mut tick = Tick::default();
        let before = self.state.agent_steps.0;
        for group in 0..self.groups.len() {
            self.advance(group, &mut tick)?;
        }
        self.learn()?;
        // Counted in agent steps and not in updates, as published settings are.
        let syncs = |steps: u64| steps.checked_div(self.config.target_every);
        if syncs(before) != syncs(self.state.agent_steps.0) {
            self.look()?;
            self.model.sync_target()?;
        }
        if self.pending.tick() >= LOOK_AFTER_TICKS {
            self.look()?;
        }
        Ok(tick)
    }

    /// Leaves its environments for others, which show the first frames of episodes.
    pub fn begin_episodes(&mut self, envs: VecEnv) {
        self.envs = envs;
        self.groups.iter_mut().for_each(Group::forget);
        self.state.begin_episodes(&self.config);
        self.replay.cut();
    }

    /// Changes how long the training is to be.
    pub fn set_length(&mut self, length: Length) {
        self.config.set_length(length);
        self.epsilon = EpsilonSchedule::new(&self.config);
    }

    /// Where the environments are.
    pub fn save_envs(&self) -> Vec<u8> {
        self.envs.save()
    }

    /// Its networks, to look at.
    pub fn model(&self) -> &Model {
        &self.model
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

    /// Whether it learns from what was just played, and not from its memory.
    pub fn is_on_policy(&self) -> bool {
        self.state.rollout.is_some()
    }

    /// The gradient of the last update.
    pub fn last_gradient(&mut self) -> Result<Vec<f32>, Failure> {
        Ok(self.model.last_gradient()?)
    }

    /// The memory.
    pub fn replay(&self) -> &Replay {
        &self.replay
    }

    /// The memory, to be filled from a checkpoint before [`Learner::restore`].
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

    /// The optimizer's step size as it is now.
    pub fn learning_rate(&self) -> f64 {
        let said = self.state.steered.by_script(LEARNING_RATE, &self.config);
        said.unwrap_or_else(|| match self.config.learning_rate_decay {
            DecayName::Constant => self.config.learning_rate,
            DecayName::Linear => self.config.learning_rate * (1.0 - self.progress()).max(0.0),
        })
    }

    /// ε of the behaviour policy as it is now.
    pub fn epsilon(&self) -> f64 {
        let said = self.state.steered.by_script(EPSILON, &self.config);
        said.unwrap_or_else(|| self.epsilon.at(self.progress()))
    }

    /// The part of the training that is done.
    fn progress(&self) -> f64 {
        self.frames().0 as f64 / self.config.frames.0 as f64
    }

    /// Frames stepped.
    pub fn frames(&self) -> Frames {
        self.state.agent_steps.frames(self.envs.spec().frames_per_step)
    }
}
