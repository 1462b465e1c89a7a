//! One run, one process: an advisory lock on a file, released by the system even when its holder is killed.

use std::fs::{File, TryLockError};
use std::io::{ErrorKind, Write as _};
use std::path::Path;

use crate::RunError;
use crate::plain::{open_own, open_plain, read_plain};

/// The lock's file inside a run.
pub(crate) const FILE: &str = "lock";
/// Bytes it has at most: the number of a process.
const MAX_BYTES: u64 = 64;

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
        let mut file = open_own(&path, false).map_err(RunError::io("open", &path))?;
        let enforced = match file.try_lock() {
            Ok(()) => true,
            Err(TryLockError::WouldBlock) => {
                let text = read_plain(&path, MAX_BYTES).ok().and_then(|text| String::from_utf8(text).ok());
                let pid = text.and_then(|text| text.trim().parse().ok());
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
        open_plain(&folder.join(FILE))
            .is_ok_and(|file| matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)))
    }

    /// Whether the filesystem keeps others out. Some cluster filesystems know no locks; there a run goes on unguarded,
    /// and this is false so that the user can be told.
    pub fn enforced(&self) -> bool {
        self.enforced
    }
}
