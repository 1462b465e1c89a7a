//! What was done to a run from outside, from its records: edits, and being taken up again.

use crate::config::Length;
use crate::failure::Failure;
use crate::params::Values;
use crate::units::AgentSteps;
use kelvin_run::{ObjectiveVersion, RunDir};
use serde::Deserialize;
use serde_json::Value;
use std::collections::{BTreeSet, VecDeque};

/// What was done to a run, in order.
#[derive(Debug, Default)]
pub(super) struct Timeline {
    /// Which versions of Kelvin made it, on which devices.
    pub made_by: BTreeSet<MadeBy>,
    /// How long it was to be at its start.
    pub length: Option<Length>,
    /// What `control.toml` said at the start of a run that began at a checkpoint of another.
    pub control: Values,
    /// Edits of its script and of `control.toml`, each before the step after so many.
    pub edits: VecDeque<(AgentSteps, Edit)>,
    /// When it was taken up again.
    pub turns: VecDeque<(AgentSteps, Turn)>,
    /// Where something ended the run by itself: when, and which update was broken, if it was that.
    pub ends: Vec<(AgentSteps, Option<u64>)>,
}

/// What may make other bits of the same run.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
pub(super) struct MadeBy {
    #[serde(default)]
    pub kelvin: String,
    #[serde(default)]
    pub device: String,
}

/// An edit that the run took over.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::train) enum Edit {
    /// A version of the script, and what `control.toml` said with it.
    Script(ObjectiveVersion, Values),
    /// What `control.toml` said from then on.
    Control(Values),
}

/// What changed where a run was taken up again.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Turn {
    /// How long it was to be from there on.
    pub length: Option<Length>,
    /// Whether its episodes went on.
    pub same_episodes: bool,
}

/// What is read of an event.
#[derive(Deserialize)]
struct Event {
    event: String,
    update: u64,
    agent_steps: AgentSteps,
    #[serde(default)]
    source: String,
    #[serde(default)]
    hash: String,
    control: Option<Values>,
    #[serde(default)]
    params: Values,
    /// Edits up to the checkpoint that a run went on from.
    #[serde(default)]
    edited: usize,
    length: Option<Length>,
    same_episodes: Option<bool>,
    policy: Option<String>,
    first: Option<u64>,
}

impl Timeline {
    /// Reads it.
    ///
    /// # Errors
    /// Records that are damaged.
    pub fn read(dir: &RunDir) -> Result<Self, Failure> {
        Self::of(&dir.read_events()?, &dir.objectives()?)
    }

    fn of(events: &[Value], versions: &[ObjectiveVersion]) -> Result<Self, Failure> {
        let (mut timeline, mut edits) = (Self::default(), Vec::new());
        events.iter().for_each(|record| timeline.take(record, versions, &mut edits));
        let missing = "a version of the script that ran is not in objective/index.jsonl";
        let edits = edits.into_iter().map(|(at, edit)| Some((at, edit?))).collect::<Option<_>>();
        timeline.edits = edits.ok_or_else(|| Failure::failed(missing))?;
        Ok(timeline)
    }

    /// Takes an event. A version of the script that a resume left behind is not in the list any more.
    fn take(
        &mut self,
        record: &Value,
        versions: &[ObjectiveVersion],
        edits: &mut Vec<(AgentSteps, Option<Edit>)>,
    ) {
        let Ok(event) = Event::deserialize(record) else { return };
        let at = event.agent_steps;
        match event.event.as_str() {
            "start" | "fork" => {
                self.made_by.extend(MadeBy::deserialize(record));
                (self.length, self.control) = (event.length, event.control.unwrap_or_default());
            }
            "resume" => {
                // What came after the checkpoint did not happen to the run that went on from it.
                edits.truncate(event.edited);
                self.turns.retain(|(when, _)| *when <= at);
                self.ends.retain(|(when, _)| *when <= at);
                self.made_by.extend(MadeBy::deserialize(record));
                let same_episodes = event.same_episodes.unwrap_or(false);
                self.turns.push_back((at, Turn { length: event.length, same_episodes }));
            }
            "reload" => {
                let ran = |version: &&ObjectiveVersion| {
                    version.hash == event.hash && version.update == event.update
                };
                let version = versions.iter().find(ran).cloned();
                let control = event.control.unwrap_or_default();
                edits.push((at, version.map(|version| Edit::Script(version, control))));
            }
            "params" if event.source == "control.toml" => {
                edits.push((at, Some(Edit::Control(event.params))));
            }
            // One that was told of and did not end the run has another policy.
            "fault" if event.policy.as_deref().is_none_or(|policy| policy == "stop") => {
                self.ends.push((at, event.first));
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn timeline(events: &[Value]) -> Timeline {
        let version =
            |update, hash: &str| ObjectiveVersion { update, hash: hash.to_owned(), script: hash.into() };
        let versions = [version(0, "a"), version(7, "b")];
        Timeline::of(events, &versions).unwrap()
    }

    #[test]
    fn what_came_after_the_checkpoint_that_a_run_went_on_from_did_not_happen() {
        let control = |at: u64, tau: f64| json!({ "event": "params", "source": "control.toml", "update": 1, "agent_steps": at, "params": { "tau": tau } });
        let resume = |at: u64, edited: u64, same: bool| json!({ "event": "resume", "update": 1, "agent_steps": at, "same_episodes": same, "edited": edited });
        let events = [
            json!({ "event": "start", "update": 0, "agent_steps": 0, "kelvin": "1", "device": "cpu" }),
            control(10, 0.1),
            json!({ "event": "reload", "update": 7, "agent_steps": 20, "hash": "b", "control": { "tau": 0.1 } }),
            json!({ "event": "params", "source": "on_eval", "update": 1, "agent_steps": 21, "params": { "tau": 9.0 } }),
            control(40, 0.4),
            json!({ "event": "fault", "policy": "stop", "first": 12, "update": 11, "agent_steps": 41 }),
            resume(20, 2, true),
            // At the very step of the checkpoint, and after it.
            control(20, 0.2),
            resume(20, 2, true),
            control(30, 0.3),
            control(30, 0.4),
            resume(30, 3, false),
        ];
        let read = timeline(&events);
        let values = |tau: f64| Values::from([("tau".to_owned(), tau)]);
        let script = ObjectiveVersion { update: 7, hash: "b".to_owned(), script: "b".into() };
        let edits = [
            (AgentSteps(10), Edit::Control(values(0.1))),
            (AgentSteps(20), Edit::Script(script, values(0.1))),
            (AgentSteps(30), Edit::Control(values(0.3))),
        ];
        assert_eq!(read.edits, edits);
        let turns: Vec<_> = read.turns.iter().map(|(at, turn)| (at.0, turn.same_episodes)).collect();
        assert_eq!(turns, [(20, true), (20, true), (30, false)]);
        assert!(read.ends.is_empty() && read.made_by.iter().any(|made_by| made_by.device == "cpu"));
        assert_eq!(timeline(&events[..6]).ends, [(AgentSteps(41), Some(12))]);
        let unknown = json!({ "event": "reload", "update": 8, "agent_steps": 50, "hash": "c" });
        assert!(Timeline::of(std::slice::from_ref(&unknown), &[]).is_err(), "it is not in the list");
        assert!(Timeline::of(&[unknown, resume(40, 0, true)], &[]).is_ok(), "nor is it needed");
    }
}
