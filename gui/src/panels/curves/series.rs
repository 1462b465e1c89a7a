//! Which curves there are: every run for itself, or the seeds of a variant on a game together.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::colors::SeriesKey;
use crate::data::{RunId, RunInfo};

/// What one curve is of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Grouping {
    /// A run.
    Runs,
    /// All plotted runs of a variant on a game.
    #[default]
    Variants,
}

/// A curve that is to be drawn.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct SeriesOf {
    /// What it is of.
    pub key: SeriesKey,
    /// What the legend calls it; no two are called the same.
    pub name: String,
    /// Its runs.
    pub runs: Vec<RunId>,
}

/// The curves of runs, in their order. A name says only what differs among them.
pub(super) fn series(runs: &[Arc<RunInfo>], grouping: Grouping) -> Vec<SeriesOf> {
    let differs = |of: fn(&RunInfo) -> &str| runs.windows(2).any(|pair| of(&pair[0]) != of(&pair[1]));
    let with_experiment = differs(|run| &run.experiment);
    let with_env = differs(|run| &run.env);
    let with_label = differs(|run| &run.label) || !(with_env || with_experiment);
    let name = |run: &RunInfo| {
        let parts = [(with_experiment, &run.experiment), (with_label, &run.label), (with_env, &run.env)];
        let parts: Vec<&str> = parts
            .into_iter()
            .filter(|(with, part)| *with && !part.is_empty())
            .map(|(_, part)| &**part)
            .collect();
        if parts.is_empty() { run.label.to_string() } else { parts.join(" · ") }
    };
    let mut found: Vec<SeriesOf> = Vec::new();
    let mut places: BTreeMap<SeriesKey, usize> = BTreeMap::new();
    for run in runs {
        let (key, name) = match grouping {
            Grouping::Runs => (SeriesKey::Run(run.id), format!("{} · {}", name(run), run.seed)),
            Grouping::Variants => {
                let (experiment, label, env) = (run.experiment.clone(), run.label.clone(), run.env.clone());
                (SeriesKey::Variant { experiment, label, env }, name(run))
            }
        };
        let place = *places.entry(key.clone()).or_insert_with(|| {
            found.push(SeriesOf { key, name, runs: Vec::new() });
            found.len() - 1
        });
        found[place].runs.push(run.id);
    }
    tell_apart(&mut found, runs);
    found
}

/// The names of the first two curves that can be compared: of one game, if there are such.
pub(super) fn pair(series: &[SeriesOf]) -> Option<(String, String)> {
    let game = |one: &SeriesOf| match &one.key {
        SeriesKey::Variant { env, .. } => Some(env.clone()),
        SeriesKey::Run(_) => None,
    };
    let pairs =
        || series.iter().enumerate().flat_map(|(index, a)| series[index + 1..].iter().map(move |b| (a, b)));
    let (a, b) = pairs().find(|(a, b)| game(a) == game(b)).or_else(|| pairs().next())?;
    Some((a.name.clone(), b.name.clone()))
}

/// Names that stand for several curves get the folder too.
fn tell_apart(series: &mut [SeriesOf], runs: &[Arc<RunInfo>]) {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for one in series.iter() {
        *counts.entry(one.name.clone()).or_default() += 1;
    }
    for one in series.iter_mut().filter(|one| counts[&one.name] > 1) {
        let run = runs.iter().find(|run| Some(&run.id) == one.runs.first());
        if let Some(folder) = run.and_then(|run| run.path.file_name()) {
            one.name = format!("{} ({})", one.name, folder.to_string_lossy());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{Progress, RunState};
    use std::path::Path;

    fn run(id: u32, experiment: &str, label: &str, env: &str, seed: u64) -> Arc<RunInfo> {
        Arc::new(RunInfo {
            id: RunId(id),
            path: Path::new(&format!("/runs/folder{id}")).into(),
            experiment: experiment.into(),
            label: label.into(),
            script: "".into(),
            env: env.into(),
            seed,
            state: RunState::Done,
            progress: Progress::default(),
            silent: None,
            warning: None,
        })
    }

    fn names(runs: &[Arc<RunInfo>], grouping: Grouping) -> Vec<(String, usize)> {
        series(runs, grouping).into_iter().map(|one| (one.name, one.runs.len())).collect()
    }

    #[test]
    fn seeds_of_a_variant_are_one_curve() {
        let runs =
            [run(0, "", "dqn", "pong", 0), run(1, "", "dqn", "pong", 1), run(2, "", "soft", "pong", 0)];
        assert_eq!(names(&runs, Grouping::Variants), [("dqn".into(), 2), ("soft".into(), 1)]);
        let each = [("dqn · 0".into(), 1), ("dqn · 1".into(), 1), ("soft · 0".into(), 1)];
        assert_eq!(names(&runs, Grouping::Runs), each);
    }

    #[test]
    fn a_name_says_what_differs() {
        let runs = [run(0, "a", "dqn", "pong", 0), run(1, "b", "dqn", "pong", 0)];
        assert_eq!(names(&runs, Grouping::Variants), [("a".into(), 1), ("b".into(), 1)]);
        let runs = [run(0, "a", "dqn", "pong", 0), run(1, "a", "dqn", "breakout", 0)];
        assert_eq!(names(&runs, Grouping::Variants), [("pong".into(), 1), ("breakout".into(), 1)]);
        assert_eq!(names(&runs[..1], Grouping::Variants), [("dqn".into(), 1)]);
    }

    #[test]
    fn what_is_compared_is_of_one_game() {
        let runs =
            [run(0, "", "dqn", "pong", 0), run(1, "", "dqn", "qbert", 0), run(2, "", "soft", "qbert", 0)];
        let all = series(&runs, Grouping::Variants);
        assert_eq!(pair(&all), Some(("dqn · qbert".into(), "soft · qbert".into())));
        assert_eq!(pair(&all[..2]), Some(("dqn · pong".into(), "dqn · qbert".into())));
        assert_eq!(pair(&all[..1]), None);
    }

    #[test]
    fn no_two_curves_have_one_name() {
        let runs = [run(0, "", "dqn", "pong", 0), run(1, "", "dqn", "pong", 0)];
        let wanted = [("dqn · 0 (folder0)".into(), 1), ("dqn · 0 (folder1)".into(), 1)];
        assert_eq!(names(&runs, Grouping::Runs), wanted);
    }
}
