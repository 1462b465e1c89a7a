//! `kelvin doctor`: what a run would find on this machine.

use crate::console::Console;
use crate::failure::Failure;
use crate::memory;
use kelvin_compute::{DeviceRequest, adapters};
use kelvin_env::{EnvOptions, make, roms};
use std::path::PathBuf;

#[derive(clap::Args)]
pub(super) struct Args {
    /// A folder of ROMs to search before KELVIN_ROMS and the cache
    #[arg(long, value_name = "DIR", value_parser = super::folder)]
    roms: Option<PathBuf>,
}

pub(super) fn run(args: Args) -> Result<(), Failure> {
    let console = Console::new(false);
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    console.line(format!("kelvin     {}", crate::VERSION));
    console.line(format!("processor  {threads} threads, memory free: {}", memory::available()));
    let adapters = adapters();
    if adapters.is_empty() {
        console.line("adapters   none: no Vulkan, Metal or DX12 driver answers");
    }
    for adapter in &adapters {
        console.line(format!("adapter    {adapter}"));
    }
    let device = kelvin_compute::open(&DeviceRequest::Auto)?;
    console.line(format!("auto       {}", device.describe()));
    for folder in roms::search_path(args.roms.as_deref()) {
        console.line(format!("ROM folder {}", folder.display()));
    }
    let games = roms::status(args.roms.as_deref());
    let sound: Vec<_> = games.iter().filter(|game| game.rom.is_ok()).collect();
    console.line(format!("ROMs       {} of {} games", sound.len(), games.len()));
    let Some(game) = sound.iter().find(|game| game.game == "pong").or(sound.first()) else {
        return Err(Failure::failed("no ROM is here: only the built-in environments can be trained on")
            .hint("`./kelvin roms` fetches them; or name their folder with --roms DIR"));
    };
    let options = EnvOptions { roms: args.roms, ..EnvOptions::default() };
    let mut env = make(game.game, &options, 1)?;
    let mut frame = vec![0; env.spec().frame_len()];
    env.reset(&mut frame)?;
    env.step(0, &mut frame)?;
    console.line(format!("emulator   {} runs", game.game));
    console.line("all is well");
    Ok(())
}
