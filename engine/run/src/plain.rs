//! Opening what may be anything: a run directory can have been copied from a stranger.

use std::fs::{File, OpenOptions};
use std::io::{Error, ErrorKind, Read as _, Result};
use std::path::Path;

/// Opens a plain file to be read. A pipe or a device in its place is an error, where opening it could wait for ever.
///
/// # Errors
/// None there, or one that cannot be opened, or something that is no plain file.
pub fn open_plain(path: &Path) -> Result<File> {
    open(path, OpenOptions::new().read(true))
}

/// The content of a plain file.
pub(crate) fn read_plain(path: &Path) -> Result<Vec<u8>> {
    let mut content = Vec::new();
    open_plain(path)?.read_to_end(&mut content)?;
    Ok(content)
}

/// Opens a plain file, or makes one, whose content does not matter. A link in its place is an error too: it could lead to
/// somebody's file.
pub(crate) fn open_mark(path: &Path) -> Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(false);
    if std::fs::symlink_metadata(path).is_ok_and(|about| about.is_symlink()) {
        return Err(Error::new(ErrorKind::InvalidInput, "it is a link"));
    }
    open(path, &mut options)
}

fn open(path: &Path, options: &mut OpenOptions) -> Result<File> {
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::custom_flags(options, rustix::fs::OFlags::NONBLOCK.bits() as i32);
    let other = || Error::new(ErrorKind::InvalidInput, "it is not a regular file");
    let is_other = || std::fs::metadata(path).is_ok_and(|about| !about.is_file());
    let file = options.open(path).map_err(|error| if is_other() { other() } else { error })?;
    if file.metadata()?.is_file() { Ok(file) } else { Err(other()) }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_plain_file_is_refused_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        std::fs::write(path("file"), "kept").unwrap();
        std::os::unix::fs::symlink(path("file"), path("link")).unwrap();
        rustix::fs::mkfifoat(rustix::fs::CWD, path("pipe"), rustix::fs::Mode::RWXU).unwrap();
        assert!(open_plain(&path("file")).is_ok() && open_plain(&path("link")).is_ok());
        for name in ["pipe", ".", "none"] {
            assert!(open_plain(&path(name)).is_err(), "{name}");
        }
        for name in ["pipe", ".", "link"] {
            assert!(open_mark(&path(name)).is_err(), "{name}");
        }
        assert!(open_mark(&path("file")).is_ok() && open_mark(&path("new")).is_ok());
        assert_eq!(std::fs::read_to_string(path("file")).unwrap(), "kept");
    }
}
