//! Finding the newest sound checkpoint and reading it.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use safetensors::SafeTensors;
use safetensors::tensor::Dtype;
use serde::de::DeserializeOwned;

use super::manifest::{BLOCK, MAX_FILE, Manifest};
use super::segments::{self, Segments};
use super::{folder, updates};
use crate::plain::{open_plain, read_plain};
use crate::{RunError, durable};

/// The newest sound checkpoint, and what was passed over to reach it.
#[derive(Debug)]
pub struct Latest {
    /// None if the run has no sound checkpoint.
    pub checkpoint: Option<Checkpoint>,
    /// The damaged ones, newest first: for the user to read before the run goes on from an older state.
    pub damaged: Vec<Damage>,
}

/// A checkpoint that was passed over.
#[derive(Debug)]
pub struct Damage {
    /// Of which update it is.
    pub update: u64,
    /// The first thing found wrong, with the file it was found in.
    pub error: RunError,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the checkpoint of update {} is passed over: {}", self.update, self.error)
    }
}

/// A checkpoint whose every byte has been checked against its manifest.
#[derive(Debug)]
pub struct Checkpoint {
    folder: PathBuf,
    pub(super) manifest: Manifest,
}

/// Name, shape and row-major data of a tensor.
pub type Tensor = (String, Vec<usize>, Vec<f32>);

pub fn latest(checkpoints: &Path, wanted: impl Fn(&str) -> bool) -> Result<Latest, RunError> {
    let mut damaged = Vec::new();
    for update in updates(checkpoints)?.into_iter().rev() {
        match Checkpoint::open(checkpoints, update, &wanted) {
            Ok(checkpoint) => return Ok(Latest { checkpoint: Some(checkpoint), damaged }),
            Err(error) => damaged.push(Damage { update, error }),
        }
    }
    Ok(Latest { checkpoint: None, damaged })
}

impl Checkpoint {
    pub(crate) fn open(
        checkpoints: &Path,
        update: u64,
        wanted: impl Fn(&str) -> bool,
    ) -> Result<Self, RunError> {
        let folder = folder(checkpoints, update);
        let manifest = Manifest::read(&folder, update)?;
        manifest.verify(&folder, &segments::folder(checkpoints), wanted)?;
        Ok(Self { folder, manifest })
    }

    /// How many updates had been made.
    pub fn update(&self) -> u64 {
        self.manifest.update
    }

    /// Its folder.
    pub fn path(&self) -> &Path {
        &self.folder
    }

    /// Names of the segments that it lists, sorted.
    pub fn segments(&self) -> impl Iterator<Item = &str> {
        self.manifest.segments.keys().map(String::as_str)
    }

    /// Where a segment that it lists is.
    pub fn segment_path(&self, name: &str) -> PathBuf {
        segments::folder(self.checkpoints()).join(name)
    }

    /// The bytes of a segment that it lists.
    ///
    /// # Errors
    /// A segment that is not listed or cannot be read.
    pub fn segment(&self, name: &str) -> Result<Vec<u8>, RunError> {
        let path = self.segment_path(name);
        if !self.manifest.segments.contains_key(name) {
            return Err(RunError::damaged(&path, "this checkpoint lists no such segment"));
        }
        read_plain(&path, MAX_FILE).map_err(RunError::io("read", &path))
    }

    /// The segments of the run at `checkpoints`, with those that this checkpoint lists, be it one of that run or not.
    pub(crate) fn hand_on(&self, checkpoints: &Path) -> Result<Segments, RunError> {
        if self.checkpoints() == checkpoints {
            return Segments::open(checkpoints, &self.manifest.segments);
        }
        let mut segments = Segments::open(checkpoints, &BTreeMap::new())?;
        segments.adopt(self.checkpoints(), &self.manifest.segments)?;
        Ok(segments)
    }

    fn checkpoints(&self) -> &Path {
        durable::parent(&self.folder)
    }

    /// Whether it has a file of this name.
    pub fn contains(&self, name: &str) -> bool {
        self.manifest.files.contains_key(name)
    }

    /// The tensors of a safetensors file, sorted by name: name, shape, row-major data.
    ///
    /// # Errors
    /// A file that is not there, is no safetensors file or holds another number type than f32.
    pub fn tensors(&self, name: &str) -> Result<Vec<Tensor>, RunError> {
        let path = self.manifest.path(&self.folder, name)?;
        let bytes = self.bytes(name)?;
        let file = SafeTensors::deserialize(&bytes).map_err(|error| RunError::damaged(&path, error))?;
        let mut tensors = Vec::new();
        for (tensor, view) in file.iter() {
            if view.dtype() != Dtype::F32 {
                let reason = format!("tensor {tensor} holds {:?}, not F32", view.dtype());
                return Err(RunError::damaged(&path, reason));
            }
            let values =
                view.data().as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
            tensors.push((tensor.to_string(), view.shape().to_vec(), values));
        }
        tensors.sort_by(|a, b| a.0.cmp(&b.0));
        Ok(tensors)
    }

    /// A file's bytes.
    ///
    /// # Errors
    /// A file that is not there or cannot be read.
    pub fn bytes(&self, name: &str) -> Result<Vec<u8>, RunError> {
        let path = self.manifest.path(&self.folder, name)?;
        read_plain(&path, MAX_FILE).map_err(RunError::io("read", &path))
    }

    /// A value from a JSON file.
    ///
    /// # Errors
    /// A file that is not there or does not hold such a value.
    pub fn json<T: DeserializeOwned>(&self, name: &str) -> Result<T, RunError> {
        let path = self.manifest.path(&self.folder, name)?;
        serde_json::from_slice(&self.bytes(name)?).map_err(|error| RunError::damaged(&path, error))
    }

    /// A file to read in pieces: for what is too large to hold twice.
    ///
    /// # Errors
    /// A file that is not there or cannot be opened.
    pub fn open_file(&self, name: &str) -> Result<BufReader<File>, RunError> {
        let path = self.manifest.path(&self.folder, name)?;
        let file = open_plain(&path).map_err(RunError::io("open", &path))?;
        Ok(BufReader::with_capacity(BLOCK, file))
    }
}
