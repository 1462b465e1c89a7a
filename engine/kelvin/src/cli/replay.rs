//! `kelvin replay`.

use crate::console::Console;
use crate::failure::Failure;
use crate::train::{RerunRequest, rerun};
use std::path::PathBuf;

#[derive(clap::Args)]
pub(super) struct Args {
    /// The run directory: of a run that is done, failed, was stopped, or goes on
    run: PathBuf,
    /// auto, gpu, cpu, or part of an adapter's name [default: the run's own]
    #[arg(long)]
    device: Option<String>,
    /// Keep what was trained in this new folder
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// A folder of ROMs, searched before KELVIN_ROMS and the cache
    #[arg(long, value_name = "DIR", value_parser = super::folder)]
    roms: Option<PathBuf>,
    /// Say only how it ends
    #[arg(long, short)]
    quiet: bool,
}

pub(super) fn run(args: Args) -> Result<(), Failure> {
    let Args { run, device, out, roms, quiet } = args;
    rerun(&RerunRequest { run, device, out, roms }, &mut Console::new(quiet))
}
