//! What a run recorded, learned and plays, in the formats of other programs.
//!
//! Records become tables and event files (`kelvin_report`), weights a safetensors file in PyTorch's layout
//! ([`weights`]), an evaluation's screens a GIF ([`video`]).

mod picture;
pub mod video;
pub mod weights;

use crate::console::{Console, grouped};
use crate::failure::Failure;
use kelvin_report::{event_file, record_tables};
use kelvin_run::{RunDir, write_file};
use std::fs;
use std::path::{Path, PathBuf};

/// TensorBoard takes a file for one of its own by the middle of its name, and reads all of a folder together: there is one
/// name, so that an export takes the place of the one before it.
const EVENTS: &str = "events.out.tfevents.kelvin";

/// A format to export to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// `episodes.csv`, `train.csv`, `evaluations.csv`, `evaluation_returns.csv`.
    Csv,
    /// The same as Parquet.
    Parquet,
    /// An event file.
    TensorBoard,
}

/// Writes the records of a run into a folder.
///
/// # Errors
/// A run that cannot be read, or a disk that does not take the files.
pub fn records(run: &Path, formats: &[Format], out: &Path, console: &Console) -> Result<(), Failure> {
    let dir = RunDir::open(run)?;
    let history = dir.history()?;
    for damage in &history.damage {
        console.warn(damage);
    }
    for (name, table) in record_tables(&history) {
        let rows = grouped(table.rows() as u64);
        if formats.contains(&Format::Csv) {
            save(out, &format!("{name}.csv"), &table.csv()?, console, &format!("{rows} rows"))?;
        }
        if formats.contains(&Format::Parquet) {
            save(out, &format!("{name}.parquet"), &table.parquet()?, console, &format!("{rows} rows"))?;
        }
    }
    if formats.contains(&Format::TensorBoard) {
        // Without a calendar time is counted from 1970 on.
        let start = history.begun().unwrap_or(0.0);
        let said = format!("tensorboard --logdir {}", out.display());
        save(out, EVENTS, &event_file(&history, start), console, &said)?;
    }
    Ok(())
}

/// Writes a file and says so.
fn save(out: &Path, name: &str, bytes: &[u8], console: &Console, said: &str) -> Result<PathBuf, Failure> {
    let path = out.join(name);
    let failed = |error| Failure::failed(format!("cannot create {}: {error}", out.display()));
    fs::create_dir_all(out).map_err(failed)?;
    write_file(&path, bytes)?;
    console.line(format!("{}: {said}", path.display()));
    Ok(path)
}
