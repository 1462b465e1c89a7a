//! `kelvin bench`.

use crate::bench::{BenchRequest, Effort, bench};
use crate::console::Console;
use crate::failure::Failure;
use std::path::PathBuf;
use std::time::Duration;

#[derive(clap::Args)]
#[command(after_help = "\
A bound is what the best rates that Kelvin reaches on the device would allow, both measured first: a
copy of 64 MB and a product of large matrices. It counts the arithmetic of the formulas, and each operand through memory
once. Of preprocessing it is the emulator alone; of training, the emulators on all threads and then
the arithmetic. Shares of phases and times of kernels come from a recording of their own, for which a GPU
is waited for at each step. Measure on a machine that does nothing else.

Examples:
  kelvin bench
  kelvin bench --only update --kernels
  kelvin bench scripts/my_variant.rhai
  kelvin bench --scaling docs/pictures")]
pub(super) struct Args {
    /// Measure the updates of these objectives, with their own settings
    scripts: Vec<PathBuf>,
    /// Only measurements whose names begin so: "update dqn", train, act; may be repeated
    #[arg(long, value_name = "NAME")]
    only: Vec<String>,
    /// The game
    #[arg(long, default_value = "pong")]
    env: String,
    /// auto (a GPU if there is one, else the CPU), gpu, cpu, or part of an adapter's name
    #[arg(long, default_value = "auto")]
    device: String,
    /// Seconds for each measurement, at least
    #[arg(long, default_value_t = 2.0, value_parser = seconds, allow_hyphen_values = true)]
    seconds: f64,
    /// Make so many updates, acts or rounds of emulation, whatever time that takes, for tools that count instructions
    #[arg(long, conflicts_with = "seconds", value_parser = count, allow_hyphen_values = true)]
    count: Option<usize>,
    /// Also time every kernel of an update
    #[arg(long)]
    kernels: bool,
    /// Measure how cost grows with environments, batch and window, and draw it into this folder
    #[arg(long, value_name = "DIR", conflicts_with_all = ["only", "scripts", "kernels"])]
    scaling: Option<PathBuf>,
    /// A folder of ROMs, searched before KELVIN_ROMS and the cache
    #[arg(long, value_name = "DIR", value_parser = super::folder)]
    roms: Option<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: Args) -> Result<(), Failure> {
    let console = Console::new(args.json);
    let request = BenchRequest {
        only: args.only,
        scripts: args.scripts,
        env: args.env,
        device: args.device,
        effort: match args.count {
            Some(count) => Effort::Count(count),
            None => Effort::Time(Duration::from_secs_f64(args.seconds)),
        },
        kernels: args.kernels,
        scaling: args.scaling,
        roms: args.roms,
    };
    let report = bench(&request, &console)?;
    if args.json {
        let json = serde_json::to_string(&report)
            .map_err(|error| Failure::failed(format!("the report cannot be written: {error}")))?;
        console.result(json);
    } else {
        console.result(format!("\n{report}"));
    }
    Ok(())
}

fn seconds(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(seconds) if (0.0..=3600.0).contains(&seconds) => Ok(seconds),
        _ => Err("a number of seconds, from 0 to 3600".to_owned()),
    }
}

fn count(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(count @ 1..=1_000_000) => Ok(count),
        _ => Err("a whole number from 1 to 1000000".to_owned()),
    }
}
