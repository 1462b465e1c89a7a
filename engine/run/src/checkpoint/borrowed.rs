//! What a run began with of other runs, so that its own directory is enough to begin once more: they go on, and remove
//! the checkpoints that they have left behind.
//!
//! ```text
//! origin/000000250000/…      the checkpoint that a fork started from, with origin/segments/
//! reference/000000250000/…   the network of `--reference`
//! ```

use std::fs;
use std::path::Path;

use super::{Checkpoint, folder, segments, updates};
use crate::{RunError, durable};

/// A checkpoint of another run that a run began with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Borrowed {
    /// What a fork started from.
    Origin,
    /// The network that a policy is held near.
    Reference,
}

impl Borrowed {
    pub(crate) const FOLDERS: [&str; 2] = ["origin", "reference"];

    pub(crate) fn folder(self) -> &'static str {
        Self::FOLDERS[self as usize]
    }
}

impl Checkpoint {
    /// Keeps the named files of it, or all and the segments, in a new folder of checkpoints.
    pub(crate) fn keep(&self, checkpoints: &Path, files: Option<&[&str]>) -> Result<(), RunError> {
        let mut manifest = self.manifest.clone();
        if let Some(files) = files {
            manifest.files.retain(|name, _| files.contains(&name.as_str()));
            manifest.segments.clear();
        }
        let create = |folder: &Path| fs::create_dir(folder).map_err(RunError::io("create", folder));
        create(checkpoints)?;
        if !manifest.segments.is_empty() {
            let shared = segments::folder(checkpoints);
            create(&shared)?;
            for name in manifest.segments.keys() {
                durable::link_or_copy(&self.segment_path(name), &shared.join(name))?;
            }
            durable::sync_folder(&shared)?;
        }
        let partial = durable::partial_folder(checkpoints)?;
        for name in manifest.files.keys() {
            durable::link_or_copy(&self.path().join(name), &partial.path().join(name))?;
        }
        manifest.write(partial.path())?;
        durable::publish(partial, &folder(checkpoints, manifest.update))
    }
}

/// The checkpoint of `update`, or the only one, that is kept in `checkpoints`, sound byte for byte.
pub(crate) fn open(checkpoints: &Path, update: Option<u64>) -> Result<Checkpoint, RunError> {
    let update = match update {
        Some(update) => update,
        None => updates(checkpoints)?
            .pop()
            .ok_or_else(|| RunError::damaged(checkpoints, "there is no checkpoint in it"))?,
    };
    Checkpoint::open(checkpoints, update, |_| true)
}
