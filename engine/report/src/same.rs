//! Runs that cannot be told apart: of two variants, with the very same episodes.
//!
//! Runs of one seed start with the same weights and draws, so that short ones may well play the same. Long ones that do
//! are a sign that what the variants differ in is not connected to anything, which no curve shows: one hides the other.

use crate::run::Run;
use crate::study::Study;
use std::collections::BTreeSet;

/// A sentence for each two variants that played the same episodes to the end in runs of one game and seed.
pub(crate) fn notes(study: &Study) -> Vec<String> {
    let variants = &study.variants;
    let pairs = (0..variants.len()).flat_map(|a| (a + 1..variants.len()).map(move |b| (a, b)));
    pairs.filter_map(|(a, b)| note(study, &variants[a], &variants[b])).collect()
}

fn note(study: &Study, a: &str, b: &str) -> Option<String> {
    let of = |variant: &str| -> Vec<&Run> {
        let runs = study.runs.iter().filter(|run| run.variant == variant);
        runs.filter(|run| !run.history.episodes.is_empty()).collect()
    };
    let others = of(b);
    let alike = |run: &Run, other: &Run| {
        (&run.config.env, run.config.seed, run.config.frames)
            == (&other.config.env, other.config.seed, other.config.frames)
    };
    let pairs =
        of(a).into_iter().filter_map(|run| Some((run, *others.iter().find(|other| alike(run, other))?)));
    let pairs: Vec<(&Run, &Run)> = pairs.collect();
    let same: Vec<&Run> = pairs
        .iter()
        .filter(|(run, other)| run.history.episodes == other.history.episodes)
        .map(|(run, _)| *run)
        .collect();
    let games: BTreeSet<&str> = same.iter().map(|run| &*run.config.env).collect();
    (!same.is_empty()).then(|| {
        format!(
            "{a} and {b} played the very same episodes in {} of {} runs of one game and seed ({}): one curve hides the \
             other there, and what the two differ in changed nothing yet",
            same.len(),
            pairs.len(),
            games.into_iter().collect::<Vec<_>>().join(", ")
        )
    })
}
