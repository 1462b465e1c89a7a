//! The command line: parsed here, turned into one request each, and handed on.

// Failures are printed where the process ends, and nowhere else.
#![allow(clippy::print_stderr)]

mod batch;
mod bench;
mod check;
mod compare;
mod definitions;
mod doctor;
mod emit;
mod eval;
mod export;
mod gradcheck;
mod monitor;
mod new;
mod replay;
mod report;
mod roms;
mod theory;
mod train;

use crate::failure::{Failure, WRONG_USE};
use clap::{Parser, Subcommand};
use kelvin_env::{EnvError, Preset};
use std::path::PathBuf;
use std::process::ExitCode;

/// Entropy-regularised reinforcement learning on Atari: write the backup target and the loss as a script,
/// train them at the speed of hand-written kernels, edit them while they train.
#[derive(Parser)]
#[command(name = "kelvin", version = crate::VERSION, max_term_width = 100, after_help = EXAMPLES)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "\
Examples:
  kelvin train scripts/soft_kl.rhai --env pong
  kelvin train scripts/soft_kl.rhai --env catch --device cpu --set tau=0.01
  kelvin new my_variant --from scripts/soft_kl.rhai
  kelvin check scripts/*.rhai
  kelvin eval runs/soft_kl-pong-s0
  kelvin batch scripts/batches/quick_check.rhai
  kelvin monitor runs

Exit codes: 0 done, 1 failed, 2 wrong use.";

#[derive(Subcommand)]
enum Command {
    /// Train an objective on an environment
    Train(train::Args),
    /// Run an experiment from one script: variants, games and seeds, each run a process of its own
    Batch(batch::Args),
    /// Open the monitor: see, compare and steer runs in a window
    Monitor(monitor::Args),
    /// Play episodes with a run's latest checkpoint and report their returns
    Eval(eval::Args),
    /// Make a run again, live edits included, and say whether it is the same bit for bit
    Replay(replay::Args),
    /// Compile scripts without training, and say what they read and report
    Check(check::Args),
    /// Print what a script is compiled to
    Emit(emit::Args),
    /// Evaluate scripts in four ways that check one another, on awkward inputs
    Gradcheck(gradcheck::Args),
    /// Say whether two objectives have the same gradient
    Compare(compare::Args),
    /// Check every identity of the paper numerically
    Theory(theory::Args),
    /// Measure what training costs here, and how near that is to what the machine could do
    Bench(bench::Args),
    /// Aggregate runs to tables, figures and a page
    Report(report::Args),
    /// Write what a run recorded, learned or plays in the formats of other programs
    Export(export::Args),
    /// Write a script to start from
    New(new::Args),
    /// Write what a script can say for an editor's Rhai language server
    Definitions(definitions::Args),
    /// Say what this machine has and which device a run would take
    Doctor(doctor::Args),
    /// List the games, and whether their ROMs are here and sound
    Roms(roms::Args),
}

/// Runs the command that the process was started with.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version come this way too, with the exit code 0.
            drop(error.print());
            return if error.use_stderr() { ExitCode::from(WRONG_USE) } else { ExitCode::SUCCESS };
        }
    };
    if let Err(error) = rayon::ThreadPoolBuilder::new().build_global() {
        eprintln!(
            "error: no threads to work on: {error}\nhint: the limits of this shell are too low; see `ulimit -a`"
        );
        return ExitCode::FAILURE;
    }
    // In rayon's pool, where waking up a worker for each kernel costs less than from outside: a tenth of a small update.
    match rayon::scope(|_| run(cli.command)) {
        Ok(code) => code,
        Err(failure) => {
            eprintln!("{failure}");
            ExitCode::from(failure.code())
        }
    }
}

fn run(command: Command) -> Result<ExitCode, Failure> {
    let done = match command {
        Command::Monitor(args) => return monitor::run(args),
        Command::Train(args) => train::run(args),
        Command::Batch(args) => batch::run(args),
        Command::Eval(args) => eval::run(args),
        Command::Replay(args) => replay::run(args),
        Command::Check(args) => check::run(args),
        Command::Emit(args) => emit::run(args),
        Command::Gradcheck(args) => gradcheck::run(args),
        Command::Compare(args) => compare::run(args),
        Command::Theory(args) => theory::run(args),
        Command::Bench(args) => bench::run(args),
        Command::Report(args) => report::run(args),
        Command::Export(args) => export::run(args),
        Command::New(args) => new::run(args),
        Command::Definitions(args) => definitions::run(args),
        Command::Doctor(args) => doctor::run(args),
        Command::Roms(args) => roms::run(args),
    };
    done.map(|()| ExitCode::SUCCESS)
}

/// The largest seed: `config.toml` has no larger whole numbers.
const MAX_SEED: u64 = i64::MAX as u64;

/// Parses a folder that must be there.
fn folder(text: &str) -> Result<PathBuf, String> {
    let path = PathBuf::from(text);
    if path.is_dir() { Ok(path) } else { Err("there is no such folder".to_owned()) }
}

/// Parses a preset; the error says which there are.
fn preset(text: &str) -> Result<Preset, String> {
    text.parse().map_err(|error: EnvError| match error.hint() {
        Some(hint) => format!("{error}; {hint}"),
        None => error.to_string(),
    })
}
