//! One run as a report sees it.

use kelvin_run::{History, RunDir, RunError, Task};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// How far a run came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// It trained to its end.
    Done,
    /// It was stopped before its end, and can be resumed.
    Stopped,
    /// It ended with an error.
    Failed,
    /// It goes on, or was killed.
    Unfinished,
    /// It is planned, and nothing of it is there.
    NotStarted,
}

impl State {
    /// As a reader is told.
    pub fn word(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Stopped => "stopped",
            Self::Failed => "failed",
            Self::Unfinished => "unfinished",
            Self::NotStarted => "not started",
        }
    }
}

/// One run.
#[derive(Clone, Debug)]
pub struct Run {
    /// Where it is.
    pub folder: PathBuf,
    /// The same below the folder that is reported on.
    pub name: String,
    /// What it is a run of: all seeds and games of a variant have this in common.
    pub variant: String,
    /// The panel that its curve is drawn in.
    pub panel: String,
    /// What its score is one of: the game, with the panel before it where panels are not the games. Runs of one variant
    /// and `game` have one environment and differ in their seeds.
    pub game: String,
    /// What was set when it was started.
    pub config: RunConfig,
    /// The copy of the script that it started with; none where there is no record of it.
    pub script: Option<PathBuf>,
    /// Hash of that script; empty where it is not on record.
    pub script_hash: String,
    /// Updates at which another version of the script came into force.
    pub edits: Vec<u64>,
    /// Versions of Kelvin that trained it, in words; empty of one that is planned and not there.
    pub kelvin: String,
    /// How far it came.
    pub state: State,
    /// Why it failed, where that is known.
    pub reason: Option<String>,
    /// Frames trained.
    pub frames: u64,
    /// Everything it recorded.
    pub history: History,
}

/// What of `config.toml` a report needs by name, and all of it.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct RunConfig {
    /// The script's path.
    pub script: String,
    /// The environment.
    pub env: String,
    /// Protocol; empty where the environment has none.
    #[serde(default)]
    pub preset: String,
    /// Seed of everything random.
    pub seed: u64,
    /// Frames at its end.
    pub frames: u64,
    /// All 18 actions.
    #[serde(default)]
    pub full_action_set: bool,
    /// The device that was asked for.
    #[serde(default)]
    pub device: String,
    /// The run whose network is the reference.
    #[serde(default)]
    pub reference: Option<String>,
    /// The checkpoint that it started from, where that was another run's.
    #[serde(default)]
    pub forked_from: Option<ForkedFrom>,
    /// What was set by hand.
    #[serde(default)]
    pub pinned: Vec<String>,
    /// Values of the script's parameters.
    #[serde(default)]
    pub params: toml::Table,
    /// Everything else.
    #[serde(flatten)]
    pub settings: toml::Table,
}

/// A checkpoint that a run started from.
#[derive(Clone, Debug, Deserialize)]
pub struct ForkedFrom {
    /// The run.
    pub run: String,
    /// Updates made by then.
    pub update: u64,
}

impl RunConfig {
    /// The script's name.
    pub fn script_name(&self) -> String {
        Path::new(&self.script).file_stem().map_or(String::new(), |stem| stem.to_string_lossy().into_owned())
    }
}

impl Run {
    /// Reads the run at `folder`.
    pub(crate) fn read(folder: &Path, name: String) -> Result<Self, RunError> {
        let dir = RunDir::open(folder)?;
        let config: RunConfig = toml::from_str(&dir.read_config()?).map_err(|error| RunError::Damaged {
            path: folder.join("config.toml"),
            reason: error.message().to_owned(),
            hint: None,
        })?;
        // A run whose index of scripts is broken still has its curves.
        let versions = dir.objectives().unwrap_or_default();
        let history = dir.history()?;
        let (state, reason) = state(&dir, &history);
        Ok(Self {
            folder: folder.to_path_buf(),
            name,
            variant: String::new(),
            panel: String::new(),
            game: String::new(),
            script: versions.first().map(|version| folder.join(&version.script)),
            script_hash: versions.first().map(|version| version.hash.clone()).unwrap_or_default(),
            edits: versions.iter().skip(1).map(|version| version.update).collect(),
            kelvin: made_by(&history),
            frames: history.frames(),
            config,
            state,
            reason,
            history,
        })
    }

    /// A run that is planned and not there.
    pub(crate) fn planned(folder: PathBuf, task: &Task) -> Self {
        Self {
            folder,
            name: task.folder.clone(),
            variant: String::new(),
            panel: String::new(),
            game: String::new(),
            config: RunConfig {
                script: task.script.clone(),
                env: task.env.clone(),
                preset: task.preset.clone(),
                seed: task.seed,
                frames: task.frames,
                ..RunConfig::default()
            },
            script: None,
            script_hash: task.script_hash.clone(),
            edits: Vec::new(),
            kelvin: String::new(),
            state: State::NotStarted,
            reason: None,
            frames: 0,
            history: History::default(),
        }
    }

    /// Seconds of training, over all processes that worked on it.
    pub fn wall_s(&self) -> f64 {
        self.history.wall_clock().last().map_or(0.0, |(_, seconds)| *seconds)
    }
}

/// Words of whoever wrote a plan or a file's name, without the line breaks and other signs that would end a line, or a
/// comment, in what they are put into.
pub(crate) fn one_line(text: &str) -> String {
    let breaks = |character: char| character.is_control() || matches!(character, '\u{2028}' | '\u{2029}');
    text.split(breaks).map(str::trim).filter(|piece| !piece.is_empty()).collect::<Vec<_>>().join(" ")
}

/// Which versions of Kelvin worked on a run, in words.
fn made_by(history: &History) -> String {
    let said = history.versions().into_iter().map(|version| version.unwrap_or("of unrecorded version"));
    said.collect::<Vec<_>>().join(", then ")
}

/// What the last word of a run is; a mark that it is done outweighs all.
fn state(dir: &RunDir, history: &History) -> (State, Option<String>) {
    if dir.is_done() {
        return (State::Done, None);
    }
    // A failing run saves what it has last of all.
    match history.events.iter().rfind(|event| event.event != "checkpoint") {
        Some(last) if last.event == "stopped" => (State::Stopped, None),
        Some(last) if last.event == "fault" => {
            let told = ["message", "diagnostic"].iter().find_map(|key| last.detail.get(*key)?.as_str());
            (State::Failed, told.map(|message| message.lines().next().unwrap_or_default().to_owned()))
        }
        _ => (State::Unfinished, None),
    }
}
