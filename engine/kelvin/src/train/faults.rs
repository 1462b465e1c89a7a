//! What is said and kept about updates whose numbers were not finite.

use super::Session;
use super::report::Report;
use crate::config::OnNan;
use crate::console::Console;
use crate::failure::Failure;
use crate::learner::{Broken, Evidence};
use kelvin_run::Elements;
use serde_json::json;
use std::path::PathBuf;

/// Broken updates of one version of the script that are put together again and reported whole; of those after them
/// only the number is told.
const EXAMINED: u64 = 3;

/// Broken updates so far.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Tally {
    /// Reported whole, of the version that runs.
    examined: u64,
    /// Looks that found some since then.
    untold: u64,
}

impl Session {
    /// Deals with the broken updates that the learner found, if any. Under `on_nan: stop` this ends the run, with a
    /// checkpoint of the state before them.
    pub(super) fn take_faults(&mut self, console: &Console) -> Result<(), Failure> {
        let Some(broken) = self.learner.take_broken() else { return Ok(()) };
        if self.tally.examined == EXAMINED {
            return self.count_faults(&broken, console);
        }
        self.tally.examined += 1;
        let evidence = self.learner.examine(&broken)?;
        let report =
            Report::new(self.learner.staged(), &broken, evidence.as_ref(), self.learner.learning_rate());
        let kept = self.keep(&report, &broken, evidence.as_ref())?;
        let detail = json!({
            "first": broken.faults.first,
            "broken": broken.faults.broken,
            "skipped": broken.faults.skipped,
            "policy": self.config.on_nan,
            "cause": report.cause,
            "diagnostic": report.text,
            "kept": kept,
        });
        self.recorder.event("fault", &self.learner, detail)?;
        if self.config.on_nan == OnNan::Stop {
            self.noted = true;
            self.checkpoint(console)?;
            return Err(Failure::rendered(format!(
                "{}\nstopped; the state before that update is saved. Mend the script and go on with: kelvin train \
                 --resume {}",
                report.text,
                self.dir.path().display()
            )));
        }
        let goes_on = match self.config.on_nan {
            OnNan::Skip => "it changed nothing, and the run goes on (on_nan: skip)",
            _ => "the run goes on (on_nan: continue)",
        };
        console.line(format!("{}\n{goes_on}", report.text));
        Ok(())
    }

    /// Tells of faults anew.
    pub(super) fn forget_faults(&mut self) {
        (self.tally, self.acts_at_random) = (Tally::default(), false);
    }

    /// Tells of further faults, and of fewer and fewer of them.
    fn count_faults(&mut self, broken: &Broken, console: &Console) -> Result<(), Failure> {
        self.tally.untold += 1;
        if !self.tally.untold.is_power_of_two() {
            return Ok(());
        }
        let first = broken.faults.first;
        console.line(format!("warning: further updates are broken, up to update {first}"));
        let detail = json!({ "first": first, "looks": self.tally.untold, "policy": self.config.on_nan });
        self.recorder.event("fault", &self.learner, detail)
    }

    fn keep(
        &self,
        report: &Report,
        broken: &Broken,
        evidence: Option<&Evidence>,
    ) -> Result<PathBuf, Failure> {
        let env = self.learner.env();
        let (batch, outputs) = (self.config.batch, self.config.outputs(env.actions.len()));
        let shape = |region: &[f32]| [region.len() / (batch * outputs), batch, outputs];
        let mut tensors = Vec::new();
        let shapes = evidence.map(|evidence| {
            let regions = [&evidence.outputs.trained, &evidence.outputs.online, &evidence.outputs.target];
            (
                [evidence.states.len(), batch, env.stack, env.height, env.width],
                [evidence.samples.len() / batch, batch],
                [evidence.uniforms.len()],
                regions.map(|region| shape(region)),
            )
        });
        if let (Some(evidence), Some((obs, samples, uniforms, [trained, online, target]))) =
            (evidence, &shapes)
        {
            let Evidence { outputs, .. } = evidence;
            tensors.push(("obs", &obs[..], Elements::U8(&evidence.obs)));
            tensors.push(("samples", &samples[..], Elements::F32(&evidence.samples)));
            tensors.push(("uniforms", &uniforms[..], Elements::F32(&evidence.uniforms)));
            for (name, shape, region) in [
                ("trained", trained, &outputs.trained),
                ("online", online, &outputs.online),
                ("target", target, &outputs.target),
            ] {
                tensors.push((name, &shape[..], Elements::F32(region)));
            }
        }
        Ok(self.dir.record_fault(broken.faults.first, &format!("{}\n", report.text), &tensors)?)
    }
}
