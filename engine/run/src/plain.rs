//! Opening what may be anything: a run directory can have been copied from a stranger.

use std::fs::{File, OpenOptions};
use std::io::{Error, ErrorKind, Read as _, Result};
use std::path::Path;

use crate::text::grouped;

/// Opens a plain file to be read. A pipe or a device in its place is an error, where opening it could wait for ever.
///
/// # Errors
/// None there, or one that cannot be opened, or something that is no plain file.
pub fn open_plain(path: &Path) -> Result<File> {
    open(path, OpenOptions::new().read(true))
}

/// The content of a plain file of at most so many bytes. A file may claim any length and take no room on the disk, so a
/// larger one is an error before it is read.
///
/// # Errors
/// Those of [`open_plain`], and a file that is larger.
pub fn read_plain(path: &Path, most: u64) -> Result<Vec<u8>> {
    let mut content = Vec::new();
    // It may grow meanwhile, and files that the system makes up have no length.
    open_within(path, most)?.take(most + 1).read_to_end(&mut content)?;
    if content.len() as u64 > most { Err(too_large(most)) } else { Ok(content) }
}

/// Opens a plain file of at most so many bytes, as [`read_plain`] does.
///
/// # Errors
/// Those of [`open_plain`], and a file that is larger.
pub fn open_within(path: &Path, most: u64) -> Result<File> {
    let file = open_plain(path)?;
    if file.metadata()?.len() > most { Err(too_large(most)) } else { Ok(file) }
}

fn too_large(most: u64) -> Error {
    let reason = format!("it is larger than the {} bytes that such a file may have", grouped(most));
    Error::new(ErrorKind::FileTooLarge, reason)
}

/// Opens a plain file of this process's own to be written to, or makes one. A link in its place is an error too: it could
/// lead to somebody's file, which would be overwritten.
///
/// # Errors
/// Something else in its place, or a disk that does not take it.
pub fn open_own(path: &Path, append: bool) -> Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).append(append).create(true).truncate(false);
    if is_link(path) {
        return Err(Error::new(ErrorKind::InvalidInput, "it is a link"));
    }
    open(path, &mut options)
}

/// Whether it is a link, wherever it leads.
pub(crate) fn is_link(path: &Path) -> bool {
    std::fs::symlink_metadata(path).is_ok_and(|about| about.is_symlink())
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
            assert!(open_own(&path(name), false).is_err() && open_own(&path(name), true).is_err(), "{name}");
        }
        assert!(open_own(&path("file"), true).is_ok() && open_own(&path("new"), false).is_ok());
        assert_eq!(std::fs::read_to_string(path("file")).unwrap(), "kept");
    }

    #[test]
    fn a_file_is_read_up_to_its_bound() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(&file, "four").unwrap();
        assert_eq!(read_plain(file.path(), 4).unwrap(), b"four");
        assert_eq!(read_plain(file.path(), 3).unwrap_err().kind(), ErrorKind::FileTooLarge);
        // Takes no room on the disk, and would take all memory.
        file.as_file().set_len(1 << 42).unwrap();
        let error = read_plain(file.path(), 1 << 20).unwrap_err().to_string();
        assert!(error.contains("larger than the 1,048,576 bytes"), "{error}");
    }
}
