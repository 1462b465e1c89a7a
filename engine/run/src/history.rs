//! What a run has recorded so far, typed: for those who draw, count or export it.
//!
//! The one idea: **one broken line costs one line.** A run that goes on has a last line that is half written, and a disk
//! that was full or a hand that slipped may leave another one broken in the middle. Whoever resumes a run must know of
//! that ([`RunDir::read_metrics`](crate::RunDir::read_metrics) fails); whoever draws a hundred of them wants the rest,
//! and be told.

use std::io::ErrorKind;
use std::path::Path;

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::plain::read_plain;
use crate::records::{EpisodeRecord, EvalRecord, Event, Record, TimingRecord, TrainRecord};
use crate::{RunError, lines};

/// All records of a run, by kind, in the order they were written.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct History {
    /// Episodes of training.
    pub episodes: Vec<EpisodeRecord>,
    /// Means over `log_every` agent steps of training.
    pub train: Vec<TrainRecord>,
    /// Evaluations, which training knows nothing of.
    pub evaluations: Vec<EvalRecord>,
    /// What the clock said.
    pub timing: Vec<TimingRecord>,
    /// What happened.
    pub events: Vec<Event>,
    /// Lines that were left out because nothing can be made of them.
    pub damage: Vec<DamagedLine>,
}

/// A line that is no record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DamagedLine {
    /// The file's name in the run directory.
    pub file: String,
    /// Its place, from 1.
    pub line: usize,
    /// What is wrong with it.
    pub reason: String,
}

impl std::fmt::Display for DamagedLine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}, line {}, is left out: {:.400}", self.file, self.line, self.reason)
    }
}

impl History {
    /// Reads the files of the run at `folder`; a file that is not there has no records.
    pub(crate) fn read(folder: &Path, [metrics, timing, events]: [&str; 3]) -> Result<Self, RunError> {
        let mut history = Self::default();
        let mut damage = Vec::new();
        each(folder, metrics, &mut damage, |line| {
            match record(line)? {
                Record::Episode(episode) => history.episodes.push(episode),
                Record::Train(train) => history.train.push(train),
                Record::Eval(evaluation) => history.evaluations.push(evaluation),
            }
            Ok(())
        })?;
        each(folder, timing, &mut damage, |line| parse(line).map(|timing| history.timing.push(timing)))?;
        each(folder, events, &mut damage, |line| parse(line).map(|event| history.events.push(event)))?;
        history.damage = damage;
        Ok(history)
    }

    /// Frames trained, as far as records tell.
    pub fn frames(&self) -> u64 {
        let episode = self.episodes.last().map(|episode| episode.frames);
        let train = self.train.last().map(|train| train.frames);
        let evaluation = self.evaluations.last().map(|evaluation| evaluation.frames);
        [episode, train, evaluation].into_iter().flatten().max().unwrap_or(0)
    }

    /// Versions of Kelvin that worked on the run, one after another; `None` for one from before they were noted.
    pub fn versions(&self) -> Vec<Option<&str>> {
        let begins = |event: &&Event| matches!(&*event.event, "start" | "fork" | "resume");
        let mut begins = self.events.iter().filter(begins).peekable();
        // Those that noted nothing did not say that they start either.
        let early = begins.peek().is_none_or(|first| first.event == "resume");
        let noted = begins.map(|event| event.detail.get("kelvin").and_then(Value::as_str));
        let mut versions: Vec<_> = early.then_some(None).into_iter().chain(noted).collect();
        versions.dedup();
        versions
    }

    /// For each timing record, agent steps and the seconds that training has taken until then, over all processes
    /// that worked on it: each begins to count anew.
    pub fn wall_clock(&self) -> Vec<(u64, f64)> {
        let resumed = self.resumed();
        let (mut before, mut last, mut steps) = (0.0, 0.0, 0);
        let clock = self.timing.iter().map(|timing| {
            let anew = resumed.iter().any(|at| (steps..timing.agent_steps).contains(at));
            // Where events are lost, a clock that goes backwards still tells.
            if anew || timing.wall_s < last {
                before += last;
            }
            (last, steps) = (timing.wall_s, timing.agent_steps);
            (timing.agent_steps, before + last)
        });
        clock.collect()
    }

    /// When the run was begun, seconds since 1970: what the first event says, less the training until then. None where no
    /// event tells the time.
    pub fn begun(&self) -> Option<f64> {
        let first = self.events.first()?;
        let said = first.detail.get("unix_ms")?.as_f64()? / 1000.0;
        let clock = self.wall_clock();
        let until = clock.partition_point(|(steps, _)| *steps <= first.agent_steps);
        Some(said - until.checked_sub(1).map_or(0.0, |last| clock[last].1))
    }

    /// Agent steps at which processes took the run up, ascending. What was before a later one that went further back is
    /// no part of what is on record.
    fn resumed(&self) -> Vec<u64> {
        let mut resumed: Vec<u64> = Vec::new();
        for event in self.events.iter().filter(|event| event.event == "resume") {
            resumed.retain(|at| *at < event.agent_steps);
            resumed.push(event.agent_steps);
        }
        resumed
    }
}

/// A line of metrics. The kind is the first thing in it, as it is written: looking there is faster than
/// letting the line be read whole to find the kind.
fn record(line: &[u8]) -> serde_json::Result<Record> {
    let kind = line.strip_prefix(b"{\"kind\":\"").unwrap_or_default();
    if kind.starts_with(b"episode\"") {
        parse(line).map(Record::Episode)
    } else if kind.starts_with(b"train\"") {
        parse(line).map(Record::Train)
    } else {
        parse(line)
    }
}

fn parse<T: DeserializeOwned>(line: &[u8]) -> serde_json::Result<T> {
    serde_json::from_slice(line)
}

/// Reads whole lines one by one and notes those that fail.
fn each(
    folder: &Path,
    file: &str,
    damage: &mut Vec<DamagedLine>,
    mut take: impl FnMut(&[u8]) -> serde_json::Result<()>,
) -> Result<(), RunError> {
    let path = folder.join(file);
    let text = match read_plain(&path, lines::MAX_BYTES) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(RunError::io("read", &path)(error)),
    };
    for (index, line) in lines::whole(&text).enumerate() {
        if let Err(error) = take(line) {
            let (file, reason) = (file.to_owned(), error.to_string());
            damage.push(DamagedLine { file, line: index + 1, reason });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    const EPISODE: &str = r#"{"kind":"episode","frames":400,"agent_steps":100,"env":1,"episode_return":-21.0,"episode_agent_steps":90,"episode_frames":364}"#;
    const TRAIN: &str = r#"{"kind":"train","frames":800,"agent_steps":200,"updates":7,"mean_return":null,"learning_rate":0.1,"epsilon":0.5,"replay":200,"metrics":{"loss":0.25,"broken":null},"params":{"tau":0.1}}"#;
    const EVAL: &str = r#"{"kind":"eval","frames":1200,"agent_steps":300,"updates":9,"epsilon":0.001,"episodes":2,"mean_return":3.0,"std_return":1.0,"best_return":3.0,"returns":[2.0,4.0]}"#;

    fn history(files: [(&str, &str); 3]) -> History {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            fs::write(folder.path().join(name), text).unwrap();
        }
        History::read(folder.path(), files.map(|(name, _)| name)).unwrap()
    }

    #[test]
    fn kinds_are_told_apart_wherever_the_kind_stands() {
        let late = r#"{"frames":4,"agent_steps":1,"env":0,"episode_return":1.5,"episode_agent_steps":1,"episode_frames":4,"kind":"episode"}"#;
        let metrics = [late, EPISODE, TRAIN, EVAL].join("\n") + "\n";
        let history = history([("metrics.jsonl", &metrics), ("timing.jsonl", ""), ("events.jsonl", "")]);
        assert_eq!(history.damage, []);
        assert_eq!(history.episodes.iter().map(|e| e.episode_return).collect::<Vec<_>>(), [1.5, -21.0]);
        assert_eq!(history.train[0].metrics["loss"], Some(0.25));
        assert_eq!((history.train[0].metrics["broken"], history.train[0].mean_return), (None, None));
        assert_eq!((history.evaluations[0].returns.len(), history.frames()), (2, 1200));
    }

    #[test]
    fn a_torn_end_is_nothing_and_a_broken_middle_is_one_line() {
        let metrics =
            format!("{EPISODE}\n{{\"kind\":\"epis\n\0\0\0\n{{\"kind\":\"lunch\"}}\n{TRAIN}\n{}", &EVAL[..40]);
        let history =
            history([("metrics.jsonl", &metrics), ("timing.jsonl", "{\"agent"), ("events.jsonl", "\n")]);
        assert_eq!((history.episodes.len(), history.train.len(), history.evaluations.len()), (1, 1, 0));
        let lines: Vec<_> = history.damage.iter().map(|damage| damage.line).collect();
        assert_eq!(lines, [2, 3, 4]);
        let said = history.damage[2].to_string();
        assert!(said.contains("metrics.jsonl, line 4") && said.contains("lunch"), "{said}");
    }

    #[test]
    fn the_clock_goes_on_where_the_process_before_stopped() {
        let line = |steps: u64, wall: f64| {
            format!(
                "{{\"agent_steps\":{steps},\"frames_per_s\":1.0,\"updates_per_s\":1.0,\"wall_s\":{wall:?}}}\n"
            )
        };
        let timing = [line(1, 2.0), line(2, 5.0), line(3, 1.0), line(4, 4.0), line(5, 0.5)].concat();
        let history = history([("metrics.jsonl", ""), ("timing.jsonl", &timing), ("events.jsonl", "")]);
        assert_eq!(history.wall_clock(), [(1, 2.0), (2, 5.0), (3, 6.0), (4, 9.0), (5, 9.5)]);
    }

    #[test]
    fn a_process_that_was_gone_sooner_than_the_next_spoke_has_its_time() {
        let timing = |steps: u64, wall: f64| {
            format!(
                "{{\"agent_steps\":{steps},\"frames_per_s\":1.0,\"updates_per_s\":1.0,\"wall_s\":{wall:?}}}\n"
            )
        };
        let event = |name: &str, steps: u64, at: u64| {
            format!("{{\"event\":\"{name}\",\"update\":0,\"agent_steps\":{steps},\"unix_ms\":{at}}}\n")
        };
        let timing =
            [timing(10, 2.0), timing(20, 3.0), timing(30, 7.0), timing(40, 9.0), timing(50, 12.0)].concat();
        // The second resume went further back than the first, whose records are gone.
        let events = [
            event("checkpoint", 20, 100_000),
            event("resume", 35, 200_000),
            event("resume", 20, 300_000),
            event("resume", 40, 400_000),
        ];
        let files = [("metrics.jsonl", ""), ("timing.jsonl", &timing), ("events.jsonl", &events.concat())];
        let history = history(files);
        assert_eq!(history.wall_clock(), [(10, 2.0), (20, 3.0), (30, 10.0), (40, 12.0), (50, 24.0)]);
        assert_eq!(history.begun(), Some(97.0));
        assert_eq!(History::default().begun(), None);
    }
}
