//! What is said and kept about updates whose numbers were not finite.

use super::Session;
use super::report::Report;
use crate::config::OnNan;
use crate::console::Console;
use crate::failure::Failure;
use crate::learner::{Broken, Evidence};
use kelvin_objective::Fault;
use kelvin_run::Elements;
use serde_json::{Map, Value, json};
use std::fmt::Display;
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
    /// Looks at all updates made so far, and deals with those that were broken: ahead of any change, for afterwards
    /// they could not be put together again.
    pub(super) fn settle(&mut self, console: &Console) -> Result<(), Failure> {
        self.learner.settle()?;
        self.take_faults(console)
    }

    /// Deals with the broken updates that the learner found, if any. Under `on_nan: stop` this ends the run, with a
    /// checkpoint of the state before them.
    pub(super) fn take_faults(&mut self, console: &Console) -> Result<(), Failure> {
        let Some(broken) = self.learner.take_broken() else { return Ok(()) };
        if self.tally.examined == EXAMINED {
            return self.count_faults(&broken, console);
        }
        self.tally.examined += 1;
        let report = Report::new(self.learner.staged(), &broken, self.learner.learning_rate());
        let kept = self.keep(&report, &broken)?;
        let found = broken.evidence.as_ref().and_then(|evidence| evidence.fault.as_ref());
        let detail = json!({
            "first": broken.faults.first,
            "broken": broken.faults.broken,
            "skipped": broken.faults.skipped,
            "policy": self.config.on_nan,
            "cause": report.cause,
            "diagnostic": report.text,
            "kept": kept,
            "found": found.map(|fault| self.place(fault)),
        });
        self.recorder.event("fault", &self.learner, detail)?;
        let goes_on = match self.config.on_nan {
            OnNan::Stop => {
                self.noted = true;
                let told = format!("{}\nits batch is in {}", report.text, kept.display());
                return Err(self.stopped(&told, console));
            }
            OnNan::Skip => "it changed nothing, and the run goes on (on_nan: skip)",
            OnNan::Continue => "the run goes on (on_nan: continue)",
        };
        console.line(format!("{}\nits batch is in {}\n{goes_on}", report.text, kept.display()));
        Ok(())
    }

    /// The node that is not finite, for programs: what it is, where in which file, and the numbers it came from.
    fn place(&self, fault: &Fault) -> Value {
        let sources = self.learner.staged().script.sources();
        let inputs = fault.inputs.iter().map(|(name, value)| (name.clone(), json!(value.to_string())));
        json!({
            "node": fault.node,
            "operation": fault.operation,
            // JSON has no number that is not finite.
            "value": fault.value.to_string(),
            "sample": fault.sample,
            "file": sources.get(usize::from(fault.span.file)).map(|source| &source.path),
            "line": fault.span.line,
            "column": fault.span.column,
            "inputs": inputs.collect::<Map<String, Value>>(),
        })
    }

    /// Saves the last good state: what ends the run, and how to go on from there.
    pub(super) fn stopped(&mut self, why: &impl Display, console: &Console) -> Failure {
        let end = match self.checkpoint_now(console) {
            Ok(_) => format!(
                "the last good state is saved. Mend the script and go on with: kelvin train --resume {}",
                self.dir.path().display()
            ),
            // It will be found again, on another device.
            Err(lost) if lost.is_device_lost() => return lost,
            Err(failure) => failure.to_string(),
        };
        Failure::rendered(format!("{why}\nstopped; {end}"))
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
        console.warn(format!("further updates are broken, up to update {first}"));
        let detail = json!({ "first": first, "looks": self.tally.untold, "policy": self.config.on_nan });
        self.recorder.event("fault", &self.learner, detail)
    }

    /// Keeps what the first broken update was computed from.
    fn keep(&self, report: &Report, broken: &Broken) -> Result<PathBuf, Failure> {
        let env = self.learner.env();
        let (batch, outputs) = (self.config.batch, self.config.outputs(env.actions.len()));
        let mut tensors = Vec::new();
        if let Some(Evidence { obs, states, samples, uniforms, outputs: regions, .. }) = &broken.evidence {
            tensors = vec![
                ("obs", vec![states.len(), batch, env.stack, env.height, env.width], Elements::U8(obs)),
                ("samples", vec![samples.len() / batch, batch], Elements::F32(samples)),
                ("uniforms", vec![uniforms.len()], Elements::F32(uniforms)),
            ];
            for (name, region) in
                [("trained", &regions.trained), ("online", &regions.online), ("target", &regions.target)]
            {
                let shape = vec![region.len() / (batch * outputs), batch, outputs];
                tensors.push((name, shape, Elements::F32(region)));
            }
        }
        let tensors: Vec<_> =
            tensors.iter().map(|(name, shape, elements)| (*name, shape.as_slice(), *elements)).collect();
        Ok(self.dir.record_fault(broken.faults.first, &format!("{}\n", report.text), &tensors)?)
    }
}
