//! `experiment.json`: the runs that belong together, and the figure that they are for.
//!
//! ```text
//! runs/<experiment>/
//!   experiment.json           the plan: every task in order, written before the first of them starts
//!   batch.rhai                the batch script, for whoever reads this years later
//!   objectives/<hash>/        the objectives and what they import, as they were planned   → [`Task::objective`]
//!   <label>/<env>-s<seed>/    a run directory each                                        → [`Task::folder`]
//! ```
//!
//! The one idea: **the plan is data.** The batch script that made it is named and hashed, and need not be there any more
//! for somebody to see what belongs to what, to do it again, or to draw it. How far each task has come stands in its run
//! directory and nowhere else, so that nothing here can disagree with it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::ErrorKind;
use std::path::{Component, Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::durable::{self, Survives};
use crate::plain::{open_own, read_plain};
use crate::{Resources, RunError, objectives};

/// Version of the file's layout that this program writes.
const VERSION: u32 = 1;
/// Where the objectives are kept.
const OBJECTIVES: &str = "objectives";
/// The file of the lock on the plan. No label's folder begins with a dot.
const LOCK: &str = ".lock";
/// Bytes a plan may have: ten thousand runs take a tenth.
const MAX_BYTES: u64 = 64 << 20;
/// Characters of an objective's hash that its folder is called by.
const SHORT: usize = 16;

/// The plan of an experiment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Experiment {
    /// Version of this layout. A reader refuses what is newer than it.
    pub version: u32,
    /// Version of Kelvin that wrote it.
    pub kelvin: String,
    /// The experiment's name, as its folder is called by default.
    pub name: String,
    /// The batch script, as an absolute path where it was planned.
    pub source: String,
    /// blake3 of the batch script, in hexadecimal.
    pub source_hash: String,
    /// The size that was asked of the script: `paper`, `smoke`, …
    pub size: String,
    /// What the command line set in every run, over what the script says; each task has it among its own.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub overrides: BTreeMap<String, String>,
    /// How the figure is drawn.
    pub figure: Figure,
    /// What each run is given where a cluster runs it.
    #[serde(default, skip_serializing_if = "Resources::is_empty")]
    pub resources: Resources,
    /// The runs. A task's place in this list never changes once it was written.
    pub tasks: Vec<Task>,
}

/// Held while a plan is changed.
#[derive(Debug)]
#[must_use = "others may change the plan as soon as this is dropped"]
pub struct PlanLock {
    /// Keeps the lock: it lives as long as the open file.
    _file: File,
}

/// One run of an experiment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Task {
    /// Its place in the list, from 0: the K of `--task K`.
    pub index: usize,
    /// Its run directory, relative to the experiment's folder, with `/` between the parts.
    pub folder: String,
    /// What the curve is called that this run belongs to.
    pub label: String,
    /// The objective, as an absolute path where it was planned.
    pub script: String,
    /// Hash of the objective and its imports, in hexadecimal, when it was planned.
    pub script_hash: String,
    /// The environment.
    pub env: String,
    /// Seed of everything random in the run.
    pub seed: u64,
    /// Length of the training, frames.
    pub frames: u64,
    /// Preprocessing and termination rules: `paper` or `machado`.
    pub preset: String,
    /// All 18 actions instead of those the game uses.
    #[serde(default)]
    pub full_action_set: bool,
    /// The run whose newest network is the reference, as an absolute path.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// Settings and parameters that differ from the script's, as `--set` takes them.
    #[serde(default)]
    pub set: BTreeMap<String, String>,
}

/// How the runs become a picture: which of them make a panel, which a curve, and what is written around them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Figure {
    /// What stands above it.
    pub title: String,
    /// What is said below it.
    pub caption: String,
    /// What all runs of a panel have in common: a [key](Task::value) of a task.
    pub panels: String,
    /// What all runs of a curve have in common: a [key](Task::value) of a task.
    pub curves: String,
    /// Which returns are drawn first.
    pub returns: Returns,
    /// Episodes over which a return is averaged; evaluations are means already.
    pub window: usize,
    /// Panels beside one another.
    pub columns: usize,
    /// Upper ends of the y axes, by panel; those that are not named follow from the data.
    pub tops: BTreeMap<String, f64>,
    /// Levels to compare with.
    pub lines: Vec<ReferenceLine>,
}

/// Which returns a figure is of; the two are never mixed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Returns {
    /// Those of the episodes that were trained on.
    #[default]
    Training,
    /// Those of evaluations.
    Evaluation,
}

/// A level drawn across a panel: a human's score, a published result.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReferenceLine {
    /// The panel; `None` for every one.
    pub panel: Option<String>,
    /// What it is called.
    pub label: String,
    /// Return per episode.
    pub value: f64,
}

impl Default for Figure {
    fn default() -> Self {
        Self {
            title: String::new(),
            caption: String::new(),
            panels: "env".to_owned(),
            curves: "label".to_owned(),
            returns: Returns::Training,
            window: 100,
            columns: 3,
            tops: BTreeMap::new(),
            lines: Vec::new(),
        }
    }
}

impl Task {
    /// What the task has under `key`: `label`, `script` (its name), `env`, `seed`, `frames`, `preset`, or a setting or
    /// parameter that was given to it; by this, runs become panels and curves.
    pub fn value(&self, key: &str) -> Option<String> {
        match key {
            "label" => Some(self.label.clone()),
            "script" => Path::new(&self.script).file_stem().map(|name| name.to_string_lossy().into_owned()),
            "env" => Some(self.env.clone()),
            "seed" => Some(self.seed.to_string()),
            "frames" => Some(self.frames.to_string()),
            "preset" => Some(self.preset.clone()),
            _ => self.set.get(key).cloned(),
        }
    }

    /// Where the experiment in `folder` keeps the task's objective: what it trains, whatever becomes of the original.
    pub fn objective(&self, folder: &Path) -> PathBuf {
        let name = Path::new(&self.script).file_name().unwrap_or_default();
        kept_at(folder, &self.script_hash).join(name)
    }

    /// Whether its run directory is one inside the experiment's folder.
    pub fn is_inside(&self) -> bool {
        let parts = || Path::new(&self.folder).components();
        parts().next().is_some() && parts().all(|part| matches!(part, Component::Normal(_)))
    }

    /// Whether this task trains what `other` trains: the same in all but places in lists and folders of machines.
    pub fn trains_as(&self, other: &Self) -> bool {
        let elsewhere = Self { index: other.index, script: other.script.clone(), ..self.clone() };
        self.value("script") == other.value("script") && elsewhere == *other
    }
}

impl Experiment {
    /// The file's name in an experiment's folder.
    pub const FILE: &'static str = "experiment.json";

    /// A plan without tasks.
    pub fn new(name: &str, source: &Path, source_hash: &str, size: &str) -> Self {
        Self {
            version: VERSION,
            kelvin: env!("CARGO_PKG_VERSION").to_owned(),
            name: name.to_owned(),
            source: source.display().to_string(),
            source_hash: source_hash.to_owned(),
            size: size.to_owned(),
            overrides: BTreeMap::new(),
            figure: Figure::default(),
            resources: Resources::default(),
            tasks: Vec::new(),
        }
    }

    /// The plan in `folder`; `None` where there is none.
    ///
    /// # Errors
    /// A file that cannot be read, is damaged, or was written by a newer Kelvin.
    pub fn read(folder: &Path) -> Result<Option<Self>, RunError> {
        let path = folder.join(Self::FILE);
        let text = match read_plain(&path, MAX_BYTES) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(RunError::io("read", &path)(error)),
        };
        #[derive(Deserialize)]
        struct Written {
            version: u32,
        }
        let damaged =
            |error: serde_json::Error| RunError::damaged(&path, format_args!("it is no plan: {error}"));
        let Written { version } = serde_json::from_slice(&text).map_err(damaged)?;
        if version > VERSION {
            let reason = format!("it has layout {version}, and this program knows layouts up to {VERSION}");
            let hint = Some("use the Kelvin that wrote it, or a newer one".to_owned());
            return Err(RunError::Damaged { path, reason, hint });
        }
        let plan: Self = serde_json::from_slice(&text).map_err(damaged)?;
        match plan.flaw() {
            Some(flaw) => Err(RunError::damaged(&path, flaw)),
            None => Ok(Some(plan)),
        }
    }

    /// What is wrong with the tasks, if anything is: a plan is input, perhaps a stranger's, and names folders that are
    /// written to.
    fn flaw(&self) -> Option<String> {
        let mut folders = BTreeSet::new();
        self.tasks.iter().enumerate().find_map(|(place, task)| {
            let Task { index, folder, script_hash, .. } = task;
            if *index != place {
                Some(format!("task {place} says that it is task {index}"))
            } else if !task.is_inside() {
                Some(format!("task {place} has the folder {folder:?}, which is not inside the experiment's"))
            } else if !folders.insert(folder) {
                Some(format!("task {place} has the folder {folder} of another task"))
            } else if !script_hash.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
                Some(format!("task {place} has an objective with the hash {script_hash:?}, which is none"))
            } else {
                None
            }
        })
    }

    /// Keeps others from changing the plan in `folder`, which is made where there is none, until the result is dropped;
    /// waits for whoever does. What is read and written in between loses nothing that others add. A filesystem without
    /// locks lets everybody through.
    ///
    /// # Errors
    /// A disk that does not take the folder or the lock's file.
    pub fn lock(folder: &Path) -> Result<PlanLock, RunError> {
        let path = folder.join(LOCK);
        fs::create_dir_all(folder).map_err(RunError::io("create", folder))?;
        let file = open_own(&path, false).map_err(RunError::io("open", &path))?;
        match file.lock() {
            Err(error) if error.kind() != ErrorKind::Unsupported => Err(RunError::io("lock", &path)(error)),
            _ => Ok(PlanLock { _file: file }),
        }
    }

    /// Keeps an objective for the experiment in `folder`: `sources` are (path, text), the script and then what it
    /// imports. One that is kept already is left as it is; the same text under another name is kept beside it.
    ///
    /// # Errors
    /// A disk that does not take it.
    pub fn keep_objective(folder: &Path, hash: &str, sources: &[(PathBuf, String)]) -> Result<(), RunError> {
        let kept = kept_at(folder, hash);
        if kept.is_dir() {
            return also_named(&kept, sources);
        }
        let parent = durable::parent(&kept);
        fs::create_dir_all(parent).map_err(RunError::io("create", parent))?;
        match objectives::keep(&kept, sources) {
            // Another process plans the same, and was faster.
            Err(_) if kept.is_dir() => also_named(&kept, sources),
            written => written.map(drop),
        }
    }

    /// Keeps the text of the batch script in `folder`.
    ///
    /// # Errors
    /// A disk that does not take it.
    pub fn keep_source(folder: &Path, text: &str) -> Result<(), RunError> {
        durable::replace(&folder.join("batch.rhai"), text.as_bytes(), Survives::PowerLoss)
    }

    /// Writes the plan into `folder`, in one step; makes the folder where there is none.
    ///
    /// # Errors
    /// A disk that does not take it.
    pub fn write(&self, folder: &Path) -> Result<(), RunError> {
        let path = folder.join(Self::FILE);
        fs::create_dir_all(folder).map_err(RunError::io("create", folder))?;
        let mut text = serde_json::to_vec_pretty(self).map_err(|error| RunError::encode(&path, error))?;
        text.push(b'\n');
        durable::replace(&path, &text, Survives::PowerLoss)
    }
}

/// Keeps the script under its own name too, where its text is kept under another.
fn also_named(kept: &Path, sources: &[(PathBuf, String)]) -> Result<(), RunError> {
    let Some((path, text)) = sources.first() else { return Ok(()) };
    let copy = kept.join(path.file_name().unwrap_or_default());
    if copy.exists() { Ok(()) } else { durable::replace(&copy, text.as_bytes(), Survives::PowerLoss) }
}

fn kept_at(folder: &Path, hash: &str) -> PathBuf {
    folder.join(OBJECTIVES).join(hash.get(..SHORT).unwrap_or(hash))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn task(index: usize) -> Task {
        Task {
            index,
            folder: format!("hard/pong-s{index}"),
            label: "hard".to_owned(),
            script: "/here/dqn.rhai".to_owned(),
            script_hash: "ab".to_owned(),
            env: "pong".to_owned(),
            seed: index as u64,
            frames: 1000,
            preset: "paper".to_owned(),
            full_action_set: false,
            reference: None,
            set: BTreeMap::from([("tau".to_owned(), "0.1".to_owned())]),
        }
    }

    fn plan() -> Experiment {
        let tasks = vec![task(0), task(1)];
        Experiment { tasks, ..Experiment::new("figure", Path::new("/here/figure.rhai"), "cd", "smoke") }
    }

    #[test]
    fn a_plan_survives_its_file() {
        let folder = tempfile::tempdir().unwrap();
        let inside = folder.path().join("runs/figure");
        assert_eq!(Experiment::read(&inside).unwrap(), None);
        let resources =
            Resources { cpus: Some(4), args: vec!["--exclusive".to_owned()], ..Resources::default() };
        for plan in [plan(), Experiment { resources, ..plan() }] {
            plan.write(&inside).unwrap();
            assert_eq!(Experiment::read(&inside).unwrap(), Some(plan));
        }
    }

    #[test]
    fn objectives_are_kept_as_they_import_one_another() {
        let folder = tempfile::tempdir().unwrap();
        let sources = [("/here/dqn.rhai", "fn loss"), ("/here/lib/huber.rhai", "fn huber")]
            .map(|(path, text)| (PathBuf::from(path), text.to_owned()));
        for _ in 0..2 {
            Experiment::keep_objective(folder.path(), "ab", &sources).unwrap();
        }
        let kept = task(0).objective(folder.path());
        assert_eq!(fs::read_to_string(&kept).unwrap(), "fn loss");
        assert_eq!(fs::read_to_string(kept.with_file_name("lib/huber.rhai")).unwrap(), "fn huber");

        let mine = [("/here/mine.rhai".into(), sources[0].1.clone()), sources[1].clone()];
        Experiment::keep_objective(folder.path(), "ab", &mine).unwrap();
        let named_otherwise = Task { script: "/here/mine.rhai".to_owned(), ..task(0) };
        assert_eq!(fs::read_to_string(named_otherwise.objective(folder.path())).unwrap(), "fn loss");
        assert!(kept.is_file(), "the first is still there");
    }

    #[test]
    fn what_is_no_plan_of_ours_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let newer = serde_json::to_string(&Experiment { version: VERSION + 1, ..plan() }).unwrap();
        let mut shuffled = plan();
        shuffled.tasks.swap(0, 1);
        let shuffled = serde_json::to_string(&shuffled).unwrap();
        let with = |change: &dyn Fn(&mut Task)| {
            let mut plan = plan();
            change(&mut plan.tasks[1]);
            serde_json::to_string(&plan).unwrap()
        };
        let outside = ["/catch-s0", "../catch-s0", "a/../../b", "./a", ""]
            .map(|folder| with(&|task| task.folder = folder.to_owned()));
        let twice = with(&|task| task.folder = "hard/pong-s0".to_owned());
        let hash = with(&|task| task.script_hash = "../x".to_owned());
        let outside = outside.iter().map(|text| (text.as_str(), "not inside"));
        for (text, reason) in [
            ("{\"version\"", "no plan"),
            (&*newer, "newer"),
            ("{\"version\":1}", "missing field"),
            (&*shuffled, "task 0"),
            (&*twice, "of another task"),
            (&*hash, "which is none"),
        ]
        .into_iter()
        .chain(outside)
        {
            fs::write(folder.path().join(Experiment::FILE), text).unwrap();
            let error = Experiment::read(folder.path()).unwrap_err().to_string();
            assert!(error.contains(reason) && error.contains("experiment.json"), "{error}");
        }
    }

    #[test]
    fn tasks_are_told_apart_by_what_they_train() {
        let moved = Task { index: 7, script: "/there/dqn.rhai".to_owned(), ..task(0) };
        assert!(task(0).trains_as(&moved));
        assert!(!task(0).trains_as(&task(1)));
        assert!(!task(0).trains_as(&Task { script: "/here/ddqn.rhai".to_owned(), ..task(0) }));
        assert!(!task(0).trains_as(&Task { frames: 2000, ..task(0) }));
        let values = ["script", "seed", "tau", "sigma"].map(|key| task(1).value(key));
        assert_eq!(values, [Some("dqn".to_owned()), Some("1".to_owned()), Some("0.1".to_owned()), None]);
    }
}
