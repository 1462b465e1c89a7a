//! `kelvin train`.

use crate::console::Console;
use crate::failure::Failure;
use crate::train::{TrainRequest, train};
use crate::units::{Frames, parse_count};
use kelvin_env::Preset;
use std::path::{Path, PathBuf};
use std::time::Duration;

#[derive(clap::Args)]
pub(super) struct Args {
    /// The objective, as in scripts/soft_kl.rhai; edit it while it trains
    #[arg(required_unless_present = "resume")]
    script: Option<PathBuf>,
    /// A game (pong, breakout, …; see `kelvin roms`) or a built-in: catch, chain, gridworld [default: pong]
    #[arg(long)]
    env: Option<String>,
    /// Frames to train for, as in 500k or 10M [default: 10M, built-in environments 100k]
    #[arg(long, value_parser = parse_count, allow_hyphen_values = true)]
    frames: Option<u64>,
    /// Seed of everything random [default: 0]
    #[arg(long, value_parser = clap::value_parser!(u64).range(..=super::MAX_SEED))]
    seed: Option<u64>,
    /// auto (a GPU if there is one, else the CPU), gpu, cpu, or part of an adapter's name [default: auto]
    #[arg(long)]
    device: Option<String>,
    /// Preprocessing: paper (no-op starts, life-loss episodes) or machado (sticky actions) [default: paper]
    #[arg(long, value_parser = super::preset)]
    preset: Option<Preset>,
    /// Act with all 18 actions instead of those the game uses
    #[arg(long)]
    full_action_set: bool,
    /// Override a setting or one of the script's parameters; may be repeated
    #[arg(long = "set", value_name = "KEY=VALUE", value_parser = key_value)]
    sets: Vec<(String, String)>,
    /// A run whose newest network the script reads as t.logits, t.steps.v, …: a prior for rollouts
    #[arg(long, value_name = "RUN", conflicts_with = "resume", value_parser = super::folder)]
    reference: Option<PathBuf>,
    /// The run directory [default: runs/SCRIPT-ENV-sSEED; of a fork runs/SCRIPT-ENV-sSEED-at-UPDATE]
    #[arg(long)]
    out: Option<PathBuf>,
    /// Go on with a run, with its own script and settings: the same command once more, without --fork or --reference, or
    /// just its folder. --frames may change its length, --device where it runs
    #[arg(long, conflicts_with = "full_action_set")]
    resume: bool,
    /// Start a new run from a checkpoint of this one, with its settings and what it knows, and a changed script; --set,
    /// --frames and --device may differ
    #[arg(long, value_name = "RUN", conflicts_with_all = ["resume", "reference", "full_action_set"],
          value_parser = super::folder)]
    fork: Option<PathBuf>,
    /// With --fork: the checkpoint of this update [default: the newest]
    #[arg(long, value_name = "UPDATE", requires = "fork")]
    at: Option<u64>,
    /// Write RUN/trace.json, for Perfetto or chrome://tracing: what every thread and kernel did in this many seconds
    /// after the first update. A GPU is waited for meanwhile, so that its kernels can be timed
    #[arg(long, value_name = "SECONDS", num_args = 0..=1, require_equals = true, default_missing_value = "10",
          value_parser = profile)]
    profile: Option<Duration>,
    /// Open the monitor beside the run, in a window that may be closed
    #[arg(long)]
    monitor: bool,
    /// A folder of ROMs, searched before KELVIN_ROMS and the cache
    #[arg(long, value_name = "DIR", value_parser = super::folder)]
    roms: Option<PathBuf>,
    /// Print nothing but warnings and errors
    #[arg(long, short)]
    quiet: bool,
}

pub(super) fn run(mut args: Args) -> Result<(), Failure> {
    if args.resume && args.out.is_none() && args.script.as_deref().is_some_and(Path::is_dir) {
        // `--resume runs/NAME`: clap takes the folder for the script.
        args.out = args.script.take();
    }
    let request = TrainRequest {
        script: args.script,
        env: args.env,
        preset: args.preset,
        full_action_set: args.full_action_set,
        seed: args.seed,
        device: args.device,
        frames: args.frames.map(Frames),
        sets: args.sets,
        out: args.out,
        resume: args.resume,
        fork: args.fork,
        at: args.at,
        reference: args.reference,
        profile: args.profile,
        monitor: args.monitor,
        roms: args.roms,
    };
    train(&request, &mut Console::new(args.quiet))
}

pub(super) fn key_value(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.trim().is_empty() => Ok((key.trim().to_owned(), value.trim().to_owned())),
        _ => Err("write it as key=value, for example learning_rate=3e-4 or tau=0.01".to_owned()),
    }
}

fn profile(text: &str) -> Result<Duration, String> {
    match text.parse() {
        Ok(seconds) if (0.1..=600.0).contains(&seconds) => Ok(Duration::from_secs_f64(seconds)),
        _ => Err("a number of seconds, from 0.1 to 600".to_owned()),
    }
}
