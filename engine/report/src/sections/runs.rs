//! The runs: what is left out, where each of them is, and how to do all of it again.

use super::figures::pretty;
use super::tables::number;
use crate::analysis::Analysis;
use crate::commands;
use crate::page::{Block, Cell, Head, Table};
use crate::run::{Run, State};
use crate::study::Study;
use kelvin_run::grouped;
use std::collections::{BTreeMap, BTreeSet};

/// The runs that did not come to their end, if there are any.
pub(super) fn left_out(study: &Study, analysis: &Analysis) -> Vec<Block> {
    let open: Vec<&Run> = study.runs.iter().filter(|run| run.state != State::Done).collect();
    if open.is_empty() {
        return Vec::new();
    }
    let mut table = Table::new(&[
        ("run", false),
        ("variant", false),
        ("state", false),
        ("came to", true),
        ("why", false),
    ]);
    for run in &open {
        table.rows.push(vec![
            run.name.clone().into(),
            named(study, run),
            run.state.word().into(),
            progress(run).into(),
            run.reason.clone().unwrap_or_default().into(),
        ]);
    }
    let s = if open.len() == 1 { " has" } else { "s have" };
    let counted = if analysis.unfinished {
        "Curves and scores show what there is of them."
    } else {
        "Curves show what there is of them; scores and all that follows from these leave them out."
    };
    let text = format!("{} of {} run{s} not come to the end. {counted}", open.len(), study.runs.len());
    let list = Block::Details("Which, and how far they came".to_owned(), vec![Block::Table(table)]);
    vec![Block::Note(text), list]
}

fn named(study: &Study, run: &Run) -> Cell {
    let color = study.variants.iter().position(|variant| *variant == run.variant);
    Cell { text: run.variant.clone(), color, strong: false }
}

fn progress(run: &Run) -> String {
    let frames = grouped(run.frames);
    match run.config.frames {
        0 => frames,
        planned => format!("{frames} ({:.0} %)", 100.0 * run.frames as f64 / planned as f64),
    }
}

/// Seeds of a run's evaluations: one, if nobody has changed that.
fn evaluation_seeds(run: &Run) -> String {
    let seeds: BTreeSet<u64> = run.history.evaluations.iter().filter_map(|record| record.seed).collect();
    seeds.iter().map(u64::to_string).collect::<Vec<_>>().join(", ")
}

/// Every run, folded away.
pub(super) fn all(study: &Study) -> Vec<Block> {
    let mut table = Table::new(&[
        ("run", false),
        ("variant", false),
        ("game", false),
        ("preset", false),
        ("seed", true),
        ("state", false),
        ("frames", true),
        ("hours", true),
        ("script", false),
        ("edits", true),
        ("kelvin", false),
    ]);
    let evaluated = study.runs.iter().any(|run| !run.history.evaluations.is_empty());
    if evaluated {
        table.head.push(Head { name: "evaluation seed".to_owned(), number: true });
    }
    for run in &study.runs {
        let hash: String = run.script_hash.chars().take(8).collect();
        let mut row = vec![
            run.name.clone().into(),
            named(study, run),
            pretty(&run.config.env).into(),
            if run.config.preset.is_empty() { "none" } else { &run.config.preset }.into(),
            run.config.seed.to_string().into(),
            run.state.word().into(),
            grouped(run.frames).into(),
            number(run.wall_s() / 3600.0).into(),
            format!("{}@{hash}", run.config.script_name()).into(),
            if run.edits.is_empty() { String::new() } else { run.edits.len().to_string() }.into(),
            run.kelvin.clone().into(),
        ];
        row.extend(evaluated.then(|| evaluation_seeds(run).into()));
        table.rows.push(row);
    }
    let mut blocks = vec![Block::Heading(2, "Runs".to_owned())];
    let edited: Vec<&str> =
        study.runs.iter().filter(|run| !run.edits.is_empty()).map(|run| run.name.as_str()).collect();
    if !edited.is_empty() {
        blocks.push(Block::Note(format!(
            "The script was edited while these ran, so that their commands alone do not do them again: {}. What ran, and \
             from which update on, is in `objective/` of each.",
            edited.join(", ")
        )));
    }
    let seeds: BTreeSet<u64> = study.runs.iter().map(|run| run.config.seed).collect();
    let seeds = seeds.iter().map(u64::to_string).collect::<Vec<_>>().join(", ");
    let hours: f64 = study.runs.iter().map(Run::wall_s).sum::<f64>() / 3600.0;
    blocks.push(Block::Text(format!(
        "{} runs, seeds {seeds}, {} hours of training in all.",
        study.runs.len(),
        number(hours)
    )));
    blocks.push(Block::Details("Every run".to_owned(), vec![Block::Table(table)]));
    blocks
}

/// Versions, hashes and commands.
pub(super) fn again(study: &Study, analysis: &Analysis) -> Vec<Block> {
    let mut blocks = vec![Block::Heading(2, "To do it again".to_owned())];
    let mut facts = vec![format!("This report was made by kelvin `{}`.", analysis.kelvin)];
    if !analysis.versions.is_empty() {
        facts.push(format!("The runs were made by kelvin {}.", study.made_by()));
    }
    if let Some(plan) = &study.plan {
        facts.push(format!(
            "They were planned by kelvin `{}` from `{}` (blake3 `{}`), size `{}`.",
            plan.kelvin, plan.source, plan.source_hash, plan.size
        ));
    }
    facts.push(
        "The same seed on the same device with the same number of environments gives the same bits; a run that was \
         interrupted or edited while it ran does not follow from its command alone."
            .to_owned(),
    );
    blocks.push(Block::Text(facts.join(" ")));
    let mut scripts: BTreeMap<(String, String), usize> = BTreeMap::new();
    for run in &study.runs {
        *scripts.entry((run.config.script.clone(), run.script_hash.clone())).or_default() += 1;
    }
    let mut table = Table::new(&[("script", false), ("hash", false), ("runs", true)]);
    for ((script, hash), runs) in scripts {
        table.rows.push(vec![script.into(), hash.into(), runs.to_string().into()]);
    }
    blocks.push(Block::Table(table));
    let mut commands = commands::commands(study);
    if let Some(plan) = &study.plan {
        blocks.push(Block::Code(commands::batch(plan)));
    }
    const SHOWN: usize = 3;
    let more = commands.len().saturating_sub(SHOWN);
    let block = |commands: &[String]| Block::Code([&[commands::place(study)], commands].concat().join("\n"));
    let all = block(&commands);
    commands.truncate(SHOWN);
    if study.plan.is_none() {
        blocks.push(block(&commands));
    }
    if more > 0 || study.plan.is_some() {
        let title = format!("The command of every run ({}; also in reproduce.sh)", more + commands.len());
        blocks.push(Block::Details(title, vec![all]));
    }
    blocks
}
