//! What is kept of an update whose numbers were not finite, for whoever looks for the cause.
//!
//! ```text
//! faults/update-1234/report.txt           what happened, as it was printed
//! faults/update-1234/batch.safetensors    what the update was computed from
//! ```

use std::fs;
use std::path::{Path, PathBuf};

use crate::tensors::{self, Elements};
use crate::{RunError, durable};

/// The folder of all of them, made with the first.
pub(crate) const FOLDER: &str = "faults";

/// Writes a report and the tensors that belong to it; one about the same update, left by an earlier attempt, goes.
/// Returns the folder.
pub(crate) fn record(
    run: &Path,
    update: u64,
    report: &str,
    tensors: &[(&str, &[usize], Elements<'_>)],
) -> Result<PathBuf, RunError> {
    let faults = run.join(FOLDER);
    fs::create_dir_all(&faults).map_err(RunError::io("create", &faults))?;
    let folder = faults.join(format!("update-{update}"));
    let partial = durable::partial_folder(&faults)?;
    let write = |name: &str, bytes: &[u8]| {
        durable::replace(&partial.path().join(name), bytes, durable::Survives::PowerLoss)
    };
    write("report.txt", report.as_bytes())?;
    let name = "batch.safetensors";
    write(name, &tensors::encode(&folder.join(name), tensors)?)?;
    if folder.exists() {
        durable::remove(&folder)?;
    }
    durable::publish(partial, &folder)?;
    Ok(folder)
}
