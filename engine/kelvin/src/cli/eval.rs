//! `kelvin eval`.

use crate::config::EvalPolicyName;
use crate::console::Console;
use crate::evaluate::{EvalRequest, evaluate};
use crate::failure::Failure;
use kelvin_env::Preset;
use std::path::PathBuf;

#[derive(clap::Args)]
pub(super) struct Args {
    /// The run directory
    run: PathBuf,
    /// Full episodes to play
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..))]
    episodes: u64,
    /// stochastic (draw from the policy), greedy (the best action), or epsilon (the best action, or a random one with
    /// probability ε) [default: the run's eval_policy; without, stochastic if there is a policy, else epsilon]
    #[arg(long, value_parser = policy)]
    policy: Option<EvalPolicyName>,
    /// Probability of a random action [default: that of the policy: 0, of epsilon the run's eval_epsilon, 0.001]
    #[arg(long)]
    epsilon: Option<f64>,
    /// Protocol to evaluate under [default: that of the run's evaluations, eval_preset; without, its own]
    #[arg(long, value_parser = super::preset)]
    preset: Option<Preset>,
    /// Seed of the evaluation's environments and exploration
    #[arg(long, default_value_t = 1000)]
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
    if let Some(epsilon) = args.epsilon.filter(|epsilon| !(0.0..=1.0).contains(epsilon)) {
        return Err(Failure::usage(format!("--epsilon must lie in 0 to 1, not be {epsilon}")));
    }
    let console = Console::new(args.json);
    let request = EvalRequest {
        run: args.run,
        episodes: args.episodes,
        policy: args.policy,
        epsilon: args.epsilon,
        preset: args.preset,
        seed: args.seed,
        device: args.device,
        roms: args.roms,
    };
    let evaluation = evaluate(&request, &console)?;
    if args.json {
        let text = serde_json::to_string(&evaluation)
            .map_err(|error| Failure::failed(format!("the evaluation has no JSON form: {error}")))?;
        console.result(text);
    } else {
        console.line(&evaluation);
    }
    Ok(())
}

pub(super) fn policy(text: &str) -> Result<EvalPolicyName, String> {
    match text {
        "stochastic" => Ok(EvalPolicyName::Stochastic),
        "greedy" => Ok(EvalPolicyName::Greedy),
        "epsilon" => Ok(EvalPolicyName::Epsilon),
        _ => Err("there are stochastic, greedy and epsilon".to_owned()),
    }
}
