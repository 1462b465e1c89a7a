//! A place with a batch script, and what became of the experiment that it makes.

use crate::command::{kelvin, repository};
use crate::records;
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A folder with a batch script and the objectives that it names.
pub struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    /// With `batch` as batch.rhai.
    pub fn new(batch: &str) -> Self {
        let place = Self { folder: tempfile::tempdir().expect("a temporary folder") };
        for name in ["dqn", "soft_kl"] {
            let file = format!("{name}.rhai");
            fs::copy(repository().join("scripts").join(&file), place.path(&file)).expect("a writable folder");
        }
        place.write("batch.rhai", batch);
        place
    }

    /// A file or folder in it.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file.
    pub fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).expect("a writable folder");
    }

    /// The experiment's folder.
    pub fn out(&self) -> PathBuf {
        self.path("out")
    }

    /// `kelvin batch batch.rhai` into [`out`](Self::out), on the processor.
    pub fn batch(&self, more: &[&str]) -> Command {
        let mut command = kelvin();
        command.current_dir(self.folder.path());
        command.args(["batch", "batch.rhai", "--device", "cpu", "--out"]).arg(self.out()).args(more);
        command
    }

    /// The run of a curve and a seed on `catch`.
    pub fn run(&self, label: &str, seed: u64) -> PathBuf {
        self.out().join(format!("{label}/catch-s{seed}"))
    }

    /// The run directories of the plan, in order.
    pub fn runs(&self) -> Vec<PathBuf> {
        let plan = fs::read(self.out().join("experiment.json")).expect("a plan");
        let plan: Value = serde_json::from_slice(&plan).expect("JSON");
        let tasks = plan["tasks"].as_array().expect("tasks");
        tasks.iter().map(|task| self.out().join(task["folder"].as_str().expect("a folder"))).collect()
    }

    /// Whether every run of the plan has ended.
    pub fn is_done(&self) -> bool {
        self.runs().iter().all(|run| run.join("DONE").is_file())
    }

    /// Every run of the plan trained so many frames and ended once, and what it recorded has no seam.
    ///
    /// # Panics
    /// If not.
    #[track_caller]
    pub fn assert_all_done(&self, tasks: usize, frames: u64) {
        let runs = self.runs();
        assert_eq!(runs.len(), tasks);
        for run in runs {
            let done = fs::read(run.join("DONE")).unwrap_or_else(|_| panic!("{} is not done", run.display()));
            let done: Value = serde_json::from_slice(&done).expect("JSON");
            assert_eq!(done["frames"], frames, "{}", run.display());
            records::assert_recorded_once(&run);
            assert_eq!(records::events_of(&run, "done").len(), 1, "{}", run.display());
        }
    }
}

/// A batch script: two objectives on `catch`, so many seeds and frames.
pub fn catch(seeds: u64, frames: u64) -> String {
    format!(
        r#"fn experiment() {{
    grid(#{{ script: ["dqn.rhai", "soft_kl.rhai"], env: "catch", seed: 0..{seeds}, frames: {frames},
            checkpoint_every: 2000 }})
}}"#
    )
}

/// The numbers of the processes that train below a folder.
pub fn workers(out: &Path) -> Vec<String> {
    let out = out.to_string_lossy();
    let trains = |process: &Path| {
        let words = fs::read(process.join("cmdline")).unwrap_or_default();
        let words = String::from_utf8_lossy(&words).into_owned();
        let mut words = words.split('\0');
        words.any(|word| word == "train") && words.any(|word| word.contains(&*out))
    };
    let processes = fs::read_dir("/proc").expect("processes").flatten().map(|entry| entry.path());
    let found = processes.filter(|process| trains(process));
    found.filter_map(|process| Some(process.file_name()?.to_str()?.to_owned())).collect()
}

/// Sends a signal by name, `KILL`, to a process.
///
/// # Panics
/// If there is none of that number.
#[track_caller]
pub fn signal(name: &str, process: &str) {
    let sent =
        Command::new("kill").args([&format!("-{name}"), process]).status().expect("kill is everywhere");
    assert!(sent.success(), "no process {process} to signal");
}
