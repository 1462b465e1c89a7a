//! A command that runs while the test looks on.

use crate::command::Said;
use crate::records;
use serde_json::Value;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How long anything may take that takes a moment on a quiet machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A `kelvin train` in the background. Dropping it kills it.
pub struct Running {
    child: Child,
    run: PathBuf,
    stdout: PathBuf,
    stderr: PathBuf,
}

impl Running {
    /// Starts the command, which trains into `run`; what it says goes to files beside that folder.
    pub fn start(command: &mut Command, run: &Path) -> Self {
        let (stdout, stderr) = (run.with_extension("stdout"), run.with_extension("stderr"));
        let file = |path: &Path| Stdio::from(File::create(path).expect("a writable folder"));
        let child = command.stdout(file(&stdout)).stderr(file(&stderr)).spawn().expect("the program starts");
        Self { child, run: run.to_path_buf(), stdout, stderr }
    }

    /// Waits until `look` finds what it looks for.
    ///
    /// # Panics
    /// If that takes too long, or the command ends first; with what it said.
    #[track_caller]
    pub fn wait<T>(&mut self, what: &str, mut look: impl FnMut() -> Option<T>) -> T {
        let start = Instant::now();
        loop {
            let ended = self.child.try_wait().expect("a child of this process");
            // Looked for once more after the end.
            if let Some(found) = look() {
                return found;
            }
            assert!(
                ended.is_none() && start.elapsed() < PATIENCE,
                "no {what} after {:?}; {ended:?}\n{}{}",
                start.elapsed(),
                self.stdout(),
                fs::read_to_string(&self.stderr).unwrap_or_default()
            );
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Waits for the `nth` event of a kind, counted from 1.
    #[track_caller]
    pub fn wait_for_event(&mut self, event: &str, nth: usize) -> Value {
        let run = self.run.clone();
        self.wait(&format!("event `{event}` number {nth}"), || {
            let mut events = records::events_of(&run, event);
            (events.len() >= nth).then(|| events.swap_remove(nth - 1))
        })
    }

    /// Waits for a periodic record of the metrics, made after `updates` updates.
    #[track_caller]
    pub fn wait_for_updates(&mut self, updates: u64) -> Value {
        let run = self.run.clone();
        self.wait(&format!("record past update {updates}"), || {
            records::training(&run).into_iter().find(|record| records::count(record, "updates") > updates)
        })
    }

    /// What it has said so far on standard output.
    pub fn stdout(&self) -> String {
        fs::read_to_string(&self.stdout).unwrap_or_default()
    }

    /// Sends a signal by name, `INT` or `KILL`.
    pub fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        let sent =
            Command::new("kill").args([&format!("-{name}"), &pid]).status().expect("kill is everywhere");
        assert!(sent.success(), "no process {pid} to signal");
    }

    /// Waits for its end and returns what it said.
    pub fn end(mut self) -> Said {
        let start = Instant::now();
        let status = loop {
            match self.child.try_wait().expect("a child of this process") {
                Some(status) => break status,
                None if start.elapsed() > PATIENCE => panic!("it does not end\n{}", self.stdout()),
                None => std::thread::sleep(Duration::from_millis(10)),
            }
        };
        let stderr = fs::read_to_string(&self.stderr).unwrap_or_default();
        Said { code: status.code(), stdout: self.stdout(), stderr }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // A process that ended by itself is no longer there to be killed.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
