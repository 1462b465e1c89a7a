//! One run, one process: an advisory lock on a file, released by the system even when its holder is killed.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Write as _};
use std::path::Path;

use crate::RunError;

/// The lock's file inside a run.
pub(crate) const FILE: &str = "lock";

/// Held by the process that trains in a run directory; dropping it lets the next one in.
#[derive(Debug)]
#[must_use = "the run is unlocked as soon as this is dropped"]
pub struct RunLock {
    /// Keeps the lock: it lives as long as the open file.
    _file: File,
    enforced: bool,
}

impl RunLock {
    /// Takes the lock of the run at `folder`, or says who has it.
    pub(crate) fn take(folder: &Path) -> Result<Self, RunError> {
        let path = folder.join(FILE);
        let mut file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(RunError::io("open", &path))?;
        let enforced = match file.try_lock() {
            Ok(()) => true,
            Err(TryLockError::WouldBlock) => {
                let pid = fs::read_to_string(&path).ok().and_then(|text| text.trim().parse().ok());
                return Err(RunError::Locked { path: folder.to_path_buf(), pid });
            }
            Err(TryLockError::Error(error)) if error.kind() == ErrorKind::Unsupported => false,
            Err(TryLockError::Error(error)) => return Err(RunError::io("lock", &path)(error)),
        };
        // For the message of whoever comes second.
        let written = file.set_len(0).and_then(|()| writeln!(file, "{}", std::process::id()));
        written.map_err(RunError::io("write", &path))?;
        Ok(Self { _file: file, enforced })
    }

    /// Whether some process holds the lock of the run at `folder` now; not, where that cannot be told.
    pub(crate) fn is_held(folder: &Path) -> bool {
        // Shared, so that two who look do not take each other for the holder.
        File::open(folder.join(FILE))
            .is_ok_and(|file| matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)))
    }

    /// Whether the filesystem keeps others out. Some cluster filesystems know no locks; there a run goes on unguarded,
    /// and this is false so that the user can be told.
    pub fn enforced(&self) -> bool {
        self.enforced
    }
}
