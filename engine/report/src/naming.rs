//! What the runs are called: the variant that each is a seed of, the panel that its curve is drawn in, and the game that
//! its score is one of.
//!
//! The one idea: **what is not alike is never pooled.** Curves and scores are over the runs of one variant and one game,
//! so that these differ in their seeds and in nothing else that a name could tell.

use crate::run::{Run, one_line};
use kelvin_run::{Experiment, Figure, ReferenceLine, Task};
use std::collections::{BTreeMap, BTreeSet};

/// Settings that change nothing of what is learned.
const SILENT: [&str; 8] = [
    "log_every",
    "checkpoint_every",
    "eval_every",
    "eval_episodes",
    "eval_policy",
    "eval_epsilon",
    "eval_preset",
    "live",
];
/// What says by its value alone what it is.
const PLAIN: [&str; 4] = ["label", "script", "env", "preset"];

/// Names the runs of a plan, which are as many as its tasks and in their order, and the panels in its figure. What had
/// to be taken apart, and what names no panel, becomes a warning.
pub(crate) fn by_plan(runs: &mut [Run], plan: &Experiment) -> (Figure, Vec<String>) {
    let mut warnings = Vec::new();
    let Figure { curves, panels, .. } = &plan.figure;
    for (run, task) in runs.iter_mut().zip(&plan.tasks) {
        run.variant = named(curves, task);
        run.panel = named(panels, task);
    }
    for variant in mixed_variants(runs, &plan.tasks) {
        warnings.push(format!(
            "runs of `{variant}` differ in more than game and seed: their curves, by {curves}, are divided by label too"
        ));
        let of = runs.iter_mut().zip(&plan.tasks).filter(|(run, _)| run.variant == variant);
        of.for_each(|(run, task)| run.variant = format!("{variant} · {}", one_line(&task.label)));
    }
    let mixed = mixed_panels(runs);
    for panel in &mixed {
        warnings.push(format!(
            "runs of one curve in the panel `{panel}` are of several games, whose returns have no common scale: the \
             panel is divided by game"
        ));
    }
    for run in runs.iter_mut() {
        if mixed.contains(&run.panel) {
            run.panel = format!("{} · {}", run.panel, run.config.env);
            run.game.clone_from(&run.panel);
        } else if panels == "env" {
            run.game.clone_from(&run.config.env);
        } else {
            run.game = format!("{} · {}", run.panel, run.config.env);
        }
    }
    let figure = figure(runs, plan, &mut warnings);
    (figure, warnings)
}

/// A task's value under a key, and what it is a value of where it does not say so itself.
fn named(key: &str, task: &Task) -> String {
    let name = match task.value(key) {
        None => format!("without {key}"),
        Some(value) if PLAIN.contains(&key) => value,
        Some(value) => format!("{key}={value}"),
    };
    one_line(&name)
}

/// Variants of which runs of one panel and game are of several labels, and trained otherwise than by another seed.
fn mixed_variants(runs: &[Run], tasks: &[Task]) -> BTreeSet<String> {
    let mut first: BTreeMap<(&str, &str, &str), &Task> = BTreeMap::new();
    let mut mixed = BTreeSet::new();
    for (run, task) in runs.iter().zip(tasks) {
        let other = first.entry((&run.variant, &run.panel, &run.config.env)).or_insert(task);
        // Of other seeds a run may have another reference.
        let seed_aside = Task {
            folder: task.folder.clone(),
            label: task.label.clone(),
            seed: task.seed,
            reference: task.reference.clone(),
            ..(*other).clone()
        };
        if other.label != task.label && !task.trains_as(&seed_aside) {
            mixed.insert(run.variant.clone());
        }
    }
    mixed
}

/// Panels in which a curve would be of several games.
fn mixed_panels(runs: &[Run]) -> BTreeSet<String> {
    let mut first: BTreeMap<(&str, &str), &str> = BTreeMap::new();
    let several = runs
        .iter()
        .filter(|run| *first.entry((&run.variant, &run.panel)).or_insert(&run.config.env) != run.config.env);
    several.map(|run| run.panel.clone()).collect()
}

/// The figure with its panels as they are called here.
fn figure(runs: &[Run], plan: &Experiment, warnings: &mut Vec<String>) -> Figure {
    let planned = &plan.figure;
    let value = |task: &Task| task.value(&planned.panels).unwrap_or_default();
    let called = |wanted: &str| -> BTreeSet<String> {
        let of = runs.iter().zip(&plan.tasks).filter(|(_, task)| value(task) == wanted);
        of.map(|(run, _)| run.panel.clone()).collect()
    };
    let mut none = |what: &str, wanted: &str| {
        let there: BTreeSet<String> = plan.tasks.iter().map(value).collect();
        let there = there.iter().map(|panel| format!("`{panel}`")).collect::<Vec<_>>().join(", ");
        warnings.push(format!("the figure's {what} name a panel `{wanted}`, and there are {there}"));
    };
    let mut tops = BTreeMap::new();
    for (wanted, top) in &planned.tops {
        let panels = called(wanted);
        if panels.is_empty() {
            none("tops", wanted);
        }
        tops.extend(panels.into_iter().map(|panel| (panel, *top)));
    }
    let mut lines = Vec::new();
    for line in &planned.lines {
        let line = ReferenceLine { label: one_line(&line.label), ..line.clone() };
        let Some(wanted) = &line.panel else {
            lines.push(line);
            continue;
        };
        let panels = called(wanted);
        if panels.is_empty() {
            none("lines", wanted);
        }
        lines.extend(panels.into_iter().map(|panel| ReferenceLine { panel: Some(panel), ..line.clone() }));
    }
    let (title, caption) = (one_line(&planned.title), one_line(&planned.caption));
    Figure { title, caption, tops, lines, ..planned.clone() }
}

/// Names every run by its script and by those settings in which runs of that script on the same game differ.
pub(crate) fn by_difference(runs: &mut [Run]) {
    let settings: Vec<BTreeMap<String, String>> = runs.iter().map(settings).collect();
    let alike =
        |a: &Run, b: &Run| a.config.script_name() == b.config.script_name() && a.config.env == b.config.env;
    let mut telling: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (i, run) in runs.iter().enumerate() {
        for (j, other) in runs.iter().enumerate().skip(i + 1).filter(|(_, other)| alike(run, other)) {
            let keys = settings[i].keys().chain(settings[j].keys());
            let differ = keys.filter(|key| settings[i].get(*key) != settings[j].get(*key)).cloned();
            telling.entry(other.config.script_name()).or_default().extend(differ);
        }
    }
    for (run, settings) in runs.iter_mut().zip(&settings) {
        let script = run.config.script_name();
        let differ = telling.get(&script).into_iter().flatten();
        let said = differ.filter_map(|key| settings.get(key).map(|value| format!("{key}={value}")));
        run.variant = one_line(&std::iter::once(script.clone()).chain(said).collect::<Vec<_>>().join(" "));
        run.panel.clone_from(&run.config.env);
        run.game.clone_from(&run.config.env);
    }
}

/// What makes a run what it is, seed and game aside.
fn settings(run: &Run) -> BTreeMap<String, String> {
    let config = &run.config;
    let plain = |value: &toml::Value| match value {
        toml::Value::String(text) => text.clone(),
        value => value.to_string(),
    };
    let loud = config.settings.iter().filter(|(key, _)| !SILENT.contains(&key.as_str()));
    let all = loud.chain(&config.params).map(|(key, value)| (key.clone(), plain(value)));
    let mut settings: BTreeMap<String, String> = all.collect();
    settings.insert("preset".to_owned(), config.preset.clone());
    settings.insert("frames".to_owned(), config.frames.to_string());
    settings.insert("full_action_set".to_owned(), config.full_action_set.to_string());
    settings.insert("script".to_owned(), run.script_hash.chars().take(8).collect());
    settings.extend(config.reference.clone().map(|reference| ("reference".to_owned(), reference)));
    settings
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::{Path, PathBuf};

    fn task(index: usize, (script, env, tau): (&str, &str, &str), seed: u64) -> Task {
        let label = format!("{script} {tau}");
        Task {
            index,
            folder: format!("{label}/{env}-s{seed}"),
            label,
            script: format!("/x/{script}.rhai"),
            script_hash: script.to_owned(),
            env: env.to_owned(),
            seed,
            frames: 1000,
            preset: "paper".to_owned(),
            full_action_set: false,
            reference: None,
            set: BTreeMap::from([("tau".to_owned(), tau.to_owned())]),
        }
    }

    /// Two seeds of every combination, grouped so.
    fn named_by(
        panels: &str,
        curves: &str,
        figure: Figure,
        envs: &[&str],
    ) -> (Vec<Run>, Figure, Vec<String>) {
        let mut plan = Experiment::new("e", Path::new("/x/e.rhai"), "", "paper");
        plan.figure = Figure { panels: panels.to_owned(), curves: curves.to_owned(), ..figure };
        for script in ["soft", "pcl"] {
            for env in envs {
                for tau in ["0.01", "0.1"] {
                    let seeds =
                        (0..2).map(|seed| task(plan.tasks.len() + seed, (script, env, tau), seed as u64));
                    let seeds: Vec<Task> = seeds.collect();
                    plan.tasks.extend(seeds);
                }
            }
        }
        let mut runs: Vec<Run> = plan.tasks.iter().map(|task| Run::planned(PathBuf::new(), task)).collect();
        let (figure, warnings) = by_plan(&mut runs, &plan);
        (runs, figure, warnings)
    }

    /// What is pooled: panels, games and variants, each with how many runs there are of them together.
    fn pools(runs: &[Run]) -> BTreeMap<(&str, &str, &str), usize> {
        let mut pools = BTreeMap::new();
        for run in runs {
            *pools.entry((&*run.panel, &*run.game, &*run.variant)).or_default() += 1;
        }
        pools
    }

    #[test]
    fn scores_are_apart_where_panels_are() {
        let (runs, _, warnings) = named_by("script", "tau", Figure::default(), &["catch"]);
        let pools = pools(&runs);
        assert_eq!(pools[&("soft", "soft · catch", "tau=0.01")], 2);
        assert!(pools.len() == 4 && pools.values().all(|count| *count == 2), "{pools:?}");
        assert_eq!(warnings, [""; 0]);
    }

    #[test]
    fn a_panel_of_several_games_is_divided_and_its_levels_with_it() {
        let line = ReferenceLine { panel: Some("0.1".to_owned()), label: "a\nb".to_owned(), value: 1.0 };
        let figure = Figure {
            tops: BTreeMap::from([("0.01".to_owned(), 2.0)]),
            lines: vec![line],
            ..Figure::default()
        };
        let (runs, figure, warnings) = named_by("tau", "script", figure, &["catch", "chain"]);
        let pools = pools(&runs);
        assert_eq!(pools[&("tau=0.1 · catch", "tau=0.1 · catch", "soft")], 2);
        assert_eq!(pools.len(), 8);
        assert!(warnings.len() == 2 && warnings[0].contains("divided by game"), "{warnings:?}");
        assert_eq!(figure.tops.keys().collect::<Vec<_>>(), ["tau=0.01 · catch", "tau=0.01 · chain"]);
        let lines: Vec<_> = figure.lines.iter().map(|line| (line.panel.as_deref(), &*line.label)).collect();
        assert_eq!(lines, [(Some("tau=0.1 · catch"), "a b"), (Some("tau=0.1 · chain"), "a b")]);
        // Curves of one game each may share a panel, but no score.
        let (runs, _, warnings) = named_by("label", "env", Figure::default(), &["catch", "chain"]);
        assert_eq!(self::pools(&runs)[&("soft 0.1", "soft 0.1 · chain", "chain")], 2);
        assert_eq!(warnings, [""; 0]);
    }

    #[test]
    fn a_curve_of_runs_that_trained_otherwise_is_divided() {
        let (runs, _, warnings) = named_by("env", "script", Figure::default(), &["catch"]);
        let pools = pools(&runs);
        assert_eq!(pools[&("catch", "catch", "soft · soft 0.01")], 2);
        assert_eq!(pools.len(), 4);
        assert!(warnings.len() == 2 && warnings[0].contains("by label"), "{warnings:?}");
    }

    #[test]
    fn what_names_no_panel_is_told() {
        let line = ReferenceLine { panel: Some("pogn".to_owned()), label: String::new(), value: 1.0 };
        let figure = Figure {
            tops: BTreeMap::from([("ctach".to_owned(), 2.0)]),
            lines: vec![line],
            ..Figure::default()
        };
        let (_, figure, warnings) = named_by("env", "label", figure, &["catch"]);
        assert!(figure.tops.is_empty() && figure.lines.is_empty());
        assert!(warnings[0].contains("`ctach`") && warnings[0].contains("`catch`"), "{warnings:?}");
        assert!(warnings[1].contains("`pogn`"), "{warnings:?}");
    }
}
