//! Reading small files again and again, at the price of a look where nothing changed.

use std::fs::Metadata;
use std::io::{self, ErrorKind, Read as _, Seek as _, SeekFrom};
use std::path::Path;
use std::time::SystemTime;

use kelvin_run::open_plain;
use serde::de::DeserializeOwned;

/// What of a file changes whenever it is written. Files that are replaced within one tick of the filesystem's clock
/// differ in their inode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    pub len: u64,
    pub modified: Option<SystemTime>,
    inode: u64,
}

impl Stamp {
    pub fn of(about: &Metadata) -> Self {
        #[cfg(unix)]
        let inode = std::os::unix::fs::MetadataExt::ino(about);
        #[cfg(not(unix))]
        let inode = 0;
        Self { len: about.len(), modified: about.modified().ok(), inode }
    }
}

/// What came of a look at a file.
#[derive(Debug, PartialEq)]
pub(super) enum Look {
    /// It is as it was.
    Same,
    /// There is no such file.
    Missing,
    /// Its content now.
    New(Vec<u8>),
}

/// The content of a file if it is another than at `stamp`, which is kept up to date. Of one larger than `limit` bytes, the
/// whole lines among its last `limit`.
///
/// The file is opened even to find it unchanged: network filesystems ask their server only then.
pub(super) fn look(path: &Path, stamp: &mut Option<Stamp>, limit: u64) -> io::Result<Look> {
    let mut file = match open_plain(path) {
        Ok(file) => file,
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            *stamp = None;
            return Ok(Look::Missing);
        }
        Err(error) => return Err(error),
    };
    let now = Stamp::of(&file.metadata()?);
    if *stamp == Some(now) {
        return Ok(Look::Same);
    }
    let cut = now.len > limit;
    if cut {
        file.seek(SeekFrom::Start(now.len - limit))?;
    }
    let mut bytes = Vec::with_capacity(now.len.min(limit) as usize);
    file.take(limit).read_to_end(&mut bytes)?;
    if cut {
        let first = memchr::memchr(b'\n', &bytes).map_or(bytes.len(), |end| end + 1);
        bytes.drain(..first);
    }
    // Only now: what could not be read is tried again.
    *stamp = Some(now);
    Ok(Look::New(bytes))
}

/// The stamp of a file or folder; nothing where there is none.
pub(super) fn stamp(path: &Path) -> io::Result<Option<Stamp>> {
    // Opened, as in `look`; not every system opens folders.
    let about = match open_plain(path) {
        Ok(file) => file.metadata(),
        Err(error) if error.kind() == ErrorKind::NotFound => Err(error),
        Err(_) => path.metadata(),
    };
    match about {
        Ok(about) => Ok(Some(Stamp::of(&about))),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(None),
        Err(error) => Err(error),
    }
}

/// What `wanted` finds in the last whole line that has it.
pub(super) fn last<T: DeserializeOwned, U>(bytes: &[u8], wanted: impl Fn(T) -> Option<U>) -> Option<U> {
    whole_lines(bytes).rev().find_map(|line| wanted(serde_json::from_slice(line).ok()?))
}

/// The lines that have an end.
pub(super) fn whole_lines(bytes: &[u8]) -> impl DoubleEndedIterator<Item = &[u8]> {
    let end = memchr::memrchr(b'\n', bytes).unwrap_or(0);
    bytes[..end].split(|&byte| byte == b'\n').filter(|line| !line.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[cfg(unix)]
    #[test]
    fn a_pipe_keeps_nobody_waiting() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("status.json");
        assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
        assert!(look(&path, &mut None, 10).is_err());
        assert!(stamp(&path).unwrap().is_some());
    }

    #[test]
    fn a_file_is_read_once_and_again_when_it_changed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let mut stamp = None;
        assert_eq!(look(&path, &mut stamp, 100).unwrap(), Look::Missing);
        assert_eq!(look(&path.join("below"), &mut stamp, 100).unwrap(), Look::Missing);
        fs::write(&path, "one").unwrap();
        assert_eq!(look(&path, &mut stamp, 100).unwrap(), Look::New(b"one".to_vec()));
        assert_eq!(look(&path, &mut stamp, 100).unwrap(), Look::Same);
        fs::write(&path, "three").unwrap();
        assert_eq!(look(&path, &mut stamp, 100).unwrap(), Look::New(b"three".to_vec()));
        fs::remove_file(&path).unwrap();
        assert_eq!(look(&path, &mut stamp, 100).unwrap(), Look::Missing);
        fs::write(&path, "three").unwrap();
        assert_eq!(look(&path, &mut stamp, 100).unwrap(), Look::New(b"three".to_vec()));
    }

    #[test]
    fn of_a_large_file_the_last_lines_are_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        fs::write(&path, "first\nsecond\nthird\nto").unwrap();
        let Look::New(bytes) = look(&path, &mut None, 14).unwrap() else { panic!("it is new") };
        assert_eq!(whole_lines(&bytes).collect::<Vec<_>>(), [b"third"]);
        let Look::New(bytes) = look(&path, &mut None, 100).unwrap() else { panic!("it is new") };
        assert_eq!(whole_lines(&bytes).collect::<Vec<_>>(), [&b"first"[..], b"second", b"third"]);
        assert_eq!(whole_lines(b"torn").count(), 0);
    }
}
