//! The one error of this crate: what failed, where, why, and what to do about it.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// Why a run directory could not be made, read or written.
///
/// `Display` renders what happened on one line and, where there is something the user can do, a second line that
/// starts with `hint:`.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The operating system refused: no permission, disk full, a file in the place of a folder, …
    #[error("cannot {action} {path}: {source}{}", Hint(hint_for(.source)))]
    Io {
        /// The verb of the sentence: "write", "create", …
        action: &'static str,
        /// The file or folder it happened to.
        path: PathBuf,
        /// The operating system's reason.
        source: io::Error,
    },
    /// A new run was to be made where something already is.
    #[error(
        "{path} already exists and is not empty{}",
        Hint(Some("choose another folder with --out DIR, or continue the run that is there with --resume"))
    )]
    Exists {
        /// The folder.
        path: PathBuf,
    },
    /// A folder that should be a run is none.
    #[error(
        "{path} is not a run: it has no config.toml{}",
        Hint(Some("give the folder of a run, such as runs/NAME; `kelvin train` makes one"))
    )]
    NotARun {
        /// The folder.
        path: PathBuf,
    },
    /// Another process trains in this folder.
    #[error("{path} is in use by {}{}", Holder(.pid), Hint(Some("wait for that process, stop it (it saves a checkpoint on Ctrl-C), or train into another folder with --out DIR")))]
    Locked {
        /// The run.
        path: PathBuf,
        /// The process that holds the lock, where the lock file names it.
        pid: Option<u32>,
    },
    /// A file holds something else than was written to it.
    #[error("{path} is damaged: {reason:.400}{}", Hint(.hint.as_deref()))]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
        /// What to do, where something helps.
        hint: Option<String>,
    },
    /// A value that cannot be written in the format of its file (a defect of the caller).
    #[error("cannot encode {path}: {reason}")]
    Encode {
        /// The file it was meant for.
        path: PathBuf,
        /// What stands in the way.
        reason: String,
    },
    /// A file name that could leave its folder or hide another file (a defect of the caller, or a hostile manifest).
    #[error("the file name {name:?} is refused: {reason}")]
    Name {
        /// The name.
        name: String,
        /// What is wrong with it.
        reason: &'static str,
    },
}

impl RunError {
    /// For `map_err`: puts the verb and the path around an error of the operating system.
    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_path_buf();
        move |source| Self::Io { action, path, source }
    }

    /// A file whose content is not what it should be, and why.
    pub fn damaged(path: &Path, reason: impl fmt::Display) -> Self {
        Self::Damaged { path: path.to_path_buf(), reason: reason.to_string(), hint: None }
    }

    pub(crate) fn encode(path: &Path, reason: impl fmt::Display) -> Self {
        Self::Encode { path: path.to_path_buf(), reason: reason.to_string() }
    }
}

/// What the user can do about an error of the operating system, by its kind.
fn hint_for(error: &io::Error) -> Option<&'static str> {
    use io::ErrorKind::*;
    match error.kind() {
        PermissionDenied | ReadOnlyFilesystem => Some("choose a folder you may write to with --out DIR"),
        StorageFull | QuotaExceeded => {
            Some("free some space and continue with --resume, or choose another disk with --out DIR")
        }
        NotADirectory | AlreadyExists => {
            Some("a file stands where a folder is needed: move it, or choose another --out DIR")
        }
        _ => None,
    }
}

/// The second line of a rendered error, if there is one.
struct Hint<'a>(Option<&'a str>);

impl fmt::Display for Hint<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.map_or(Ok(()), |hint| write!(f, "\n  hint: {hint}"))
    }
}

struct Holder<'a>(&'a Option<u32>);

impl fmt::Display for Holder<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(pid) => write!(f, "another process (pid {pid})"),
            None => write!(f, "another process"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_says_what_where_why_and_what_to_do() {
        let source = io::Error::from(io::ErrorKind::PermissionDenied);
        assert_eq!(
            RunError::io("write", Path::new("/data/run/DONE"))(source).to_string(),
            "cannot write /data/run/DONE: permission denied\n  hint: choose a folder you may write to with --out DIR"
        );
        let locked = RunError::Locked { path: "runs/a".into(), pid: None }.to_string();
        assert!(locked.starts_with("runs/a is in use by another process\n  hint: "), "{locked}");
        let damaged = RunError::damaged(Path::new("replay.bin"), "too short").to_string();
        assert_eq!(damaged, "replay.bin is damaged: too short");
    }
}
