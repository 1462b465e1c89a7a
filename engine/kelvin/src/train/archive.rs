//! Keeping every version of the objective that ran, without making the training wait for the disk.

use crate::failure::Failure;
use crate::learner::Learner;
use kelvin_run::{RunDir, RunError};
use std::thread::JoinHandle;

/// Writes versions down, one at a time, on a thread of their own: each is flushed to the disk, which takes as long as
/// many updates.
pub(super) struct Archive {
    dir: RunDir,
    writing: Option<JoinHandle<Result<(), RunError>>>,
}

impl Archive {
    /// The archive of a run.
    pub fn new(dir: RunDir) -> Self {
        Self { dir, writing: None }
    }

    /// Keeps the sources that run from the next update on.
    pub fn keep(&mut self, learner: &Learner) -> Result<(), Failure> {
        self.settle()?;
        let script = &learner.staged().script;
        let sources: Vec<_> =
            script.sources().iter().map(|source| (source.path.clone(), source.text.clone())).collect();
        let (dir, update, hash) = (self.dir.clone(), learner.state().updates.0, script.hash().to_owned());
        let thread = std::thread::Builder::new()
            .name("archive".to_owned())
            .spawn(move || dir.record_objective(update, &hash, &sources))
            .map_err(|error| Failure::failed(format!("no thread for keeping the script: {error}")))?;
        self.writing = Some(thread);
        Ok(())
    }

    /// Waits until what was to be kept is on the disk. A checkpoint relies on it: a run goes on with the version that
    /// ran at its update.
    pub fn settle(&mut self) -> Result<(), Failure> {
        match self.writing.take().map(JoinHandle::join) {
            Some(Ok(written)) => Ok(written?),
            Some(Err(_)) => {
                Err(Failure::failed("the script could not be kept: the thread that wrote it ended"))
            }
            None => Ok(()),
        }
    }
}

impl Drop for Archive {
    fn drop(&mut self) {
        // Whatever ends the run is reported by itself.
        drop(self.settle());
    }
}
