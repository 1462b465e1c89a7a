//! What changes in a learner while it goes on, always between two ticks and so between two updates.

use super::agent::Learner;
use super::policy::Policy;
use super::readings::Readings;
use crate::failure::Failure;
use crate::params::{Steered, Values};
use crate::replay::BatchBuffers;
use crate::staged::Staged;
use kelvin_compute::{CompiledObjective, Model};

/// A version of the objective that is ready to run.
pub struct Swap {
    /// What was compiled.
    pub staged: Staged,
    /// Its kernel on the run's device.
    pub runnable: Runnable,
    /// What `control.toml` says about its parameters.
    pub control: Values,
}

/// How a version comes to the device.
pub enum Runnable {
    /// It reads the states that the version before it read: a kernel for the model that is there.
    Kernel(CompiledObjective),
    /// It reads others: a model of its own, warmed up, that takes over what was learned.
    Model(Box<Model>),
}

impl Learner {
    /// Replaces the objective.
    pub fn swap(&mut self, swap: Swap) -> Result<(), Failure> {
        self.look()?;
        let Swap { staged, runnable, control } = swap;
        let policy = Policy::new(&self.config, &staged, self.env().actions.len())?;
        match runnable {
            Runnable::Kernel(compiled) => self.model.set_objective(&staged.reads(), compiled)?,
            Runnable::Model(mut model) => {
                model.take_over(&mut self.model)?;
                let old = std::mem::replace(&mut self.model, *model);
                // Giving back its memory takes about as long as an update, and nothing waits for it.
                drop(std::thread::Builder::new().name("drop".to_owned()).spawn(move || drop(old)));
                let states = staged.reads().states();
                self.batch = BatchBuffers::new(self.replay.spec(), states, self.config.batch);
            }
        }
        self.policy = policy;
        self.staged = staged;
        let mut steered = Steered { control, ..self.state.steered.clone() };
        steered.adopt(&self.staged.script);
        self.set_values(steered)?;
        // Metrics of two scripts do not mix.
        self.state.readings = Readings::default();
        Ok(())
    }

    /// Takes over what was said about parameters.
    pub fn steer(&mut self, steered: Steered) -> Result<(), Failure> {
        if steered == self.state.steered {
            return Ok(());
        }
        self.look()?;
        self.set_values(steered)
    }

    /// Takes the evaluations up to here for made, if from here on they come at other times.
    pub fn count_evaluations(&mut self) {
        let (every, agent_steps) = (self.config.eval_every, self.state.agent_steps.0);
        let evaluations = &mut self.state.evaluations;
        if evaluations.every != every {
            evaluations.every = every;
            evaluations.done = agent_steps.checked_div(every).unwrap_or(0);
        }
    }

    /// Notes that all evaluations up to the `due`-th are done, and the mean return of the last.
    pub fn note_evaluation(&mut self, due: u64, mean_return: f64) {
        let evaluations = &mut self.state.evaluations;
        evaluations.done = due;
        evaluations.best = Some(evaluations.best.map_or(mean_return, |best| best.max(mean_return)));
    }
}
