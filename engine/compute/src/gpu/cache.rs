//! Files that only save time: `$XDG_CACHE_HOME/kelvin`, else `$HOME/.cache/kelvin`. One that cannot be read is as if it
//! were not there, and one that cannot be written is not.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

/// The folder, if either variable is set.
pub(super) fn folder() -> Option<PathBuf> {
    let absolute = |name| env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let cache = absolute("XDG_CACHE_HOME").or_else(|| absolute("HOME").map(|home| home.join(".cache")))?;
    Some(cache.join("kelvin"))
}

/// Replaces a file in one step, so that another program reads the old content or the new.
pub(super) fn replace(path: &Path, bytes: &[u8]) {
    let attempt = || -> io::Result<()> {
        let folder = path.parent().ok_or(io::ErrorKind::NotFound)?;
        fs::create_dir_all(folder)?;
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        file.write_all(bytes)?;
        file.persist(path)?;
        Ok(())
    };
    // The next program does the work once more.
    let _ = attempt();
}

/// The part of a file's name that tells an adapter from others, and its drivers from each other.
pub(super) fn name_of(adapter: &str, driver: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    let words: String = [adapter, driver].join(" ").chars().map(plain).collect();
    words.split('-').filter(|word| !word.is_empty()).collect::<Vec<_>>().join("-").chars().take(120).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_and_a_folder_that_cannot_be_written_is_no_error() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new").join("file");
        replace(&path, b"one");
        replace(&path, b"two");
        assert_eq!(fs::read(&path).unwrap(), b"two");
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
        replace(&path.join("a file is no folder"), b"three");
        assert_eq!(fs::read(&path).unwrap(), b"two");
    }

    #[test]
    fn names_are_plain() {
        assert_eq!(name_of("NVIDIA H200", "NVIDIA 570.86/15"), "nvidia-h200-nvidia-570-86-15");
        assert!(name_of(&"x".repeat(500), "").len() <= 120);
    }
}
