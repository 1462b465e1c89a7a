//! Where a run's edits come from: the files that steer it, or the records of a run that is made again.

use super::control::Asks;
use super::rerun::Edit;
use super::resume::load;
use super::version::Workshop;
use super::watch::{Change, Source, Watcher};
use crate::failure::Failure;
use crate::units::AgentSteps;
use kelvin_run::RunDir;
use std::collections::VecDeque;
use std::time::Instant;

/// Edits of a run, one at a time.
pub(super) enum Edits {
    /// As they are made.
    Live(Watcher),
    /// As they were made, each before the step after so many, in the run with this directory.
    Recorded(Box<Workshop>, RunDir, VecDeque<(AgentSteps, Edit)>),
}

impl Edits {
    /// Whether the end of the run is asked for.
    pub fn stop_is_asked(&self) -> bool {
        matches!(self, Self::Live(watcher) if watcher.stop_is_asked())
    }

    /// Ends it without waiting, and says what `control.toml` had asked for.
    pub fn abandon(self) -> Asks {
        let Self::Live(watcher) = self else { return Asks::default() };
        let asks = watcher.asks();
        watcher.abandon();
        asks
    }

    /// What came of an edit that is to be taken over now.
    pub fn poll(&mut self, now: AgentSteps) -> Result<Option<Change>, Failure> {
        let (workshop, dir, edits) = match self {
            Self::Live(watcher) => return Ok(watcher.poll()),
            Self::Recorded(workshop, dir, edits) => (workshop, dir, edits),
        };
        while let Some((_, edit)) = edits.pop_front_if(|(at, _)| *at <= now) {
            let change = match edit {
                Edit::Control(values) => workshop.params_change(values)?,
                Edit::Script(version, control) => {
                    let start = Instant::now();
                    let swap = Box::new(workshop.version(load(dir, &version)?, control)?);
                    Some(Change::Swap { swap, edited: Source::Script, took: start.elapsed() })
                }
            };
            if change.is_some() {
                return Ok(change);
            }
        }
        Ok(None)
    }
}
