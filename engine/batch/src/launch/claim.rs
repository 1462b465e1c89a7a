//! Who works on a task: a lock a task, held by the launcher while the task's process runs.
//!
//! A run's own lock is taken by the process that trains, some time after it was started. Two launchers, or two jobs of
//! a cluster that were given one index, could both start it in between. A killed launcher's claims are released by the
//! system, and then the run's own lock tells whether its process goes on without it.

use std::fs::{self, File, TryLockError};
use std::io::ErrorKind;
use std::path::Path;

use kelvin_run::{Task, open_own};

use super::LaunchError;

/// The folder of claims inside an experiment.
const FOLDER: &str = "claims";

/// Held by the launcher that works on a task; dropping it lets the next one.
#[derive(Debug)]
pub(super) struct Claim {
    /// Keeps the lock: it lives as long as the open file.
    _file: File,
    enforced: bool,
}

impl Claim {
    /// Takes the task; `None` if another launcher has it.
    pub fn take(experiment: &Path, task: &Task) -> Result<Option<Self>, LaunchError> {
        // By its run, and not its place in a plan: what two launchers think of that may differ while the plan grows.
        let path = experiment.join(FOLDER).join(&task.folder);
        let folder = path.parent().unwrap_or(experiment);
        fs::create_dir_all(folder).map_err(LaunchError::io("create", folder))?;
        let file = open_own(&path, false).map_err(LaunchError::io("open", &path))?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Self { _file: file, enforced: true })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) if error.kind() == ErrorKind::Unsupported => {
                Ok(Some(Self { _file: file, enforced: false }))
            }
            Err(TryLockError::Error(error)) => Err(LaunchError::io("lock", &path)(error)),
        }
    }

    /// Whether the filesystem keeps other launchers out. Some know no locks; then the user is to be told.
    pub fn enforced(&self) -> bool {
        self.enforced
    }
}
