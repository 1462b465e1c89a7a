//! `kelvin check`.

use super::emit::stage;
use crate::console::Console;
use crate::failure::Failure;
use kelvin_objective::ParamKind;
use std::path::PathBuf;
use std::time::Instant;

#[derive(clap::Args)]
pub(super) struct Args {
    /// The scripts
    #[arg(required = true)]
    scripts: Vec<PathBuf>,
    /// Actions of the environment to compile for
    #[arg(long, default_value_t = 6, value_parser = super::emit::actions)]
    actions: usize,
}

pub(super) fn run(args: Args) -> Result<(), Failure> {
    let console = Console::new(false);
    let mut failures = Vec::new();
    for path in &args.scripts {
        let start = Instant::now();
        match stage(path, args.actions, None) {
            Err(failure) => failures.push(failure),
            Ok(staged) => {
                let took = start.elapsed().as_secs_f64() * 1e3;
                console.line(format!("ok   {}  {took:.1} ms", path.display()));
                for param in staged.script.params() {
                    let kind = if matches!(param.kind, ParamKind::Live { .. }) { "live" } else { "static" };
                    let range = format!("{} to {}", param.min, param.max);
                    console.line(format!(
                        "       {:<8} {:<8} {range:<14} {kind:<7} {}",
                        param.name, param.default, param.doc
                    ));
                }
                let passes = staged.kernel().passes;
                let reads = [
                    (true, "online"),
                    (passes.online_next, "online at the next state"),
                    (passes.target, "target"),
                    (passes.target_next, "target at the next state"),
                ];
                let reads: Vec<_> =
                    reads.into_iter().filter(|(read, _)| *read).map(|(_, name)| name).collect();
                console.line(format!(
                    "       reads {}; reports {}",
                    reads.join(", "),
                    staged.metric_names().join(", ")
                ));
            }
        }
    }
    let Some(last) = failures.pop() else { return Ok(()) };
    for failure in &failures {
        console.line(format!("{failure}\n"));
    }
    Err(last)
}
