//! Who works on a task: a lock a task, held by the launcher while the task's process runs.
//!
//! A run's own lock is taken by the process that trains, some time after it was started. Two launchers, or two jobs of
//! a cluster that were given one index, could both start it in between. A killed launcher's claims are released by the
//! system, and then the run's own lock tells whether its process goes on without it.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::ErrorKind;
use std::path::Path;

use super::LaunchError;

/// The folder of claims inside an experiment.
const FOLDER: &str = "claims";

/// Held by the launcher that works on a task; dropping it lets the next one.
#[derive(Debug)]
pub(super) struct Claim {
    /// Keeps the lock: it lives as long as the open file.
    _file: File,
}

impl Claim {
    /// Takes the task; `None` if another launcher has it.
    pub fn take(experiment: &Path, index: usize) -> Result<Option<Self>, LaunchError> {
        let folder = experiment.join(FOLDER);
        let path = folder.join(format!("{index:06}"));
        fs::create_dir_all(&folder).map_err(LaunchError::io("create", &folder))?;
        let open = OpenOptions::new().write(true).create(true).truncate(false).open(&path);
        let file = open.map_err(LaunchError::io("open", &path))?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Self { _file: file })),
            Err(TryLockError::WouldBlock) => Ok(None),
            // A filesystem without locks: the run's own lock, which is none either, says so to the user.
            Err(TryLockError::Error(error)) if error.kind() == ErrorKind::Unsupported => {
                Ok(Some(Self { _file: file }))
            }
            Err(TryLockError::Error(error)) => Err(LaunchError::io("lock", &path)(error)),
        }
    }
}
