//! Starting a run. What can be wrong is found out before the first file is made, so that a mistake leaves
//! nothing behind.

use super::checkpoint::FOR_EVALUATION;
use super::request::TrainRequest;
use super::session::{Given, Parts, Session, newest};
use crate::VERSION;
use crate::config::Config;
use crate::console::Console;
use crate::failure::Failure;
use crate::learner::Learner;
use kelvin_run::{Borrowed, RunDir};
use serde_json::{Value, json};
use std::path::Path;

impl Session {
    pub(super) fn start(request: &TrainRequest, console: &Console) -> Result<Self, Failure> {
        let out = request.out()?;
        let script = request.load_script()?;
        let wanted = request.wanted();
        let options = request.env_options(wanted.preset, wanted.full_action_set);
        let parts = Parts::open(&wanted.device, &wanted.env, options, console)?;
        let mut config = Config::resolve(&wanted, &script, &parts.spec)?;
        // Emulators and kernels that share the same cores gain nothing from running at once, and lose by smaller batches.
        let asked =
            wanted.sets.iter().any(|(key, _)| key == "overlap") || script.config().contains_key("overlap");
        config.overlap = config.overlap && (asked || !parts.on_cpu());
        let reference = config.reference.as_ref().map(|run| newest(Path::new(run), console)).transpose()?;
        let reference = reference.as_ref();
        let learner = parts.learner(&config, script, reference)?;
        let given = Given { reference, ..Given::default() };
        let mut session = Self::begin(&out, config, parts, learner, given)?;
        session.note_beginning("start", json!({}))?;
        session.introduce(console);
        Ok(session)
    }

    /// Notes that the run begins, or goes on, and what another process needs to make the same of it.
    pub(super) fn note_beginning(&mut self, event: &str, mut detail: Value) -> Result<(), Failure> {
        detail["kelvin"] = json!(VERSION);
        detail["device"] = json!(self.device.describe());
        detail["length"] = json!(self.config.length());
        self.recorder.event(event, &self.learner, detail)
    }

    /// Makes the run directory of a learner that is ready to go.
    pub(super) fn begin(
        out: &Path,
        config: Config,
        parts: Parts,
        learner: Learner,
        given: Given<'_>,
    ) -> Result<Self, Failure> {
        let dir = RunDir::create(out)?;
        let lock = dir.lock()?;
        let toml = config.to_toml()?;
        if let Some(control) = given.control {
            dir.write_control(control)?;
        }
        if let Some(from) = given.from {
            dir.borrow_checkpoint(Borrowed::Origin, from, None)?;
        }
        if let Some(reference) = given.reference {
            dir.borrow_checkpoint(Borrowed::Reference, reference, Some(&FOR_EVALUATION))?;
        }
        let mut session = Self::assemble(config, dir, lock, parts, learner, given)?;
        session.archive.keep(&session.learner)?;
        session.archive.settle()?;
        // Last: it is what makes the folder a run that can be resumed.
        session.dir.write_config(&toml)?;
        Ok(session)
    }
}
