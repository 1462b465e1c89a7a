//! Files that several checkpoints share: what is large and only grows is written once, and each checkpoint lists what it
//! needs of it.
//!
//! ```text
//! checkpoints/segments/0000-000000004096.zst
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use super::manifest::{Entry, Manifest};
use super::updates;
use crate::plain::is_link;
use crate::{RunError, durable, name};

/// The folder, beside those of the checkpoints.
const FOLDER: &str = "segments";

/// The segments of a run, for the one process that writes them.
///
/// A segment is written once and never changed. It is flushed to the disk when the first checkpoint that lists it is
/// committed, and removed when no checkpoint lists it and its writer wants it no longer.
#[derive(Debug)]
pub struct Segments {
    checkpoints: PathBuf,
    /// What there is and its writer still wants.
    wanted: BTreeMap<String, Segment>,
    /// What checkpoints list; unknown, so that nothing is removed, while there is a damaged one.
    listed: Option<BTreeSet<String>>,
}

/// What was written of a segment.
#[derive(Debug)]
struct Segment {
    entry: Entry,
    /// Whether it survives a loss of power.
    flushed: bool,
}

/// Where the segments of the checkpoints in a folder are.
pub(super) fn folder(checkpoints: &Path) -> PathBuf {
    checkpoints.join(FOLDER)
}

impl Segments {
    /// The segments of a run that goes on from a checkpoint of its own, of which `listed` are its segments; of a new run
    /// without. Removes what no checkpoint needs.
    pub(crate) fn open(checkpoints: &Path, listed: &BTreeMap<String, Entry>) -> Result<Self, RunError> {
        let folder = folder(checkpoints);
        if is_link(&folder) {
            // What no checkpoint lists is removed there.
            return Err(RunError::damaged(&folder, "it is a link, and a run's folders are its own"));
        }
        fs::create_dir_all(&folder).map_err(RunError::io("create", &folder))?;
        durable::sweep(&folder)?;
        let there = |entry: &Entry| Segment { entry: entry.clone(), flushed: true };
        let wanted = listed.iter().map(|(name, entry)| (name.clone(), there(entry))).collect();
        let mut segments = Self { checkpoints: checkpoints.to_path_buf(), wanted, listed: None };
        segments.clean()?;
        Ok(segments)
    }

    /// Takes over the segments of another run's checkpoint.
    pub(crate) fn adopt(&mut self, from: &Path, listed: &BTreeMap<String, Entry>) -> Result<(), RunError> {
        for (name, entry) in listed {
            durable::link_or_copy(&folder(from).join(name), &folder(&self.checkpoints).join(name))?;
            self.wanted.insert(name.clone(), Segment { entry: entry.clone(), flushed: false });
        }
        Ok(())
    }

    /// Names of those there are and that are wanted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.wanted.keys().map(String::as_str)
    }

    /// Writes a segment.
    ///
    /// # Errors
    /// A name that is refused, or a disk that does not take it.
    pub fn write(&mut self, name: &str, bytes: &[u8]) -> Result<(), RunError> {
        name::check(name)?;
        let path = folder(&self.checkpoints).join(name);
        durable::replace(&path, bytes, durable::Survives::Crash)?;
        let entry = Entry { bytes: bytes.len() as u64, blake3: blake3::hash(bytes).to_hex().to_string() };
        self.wanted.insert(name.to_owned(), Segment { entry, flushed: false });
        Ok(())
    }

    /// Wants those no longer that `is_wanted` does not hold for, and removes them unless a checkpoint lists them.
    ///
    /// # Errors
    /// A file that cannot be removed.
    pub fn retain(&mut self, is_wanted: impl Fn(&str) -> bool) -> Result<(), RunError> {
        let unwanted: Vec<String> = self.names().filter(|name| !is_wanted(name)).map(str::to_owned).collect();
        for name in unwanted {
            self.wanted.remove(&name);
            if self.listed.as_ref().is_some_and(|listed| !listed.contains(&name)) {
                durable::remove(&folder(&self.checkpoints).join(name))?;
            }
        }
        Ok(())
    }

    /// Brings all to the disk, for a checkpoint that lists them.
    pub(super) fn flush(&mut self) -> Result<BTreeMap<String, Entry>, RunError> {
        let folder = folder(&self.checkpoints);
        for (name, segment) in self.wanted.iter_mut().filter(|(_, segment)| !segment.flushed) {
            let path = folder.join(name);
            File::open(&path).and_then(|file| file.sync_all()).map_err(RunError::io("flush", &path))?;
            segment.flushed = true;
        }
        durable::sync_folder(&folder)?;
        Ok(self.wanted.iter().map(|(name, segment)| (name.clone(), segment.entry.clone())).collect())
    }

    /// Looks at which checkpoints there are, as after a commit, and removes what none of them lists and nobody wants.
    ///
    /// # Errors
    /// A folder that cannot be listed, or a file that cannot be removed.
    pub fn clean(&mut self) -> Result<(), RunError> {
        let mut listed = BTreeSet::new();
        self.listed = None;
        for update in updates(&self.checkpoints)? {
            match Manifest::read(&super::folder(&self.checkpoints, update), update) {
                Ok(manifest) => listed.extend(manifest.segments.into_keys()),
                Err(_) => return Ok(()),
            }
        }
        let folder = folder(&self.checkpoints);
        for entry in fs::read_dir(&folder).map_err(RunError::io("list", &folder))? {
            let name = entry.map_err(RunError::io("list", &folder))?.file_name();
            let known = |name: &str| self.wanted.contains_key(name) || listed.contains(name);
            if !name.to_str().is_some_and(known) {
                durable::remove(&folder.join(name))?;
            }
        }
        self.listed = Some(listed);
        Ok(())
    }
}
