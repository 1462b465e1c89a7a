//! What a run wrote down.

use kelvin_run::{RunDir, RunError};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// All whole records of `metrics.jsonl`; none while there is no run yet.
pub fn metrics(run: &Path) -> Vec<Value> {
    open(run).map_or(Vec::new(), |run| run.read_metrics().expect("sound metrics"))
}

/// The periodic records among the metrics.
pub fn training(run: &Path) -> Vec<Value> {
    metrics(run).into_iter().filter(|record| record["kind"] == "train").collect()
}

/// All whole records of `events.jsonl`; none while there is no run yet.
pub fn events(run: &Path) -> Vec<Value> {
    open(run).map_or(Vec::new(), |run| run.read_events().expect("sound events"))
}

/// The events of one kind.
pub fn events_of(run: &Path, event: &str) -> Vec<Value> {
    events(run).into_iter().filter(|record| record["event"] == event).collect()
}

/// A count in a record.
///
/// # Panics
/// If there is none.
#[track_caller]
pub fn count(record: &Value, key: &str) -> u64 {
    record[key].as_u64().unwrap_or_else(|| panic!("no `{key}` in {record}"))
}

/// Mean return of the last hundred episodes, as the last record has it.
///
/// # Panics
/// If no episode ended.
pub fn mean_return(run: &Path) -> f64 {
    let records = training(run);
    let last = records.last().expect("a run of some length");
    last["mean_return"].as_f64().unwrap_or_else(|| panic!("no episode ended: {last}"))
}

/// A configuration that a test is about to edit, without the checksum that would tell of it.
pub fn unsealed(config: &str) -> String {
    config.lines().filter(|line| !line.starts_with("# checksum")).map(|line| format!("{line}\n")).collect()
}

/// The weights of the newest checkpoint, as bytes.
pub fn weights(run: &Path) -> Vec<u8> {
    let newest = checkpoints(run).pop().expect("a checkpoint");
    fs::read(newest.join("model.safetensors")).expect("weights")
}

/// The folders of all checkpoints, oldest first.
pub fn checkpoints(run: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(run.join("checkpoints")).expect("a run has checkpoints");
    let is_one =
        |path: &PathBuf| path.file_name().is_some_and(|name| name.to_string_lossy().parse::<u64>().is_ok());
    let mut folders: Vec<_> =
        entries.map(|entry| entry.expect("a readable folder").path()).filter(is_one).collect();
    folders.sort();
    folders
}

/// Whether the agent steps of the periodic records rise from each to the next, and those of the episodes never fall:
/// nothing recorded twice, nothing out of order.
///
/// # Panics
/// If not.
#[track_caller]
pub fn assert_recorded_once(run: &Path) {
    let steps = |kind: &str| -> Vec<u64> {
        let records = metrics(run).into_iter().filter(|record| record["kind"] == kind);
        records.map(|record| count(&record, "agent_steps")).collect()
    };
    let (training, episodes) = (steps("train"), steps("episode"));
    assert!(training.windows(2).all(|pair| pair[0] < pair[1]), "{training:?}");
    assert!(episodes.windows(2).all(|pair| pair[0] <= pair[1]), "episodes out of order");
    // The same episode twice would have the same environment at the same step.
    let episodes = metrics(run).into_iter().filter(|record| record["kind"] == "episode");
    let ends: Vec<_> =
        episodes.map(|record| (count(&record, "agent_steps"), count(&record, "env"))).collect();
    assert_eq!(ends.iter().collect::<BTreeSet<_>>().len(), ends.len(), "an episode was recorded twice");
}

fn open(run: &Path) -> Option<RunDir> {
    match RunDir::open(run) {
        Ok(run) => Some(run),
        Err(RunError::NotARun { .. }) => None,
        Err(error) => panic!("{error}"),
    }
}
