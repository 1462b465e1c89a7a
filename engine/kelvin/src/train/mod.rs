//! `kelvin train`: a learner, and those who observe it.

pub mod checkpoint;
pub mod interrupt;
mod recorder;
mod reload;
mod request;
mod resume;
mod session;
mod start;

use crate::console::{Console, Status, duration, grouped};
use crate::failure::Failure;
use crate::units::Frames;
use reload::Reload;
pub use request::TrainRequest;
use serde_json::json;
pub use session::Session;
pub(crate) use session::open_device;
use std::time::Instant;

/// Trains until the run's frames are done or the user stops it.
pub fn train(request: &TrainRequest, console: &mut Console) -> Result<(), Failure> {
    interrupt::listen()?;
    let mut session = Session::open(request, console)?;
    let result = session.run(console);
    console.finish();
    if let Err(failure) = &result {
        session.note_fault(failure);
    }
    result
}

impl Session {
    fn run(&mut self, console: &mut Console) -> Result<(), Failure> {
        let total = self.config.frames;
        console.start(total, self.learner.frames(), self.learner.state().updates);
        let mut checkpoints = self.checkpoints_due();
        while self.learner.frames() < total && !interrupt::wished() {
            if let Some(reload) = self.reloader.poll() {
                self.reload(reload, console)?;
            }
            let tick = self.learner.tick()?;
            self.recorder.observe(&mut self.learner, &tick)?;
            if self.checkpoints_due() > checkpoints {
                checkpoints = self.checkpoints_due();
                self.checkpoint()?;
            }
            let (learner, recorder) = (&self.learner, &self.recorder);
            console.progress(total, || Status {
                frames: learner.frames(),
                updates: learner.state().updates,
                mean_return: recorder.mean_return(),
                loss: recorder.loss(),
                epsilon: learner.epsilon(),
            });
        }
        self.stop(total, console)
    }

    /// Number of checkpoints that should exist by now.
    fn checkpoints_due(&self) -> u64 {
        self.learner.state().agent_steps.0 / self.config.checkpoint_every
    }

    fn reload(&mut self, reload: Reload, console: &Console) -> Result<(), Failure> {
        match reload {
            Reload::Refused(failure) => {
                console.line(format!("{failure}\nthe objective that ran goes on"));
                let detail = json!({ "diagnostic": failure.to_string() });
                self.recorder.event("reload_refused", &self.learner, detail)
            }
            Reload::Ready { staged, compiled, took } => {
                let (hash, name) = (staged.script.hash().to_owned(), staged.script.name().to_owned());
                self.learner.swap(*staged, compiled)?;
                self.record_objective()?;
                let update = self.learner.state().updates;
                console.line(format!("{name} reloaded at update {update} ({} ms)", took.as_millis()));
                let detail =
                    json!({ "hash": hash, "ms": took.as_millis() as u64, "params": self.learner.params() });
                self.recorder.event("reload", &self.learner, detail)
            }
        }
    }

    fn checkpoint(&mut self) -> Result<(), Failure> {
        let now = self.learner.state().agent_steps;
        if self.saved == Some(now) {
            return Ok(());
        }
        self.saved = Some(now);
        let start = Instant::now();
        self.recorder.sync()?;
        checkpoint::save(&self.dir, &mut self.learner)?;
        let detail = json!({ "seconds": start.elapsed().as_secs_f64() });
        self.recorder.event("checkpoint", &self.learner, detail)
    }

    fn stop(&mut self, total: Frames, console: &mut Console) -> Result<(), Failure> {
        console.finish();
        let frames = self.learner.frames();
        let done = frames >= total;
        if !done {
            console.line(format!("stopping at {} frames; saving a checkpoint …", grouped(frames.0)));
        }
        self.checkpoint()?;
        let mean_return = self.recorder.mean_return();
        let said = mean_return.map_or("no episode ended".to_owned(), |mean| {
            format!("mean return of the last episodes {mean:.2}")
        });
        let path = self.dir.path().display();
        if !done {
            self.recorder.event("stopped", &self.learner, json!({}))?;
            console.line(format!("stopped, {said}; go on with: kelvin train --resume {path}"));
            return Ok(());
        }
        self.recorder.event("done", &self.learner, json!({}))?;
        self.dir.mark_done(&json!({
            "frames": frames,
            "updates": self.learner.state().updates,
            "mean_return": mean_return,
            "wall_s": self.recorder.wall_s(),
        }))?;
        console.line(format!(
            "done: {} frames and {} updates in {}, {said}; evaluate with: kelvin eval {path}",
            grouped(frames.0),
            grouped(self.learner.state().updates.0),
            duration(self.recorder.wall_s())
        ));
        Ok(())
    }

    /// Leaves a trace of what ended the run; the failure itself is reported whatever becomes of the trace.
    fn note_fault(&mut self, failure: &Failure) {
        drop(self.recorder.event("fault", &self.learner, json!({ "message": failure.to_string() })));
    }
}
