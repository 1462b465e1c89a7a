//! Writing so that a crash leaves either the old file or the new one, never half of one.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::Path;

use crate::RunError;
use crate::plain::open_plain;

/// What everything unfinished is called: readers skip such names, [`sweep`] removes them.
const PARTIAL: &str = ".partial-";

/// Whether a file or folder of this name is unfinished.
pub(crate) fn is_partial(name: &OsStr) -> bool {
    name.to_string_lossy().starts_with(PARTIAL)
}

/// How much a write must survive.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Survives {
    /// The death of this process. Costs no disk flush: for values rewritten many times a second.
    Crash,
    /// The loss of power too.
    PowerLoss,
}

/// Writes a file that is no part of a run, such as a report, in one step: a reader sees the old content or the new.
///
/// # Errors
/// A disk that does not take it.
pub fn write_file(path: &Path, bytes: &[u8]) -> Result<(), RunError> {
    replace(path, bytes, Survives::Crash)
}

/// Replaces `path` with `bytes` in one step: a reader sees the old content or the new, nothing between.
pub(crate) fn replace(path: &Path, bytes: &[u8], survives: Survives) -> Result<(), RunError> {
    let folder = parent(path);
    let attempt = || -> io::Result<()> {
        let mut file = open_to_all(0o666).prefix(PARTIAL).tempfile_in(folder)?;
        file.write_all(bytes)?;
        if survives == Survives::PowerLoss {
            file.as_file().sync_all()?;
        }
        file.persist(path).map_err(|error| error.error)?;
        Ok(())
    };
    attempt().map_err(RunError::io("write", path))?;
    if survives == Survives::PowerLoss { sync_folder(folder) } else { Ok(()) }
}

/// A folder for something unfinished, inside `folder`; it vanishes when dropped, or at the next [`sweep`].
pub(crate) fn partial_folder(folder: &Path) -> Result<tempfile::TempDir, RunError> {
    open_to_all(0o777).prefix(PARTIAL).tempdir_in(folder).map_err(RunError::io("create a folder in", folder))
}

/// tempfile makes what only its user can read; a run is read by colleagues and monitors like any other file, so this
/// asks for `mode` less the user's umask.
fn open_to_all<'a>(mode: u32) -> tempfile::Builder<'a, 'a> {
    let mut builder = tempfile::Builder::new();
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(mode));
    #[cfg(not(unix))]
    let _ = mode;
    builder
}

/// Gives a finished folder its name. `to` must not exist.
pub(crate) fn publish(partial: tempfile::TempDir, to: &Path) -> Result<(), RunError> {
    sync_folder(partial.path())?;
    fs::rename(partial.path(), to).map_err(RunError::io("create", to))?;
    // It has another name now: nothing is left for the guard to remove.
    let _ = partial.keep();
    sync_folder(parent(to))
}

/// Removes what killed processes left unfinished in `folder`. Only for the holder of the run's lock: nobody else can
/// tell a leftover from a write that goes on.
pub(crate) fn sweep(folder: &Path) -> Result<(), RunError> {
    for entry in fs::read_dir(folder).map_err(RunError::io("list", folder))? {
        let path = entry.map_err(RunError::io("list", folder))?.path();
        if path.file_name().is_some_and(is_partial) {
            remove(&path)?;
        }
    }
    Ok(())
}

/// Has a file that nobody changes somewhere else as well: by a second name where the disk allows it, by a copy otherwise.
/// What is at `to` goes; it may be a second name for the same already, and must not be written into.
pub(crate) fn link_or_copy(from: &Path, to: &Path) -> Result<(), RunError> {
    let attempt = || -> io::Result<()> {
        // Not a link, which may lead elsewhere from there.
        let from = fs::canonicalize(from)?;
        match fs::remove_file(to) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        if fs::hard_link(&from, to).is_ok() {
            return Ok(());
        }
        let mut copy = open_to_all(0o666).prefix(PARTIAL).tempfile_in(parent(to))?;
        io::copy(&mut open_plain(&from)?, copy.as_file_mut())?;
        copy.as_file().sync_all()?;
        copy.persist(to).map(drop).map_err(|error| error.error)
    };
    attempt().map_err(RunError::io("copy", from))
}

/// Removes a file, or a folder with all it holds.
pub(crate) fn remove(path: &Path) -> Result<(), RunError> {
    let removed = if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
    removed.map_err(RunError::io("remove", path))
}

/// Makes the names in a folder survive a loss of power. Windows opens no folders and does this by itself.
pub(crate) fn sync_folder(folder: &Path) -> Result<(), RunError> {
    if cfg!(unix) {
        File::open(folder).and_then(|file| file.sync_all()).map_err(RunError::io("flush", folder))
    } else {
        Ok(())
    }
}

/// The folder a path lies in; the working directory for a bare name.
pub(crate) fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(unix)]
    fn a_file_has_another_name_and_keeps_its_content() {
        let folder = tempfile::tempdir().unwrap();
        let [file, link, name, taken] =
            ["file", "link", "name", "taken"].map(|name| folder.path().join(name));
        fs::write(&file, "content").unwrap();
        std::os::unix::fs::symlink("file", &link).unwrap();
        fs::write(&taken, "another").unwrap();
        // The second time it is the same file already.
        for (from, to) in [(&file, &name), (&file, &name), (&link, &name), (&link, &taken)] {
            link_or_copy(from, to).unwrap();
            assert!(!fs::symlink_metadata(to).unwrap().is_symlink());
            assert_eq!([&file, to].map(|path| fs::read_to_string(path).unwrap()), ["content", "content"]);
        }
        assert!(link_or_copy(&folder.path().join("none"), &name).is_err());
    }
}
