//! `kelvin emit`, and the staging without an environment that `check` shares.

use crate::config::{Config, Wanted, any_game};
use crate::console::Console;
use crate::failure::Failure;
use crate::staged::{self, Staged};
use kelvin_env::Preset;
use kelvin_objective::Script;
use std::path::{Path, PathBuf};

#[derive(clap::Args)]
pub(super) struct Args {
    /// The script
    script: PathBuf,
    /// The compute shader: target, loss, gradient and metrics of every sample (the default)
    #[arg(long, group = "what")]
    wgsl: bool,
    /// The expression graph and its gradient, one node a line
    #[arg(long, group = "what")]
    graph: bool,
    /// Actions of the environment to compile for
    #[arg(long, default_value_t = 6, value_parser = actions)]
    actions: usize,
    /// Samples of an update [default: the script's or the preset's]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=1 << 20))]
    batch: Option<u32>,
}

pub(super) fn run(args: Args) -> Result<(), Failure> {
    let staged = stage(&args.script, args.actions, args.batch)?;
    let text = if args.graph { staged.graph_text() } else { staged.kernel().wgsl };
    Console::new(false).result(text.trim_end());
    Ok(())
}

/// Stages a script as for an Atari game with that many actions.
pub(super) fn stage(path: &Path, actions: usize, batch: Option<u32>) -> Result<Staged, Failure> {
    let script = Script::load(path)?;
    let sets = batch.map(|batch| of_batch(batch as usize)).unwrap_or_default();
    let config = config(&script, actions, sets)?;
    Staged::new(script, &staged::layout(&config, actions), &config.params)
}

/// The settings for a batch of that size: a rollout has a sample of each environment.
pub(super) fn of_batch(batch: usize) -> Vec<(String, String)> {
    ["batch", "envs"].map(|key| (key.to_owned(), batch.to_string())).to_vec()
}

/// A script's configuration as for an Atari game with that many actions.
pub(super) fn config(
    script: &Script,
    actions: usize,
    sets: Vec<(String, String)>,
) -> Result<Config, Failure> {
    let env = any_game(actions);
    let wanted = Wanted {
        env: env.id.clone(),
        preset: Preset::Paper,
        full_action_set: false,
        seed: 0,
        device: "cpu".to_owned(),
        frames: None,
        reference: None,
        sets,
    };
    Config::resolve(&wanted, script, &env)
}

/// Parses a number of actions: Atari has 2 to 18 of them.
pub(super) fn actions(text: &str) -> Result<usize, String> {
    text.parse()
        .ok()
        .filter(|count| (2..=18).contains(count))
        .ok_or_else(|| "a game has 2 to 18 actions".to_owned())
}
