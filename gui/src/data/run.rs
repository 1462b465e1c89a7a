//! One run as a snapshot.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use kelvin_objective::Param;
use kelvin_run::{AgentView, Event, ObjectiveVersion, Picture, Status, TrainRecord};

/// A run, for as long as the monitor is open; numbers are never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RunId(pub u32);

/// What a run is doing, as far as its files tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RunState {
    /// It trains.
    Running,
    /// It waits, as `control.toml` asks.
    Paused,
    /// It plays an evaluation.
    Evaluating,
    /// It trained to its end.
    Done,
    /// It was stopped before its end and can be resumed.
    Stopped,
    /// It ended with an error.
    Failed,
    /// It says that it trains, but its heart no longer beats: killed, or out of reach.
    Stalled,
    /// Its folder cannot be read, or what stands in it is damaged.
    Damaged,
}

impl RunState {
    /// Whether a process is there that takes requests.
    pub fn lives(self) -> bool {
        matches!(self, Self::Running | Self::Paused | Self::Evaluating)
    }
}

/// How far a run has come.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Progress {
    /// Frames trained.
    pub frames: u64,
    /// Frames at its end; 0 if not known.
    pub total_frames: u64,
    /// Frames a second, where it trains.
    pub frames_per_s: Option<f64>,
    /// Mean return of the last hundred episodes.
    pub mean_return: Option<f64>,
}

/// A line of the list of runs.
#[derive(Clone, Debug, PartialEq)]
pub struct RunInfo {
    /// Which run.
    pub id: RunId,
    /// Its folder.
    pub path: Arc<Path>,
    /// The folders between the monitor's and the run's, or the experiment's name; empty for none.
    pub experiment: Arc<str>,
    /// The variant: a batch's label, else the script's name.
    pub label: Arc<str>,
    /// The file of its script, as `config.toml` names it; empty if that cannot be read.
    pub script: Arc<str>,
    /// The game.
    pub env: Arc<str>,
    /// The seed.
    pub seed: u64,
    /// What it is doing.
    pub state: RunState,
    /// How far it has come.
    pub progress: Progress,
    /// Time since it last said something, where that is known.
    pub silent: Option<Duration>,
    /// What is wrong with its folder.
    pub warning: Option<Arc<str>>,
}

/// The live slots of a run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Live {
    /// Where it is.
    pub status: Option<Arc<Status>>,
    /// What the network makes of what one environment shows.
    pub agent: Option<Arc<AgentView>>,
    /// Pictures of that environment.
    pub picture: Option<Arc<Picture>>,
}

/// Everything about the run in focus.
#[derive(Clone, Debug)]
pub struct Focus {
    /// Which run.
    pub id: RunId,
    /// Its configuration.
    pub config: Arc<toml::Table>,
    /// What happened, oldest first.
    pub events: Arc<[Event]>,
    /// The versions of its script, oldest first; paths are inside its folder.
    pub versions: Arc<[ObjectiveVersion]>,
    /// What the newest version declares as its parameters.
    pub params: Arc<[Param]>,
    /// Its newest periodic record.
    pub last_record: Option<Arc<TrainRecord>>,
    /// Updates that checkpoints are of, oldest first.
    pub checkpoints: Arc<[u64]>,
    /// The live slots.
    pub live: Live,
    /// What stands in `control.toml`.
    pub control: Arc<str>,
    /// What could not be read, in words for the user.
    pub problems: Arc<[String]>,
}
