//! What this machine says of the processes that run on it.

use std::collections::BTreeSet;
use std::fs::{self, Metadata};
use std::path::Path;

use kelvin_run::Status;

/// What is known of this machine's processes at one moment. On systems other than Linux: nothing.
#[derive(Debug, Default)]
pub(super) struct Machine {
    host: Option<String>,
    /// Device and inode of files that somebody has a lock on.
    locks: BTreeSet<(u64, u64, u64)>,
}

impl Machine {
    /// Looks around.
    pub fn look() -> Self {
        let host = fs::read_to_string("/proc/sys/kernel/hostname").ok().map(|name| name.trim().to_owned());
        Self {
            host,
            locks: fs::read_to_string("/proc/locks").map_or_else(|_| BTreeSet::new(), |text| locks(&text)),
        }
    }

    /// Whether the process that wrote `status` was one of this machine and is no more.
    pub fn is_gone(&self, status: &Status) -> bool {
        self.host.as_deref() == Some(&*status.host)
            && !Path::new("/proc").join(status.pid.to_string()).exists()
    }

    /// Whether a process of this machine has a lock on the file. The lock is not tried: that would keep a run that is
    /// about to start out of its folder.
    pub fn is_locked(&self, path: &Path) -> bool {
        !self.locks.is_empty() && fs::metadata(path).is_ok_and(|about| self.locks.contains(&number(&about)))
    }
}

/// The lines of `/proc/locks`: `1: FLOCK ADVISORY WRITE 1234 fe:01:5678 0 EOF`, with the device in hexadecimal.
fn locks(text: &str) -> BTreeSet<(u64, u64, u64)> {
    let file = |line: &str| {
        let mut parts = line.split_whitespace().nth(5)?.split(':');
        let mut hexadecimal = || u64::from_str_radix(parts.next()?, 16).ok();
        let (major, minor) = (hexadecimal()?, hexadecimal()?);
        Some((major, minor, parts.next()?.parse().ok()?))
    };
    text.lines().filter_map(file).collect()
}

#[cfg(target_os = "linux")]
fn number(about: &Metadata) -> (u64, u64, u64) {
    use std::os::unix::fs::MetadataExt as _;
    // As `makedev` of the C library packs them.
    let device = about.dev();
    let major = device >> 8 & 0xfff | device >> 32 & !0xfff;
    let minor = device & 0xff | device >> 12 & !0xff;
    (major, minor, about.ino())
}

#[cfg(not(target_os = "linux"))]
fn number(_: &Metadata) -> (u64, u64, u64) {
    (0, 0, 0)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn a_lock_is_seen_without_taking_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        let file = fs::File::create(&path).unwrap();
        assert!(!Machine::look().is_locked(&path));
        file.lock().unwrap();
        assert!(Machine::look().is_locked(&path));
        drop(file);
        assert!(!Machine::look().is_locked(&path));
        assert_eq!(
            locks("1: FLOCK  ADVISORY  WRITE 12 fe:01:5678 0 EOF\n2: -> ?\n"),
            [(254, 1, 5678)].into()
        );
    }
}
