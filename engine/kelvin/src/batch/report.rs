//! The plan before tasks run, and where they are afterwards; for people and for programs.

use super::facts::{Estimate, Packing};
use crate::console::{abbreviated, grouped};
use kelvin_batch::{Progress, State};
use kelvin_run::{Experiment, RunDir, Task};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;

/// Tasks that are listed before a batch starts; `--dry-run` lists all.
const LISTED: usize = 24;

/// The tasks as a table, and below it the settings that all of them have.
pub(super) fn plan(folder: &Path, experiment: &Experiment, all: bool) -> Vec<String> {
    let shared = |key: &str, value: &str| {
        experiment.tasks.len() > 1
            && experiment.tasks.iter().all(|task| task.set.get(key).is_some_and(|other| other == value))
    };
    let settings = |task: &Task, common: bool| {
        let these = task.set.iter().filter(|(key, value)| shared(key, value) == common);
        these.map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(" ")
    };
    let head = ["task", "label", "script", "env", "seed", "frames", "settings", "state"].map(str::to_owned);
    let listed = if all { experiment.tasks.len() } else { LISTED };
    let rows = experiment.tasks.iter().take(listed).map(|task| {
        [
            task.index.to_string(),
            task.label.clone(),
            task.value("script").unwrap_or_default(),
            if task.preset == "paper" { task.env.clone() } else { format!("{} ({})", task.env, task.preset) },
            task.seed.to_string(),
            abbreviated(task.frames),
            settings(task, false),
            how_far(folder, task),
        ]
    });
    let rows: Vec<_> = std::iter::once(head).chain(rows).collect();
    let mut lines = aligned(&rows);
    if experiment.tasks.len() > listed {
        lines.push(format!("… and {} more; --dry-run lists all", experiment.tasks.len() - listed));
    }
    let common =
        experiment.tasks.first().map(|task| settings(task, true)).filter(|common| !common.is_empty());
    lines.extend(common.map(|common| format!("all of them with {common}")));
    lines
}

/// Rows as lines, each column as wide as its widest cell; a column that says nothing is left out.
fn aligned<const N: usize>(rows: &[[String; N]]) -> Vec<String> {
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let says = |column: &usize| rows.iter().skip(1).any(|row| !row[*column].is_empty());
    let columns: Vec<_> = (0..N).filter(says).map(|column| (column, width(column))).collect();
    let line = |row: &[String; N]| {
        let cells: Vec<_> =
            columns.iter().map(|(column, width)| format!("{:<width$}", row[*column])).collect();
        cells.join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect()
}

/// Where a run stands before anything starts; nothing where there is none.
fn how_far(folder: &Path, task: &Task) -> String {
    let path = folder.join(&task.folder);
    let run = RunDir::open(&path);
    let differs = run.as_ref().ok().and_then(|run| task.differs_from(run).ok());
    match (run, differs) {
        (Ok(_), Some(differs)) if !differs.is_empty() => "another run".to_owned(),
        (Ok(run), Some(_)) if run.is_done() => "done".to_owned(),
        _ => match Progress::read(&path).frames {
            0 => String::new(),
            at => format!("{:.0}%", (100.0 * at as f64 / task.frames.max(1) as f64).floor()),
        },
    }
}

/// A curve, by the place of its label in the plan, and an environment.
type Group = (usize, String, String);

/// Where the tasks are at the end, by curve and environment, and one line on all of them.
pub(super) fn summary(folder: &Path, tasks: &[Task], states: &[State]) -> Vec<String> {
    let mut groups: BTreeMap<Group, Vec<(&Task, &State)>> = BTreeMap::new();
    let mut order: Vec<&str> = Vec::new();
    for (task, state) in tasks.iter().zip(states) {
        if !order.contains(&task.label.as_str()) {
            order.push(&task.label);
        }
        let place = order.iter().position(|label| *label == task.label).unwrap_or(0);
        groups.entry((place, task.label.clone(), task.env.clone())).or_default().push((task, state));
    }
    let head = ["label", "env", "done", "mean return"].map(str::to_owned);
    let rows = groups.into_iter().map(|((_, label, env), group)| {
        let done: Vec<_> = group.iter().filter(|(_, state)| **state == State::Done).collect();
        let returns: Vec<f64> =
            done.iter().filter_map(|(task, _)| mean_return(&folder.join(&task.folder))).collect();
        let mean = match returns.len() {
            0 => "–".to_owned(),
            count => format!("{:.2}", returns.iter().sum::<f64>() / count as f64),
        };
        [label, env, format!("{} of {}", done.len(), group.len()), mean]
    });
    let rows: Vec<_> = std::iter::once(head).chain(rows).collect();
    let mut lines = aligned(&rows);
    lines.push(String::new());
    lines.push(counts(states));
    lines
}

/// How many tasks there are, and where they are.
pub(super) fn counts(states: &[State]) -> String {
    let is = |wanted: State| states.iter().filter(|state| **state == wanted).count();
    let failed = states.iter().filter(|state| matches!(state, State::Failed { .. })).count();
    let counted = [
        (is(State::Done), "done"),
        (failed, "failed"),
        (is(State::Stopped), "stopped"),
        (is(State::Elsewhere), "with another process"),
        (is(State::Waiting) + is(State::Running), "not begun"),
    ];
    let counted = counted.iter().filter(|(count, word)| *count > 0 || *word == "done");
    let counted: Vec<_> = counted.map(|(count, word)| format!("{} {word}", grouped(*count as u64))).collect();
    let tasks = if states.len() == 1 { "task" } else { "tasks" };
    format!("{} {tasks}: {}", grouped(states.len() as u64), counted.join(", "))
}

/// The mean return that a finished run ended with.
pub(super) fn mean_return(run: &Path) -> Option<f64> {
    let done = kelvin_run::read_plain(&run.join("DONE"), 1 << 16).ok()?;
    serde_json::from_slice::<Value>(&done).ok()?["mean_return"].as_f64()
}

/// The plan for a program.
pub(super) fn plan_json(
    folder: &Path,
    experiment: &Experiment,
    estimate: &Estimate,
    packing: Packing,
) -> Value {
    json!({
        "folder": folder,
        "experiment": experiment,
        "jobs": packing.jobs,
        "threads": packing.threads,
        "estimate": {
            "frames": estimate.frames,
            "seconds": estimate.seconds,
            "measured": estimate.measured,
            "disk_bytes": estimate.disk,
            "memory_bytes": estimate.memory,
        },
    })
}

/// Where the tasks are, for a program.
pub(super) fn summary_json(folder: &Path, tasks: &[Task], states: &[State]) -> Value {
    let each = tasks.iter().zip(states).map(|(task, state)| {
        let (name, error) = match state {
            State::Waiting | State::Running => ("waiting", None),
            State::Elsewhere => ("elsewhere", None),
            State::Done => ("done", None),
            State::Stopped => ("stopped", None),
            State::Failed { error } => ("failed", Some(error)),
        };
        let done = *state == State::Done;
        let mean_return = done.then(|| mean_return(&folder.join(&task.folder))).flatten();
        json!({ "task": task.index, "folder": task.folder, "state": name, "error": error, "mean_return": mean_return })
    });
    let done = states.iter().filter(|state| **state == State::Done).count();
    json!({ "folder": folder, "tasks": each.collect::<Vec<_>>(), "done": done, "all_done": done == states.len() })
}
