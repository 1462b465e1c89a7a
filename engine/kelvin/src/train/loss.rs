//! A device that is lost while a run trains: the run is taken up again from its last checkpoint, by this process and as
//! `--resume` would, on the same device opened anew. Whoever looks on sees a run that goes on.

use super::Session;
use super::control::Asks;
use super::recorder::event_of;
use super::request::TrainRequest;
use super::resume::episodes;
use crate::config::Config;
use crate::console::{Console, grouped};
use crate::failure::Failure;
use kelvin_compute::{Device, DeviceRequest};
use kelvin_run::{Activity, RunDir};
use serde_json::json;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// Losses without a checkpoint between them that end a run: it would lose the same steps for ever.
const MOST: u32 = 3;
/// How often a device is looked for that is not back yet: a driver that resets one needs a moment.
const TRIES: u32 = 10;
/// Time between two of these tries.
const BETWEEN_TRIES: Duration = Duration::from_millis(500);

/// What a session leaves to the one that takes its run up in the same process.
pub(super) struct Kept {
    /// Open, and in nobody else's use.
    pub device: Arc<dyn Device>,
    /// What `control.toml` had asked for by then: heard once, done once.
    pub asks: Asks,
}

impl Session {
    /// Takes the run up again after a [loss](Failure::is_device_lost) of its device: from its last checkpoint, or from where
    /// it began. Fails where the device does not come back, or is lost again and again; the run can be resumed then.
    pub fn recover(mut self, lost: &Failure, console: &Console) -> Result<Self, Failure> {
        if let Err(failure) = self.note_loss(lost, console) {
            self.end(&Err(failure.clone()), console);
            return Err(failure);
        }
        self.take_up_again(console)
    }

    /// Fails where the run is not to go on.
    fn note_loss(&mut self, lost: &Failure, console: &Console) -> Result<(), Failure> {
        console.warn(lost.message());
        // One that was taken and is not on the disk yet will be the one to go on from.
        let written = self.await_checkpoints();
        self.losses += 1;
        let detail = json!({ "message": lost.message(), "losses": self.losses });
        self.recorder.event("device_lost", &self.learner, detail)?;
        written?;
        if self.losses < MOST {
            return Ok(());
        }
        let message = format!("{}, {MOST} times without a checkpoint in between", lost.message());
        Err(Failure::failed(message).hint(later(self.dir.path())))
    }

    fn take_up_again(self, console: &Console) -> Result<Self, Failure> {
        let at = (self.learner.state().updates, self.learner.state().agent_steps);
        let Self { config, dir, lock, options, live, edits, waiting, profile, monitor, losses, .. } = self;
        let asks = edits.abandon();
        // A memory is not to be there twice, nor a file open twice.
        drop((self.learner, self.recorder, self.archive, self.keeper, self.device));
        let request = TrainRequest {
            out: Some(dir.path().into()),
            resume: true,
            roms: options.roms,
            ..Default::default()
        };
        let taken_up = reopen(&config, console).and_then(|device| {
            Self::take_up(&request, (dir.clone(), lock), Some(Kept { device, asks }), console)
        });
        match taken_up {
            Ok((mut session, same)) => {
                if let Some(mut live) = live {
                    live.end(Activity::Running);
                }
                (session.profile, session.monitor, session.losses) = (profile, monitor, losses);
                // A wish to end holds, whatever was lost meanwhile.
                session.waiting.stop = waiting.stop;
                let (update, frames) = (session.learner.state().updates, grouped(session.learner.frames().0));
                console.line(format!("going on from update {update}, {frames} frames{}", episodes(same)));
                Ok(session)
            }
            Err(failure) => {
                if let Some(profile) = profile {
                    profile.write(console);
                }
                let message = format!("the run cannot go on by itself: {}", failure.message());
                // The failure itself is reported whatever becomes of the trace.
                drop(note(&dir, event_of("fault", at, json!({ "message": message }))));
                Err(Failure::failed(message).hint(later(dir.path())))
            }
        }
    }
}

/// Opens what the run computed on. A GPU is not replaced by the processor: that would be another run, and a slow one.
fn reopen(config: &Config, console: &Console) -> Result<Arc<dyn Device>, Failure> {
    let Ok(request) = config.device.parse::<DeviceRequest>();
    let request = if request == DeviceRequest::Auto { DeviceRequest::Gpu } else { request };
    let mut opened = kelvin_compute::open(&request);
    for _ in 1..TRIES {
        if opened.is_ok() {
            break;
        }
        std::thread::sleep(BETWEEN_TRIES);
        opened = kelvin_compute::open(&request);
    }
    let device = opened?;
    console.line(device.describe());
    Ok(Arc::from(device))
}

fn note(dir: &RunDir, event: serde_json::Value) -> Result<(), Failure> {
    Ok(dir.events_writer()?.append(&event)?)
}

/// What to do where a run is not taken up by itself.
fn later(run: &Path) -> String {
    format!(
        "go on from its last checkpoint with kelvin train --resume {}, on another device with --device; \
         --device cpu needs none",
        run.display()
    )
}
