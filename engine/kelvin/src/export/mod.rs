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
use std::time::{SystemTime, UNIX_EPOCH};

/// A format to export to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// `episodes.csv`, `train.csv`, `evaluations.csv`.
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
        console.line(format!("warning: {damage}"));
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
        let start = begun(&dir);
        // TensorBoard takes a file for one of its own by the middle of its name.
        let name = format!("events.out.tfevents.{start}.kelvin");
        let said = format!("tensorboard --logdir {}", out.display());
        save(out, &name, &event_file(&history, start as f64), console, &said)?;
    }
    Ok(())
}

/// When the run was begun, or last taken up, seconds since 1970: records have no calendar.
fn begun(dir: &RunDir) -> u64 {
    let written = fs::metadata(dir.path().join("config.toml")).and_then(|about| about.modified());
    let since = written.unwrap_or(SystemTime::UNIX_EPOCH).duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_secs())
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
