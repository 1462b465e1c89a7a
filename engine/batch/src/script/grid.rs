//! `grid(#{ … })` and `run(#{ … })`: from axes to runs.

use std::ops::{Range, RangeInclusive};
use std::path::Path;

use rhai::{Array, Dynamic, EvalAltResult, INT, Map, NativeCallContext};

use kelvin_objective::hosting::Memory;

use super::complaint::Complaint;
use super::tokens::Place;
use super::value::function;

/// Runs that an experiment may have.
pub(super) const MAX_RUNS: usize = 10_000;
/// Under this key, which nobody can write by accident, a run keeps the place of the call that made it.
pub(super) const PLACE: &str = " place";
/// The axis that goes slowest: the first seed of everything comes before the second of anything, so that a picture is
/// there early, and more seeds are added at the end.
const SLOWEST: &str = "seed";

type Outcome<T> = Result<T, Box<EvalAltResult>>;

/// One run of each combination of the values on the axes: what is a list or a range is an axis, of maps each is merged
/// into the run, and functions are called with the run. The last axis by name goes fastest, `seed` slowest.
pub(super) fn grid(context: &NativeCallContext, axes: Map) -> Outcome<Array> {
    let refuse = |complaint: Complaint| Err(complaint.at_call(context));
    let memory = Memory::now();
    let mut axes: Vec<(String, Vec<Dynamic>)> =
        axes.into_iter().map(|(name, values)| (name.to_string(), along(values))).collect();
    axes.sort_by_key(|(name, _)| name != SLOWEST);
    let mut runs = vec![Map::new()];
    for (name, values) in &axes {
        if values.is_empty() {
            return refuse(
                Complaint::new(format!("the axis `{name}` has no values"))
                    .hint("a grid needs one at least on each axis; the ranges 0..0 and 3..3 are empty"),
            );
        }
        if runs.len().saturating_mul(values.len()) > MAX_RUNS {
            return refuse(
                Complaint::new(format!("the grid has more than {MAX_RUNS} runs"))
                    .hint("make several experiments of it"),
            );
        }
        let mut longer = Vec::with_capacity(runs.len() * values.len());
        for run in &runs {
            for value in values {
                // Each run has a copy of its values, and these may be lists of any length.
                if longer.len() % 64 == 0 && memory.is_spent() {
                    let complaint = Complaint::new(format!("the grid does not fit into {}", Memory::limit()));
                    return refuse(
                        complaint.hint("give runs short lists, or make several experiments of it"),
                    );
                }
                let mut run = run.clone();
                if let Some(twice) = place_value(&mut run, name, value) {
                    return refuse(
                        Complaint::new(format!("`{twice}` is given twice")).hint(format!(
                            "once by `{name}` and once by another axis: leave one of them out"
                        )),
                    );
                }
                longer.push(run);
            }
        }
        runs = longer;
    }
    runs.into_iter().map(|run| finish(context, run)).collect()
}

/// One run: its functions are called, and its place is kept.
pub(super) fn run(context: &NativeCallContext, run: Map) -> Outcome<Dynamic> {
    finish(context, run)
}

/// The values along an axis; of what is neither list nor range the value alone.
fn along(values: Dynamic) -> Vec<Dynamic> {
    if let Some(range) = values.read_lock::<Range<INT>>() {
        return counted(range.clone());
    }
    if let Some(range) = values.read_lock::<RangeInclusive<INT>>() {
        return counted(range.clone());
    }
    match values.is_array() {
        // It was just found to be one.
        true => values.into_array().unwrap_or_default(),
        false => vec![values],
    }
}

/// A range of any length: what is too much is refused by the one who counts.
fn counted(range: impl Iterator<Item = INT>) -> Vec<Dynamic> {
    range.take(MAX_RUNS + 1).map(Dynamic::from_int).collect()
}

/// Puts a value of an axis into a run; says which key was there already.
fn place_value(run: &mut Map, name: &str, value: &Dynamic) -> Option<String> {
    let Some(variant) = value.read_lock::<Map>() else {
        return run.insert(name.into(), value.clone()).map(|_| name.to_owned());
    };
    let entries = variant.iter().filter(|(key, _)| key.as_str() != PLACE);
    let mut twice = None;
    for (key, value) in entries {
        if run.insert(key.clone(), value.clone()).is_some() {
            twice = Some(key.to_string());
        }
    }
    twice
}

/// Under this key a run's functions find the name of its script, without folder and ending.
const NAME: &str = "name";

/// Calls a run's functions, each with the run as it was written, its script's name, and what the functions before it by
/// name have made.
fn finish(context: &NativeCallContext, mut run: Map) -> Outcome<Dynamic> {
    let functions: Vec<_> =
        run.iter().filter_map(|(key, value)| Some((key.clone(), function(value)?))).collect();
    for (key, _) in &functions {
        run.remove(key);
    }
    for (key, function) in functions {
        let mut seen = run.clone();
        if let Some(script) = seen.get("script").and_then(|script| script.clone().into_string().ok()) {
            let stem = Path::new(&script).file_stem().unwrap_or_default().to_string_lossy();
            seen.entry(NAME.into()).or_insert_with(|| stem.as_ref().into());
        }
        let value: Dynamic = function.call_within_context(context, (seen,))?;
        run.insert(key, value);
    }
    run.insert(PLACE.into(), Dynamic::from(Place::of(context.call_position())));
    Ok(Dynamic::from_map(run))
}
