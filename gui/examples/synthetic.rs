//! Writes run directories as training leaves them, to look at with the monitor or to measure it:
//!
//! ```sh
//! cargo run --release -p kelvin-monitor --example synthetic -- DIR RUNS POINTS
//! ```
//!
//! POINTS are lines of metrics a run; 100,000 of them and what belongs to them are 33 MB.

#![allow(clippy::print_stderr)]

#[path = "../tests/support/synthetic.rs"]
#[allow(dead_code, reason = "tests use the rest of it")]
mod synthetic;

use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let wanted = match &arguments[..] {
        [folder, runs, points] => {
            runs.parse().ok().zip(points.parse().ok()).map(|(runs, points)| (folder, runs, points))
        }
        _ => None,
    };
    let Some((folder, runs, points)) = wanted else {
        eprintln!("usage: synthetic DIR RUNS POINTS");
        return ExitCode::from(2);
    };
    match synthetic::write_tree(Path::new(folder), runs, points) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("cannot write below {folder}: {error}");
            ExitCode::FAILURE
        }
    }
}
