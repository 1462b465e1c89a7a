//! `kelvin export`.

use crate::config::EvalPolicyName;
use crate::console::Console;
use crate::evaluate::EvalRequest;
use crate::export::{Format, records, video, weights};
use crate::failure::Failure;
use kelvin_env::Preset;
use std::path::PathBuf;

#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  kelvin export runs/soft_kl-pong-s0 --csv --tensorboard
  kelvin export runs/soft_kl-pong-s0 --safetensors --out weights     # docs/load_pytorch.py loads it into PyTorch
  kelvin export runs/soft_kl-pong-s0 --video --bars")]
pub(super) struct Args {
    /// The run directory
    #[arg(value_name = "RUN")]
    run: PathBuf,
    /// Where files go [default: RUN/export]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// episodes.csv, train.csv, evaluations.csv and evaluation_returns.csv: all records
    #[arg(long)]
    csv: bool,
    /// The same as Parquet
    #[arg(long)]
    parquet: bool,
    /// An event file for TensorBoard
    #[arg(long)]
    tensorboard: bool,
    /// The newest network in PyTorch's layout, and a few observations with its outputs to check a loader against
    #[arg(long)]
    safetensors: bool,
    /// policy.gif: full episodes with the newest network
    #[arg(long)]
    video: bool,

    /// Episodes to film
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..), help_heading = "Video")]
    episodes: u64,
    /// Pictures at most, one an agent step: 3000 are 200 seconds of a game
    #[arg(long, value_name = "N", default_value_t = 3000, value_parser = clap::value_parser!(u32).range(1..=30_000),
          help_heading = "Video")]
    max_pictures: u32,
    /// Show the policy, or the action values, below the screen
    #[arg(long, help_heading = "Video")]
    bars: bool,
    /// How actions are chosen: stochastic, greedy or epsilon, as for `kelvin eval` [default: the run's]
    #[arg(long, value_parser = super::eval::policy, help_heading = "Video")]
    policy: Option<EvalPolicyName>,
    /// Protocol to play under [default: that of the run's evaluations]
    #[arg(long, value_parser = super::preset, help_heading = "Video")]
    preset: Option<Preset>,
    /// Seed of environment and choices
    #[arg(long, default_value_t = 1000, help_heading = "Video")]
    seed: u64,
    /// auto, gpu, cpu, or part of an adapter's name
    #[arg(long, default_value = "auto")]
    device: String,
    /// A folder of ROMs, searched before KELVIN_ROMS and the cache
    #[arg(long, value_name = "DIR", value_parser = super::folder)]
    roms: Option<PathBuf>,
}

pub(super) fn run(args: Args) -> Result<(), Failure> {
    let wanted =
        [(args.csv, Format::Csv), (args.parquet, Format::Parquet), (args.tensorboard, Format::TensorBoard)];
    let formats: Vec<Format> =
        wanted.into_iter().filter(|(wanted, _)| *wanted).map(|(_, format)| format).collect();
    if formats.is_empty() && !args.safetensors && !args.video {
        return Err(Failure::usage("nothing is asked for")
            .hint("add --csv, --parquet, --tensorboard, --safetensors or --video, as many as you like"));
    }
    let console = Console::new(false);
    let out = args.out.unwrap_or_else(|| args.run.join("export"));
    if !formats.is_empty() {
        records(&args.run, &formats, &out, &console)?;
    }
    let request = EvalRequest {
        run: args.run,
        episodes: args.episodes,
        policy: args.policy,
        epsilon: None,
        preset: args.preset,
        seed: args.seed,
        device: args.device,
        roms: args.roms,
    };
    if args.safetensors {
        weights::weights(&request, &out, &console)?;
    }
    if args.video {
        let filming = video::Filming { most: args.max_pictures as usize, bars: args.bars };
        video::video(&request, filming, &out, &console)?;
    }
    Ok(())
}
