//! Edits of the script and of `control.toml` as the run takes them, between two updates.

use super::Session;
use super::cautions::unheard;
use super::steering::Scheduled;
use super::watch::{Change, Source};
use crate::console::Console;
use crate::failure::Failure;
use crate::learner::Swap;
use crate::params::{Steered, Values};
use serde_json::json;
use std::time::Duration;

impl Session {
    /// Takes over what the watcher has ready.
    pub(super) fn take_changes(&mut self, console: &mut Console) -> Result<(), Failure> {
        while let Some(change) = self.edits.poll(self.learner.state().agent_steps)? {
            self.settle(console)?;
            match change {
                Change::Swap { swap, edited, took } => self.swap(*swap, edited, took, console)?,
                Change::Control(control) => self.control(control, console)?,
                Change::Asked { before, now } => self.ask(before, now, console)?,
                Change::Refused { edited, failure } => self.refuse(edited, &failure, console)?,
            }
        }
        Ok(())
    }

    fn swap(&mut self, swap: Swap, edited: Source, took: Duration, console: &Console) -> Result<(), Failure> {
        let (hash, name) = (swap.staged.script.hash().to_owned(), swap.staged.script.name().to_owned());
        let before = self.learner.state().steered.control.clone();
        let control = swap.control.clone();
        self.learner.swap(swap)?;
        self.note_edit();
        self.scheduled = Scheduled::Due;
        // Another version may have other faults.
        self.forget_faults();
        self.show_params();
        let (update, ms) = (self.learner.state().updates, took.as_millis() as u64);
        let params = self.learner.values();
        match edited {
            Source::Script => {
                console.line(format!("{name} reloaded at update {update} ({ms} ms)"));
                let detail = json!({ "hash": hash, "ms": ms, "params": params, "control": control });
                unheard(&self.config, &self.learner.staged().script)
                    .iter()
                    .for_each(|warning| console.warn(warning));
                self.archive.keep(&self.learner)?;
                self.recorder.event("reload", &self.learner, detail)?;
            }
            Source::Control => {
                console
                    .line(format!("{} at update {update}, traced anew ({ms} ms)", told(&before, &control)));
                let detail = json!({ "source": "control.toml", "ms": ms, "params": control });
                self.recorder.event("params", &self.learner, detail)?;
            }
        }
        Ok(())
    }

    fn control(&mut self, control: Values, console: &Console) -> Result<(), Failure> {
        let steered = self.learner.state().steered.clone();
        let told = told(&steered.control, &control);
        let detail = json!({ "source": "control.toml", "params": control });
        self.learner.steer(Steered { control, ..steered })?;
        self.note_edit();
        self.show_params();
        console.line(format!("{told} at update {}", self.learner.state().updates));
        self.recorder.event("params", &self.learner, detail)
    }

    /// A checkpoint of this very moment is one of before.
    fn note_edit(&mut self) {
        self.edited += 1;
        self.saved = None;
    }

    fn refuse(&mut self, edited: Source, failure: &Failure, console: &Console) -> Result<(), Failure> {
        if failure.is_device_lost() {
            // Not the edit's fault, which is looked at again on another device.
            return Err(failure.clone());
        }
        let (event, goes_on) = match edited {
            Source::Script => ("reload_refused", "the objective that ran goes on"),
            Source::Control => ("control_refused", "the values that were in force stay"),
        };
        console.line(format!("{failure}\n{goes_on}"));
        self.recorder.event(event, &self.learner, json!({ "diagnostic": failure.to_string() }))
    }
}

/// What an edit of `control.toml` comes to, for a person.
fn told(before: &Values, now: &Values) -> String {
    let set = now.iter().filter(|(name, value)| before.get(*name) != Some(value));
    let set = set.map(|(name, value)| format!("{name} = {value}"));
    let released = before.keys().filter(|name| !now.contains_key(*name));
    let released = released.map(|name| format!("{name} no longer set"));
    let changed: Vec<String> = set.chain(released).collect();
    match changed.is_empty() {
        true => "control.toml: sound again, with the values in force".to_owned(),
        false => format!("control.toml: {}", changed.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_edit_is_told_by_what_it_changes() {
        let values = |pairs: &[(&str, f64)]| -> Values {
            pairs.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect()
        };
        let before = values(&[("delta", 1.0), ("gamma", 0.9), ("tau", 0.1)]);
        let now = values(&[("delta", 1.0), ("tau", 0.05)]);
        assert_eq!(told(&before, &now), "control.toml: tau = 0.05, gamma no longer set");
        assert!(told(&now, &now).contains("sound again"));
    }
}
