//! From run directories to tables and figures: what a paper, or a colleague, is shown.
//!
//! What flows in is a folder with runs in it, those of a batch or any others; what flows out are a page (`report.html`,
//! one file, and `report.md` with its figures), every point (`points.csv`, `points.parquet`) and the commands that would
//! do all of it again. The one idea: **the report says what it left out.** Runs that did not come to their end are listed
//! with how far they came, windows and numbers of episodes stand beside the scores that they make, and what was trained
//! on is never mixed with what was evaluated ([`Source`]).
//!
//! ```text
//! folder → study (which runs, what belongs together) → analysis (curves, scores, statistics) → page → files
//! ```
//!
//! Beside reports there are the records of one run for other programs: [`record_tables`], [`event_file`].
#![forbid(unsafe_code)]

mod analysis;
mod commands;
mod curves;
mod error;
mod html;
mod markdown;
mod naming;
mod page;
mod points;
mod records;
mod run;
mod same;
mod scores;
mod sections;
mod study;
mod table;
mod tensorboard;

pub use analysis::{Analysis, Comparison, Game, SourceAnalysis, Variant};
pub use curves::{Axis, Source};
pub use error::ReportError;
pub use records::record_tables;
pub use run::{Run, State};
pub use study::Study;
pub use table::{Column, Table};
pub use tensorboard::event_file;

use kelvin_run::write_file;
use std::fs;
use std::path::{Path, PathBuf};

/// What to make of the runs.
#[derive(Clone, Debug)]
pub struct Options {
    /// Episodes of training that a return is averaged over; that of the plan, or 100, if not given.
    pub window: Option<usize>,
    /// The horizontal axis of curves.
    pub axis: Axis,
    /// Points of the drawn curves that are averaged; 1 leaves them as they are.
    pub smooth: usize,
    /// Two variants to compare; every pair if not given.
    pub compare: Option<(String, String)>,
    /// Whether scores count runs that have not come to their end.
    pub unfinished: bool,
    /// Version of the program that makes the report.
    pub kelvin: String,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            window: None,
            axis: Axis::Frames,
            smooth: 1,
            compare: None,
            unfinished: false,
            kelvin: env!("CARGO_PKG_VERSION").to_owned(),
        }
    }
}

/// A kind of file that a report consists of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// `report.html`, a single file.
    Html,
    /// `report.md`, with `figures/*.svg`.
    Markdown,
    /// `points.csv`.
    Csv,
    /// `points.parquet`.
    Parquet,
}

/// Writes files of these kinds, and `reproduce.sh`, into a folder, which is made if need be. Returns their paths.
///
/// # Errors
/// A disk that does not take them.
pub fn write(
    study: &Study,
    analysis: &Analysis,
    out: &Path,
    formats: &[Format],
) -> Result<Vec<PathBuf>, ReportError> {
    let make = |folder: &Path| {
        let failed = |error: std::io::Error| ReportError::Write {
            path: folder.to_path_buf(),
            reason: error.to_string(),
        };
        fs::create_dir_all(folder).map_err(failed)
    };
    let page = page::page(study, analysis);
    let mut written = Vec::new();
    let mut save = |name: &str, bytes: &[u8]| {
        let path = out.join(name);
        path.parent().map_or(Ok(()), make)?;
        write_file(&path, bytes)?;
        written.push(path);
        Ok::<(), ReportError>(())
    };
    if formats.contains(&Format::Html) {
        save("report.html", html::render(&page)?.as_bytes())?;
    }
    if formats.contains(&Format::Markdown) {
        for figure in page.figures() {
            save(&figure.file(), figure.svg()?.as_bytes())?;
        }
        save("report.md", markdown::render(&page).as_bytes())?;
    }
    if formats.iter().any(|format| matches!(format, Format::Csv | Format::Parquet)) {
        let points = points::table(study, analysis);
        if formats.contains(&Format::Csv) {
            save("points.csv", &points.csv()?)?;
        }
        if formats.contains(&Format::Parquet) {
            save("points.parquet", &points.parquet()?)?;
        }
    }
    save("reproduce.sh", commands::script(study, &analysis.kelvin).as_bytes())?;
    Ok(written)
}
