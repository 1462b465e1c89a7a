//! How far a run has come, from what it writes.

use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::Path;

use kelvin_run::{Record, Status, TimingRecord, open_plain, read_plain};
use serde::de::DeserializeOwned;
use serde_json::Value;

/// Bytes of a live status at most; it has a few hundred, and more for a script of many parameters.
const STATUS: u64 = 1 << 20;
/// Bytes of a file of records that are looked at: some dozen records.
const TAIL: u64 = 16 << 10;

/// How far a run has come.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Progress {
    /// Frames trained.
    pub frames: u64,
    /// Frames a second, lately.
    pub frames_per_s: f64,
    /// Mean return of the last hundred episodes.
    pub mean_return: Option<f64>,
}

impl Progress {
    /// Of the run in `folder`: what its live status says, else its last records; nothing where there is neither.
    pub fn read(folder: &Path) -> Self {
        let status = read_plain(&folder.join("live/status.json"), STATUS);
        if let Some(status) = status.ok().and_then(|text| serde_json::from_slice::<Status>(&text).ok()) {
            let Status { frames, frames_per_s, mean_return, .. } = status;
            return Self { frames, frames_per_s, mean_return };
        }
        let mut progress = Self::default();
        for record in tail(&folder.join("metrics.jsonl")) {
            match record {
                Record::Episode(episode) => progress.frames = progress.frames.max(episode.frames),
                Record::Eval(eval) => progress.frames = progress.frames.max(eval.frames),
                Record::Train(train) => {
                    progress.frames = progress.frames.max(train.frames);
                    progress.mean_return = train.mean_return;
                }
            }
        }
        progress.frames_per_s = speed(folder).unwrap_or(0.0);
        progress
    }
}

/// Frames a second that the run in `folder` has made lately; `None` before its second record, since frames come faster
/// before the first update.
pub fn speed(folder: &Path) -> Option<f64> {
    let records: Vec<TimingRecord> = tail(&folder.join("timing.jsonl"));
    let learned = records.iter().rev().take(8).filter(|record| record.updates_per_s > 0.0);
    let (count, sum) = learned.fold((0, 0.0), |(count, sum), record| (count + 1, sum + record.frames_per_s));
    (count > 0).then(|| sum / f64::from(count))
}

/// The last records of a file that are of this kind, oldest first.
fn tail<T: DeserializeOwned>(path: &Path) -> Vec<T> {
    let read = || -> std::io::Result<Vec<u8>> {
        let mut file = open_plain(path)?;
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(TAIL)))?;
        let mut bytes = Vec::new();
        file.take(TAIL).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    let bytes = read().unwrap_or_default();
    // The first line may be cut, the last may be torn: neither is a record then.
    let values =
        bytes.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice::<Value>(line).ok());
    values.filter_map(|value| serde_json::from_value(value).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn the_last_whole_record_counts() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(Progress::read(folder.path()), Progress::default());
        let train = |frames: u64| {
            format!(
                "{{\"kind\":\"train\",\"frames\":{frames},\"agent_steps\":1,\"updates\":1,\"mean_return\":0.5,\
                 \"learning_rate\":1.0,\"epsilon\":0.1,\"replay\":1,\"metrics\":{{}},\"params\":{{}}}}\n"
            )
        };
        let many: String = (0..200).map(train).collect();
        fs::write(folder.path().join("metrics.jsonl"), format!("{many}{{\"kind\":\"tra")).unwrap();
        let timing = |updates: f64, frames: f64| {
            format!(
                "{{\"agent_steps\":1,\"frames_per_s\":{frames},\"updates_per_s\":{updates},\"wall_s\":1.0}}\n"
            )
        };
        let timings = [timing(0.0, 9000.0), timing(1.0, 100.0), timing(1.0, 200.0)].concat();
        fs::write(folder.path().join("timing.jsonl"), timings).unwrap();
        let progress = Progress { frames: 199, frames_per_s: 150.0, mean_return: Some(0.5) };
        assert_eq!(Progress::read(folder.path()), progress);
    }
}
