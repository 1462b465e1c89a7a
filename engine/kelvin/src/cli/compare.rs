//! `kelvin compare`.

use crate::compare::{Agreement, CompareRequest, Pair, Verdict, exactly, sampled};
use crate::console::Console;
use crate::failure::Failure;
use indicatif::{ProgressBar, ProgressDrawTarget};
use serde_json::json;
use std::path::PathBuf;

#[derive(clap::Args)]
#[command(after_help = "\
Both scripts get the same network and the same windows. With --enumerate-actions the action
of each step is enumerated and weighted by the policy, so that the gradient of each state is an
expectation over its action and an equality holds to rounding (actions of other steps stay as
drawn, which matters where a loss couples steps, as pcl's does). Without it, all actions are as
drawn, and equal expectations show as angles that close while the batch grows.
The exit code is 0 whatever they come to; --json says it in a word.

  kelvin compare scripts/ql_online.rhai scripts/a2c_proper.rhai --enumerate-actions
  kelvin compare scripts/a2c_proper.rhai scripts/a2c_naive.rhai --env pong")]
pub(super) struct Args {
    /// The first script, whose policy acts
    a: PathBuf,
    /// The second script
    b: PathBuf,
    /// Environment to play [default: that of --checkpoint, else random windows]
    #[arg(long)]
    env: Option<String>,
    /// A run whose newest weights the network takes [default: fresh ones]
    #[arg(long, value_name = "RUN", value_parser = super::folder)]
    checkpoint: Option<PathBuf>,
    /// A run whose newest network is the target network [default: that of --checkpoint, else one drawn anew]
    #[arg(long, value_name = "RUN", value_parser = super::folder)]
    reference: Option<PathBuf>,
    /// Weigh every action by the policy instead of drawing one
    #[arg(long)]
    enumerate_actions: bool,
    /// Windows of a batch
    #[arg(long, default_value_t = 16, value_parser = clap::value_parser!(u32).range(1..=1024))]
    windows: u32,
    /// Batches of sampled actions
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u32).range(4..=256), conflicts_with = "enumerate_actions")]
    batches: u32,
    /// A setting or a parameter of both scripts, such as tau=0.1 or n=1
    #[arg(long = "set", value_name = "KEY=VALUE", value_parser = super::train::key_value)]
    sets: Vec<(String, String)>,
    /// Seed of weights, environments and actions
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u64).range(..=super::MAX_SEED))]
    seed: u64,
    /// auto, gpu, cpu, or part of an adapter's name
    #[arg(long, default_value = "auto")]
    device: String,
    /// A folder of ROMs, searched before KELVIN_ROMS and the cache
    #[arg(long, value_name = "DIR", value_parser = super::folder)]
    roms: Option<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: Args) -> Result<(), Failure> {
    let console = Console::new(args.json);
    let request = CompareRequest {
        scripts: [args.a, args.b],
        env: args.env,
        checkpoint: args.checkpoint,
        reference: args.reference,
        enumerate: args.enumerate_actions,
        sets: args.sets,
        windows: args.windows as usize,
        seed: args.seed,
        device: args.device,
        roms: args.roms,
    };
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
    let enumerate = args.enumerate_actions;
    let mut pair = Pair::new(&request, &console)?;
    let (agreement, sizes) = if enumerate {
        let exact = exactly(&mut pair, |steps| {
            bar.set_length(steps as u64);
            bar.inc(1);
        })?;
        (exact, None)
    } else {
        bar.set_length(u64::from(args.batches));
        let result = sampled(&mut pair, args.batches as usize, || bar.inc(1))?;
        console.line(format!("\n{result}"));
        (result.agreement, Some(result.sizes))
    };
    bar.finish_and_clear();
    let (how, verdict) = match enumerate {
        true => ("expectation over actions", agreement.verdict.to_string()),
        false => ("sampled actions, all windows", of_samples(&agreement)),
    };
    console.line(format!("\n{how}\n{agreement}\n{verdict}"));
    if args.json {
        console.result(json!({ "enumerated": enumerate, "agreement": agreement, "sizes": sizes }));
    }
    Ok(())
}

/// What samples can say: they never show that two expectations differ.
fn of_samples(agreement: &Agreement) -> String {
    match &agreement.verdict {
        Verdict::Different { .. } => format!(
            "on these samples they differ by {:.1e} of their length; where the expectations are equal that falls with the \
             number of windows, and --enumerate-actions shows it without noise",
            agreement.total.difference
        ),
        verdict => format!("on these samples {verdict}"),
    }
}
