//! The directory of one run.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde_json::Value;

use crate::checkpoint::{self, Borrowed, Checkpoint, CheckpointWriter, Latest, Segments};
use crate::durable::{self, Survives};
use crate::history::History;
use crate::lines::{self, JsonLines};
use crate::lock::{self, RunLock};
use crate::objectives::{self, ObjectiveVersion};
use crate::plain::{is_link, read_plain};
use crate::tensors::Elements;
use crate::{RunError, control, faults, seal};

const FOLDERS: [&str; 3] = ["objective", "checkpoints", "live"];
const CONFIG: &str = "config.toml";
/// Bytes of a configuration at most; it has two thousand.
const MAX_CONFIG: u64 = 1 << 20;
const METRICS: &str = "metrics.jsonl";
const TIMING: &str = "timing.jsonl";
const EVENTS: &str = "events.jsonl";
const CONTROL: &str = "control.toml";
const TRACE: &str = "trace.json";
const DONE: &str = "DONE";
/// There from the first moment of a start to its last, the configuration: what lies beside it is that start's.
const STARTING: &str = ".starting";
const STARTED: &str = "a run begins here\n";

/// The directory of one run: where it is, and every way to read and write it.
#[derive(Clone, Debug)]
pub struct RunDir {
    path: PathBuf,
}

impl RunDir {
    /// Makes a new run directory, with the folders on the way to it. It becomes a run when its configuration is
    /// written, which should therefore come last.
    ///
    /// # Errors
    /// A path that is taken, or a disk that does not take it. Then nothing is left behind.
    pub fn create(path: impl Into<PathBuf>) -> Result<Self, RunError> {
        let path = path.into();
        // What a start that was cut off left behind, before it came to its configuration, is no run.
        if path.join(STARTING).is_file() && !path.join(CONFIG).exists() {
            clear_start(&path)?;
        }
        // A path of any kind that is no folder fails in `make_folders`, with the system's reason.
        if fs::read_dir(&path).is_ok_and(|mut entries| entries.any(|entry| !is_leftover(entry))) {
            return Err(RunError::Exists { path });
        }
        let mut made = Vec::new();
        let result = make_folders(&path, &mut made)
            // A disk may take folders and yet no files: quotas, or the last free block. Better known now.
            .and_then(|()| durable::replace(&path.join(STARTING), STARTED.as_bytes(), Survives::PowerLoss))
            .and_then(|()| FOLDERS.iter().try_for_each(|folder| make_folders(&path.join(folder), &mut made)));
        match result {
            Ok(()) => Ok(Self { path }),
            Err(error) => {
                let _ = fs::remove_file(path.join(STARTING));
                for folder in made.iter().rev() {
                    // Empty and ours; if it is no more, then somebody else uses it and it may stay.
                    let _ = fs::remove_dir(folder);
                }
                Err(error)
            }
        }
    }

    /// Opens an existing run.
    ///
    /// # Errors
    /// A path that is no run, or cannot be read.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self, RunError> {
        let path = path.into();
        let config = path.join(CONFIG);
        match fs::metadata(&config) {
            Ok(metadata) if metadata.is_file() => Ok(Self { path }),
            Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => {
                Err(RunError::io("read", &config)(error))
            }
            _ => Err(RunError::NotARun { path }),
        }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Takes the run for this process, and clears away what a killed one left unfinished.
    ///
    /// # Errors
    /// Another process has it.
    pub fn lock(&self) -> Result<RunLock, RunError> {
        for folder in FOLDERS.iter().chain([&faults::FOLDER]).chain(&Borrowed::FOLDERS) {
            // What is written and cleared away there is the run's own, and must not be what a stranger's link leads to.
            let folder = self.path.join(folder);
            if is_link(&folder) {
                return Err(RunError::Damaged {
                    path: folder,
                    reason: "it is a link, and a run's folders are its own".to_owned(),
                    hint: Some("put what it leads to in its place".to_owned()),
                });
            }
        }
        let lock = RunLock::take(&self.path)?;
        durable::sweep(&self.path)?;
        let folders = FOLDERS.map(|folder| self.path.join(folder));
        // A run copied without its empty folders is a run all the same.
        folders
            .iter()
            .try_for_each(|folder| fs::create_dir_all(folder).map_err(RunError::io("create", folder)))?;
        checkpoint::put_back(&self.path.join("checkpoints"))?;
        folders.iter().try_for_each(|folder| durable::sweep(folder))?;
        let faults = self.path.join(faults::FOLDER);
        if faults.is_dir() {
            durable::sweep(&faults)?;
        }
        Ok(lock)
    }

    /// Whether a process trains here now.
    pub fn is_in_use(&self) -> bool {
        RunLock::is_held(&self.path)
    }

    /// Writes the resolved configuration, the whole file in one step, with a checksum in its last line.
    ///
    /// # Errors
    /// A disk that does not take it.
    pub fn write_config(&self, text: &str) -> Result<(), RunError> {
        durable::replace(&self.path.join(CONFIG), seal::close(text).as_bytes(), Survives::PowerLoss)?;
        let starting = self.path.join(STARTING);
        if starting.exists() { durable::remove(&starting) } else { Ok(()) }
    }

    /// The configuration as it was written, less its checksum. A file without one was written by somebody else, and is as
    /// good as it is.
    ///
    /// # Errors
    /// A file that cannot be read, is no text, or does not match its checksum.
    pub fn read_config(&self) -> Result<String, RunError> {
        let path = self.path.join(CONFIG);
        let text = read_plain(&path, MAX_CONFIG).map_err(RunError::io("read", &path))?;
        let text = String::from_utf8(text).map_err(|_| RunError::damaged(&path, "it is not UTF-8 text"))?;
        seal::open(&path, text)
    }

    /// Keeps the sources of the objective that is in force from `update` on. `sources` are (path, text): the script,
    /// then what it imports. The version that is in force at this
    /// update already is not written again.
    ///
    /// # Errors
    /// A disk that does not take it, or no source at all.
    pub fn record_objective(
        &self,
        update: u64,
        hash: &str,
        sources: &[(PathBuf, String)],
    ) -> Result<(), RunError> {
        objectives::record(&self.path, update, hash, sources)
    }

    /// Forgets all but the first `kept` in the list of [`objectives`](Self::objectives): a run that goes on from an
    /// earlier state has left the history of those after them.
    ///
    /// # Errors
    /// An index that cannot be read, cut or is damaged.
    pub fn rewind_objectives(&self, kept: usize) -> Result<(), RunError> {
        objectives::rewind(&self.path, kept)
    }

    /// Every version of the objective that ran, oldest first; the scripts' paths are inside [`path`](Self::path).
    ///
    /// # Errors
    /// An index that cannot be read or is damaged.
    pub fn objectives(&self) -> Result<Vec<ObjectiveVersion>, RunError> {
        objectives::list(&self.path)
    }

    /// Opens the metrics for appending.
    ///
    /// # Errors
    /// A file that cannot be opened.
    pub fn metrics_writer(&self) -> Result<JsonLines, RunError> {
        JsonLines::open(self.path.join(METRICS))
    }

    /// Opens the timing for appending: what the clock says about the same steps, and so differs from run to run.
    ///
    /// # Errors
    /// A file that cannot be opened.
    pub fn timing_writer(&self) -> Result<JsonLines, RunError> {
        JsonLines::open(self.path.join(TIMING))
    }

    /// Opens the events for appending.
    ///
    /// # Errors
    /// A file that cannot be opened.
    pub fn events_writer(&self) -> Result<JsonLines, RunError> {
        JsonLines::open(self.path.join(EVENTS))
    }

    /// All metrics so far. The run may be going on: a record that is half written is not there yet.
    ///
    /// # Errors
    /// A file that cannot be read, or is damaged before its last record.
    pub fn read_metrics(&self) -> Result<Vec<Value>, RunError> {
        lines::read(&self.path.join(METRICS))
    }

    /// All events so far, as [`read_metrics`](Self::read_metrics).
    ///
    /// # Errors
    /// A file that cannot be read, or is damaged before its last record.
    pub fn read_events(&self) -> Result<Vec<Value>, RunError> {
        lines::read(&self.path.join(EVENTS))
    }

    /// All records so far, by kind; lines that are damaged are left out and listed.
    ///
    /// # Errors
    /// A file that is there and cannot be read.
    pub fn history(&self) -> Result<History, RunError> {
        History::read(&self.path, [METRICS, TIMING, EVENTS])
    }

    /// Where a profile of the run goes, if one is asked for.
    pub fn trace_path(&self) -> PathBuf {
        self.path.join(TRACE)
    }

    /// Where somebody outside says what the run should do while it goes on; often there is no such file.
    pub fn control_path(&self) -> PathBuf {
        self.path.join(CONTROL)
    }

    /// What stands in the [control file](Self::control_path); `None` where there is none.
    ///
    /// # Errors
    /// A file that cannot be read, is far too large or is no text.
    pub fn read_control(&self) -> Result<Option<String>, RunError> {
        control::read(&self.control_path())
    }

    /// Replaces what stands in the [control file](Self::control_path).
    ///
    /// # Errors
    /// A disk that does not take it.
    pub fn write_control(&self, text: &str) -> Result<(), RunError> {
        durable::replace(&self.control_path(), text.as_bytes(), Survives::PowerLoss)
    }

    /// Updates that checkpoints are of, oldest first; sound or not.
    ///
    /// # Errors
    /// A folder that cannot be listed.
    pub fn checkpoint_updates(&self) -> Result<Vec<u64>, RunError> {
        checkpoint::updates(&self.path.join("checkpoints"))
    }

    /// Keeps what belongs to an update whose numbers were not finite: a report, and tensors by name, shape and
    /// elements. Returns the folder they are in.
    ///
    /// # Errors
    /// Two tensors of one name, elements that do not fill a shape, or a disk that does not take the files.
    pub fn record_fault(
        &self,
        update: u64,
        report: &str,
        tensors: &[(&str, &[usize], Elements<'_>)],
    ) -> Result<PathBuf, RunError> {
        faults::record(&self.path, update, report, tensors)
    }

    /// Begins the checkpoint of the state after `update` updates.
    ///
    /// # Errors
    /// A disk that does not take it.
    pub fn begin_checkpoint(&self, update: u64) -> Result<CheckpointWriter, RunError> {
        CheckpointWriter::begin(&self.path.join("checkpoints"), update)
    }

    /// The segments that checkpoints share, of a run that begins, or goes on from a checkpoint of its own or of another
    /// run. For the holder of the [lock](Self::lock).
    ///
    /// # Errors
    /// A disk that does not take them.
    pub fn segments(&self, from: Option<&Checkpoint>) -> Result<Segments, RunError> {
        let checkpoints = self.path.join("checkpoints");
        match from {
            Some(checkpoint) => checkpoint.hand_on(&checkpoints),
            None => Segments::open(&checkpoints, &BTreeMap::new()),
        }
    }

    /// Finds the newest checkpoint that is sound, byte for byte; reads them whole to know.
    ///
    /// # Errors
    /// A folder that cannot be listed. Damaged checkpoints are no error: they are listed in the result.
    pub fn latest_checkpoint(&self) -> Result<Latest, RunError> {
        checkpoint::latest(&self.path.join("checkpoints"), |_| true)
    }

    /// As [`latest_checkpoint`](Self::latest_checkpoint), but reads and vouches for the named files only.
    ///
    /// # Errors
    /// As there.
    pub fn latest_checkpoint_with(&self, files: &[&str]) -> Result<Latest, RunError> {
        checkpoint::latest(&self.path.join("checkpoints"), |name| files.contains(&name))
    }

    /// The checkpoint of the state after `update` updates, sound byte for byte.
    ///
    /// # Errors
    /// None of that update (those that there are: [`checkpoint_updates`](Self::checkpoint_updates)), or a damaged one.
    pub fn checkpoint(&self, update: u64) -> Result<Checkpoint, RunError> {
        Checkpoint::open(&self.path.join("checkpoints"), update, |_| true)
    }

    /// Keeps another run's checkpoint, which this run begins with: the named files of it, or all there is. For the holder
    /// of the [lock](Self::lock).
    ///
    /// # Errors
    /// A disk that does not take it.
    pub fn borrow_checkpoint(
        &self,
        what: Borrowed,
        checkpoint: &Checkpoint,
        files: Option<&[&str]>,
    ) -> Result<(), RunError> {
        checkpoint.keep(&self.path.join(what.folder()), files)
    }

    /// What the run began with of another, of this update where it is known, sound byte for byte.
    ///
    /// # Errors
    /// None, or a damaged one.
    pub fn borrowed(&self, what: Borrowed, update: Option<u64>) -> Result<Checkpoint, RunError> {
        checkpoint::open_borrowed(&self.path.join(what.folder()), update)
    }

    /// Marks the run as finished, with a summary for whoever comes to collect results. The last thing a run writes.
    ///
    /// # Errors
    /// A summary that has no JSON form, or a disk that does not take it.
    pub fn mark_done(&self, summary: &impl Serialize) -> Result<(), RunError> {
        let path = self.path.join(DONE);
        let mut text = serde_json::to_vec_pretty(summary).map_err(|error| RunError::encode(&path, error))?;
        text.push(b'\n');
        durable::replace(&path, &text, Survives::PowerLoss)
    }

    /// Whether the run has finished.
    pub fn is_done(&self) -> bool {
        self.path.join(DONE).is_file()
    }

    /// Takes the mark back: a finished run is to go on for longer.
    ///
    /// # Errors
    /// A mark that cannot be removed.
    pub fn clear_done(&self) -> Result<(), RunError> {
        if self.is_done() { durable::remove(&self.path.join(DONE)) } else { Ok(()) }
    }
}

/// Whether an entry of a folder does not keep a run from starting there.
fn is_leftover(entry: std::io::Result<fs::DirEntry>) -> bool {
    entry.is_ok_and(|entry| [STARTING, lock::FILE].iter().any(|name| entry.file_name() == *name))
}

/// Removes what a start that was cut off left in `path`, unless it is still going on.
fn clear_start(path: &Path) -> Result<(), RunError> {
    let _lock = RunLock::take(path)?;
    durable::sweep(path)?;
    let files = [METRICS, TIMING, EVENTS, CONTROL];
    for name in FOLDERS.iter().chain(&Borrowed::FOLDERS).chain(&files) {
        let path = path.join(name);
        if fs::symlink_metadata(&path).is_ok() {
            durable::remove(&path)?;
        }
    }
    Ok(())
}

/// Makes `path` with all the folders above it and adds to `made` those that were not there.
fn make_folders(path: &Path, made: &mut Vec<PathBuf>) -> Result<(), RunError> {
    let mut missing: Vec<&Path> =
        path.ancestors().take_while(|folder| !folder.as_os_str().is_empty() && !folder.is_dir()).collect();
    while let Some(folder) = missing.pop() {
        fs::create_dir(folder).map_err(RunError::io("create", folder))?;
        made.push(folder.to_path_buf());
    }
    Ok(())
}
