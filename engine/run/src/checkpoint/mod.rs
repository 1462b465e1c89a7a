//! Checkpoints: everything a run needs to go on, whole or not at all.
//!
//! ```text
//! checkpoints/000000250000/manifest.json        every file's size and blake3 hash: what makes the rest trustworthy
//! checkpoints/000000250000/model.safetensors
//! checkpoints/000000250000/state.json …
//! checkpoints/segments/0000-000000004096.zst …   what several of them share
//! ```
//!
//! A checkpoint is written into a folder of another name, flushed, and renamed: under its own name it is complete. On
//! reading, every byte is checked against the manifest before any of it is used, because a disk, a copy or a person
//! may have changed it since; a damaged checkpoint is passed over for the one before it, and said so.

mod borrowed;
mod manifest;
mod read;
mod segments;
mod write;

use std::fs;
use std::path::{Path, PathBuf};

pub use borrowed::Borrowed;
pub(crate) use borrowed::open as open_borrowed;
pub(crate) use read::latest;
pub use read::{Checkpoint, Damage, Latest, Tensor};
pub use segments::Segments;
pub use write::{CheckpointFile, CheckpointWriter};

use crate::{RunError, durable};

/// The folder of the checkpoint made after `update` updates. Padded, so that names sort as numbers do.
fn folder(checkpoints: &Path, update: u64) -> PathBuf {
    checkpoints.join(format!("{update:012}"))
}

/// Puts back what a process left aside that was killed between taking a checkpoint out of the way and putting another of
/// the same update in its place. Comes before what is unfinished is cleared away.
pub(crate) fn put_back(checkpoints: &Path) -> Result<(), RunError> {
    for entry in fs::read_dir(checkpoints).map_err(RunError::io("list", checkpoints))? {
        let entry = entry.map_err(RunError::io("list", checkpoints))?;
        // Not what a stranger's link leads to.
        let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
        if !is_folder || !durable::is_partial(&entry.file_name()) {
            continue;
        }
        for update in updates(&entry.path())? {
            let (aside, target) = (folder(&entry.path(), update), folder(checkpoints, update));
            if !target.exists() {
                fs::rename(&aside, &target).map_err(RunError::io("rename", &aside))?;
            }
        }
    }
    Ok(())
}

/// The updates of all checkpoints, damaged or not, ascending. What is not named by a number is none.
pub(crate) fn updates(checkpoints: &Path) -> Result<Vec<u64>, RunError> {
    let mut found = Vec::new();
    for entry in fs::read_dir(checkpoints).map_err(RunError::io("list", checkpoints))? {
        let name = entry.map_err(RunError::io("list", checkpoints))?.file_name();
        let update = name.to_str().and_then(|name| name.parse().ok());
        // The name must be the one this crate gives, or two folders could claim one update.
        found.extend(update.filter(|&update| folder(checkpoints, update).ends_with(&name)));
    }
    found.sort_unstable();
    Ok(found)
}
