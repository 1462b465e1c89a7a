//! Handing a plan to a cluster's scheduler.

use super::BatchRequest;
use super::prepare::Prepared;
use crate::console::Console;
use crate::failure::Failure;
use kelvin_batch::{Jobs, Scheduler};
use kelvin_run::Resources;
use serde_json::{Value, json};
use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What is said where nothing is left to submit.
const DONE: &str = "every task is done: nothing to submit";
/// The largest index that Slurm takes unless the cluster says otherwise: its `MaxArraySize` is 1001.
const SLURM_INDEX: usize = 1000;

/// The job array of what is not done yet.
pub(super) struct JobArray<'a> {
    scheduler: Scheduler,
    /// The experiment's folder, as it was named.
    named: &'a Path,
    /// The same as an absolute path.
    folder: PathBuf,
    /// The tasks that are left.
    tasks: Vec<usize>,
    /// Where its script goes.
    path: PathBuf,
    text: String,
}

impl<'a> JobArray<'a> {
    /// The array of an experiment's tasks; `resources` are those of the command line.
    pub fn new(
        request: &BatchRequest,
        prepared: &'a Prepared,
        scheduler: Scheduler,
        resources: &Resources,
        console: &Console,
    ) -> Result<Self, Failure> {
        let absolute = |path: &Path| std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf());
        let folder = absolute(&prepared.folder);
        let left = prepared.experiment.tasks.iter().filter(|task| !task.is_done(&folder));
        let tasks: Vec<_> = left.map(|task| task.index).collect();
        let useless = scheduler.has_no_use_for(&prepared.experiment.resources);
        if !useless.is_empty() {
            let keys = useless.iter().map(|(key, _)| format!("`{key}`")).collect::<Vec<_>>().join(", ");
            console.warn(format!(
                "{} has no use for {keys} of the batch script's `resources`",
                scheduler.name()
            ));
        }
        if let Some(last) = tasks.last().filter(|last| scheduler == Scheduler::Slurm && **last > SLURM_INDEX)
        {
            console.warn(format!(
                "the array goes up to {last}, and Slurm takes no index above {SLURM_INDEX} unless its MaxArraySize is \
                 larger (scontrol show config tells); where it is not, make several experiments of this one"
            ));
        }
        let text = scheduler.script(&Jobs {
            name: &prepared.experiment.name,
            folder: &folder,
            tasks: &tasks,
            command: &command(request, &folder)?,
            resources: &resources.clone().or(prepared.experiment.resources.clone()),
        });
        let path = folder.join(scheduler.file());
        Ok(Self { scheduler, named: &prepared.folder, folder, tasks, path, text })
    }

    /// Shows the script.
    pub fn show(&self, console: &Console) {
        if self.tasks.is_empty() {
            return console.line(DONE);
        }
        let (program, _) = self.scheduler.submit();
        console.result(format!("\n{}, for {program}:\n\n{}", self.path.display(), self.text));
    }

    /// The array for a program.
    pub fn json(&self) -> Value {
        let (program, _) = self.scheduler.submit();
        json!({ "program": program, "path": self.path, "script": self.text, "tasks": self.tasks })
    }

    /// Writes the script, and submits it unless nothing is left to do.
    pub fn submit(&self, console: &Console) -> Result<(), Failure> {
        let submitted = match self.tasks.is_empty() {
            true => None,
            false => Some(self.hand_over()?),
        };
        if console.is_quiet() {
            let mut object = self.json();
            object["folder"] = json!(self.folder);
            object["submitted"] = json!(submitted);
            console.result(object);
            return Ok(());
        }
        match submitted {
            None => console.line(DONE),
            Some(answer) => {
                console.line(format!("submitted {}: {answer}", self.path.display()));
                console.line(format!(
                    "it goes on by itself; look with: kelvin batch {} --dry-run",
                    self.named.display()
                ));
            }
        }
        Ok(())
    }

    /// Gives the script to the scheduler; returns what that says.
    fn hand_over(&self) -> Result<String, Failure> {
        let Self { path, scheduler, .. } = self;
        let (program, arguments) = scheduler.submit();
        let written =
            fs::create_dir_all(self.folder.join(scheduler.logs())).and_then(|()| fs::write(path, &self.text));
        // HyperQueue starts it as it is.
        let written = written.and_then(|()| fs::set_permissions(path, fs::Permissions::from_mode(0o755)));
        written.map_err(|error| Failure::failed(format!("cannot write {}: {error}", path.display())))?;
        let output = Command::new(program).args(arguments).arg(path).output().map_err(|error| {
            let failure = Failure::failed(format!("{program} cannot be started: {error}"));
            match error.kind() {
                ErrorKind::NotFound => failure.hint(format!(
                    "submit {} where {program} is, or leave out --{}: then the tasks run here",
                    path.display(),
                    scheduler.logs()
                )),
                _ => failure,
            }
        })?;
        let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
        if output.status.success() {
            return Ok(said(&output.stdout));
        }
        let words = [said(&output.stderr), said(&output.stdout)].join("\n");
        Err(Failure::failed(format!("{program} refused {}: {}", path.display(), words.trim()))
            .hint("what a job is given follows from flags and from `resources` in the batch script"))
    }
}

/// What each job runs, up to `--task`. All paths are absolute: a job starts where its scheduler likes.
fn command(request: &BatchRequest, folder: &Path) -> Result<Vec<String>, Failure> {
    let program = std::env::current_exe()
        .map_err(|error| Failure::failed(format!("this program's own file cannot be found: {error}")))?;
    let mut words = vec![program.display().to_string(), "batch".to_owned(), folder.display().to_string()];
    let mut option = |name: &str, value: String| words.extend([name.to_owned(), value]);
    option("--retries", request.retries.to_string());
    if let Some(device) = &request.device {
        option("--device", device.clone());
    }
    if let Some(roms) = &request.roms {
        let roms = std::path::absolute(roms).unwrap_or_else(|_| roms.clone());
        option("--roms", roms.display().to_string());
    }
    Ok(words)
}
