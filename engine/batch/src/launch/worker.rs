//! The process of one task.

use std::fs::{self, File};
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

use kelvin_run::open_own;
use rustix::process::{Pid, Signal, kill_process};

use super::LaunchError;
use super::claim::Claim;

/// Bytes of a log that are looked at for a process's last words.
const LAST_WORDS: u64 = 8 << 10;

/// A process that works on a task, and the claim on it.
#[derive(Debug)]
pub(super) struct Worker {
    child: Child,
    log: PathBuf,
    /// Where in the log this process's words begin.
    from: u64,
    _claim: Claim,
}

impl Worker {
    /// Starts the command; what it says is appended to the log.
    pub fn start(mut command: Command, log: PathBuf, claim: Claim) -> Result<Self, LaunchError> {
        if let Some(folder) = log.parent() {
            fs::create_dir_all(folder).map_err(LaunchError::io("create", folder))?;
        }
        let file = open_own(&log, true).map_err(LaunchError::io("open", &log))?;
        let from = file.metadata().map_or(0, |about| about.len());
        let copy = file.try_clone().map_err(LaunchError::io("open", &log))?;
        let program = PathBuf::from(command.get_program());
        let child = command.stdin(Stdio::null()).stdout(file).stderr(copy).spawn();
        Ok(Self { child: child.map_err(LaunchError::io("start", &program))?, log, from, _claim: claim })
    }

    /// How it ended, if it did.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        // What cannot be asked about any more has ended; the run's folder says how.
        self.child.try_wait().unwrap_or(Some(ExitStatus::default()))
    }

    /// Asks it to save a checkpoint and end.
    pub fn stop(&self) {
        // It has not been waited for, so that its number is still its own.
        if let Some(pid) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw) {
            // One that ends by itself at this moment is what was wanted.
            let _ = kill_process(pid, Signal::TERM);
        }
    }

    /// What it said last; an empty log is taken away.
    pub fn last_words(&self) -> String {
        let words = read_from(&self.log, self.from).unwrap_or_default();
        if fs::metadata(&self.log).is_ok_and(|about| about.len() == 0) {
            // It is only in the way.
            let _ = fs::remove_file(&self.log);
        }
        words.trim().to_owned()
    }
}

fn read_from(path: &Path, from: u64) -> std::io::Result<String> {
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(from.max(length.saturating_sub(LAST_WORDS))))?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
