//! Writing a checkpoint.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::manifest::{BLOCK, Entry, MANIFEST, Manifest};
use super::segments::Segments;
use super::{folder, updates};
use crate::tensors::{self, Elements};
use crate::{RunError, durable, name};

/// A checkpoint in the making. Nothing of it can be seen until [`commit`](Self::commit); dropped, it never was.
#[derive(Debug)]
pub struct CheckpointWriter {
    checkpoints: PathBuf,
    partial: tempfile::TempDir,
    manifest: Manifest,
    /// A file that was begun and not finished: a checkpoint with it would be a lie.
    unfinished: Option<PathBuf>,
}

impl CheckpointWriter {
    pub(crate) fn begin(checkpoints: &Path, update: u64) -> Result<Self, RunError> {
        Ok(Self {
            checkpoints: checkpoints.to_path_buf(),
            partial: durable::partial_folder(checkpoints)?,
            manifest: Manifest::new(update),
            unfinished: None,
        })
    }

    /// Writes named f32 tensors, each with its shape and row-major data, as one safetensors file. Readers get them
    /// back sorted by name.
    ///
    /// # Errors
    /// Two tensors of one name, data that does not fill its shape, or a disk that does not take the file.
    pub fn tensors(&mut self, name: &str, tensors: &[(&str, &[usize], &[f32])]) -> Result<(), RunError> {
        let path = self.partial.path().join(name);
        let tensors: Vec<_> =
            tensors.iter().map(|(tensor, shape, data)| (*tensor, *shape, Elements::F32(data))).collect();
        let encoded = tensors::encode(&path, &tensors)?;
        self.bytes(name, &encoded)
    }

    /// Writes a file of bytes.
    ///
    /// # Errors
    /// A name that is refused or taken, or a disk that does not take the file.
    pub fn bytes(&mut self, name: &str, bytes: &[u8]) -> Result<(), RunError> {
        let mut file = self.stream(name)?;
        file.write_all(bytes).map_err(RunError::io("write", &file.path))?;
        file.finish()
    }

    /// Writes a value as JSON.
    ///
    /// # Errors
    /// As [`bytes`](Self::bytes), and a value that has no JSON form.
    pub fn json(&mut self, name: &str, value: &impl Serialize) -> Result<(), RunError> {
        let text = serde_json::to_vec_pretty(value)
            .map_err(|error| RunError::encode(&self.partial.path().join(name), error))?;
        self.bytes(name, &text)
    }

    /// Begins a file of any size, hashed as it is written, so that a replay of gigabytes is never held twice. It must
    /// be [`finish`](CheckpointFile::finish)ed.
    ///
    /// # Errors
    /// A name that is refused or taken, or a disk that does not take the file.
    pub fn stream(&mut self, name: &str) -> Result<CheckpointFile<'_>, RunError> {
        name::check(name)?;
        // Some filesystems take `A` and `a` for one name.
        let taken = self.manifest.files.keys().any(|other| other.eq_ignore_ascii_case(name));
        if taken || name.eq_ignore_ascii_case(MANIFEST) {
            return Err(RunError::Name {
                name: name.to_string(),
                reason: "the checkpoint has a file of this name",
            });
        }
        let path = self.partial.path().join(name);
        let file = File::create_new(&path).map_err(RunError::io("create", &path))?;
        self.unfinished = Some(path.clone());
        Ok(CheckpointFile {
            file: BufWriter::with_capacity(BLOCK, file),
            hasher: blake3::Hasher::new(),
            bytes: 0,
            name: name.to_string(),
            path,
            writer: self,
        })
    }

    /// Lists all segments that are wanted, once they are on the disk.
    ///
    /// # Errors
    /// A disk that does not take one.
    pub fn list(&mut self, segments: &mut Segments) -> Result<(), RunError> {
        self.manifest.segments = segments.flush()?;
        Ok(())
    }

    /// Makes the checkpoint visible, in one step and for good, then removes all but the newest `keep` of the run
    /// (at least this one). Checkpoints of later updates go too: they belong to a history that the run, resumed from
    /// an earlier state, has left.
    ///
    /// # Errors
    /// A file that was not finished, or a disk that does not take the rest. The checkpoints that were there stay.
    pub fn commit(self, keep: usize) -> Result<(), RunError> {
        if let Some(path) = &self.unfinished {
            return Err(RunError::encode(path, "it was begun and not finished"));
        }
        let update = self.manifest.update;
        self.manifest.write(self.partial.path())?;
        let target = folder(&self.checkpoints, update);
        // The same update once more, after a resume or a stop right behind a regular checkpoint: the old one steps
        // aside by a rename. Who is killed between the two renames leaves it there, and the next puts it back (`put_back`).
        let aside = if target.exists() { Some(durable::partial_folder(&self.checkpoints)?) } else { None };
        if let Some(aside) = &aside {
            fs::rename(&target, folder(aside.path(), update)).map_err(RunError::io("rename", &target))?;
        }
        durable::publish(self.partial, &target)?;
        drop(aside);

        let all = updates(&self.checkpoints)?;
        let kept = all.iter().rev().filter(|&&other| other <= update).take(keep.max(1));
        let kept: Vec<u64> = kept.copied().collect();
        for other in all.iter().filter(|other| !kept.contains(other)) {
            durable::remove(&folder(&self.checkpoints, *other))?;
        }
        Ok(())
    }
}

/// A file of a checkpoint while it is written.
#[derive(Debug)]
pub struct CheckpointFile<'a> {
    writer: &'a mut CheckpointWriter,
    file: BufWriter<File>,
    hasher: blake3::Hasher,
    bytes: u64,
    name: String,
    path: PathBuf,
}

impl CheckpointFile<'_> {
    /// Flushes the file to the disk and enters it in the manifest.
    ///
    /// # Errors
    /// A disk that does not take the rest of it.
    pub fn finish(mut self) -> Result<(), RunError> {
        let flushed = self.file.flush().and_then(|()| self.file.get_ref().sync_all());
        flushed.map_err(RunError::io("write", &self.path))?;
        let entry = Entry { bytes: self.bytes, blake3: self.hasher.finalize().to_hex().to_string() };
        self.writer.manifest.files.insert(self.name, entry);
        self.writer.unfinished = None;
        Ok(())
    }
}

impl Write for CheckpointFile<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.file.write(bytes)?;
        self.hasher.update(&bytes[..count]);
        self.bytes += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}
