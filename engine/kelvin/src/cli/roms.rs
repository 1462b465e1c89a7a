//! `kelvin roms`.

use crate::console::Console;
use crate::failure::Failure;
use kelvin_env::roms;
use std::path::PathBuf;

#[derive(clap::Args)]
pub(super) struct Args {
    /// A folder to search before KELVIN_ROMS and the cache
    #[arg(long, value_name = "DIR", value_parser = super::folder)]
    roms: Option<PathBuf>,
}

pub(super) fn run(args: Args) -> Result<(), Failure> {
    let console = Console::new(false);
    let games = roms::status(args.roms.as_deref());
    for game in &games {
        match &game.rom {
            Ok(rom) => console.line(format!("{:<20} {}", game.game, rom.path().display())),
            Err(error) => console.line(format!("{:<20} {error}", game.game)),
        }
    }
    let sound = games.iter().filter(|game| game.rom.is_ok()).count();
    console.line(format!("{sound} of {} games are here and sound", games.len()));
    match sound {
        0 => Err(Failure::failed("there is no ROM")
            .hint("`./kelvin roms` fetches them; or name their folder with --roms DIR")),
        _ => Ok(()),
    }
}
