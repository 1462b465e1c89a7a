//! The list of a checkpoint's files with their sizes and hashes, and the checking of files against it.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::plain::{open_plain, read_plain};
use crate::{RunError, durable, name};

/// The manifest's own name; no file of a checkpoint may have it.
pub(super) const MANIFEST: &str = "manifest.json";

/// The layout this crate writes. A reader of another one says so instead of guessing.
const VERSION: u32 = 1;

/// Bytes of a manifest at most: those of the largest memories list some thousand segments.
const MAX_BYTES: u64 = 64 << 20;
/// Bytes of a file of a checkpoint at most: the largest networks take a hundredth. One may claim any size, and take a day
/// to be hashed.
pub(super) const MAX_FILE: u64 = 64 << 30;

/// Read and write in pieces of this size: large enough to hide the system calls behind the hashing.
pub(super) const BLOCK: usize = 1 << 20;

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Manifest {
    version: u32,
    pub(super) update: u64,
    pub(super) files: BTreeMap<String, Entry>,
    /// What it needs of the [segments](super::segments), which other checkpoints may list as well.
    #[serde(default)]
    pub(super) segments: BTreeMap<String, Entry>,
}

/// What a file must be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Entry {
    pub(super) bytes: u64,
    /// In hexadecimal.
    pub(super) blake3: String,
}

impl Manifest {
    pub(super) fn new(update: u64) -> Self {
        Self { version: VERSION, update, files: BTreeMap::new(), segments: BTreeMap::new() }
    }

    /// Reads and checks the manifest in `folder`, not the files it lists.
    pub(super) fn read(folder: &Path, update: u64) -> Result<Self, RunError> {
        let path = folder.join(MANIFEST);
        let text = read_plain(&path, MAX_BYTES).map_err(RunError::io("read", &path))?;
        let manifest: Self =
            serde_json::from_slice(&text).map_err(|error| RunError::damaged(&path, error))?;
        if manifest.version != VERSION {
            let version = manifest.version;
            let reason = format!("it has layout {version}, this program reads layout {VERSION}");
            let hint = Some("continue this run with the version of kelvin that made it".to_string());
            return Err(RunError::Damaged { path, reason, hint });
        }
        if manifest.update != update {
            let claims = manifest.update;
            return Err(RunError::damaged(
                &path,
                format_args!("it speaks of update {claims}, its folder of {update}"),
            ));
        }
        manifest.files.keys().chain(manifest.segments.keys()).try_for_each(|file| name::check(file))?;
        Ok(manifest)
    }

    /// Writes it into `folder`, for good.
    pub(super) fn write(&self, folder: &Path) -> Result<(), RunError> {
        let path = folder.join(MANIFEST);
        let text = serde_json::to_vec_pretty(self).map_err(|error| RunError::encode(&path, error))?;
        durable::replace(&path, &text, durable::Survives::PowerLoss)
    }

    /// Checks every listed file that is wanted, and the sizes of the others in its folder. A wrong size is found without
    /// reading a byte.
    pub(super) fn verify(
        &self,
        folder: &Path,
        segments: &Path,
        wanted: impl Fn(&str) -> bool,
    ) -> Result<(), RunError> {
        let files = || self.files.iter().map(|(name, entry)| (folder, name, entry));
        let shared = self.segments.iter().map(|(name, entry)| (segments, name, entry));
        let shared = || shared.clone().filter(|(_, name, _)| wanted(name));
        for (folder, name, entry) in files().chain(shared()) {
            let path = folder.join(name);
            let bytes = fs::metadata(&path).map_err(RunError::io("read", &path))?.len();
            if bytes > MAX_FILE {
                return Err(RunError::damaged(&path, "it is far too large for a file of a checkpoint"));
            }
            if bytes != entry.bytes {
                let reason = format!("it has {bytes} bytes, its manifest says {}", entry.bytes);
                return Err(RunError::damaged(&path, reason));
            }
        }
        let mut block = vec![0; BLOCK];
        for (folder, name, entry) in files().filter(|(_, name, _)| wanted(name)).chain(shared()) {
            let path = folder.join(name);
            if hash(&path, &mut block).map_err(RunError::io("read", &path))? != entry.blake3 {
                return Err(RunError::damaged(&path, "its content does not match the hash in its manifest"));
            }
        }
        Ok(())
    }

    /// The path of a listed file.
    pub(super) fn path(&self, folder: &Path, name: &str) -> Result<PathBuf, RunError> {
        let path = folder.join(name);
        if self.files.contains_key(name) {
            Ok(path)
        } else {
            Err(RunError::damaged(&path, "this checkpoint has no such file"))
        }
    }
}

fn hash(path: &Path, block: &mut [u8]) -> io::Result<String> {
    let mut file = open_plain(path)?;
    let mut hasher = blake3::Hasher::new();
    loop {
        match file.read(block) {
            Ok(0) => return Ok(hasher.finalize().to_hex().to_string()),
            Ok(count) => hasher.update(&block[..count]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
    }
}
