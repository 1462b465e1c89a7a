//! `kelvin check`.

use super::emit::stage;
use crate::console::Console;
use crate::failure::Failure;
use crate::staged::Staged;
use kelvin_compute::Reads;
use kelvin_objective::{Hooks, ParamKind};
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
                for line in description(&staged) {
                    console.line(format!("       {line}"));
                }
            }
        }
    }
    let Some(last) = failures.pop() else { return Ok(()) };
    for failure in &failures {
        console.line(format!("{failure}\n"));
    }
    Err(last)
}

fn description(staged: &Staged) -> Vec<String> {
    let params = staged.script.params();
    let rows = params.iter().map(|param| {
        let kind = if matches!(param.kind, ParamKind::Live { .. }) { "live" } else { "static" };
        let range = match param.kind {
            ParamKind::StaticBool => "true, false".to_owned(),
            ParamKind::StaticInt | ParamKind::Live { .. } => format!("{} to {}", param.min, param.max),
        };
        [param.name.clone(), param.default_text(), range, kind.to_owned(), param.doc.clone()]
    });
    let mut lines = aligned(rows.collect());
    lines.push(format!("reads    {}", reads(&staged.reads())));
    let hooks = hooks(staged.script.hooks());
    if !hooks.is_empty() {
        lines.push(format!("has      {}", hooks.join(", ")));
    }
    lines.push(format!("reports  {}", staged.metric_names().join(", ")));
    lines
}

/// Rows as lines, each column as wide as its widest cell; the last one ends where it ends.
fn aligned<const N: usize>(rows: Vec<[String; N]>) -> Vec<String> {
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..N).map(|column| if column + 1 < N { width(column) } else { 0 }).collect();
    let line = |row: &[String; N]| {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        cells.collect::<Vec<_>>().join("  ")
    };
    rows.iter().map(line).collect()
}

/// The states of the window, `s0` to `sn`, that each network is run at.
fn reads(reads: &Reads) -> String {
    let regions = [("trains s", &reads.trained), ("online s", &reads.online), ("target s", &reads.target)];
    let read = regions.into_iter().filter(|(_, states)| !states.is_empty());
    read.map(|(name, states)| format!("{name}{}", listed(states))).collect::<Vec<_>>().join("; ")
}

/// `0, 2-5` for 0, 2, 3, 4, 5.
fn listed(states: &[usize]) -> String {
    let runs = states.chunk_by(|a, b| a + 1 == *b).map(|run| match run {
        [one] => one.to_string(),
        [first, .., last] => format!("{first}-{last}"),
        [] => String::new(),
    });
    runs.collect::<Vec<_>>().join(", ")
}

fn hooks(hooks: Hooks) -> Vec<&'static str> {
    let all = [
        ("behave", hooks.behave),
        ("reward", hooks.reward),
        ("metrics", hooks.metrics),
        ("schedule", hooks.schedule),
        ("on_eval", hooks.on_eval),
    ];
    all.into_iter().filter(|(_, has)| *has).map(|(name, _)| name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_are_listed_in_runs() {
        for (states, text) in [(&[0][..], "0"), (&[0, 1], "0-1"), (&[0, 2, 3, 4, 5, 7], "0, 2-5, 7")] {
            assert_eq!(listed(states), text);
        }
        let all = Reads { trained: vec![0], online: vec![], target: vec![0, 1] };
        assert_eq!(reads(&all), "trains s0; target s0-1");
    }
}
