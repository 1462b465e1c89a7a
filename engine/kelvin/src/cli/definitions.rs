//! `kelvin definitions`.

use crate::console::Console;
use crate::failure::Failure;
use std::path::PathBuf;

/// Name of the file; the language server reads all that end so.
const FILE: &str = "kelvin.d.rhai";

#[derive(clap::Args)]
pub(super) struct Args {
    /// The folder to write them to: the one that your editor opens
    #[arg(default_value = ".", value_parser = super::folder)]
    dir: PathBuf,
}

pub(super) fn run(args: Args) -> Result<(), Failure> {
    let path = args.dir.join(FILE);
    std::fs::write(&path, kelvin_objective::definitions()).map_err(|error| {
        Failure::failed(format!("cannot write {}: {error}", path.display()))
            .hint("name a folder you may write to")
    })?;
    let console = Console::new(false);
    console.line(format!("wrote {}", path.display()));
    console.line("an editor with the Rhai language server now knows every function that a script can call;");
    console.line("write the file again after an update of kelvin");
    Ok(())
}
