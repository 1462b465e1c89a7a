//! `kelvin train`: a learner, and those who observe it.

mod archive;
mod cautions;
mod changes;
pub mod checkpoint;
pub mod control;
mod edits;
mod evaluation;
mod faults;
mod fork;
pub mod interrupt;
mod keeper;
mod live;
mod loss;
mod profile;
mod recorder;
mod report;
mod request;
mod rerun;
mod resume;
mod session;
mod start;
mod steering;
mod version;
mod waiting;
mod watch;

use crate::config::OnNan;
use crate::console::{Console, Status, duration, grouped};
use crate::failure::Failure;
use crate::learner::Tick;
use crate::monitor::Beside;
use crate::units::{Frames, Updates};
pub(crate) use cautions::cautions;
use checkpoint::{Past, Snapshot};
use keeper::Kept;
use kelvin_run::Activity;
use kelvin_trace::span;
use live::Known;
use profile::Profile;
pub use request::TrainRequest;
pub use rerun::{RerunRequest, rerun};
pub(crate) use resume::recorded_script;
use serde_json::json;
pub use session::Session;
pub(crate) use session::{check_reference, open_device};
use std::time::Instant;
pub(crate) use version::stage;

/// Trains until the run's frames are done or the user stops it.
pub fn train(request: &TrainRequest, console: &mut Console) -> Result<(), Failure> {
    interrupt::listen()?;
    let mut session = Session::open(request, console)?;
    session.profile = request.profile.map(|wanted| Profile::new(wanted, session.dir.trace_path()));
    if request.monitor {
        session.open_monitor(console);
    }
    session.train(console)
}

impl Session {
    /// Trains to the end of the run, over losses of its device, and says how it ended.
    pub fn train(mut self, console: &mut Console) -> Result<(), Failure> {
        loop {
            let result = self.run(console);
            console.finish();
            match result {
                Err(lost) if lost.is_device_lost() => self = self.recover(&lost, console)?,
                result => {
                    self.end(&result, console);
                    return result;
                }
            }
        }
    }

    /// Leaves a trace of how the run ended.
    fn end(mut self, result: &Result<(), Failure>, console: &Console) {
        if let Some(profile) = self.profile.take() {
            profile.write(console);
        }
        let ended = match result {
            Err(failure) => {
                self.note_failure(failure);
                Activity::Failed
            }
            Ok(()) if self.dir.is_done() => Activity::Done,
            Ok(()) => Activity::Stopped,
        };
        self.show_end(ended, console);
    }

    fn run(&mut self, console: &mut Console) -> Result<(), Failure> {
        let total = self.config.frames;
        console.start(total, self.learner.frames(), self.learner.state().updates);
        // One that the wish to stop cut off.
        self.evaluate_if_due(console)?;
        while self.learner.frames() < total && !self.is_to_end() {
            self.step(console)?;
        }
        self.stop(total, console)
    }

    /// Takes over what was edited, lets the learner make a tick, and does what that makes due.
    pub fn step(&mut self, console: &mut Console) -> Result<(), Failure> {
        let _span = span("tick");
        self.follow_profile(console);
        self.follow_monitor(console);
        self.follow_checkpoints()?;
        self.take_changes(console)?;
        if self.is_to_end() || self.waits(console)? {
            return Ok(());
        }
        self.follow_schedule(console)?;
        let checkpoints = self.checkpoints_due();
        let tick = self.learner.tick()?;
        {
            let _span = span("record");
            self.recorder.observe(&mut self.learner, &tick)?;
        }
        // After what happened is on record: what ends the run saves a checkpoint, which it is resumed from.
        self.take_faults(console)?;
        self.check_acting(&tick, console)?;
        self.show_tick(&tick, console)?;
        self.evaluate_if_due(console)?;
        if self.checkpoints_due() > checkpoints {
            self.checkpoint(console)?;
        }
        let (learner, recorder) = (&self.learner, &self.recorder);
        console.progress(self.config.frames, || Status {
            frames: learner.frames(),
            updates: learner.state().updates,
            mean_return: recorder.mean_return(),
            loss: recorder.loss(),
            epsilon: learner.epsilon(),
        });
        Ok(())
    }

    /// Shows what the tick led to, to whoever looks on.
    fn show_tick(&mut self, tick: &Tick, console: &Console) -> Result<(), Failure> {
        let Self { live, learner, recorder, .. } = self;
        let Some(live) = live else { return Ok(()) };
        live.look(learner, tick, || Known { mean_return: recorder.mean_return(), loss: recorder.loss() })?;
        if let Some(problem) = live.take_problem() {
            console.warn(format!("nobody can look on: {problem}"));
        }
        Ok(())
    }

    /// Shows where the run stands, however short ago that was done.
    fn show_now(&mut self, console: &Console) -> Result<(), Failure> {
        if let Some(live) = &mut self.live {
            live.hurry();
        }
        self.show_tick(&Tick::default(), console)
    }

    /// Says what the run is doing, to whoever looks on.
    fn show(&self, activity: Activity) {
        if let Some(live) = &self.live {
            live.says(activity);
        }
    }

    /// Shows parameters that changed.
    fn show_params(&self) {
        if let Some(live) = &self.live {
            live.params(&self.learner);
        }
    }

    /// Says how the run ended.
    fn show_end(&mut self, activity: Activity, console: &Console) {
        // A device that was lost has nothing to show, and that it was is told already.
        drop(self.show_now(console));
        if let Some(live) = &mut self.live {
            live.end(activity);
        }
    }

    /// Begins a profile after the first update, and ends it in time.
    fn follow_profile(&mut self, console: &Console) {
        let learns = self.learner.state().updates > Updates(0);
        if let Some(profile) = self.profile.take_if(|profile| learns && profile.follow()) {
            profile.write(console);
        }
    }

    /// Opens a window on the run, which does without if there is none to be had.
    fn open_monitor(&mut self, console: &Console) {
        match Beside::open(self.dir.path()) {
            Ok(monitor) => self.monitor = Some(monitor),
            Err(failure) => without_monitor(&failure, console),
        }
    }

    fn follow_monitor(&mut self, console: &Console) {
        if let Some(failure) = self.monitor.as_ref().and_then(Beside::failure) {
            without_monitor(&failure, console);
        }
    }

    /// Number of checkpoints that should exist by now.
    fn checkpoints_due(&self) -> u64 {
        self.learner.state().agent_steps.0 / self.config.checkpoint_every
    }

    /// A policy that cannot be sampled from is a fault like any other.
    fn check_acting(&mut self, tick: &Tick, console: &Console) -> Result<(), Failure> {
        let Some(reason) = &tick.unsampled else { return Ok(()) };
        // Where weights diverged, that is the better thing to say.
        self.settle(console)?;
        let script = &self.learner.staged().script;
        let function = if script.hooks().behave { "behave" } else { "loss" };
        let hint = "a policy is finite, never negative, and positive for some action";
        let diagnostic = script.diagnostic_at(function, format!("no action can be chosen: {reason}"), hint);
        if self.config.on_nan == OnNan::Stop {
            return Err(self.stopped(&diagnostic, console));
        }
        if !std::mem::replace(&mut self.acts_at_random, true) {
            console.line(format!("{diagnostic}\nactions are uniform where that happens"));
            let detail = json!({ "diagnostic": diagnostic.to_string() });
            self.recorder.event("unsampled", &self.learner, detail)?;
        }
        Ok(())
    }

    /// Has a checkpoint saved while the training goes on; false if there is one of this moment already, or the state is not
    /// fit to be saved and the run goes on all the same.
    fn checkpoint(&mut self, console: &Console) -> Result<bool, Failure> {
        let now = self.learner.state().agent_steps;
        if self.saved == Some(now) {
            return Ok(false);
        }
        // An update that turns out to be broken is not one to be saved; this may come back here.
        self.settle(console)?;
        self.saved = Some(now);
        let _span = span("checkpoint");
        let start = Instant::now();
        self.archive.settle()?;
        let written = self.keeper.written();
        let versions = self.dir.objectives()?.len();
        let past = Past { scheduled: self.scheduled, versions, edited: self.edited };
        match Snapshot::take(&mut self.learner, past, &self.recorder, written) {
            Err(failure) if self.config.on_nan == OnNan::Continue && !failure.is_device_lost() => {
                console.line(format!("{failure}\nthe run goes on (on_nan: continue)"));
                let detail = json!({ "diagnostic": failure.to_string() });
                self.recorder.event("checkpoint_refused", &self.learner, detail)?;
                Ok(false)
            }
            taken => {
                self.keeper.keep(taken?, self.recorder.files()?, start)?;
                Ok(true)
            }
        }
    }

    /// The same, and waits until it is on the disk.
    fn checkpoint_now(&mut self, console: &Console) -> Result<bool, Failure> {
        let is_new = self.checkpoint(console)?;
        self.await_checkpoints()?;
        Ok(is_new)
    }

    /// Waits until all checkpoints are on the disk.
    fn await_checkpoints(&mut self) -> Result<(), Failure> {
        while let Some(kept) = self.keeper.wait()? {
            self.note_checkpoint(&kept)?;
        }
        Ok(())
    }

    /// Takes note of the checkpoints that came to the disk meanwhile.
    fn follow_checkpoints(&mut self) -> Result<(), Failure> {
        self.keeper.follow(self.learner.replay())?;
        while let Some(kept) = self.keeper.poll()? {
            self.note_checkpoint(&kept)?;
        }
        Ok(())
    }

    fn note_checkpoint(&mut self, kept: &Kept) -> Result<(), Failure> {
        self.losses = 0;
        let detail = json!({ "seconds": kept.took.as_secs_f64(), "pause_s": kept.pause.as_secs_f64() });
        self.recorder.event_of("checkpoint", kept.updates, kept.agent_steps, detail)
    }

    fn stop(&mut self, total: Frames, console: &mut Console) -> Result<(), Failure> {
        console.finish();
        let frames = self.learner.frames();
        let done = frames >= total && self.evaluation_due().is_none();
        if !done {
            console.line(format!("stopping at {} frames; saving a checkpoint …", grouped(frames.0)));
        }
        self.checkpoint_now(console)?;
        let mean_return = self.recorder.mean_return();
        let said = mean_return.map_or("no episode ended".to_owned(), |mean| {
            format!("mean return of the last episodes {mean:.2}")
        });
        let path = self.dir.path().display().to_string();
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
    fn note_failure(&mut self, failure: &Failure) {
        if !self.noted {
            drop(self.recorder.event("fault", &self.learner, json!({ "message": failure.to_string() })));
        }
    }
}

fn without_monitor(failure: &Failure, console: &Console) {
    console.warn(failure.message());
    if let Some(advice) = failure.advice() {
        console.line(format!("hint: {advice}"));
    }
}
