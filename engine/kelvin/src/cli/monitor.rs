//! `kelvin monitor`.

use crate::failure::{FAILED, Failure};
use crate::monitor;
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

#[derive(clap::Args)]
pub(super) struct Args {
    /// The folder that holds the runs, at any depth; or a run [default: runs, or here if there is no such folder]
    dir: Option<PathBuf>,
    /// A run to look at first: its folder, here or under DIR
    #[arg(long, value_name = "RUN")]
    select: Option<PathBuf>,
}

/// Its exit code is the monitor's.
pub(super) fn run(args: Args) -> Result<ExitCode, Failure> {
    let mut arguments: Vec<OsString> = Vec::new();
    if let Some(run) = args.select {
        arguments.extend(["--select".into(), run.into()]);
    }
    if let Some(dir) = args.dir {
        // A folder may have any name.
        arguments.extend(["--".into(), dir.into()]);
    }
    let status = monitor::run(&arguments)?;
    match status.code() {
        Some(code) => Ok(ExitCode::from(u8::try_from(code).unwrap_or(FAILED))),
        None => Err(Failure::failed(format!("the monitor was ended: {status}"))),
    }
}
