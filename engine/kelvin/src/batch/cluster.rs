//! Handing a plan to a cluster's scheduler.

use super::BatchRequest;
use super::prepare::Prepared;
use crate::console::Console;
use crate::failure::Failure;
use kelvin_batch::{Jobs, Resources, Scheduler};
use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

/// Writes the job array of what is not done yet, and submits it.
pub(super) fn submit(
    request: &BatchRequest,
    prepared: &Prepared,
    scheduler: Scheduler,
    resources: &Resources,
    console: &Console,
) -> Result<(), Failure> {
    let absolute = |path: &Path| std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf());
    let folder = absolute(&prepared.folder);
    let tasks = prepared.experiment.tasks.iter();
    let left = tasks.filter(|task| !folder.join(&task.folder).join("DONE").is_file());
    let left: Vec<_> = left.map(|task| task.index).collect();
    if left.is_empty() {
        console.line("every task is done: nothing to submit");
        return Ok(());
    }
    let jobs = Jobs {
        name: &prepared.experiment.name,
        folder: &folder,
        tasks: &left,
        command: &command(request, &folder)?,
        resources: &resources.clone().or(prepared.resources.clone()),
    };
    let text = scheduler.script(&jobs);
    let path = folder.join(scheduler.file());
    let (program, arguments) = scheduler.submit();
    if request.dry_run {
        console.result(format!("\n{}, for {program}:\n\n{text}", path.display()));
        return Ok(());
    }
    prepared.write()?;
    let written = fs::create_dir_all(folder.join(scheduler.logs())).and_then(|()| fs::write(&path, text));
    // HyperQueue starts it as it is.
    let written = written.and_then(|()| fs::set_permissions(&path, fs::Permissions::from_mode(0o755)));
    written.map_err(|error| Failure::failed(format!("cannot write {}: {error}", path.display())))?;
    let output = Command::new(program).args(arguments).arg(&path).output().map_err(|error| {
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
    if !output.status.success() {
        let words = [said(&output.stderr), said(&output.stdout)].join("\n");
        return Err(Failure::failed(format!("{program} refused {}: {}", path.display(), words.trim()))
            .hint("what a job is given follows from flags and from `resources` in the batch script"));
    }
    console.line(format!("submitted {}: {}", path.display(), said(&output.stdout)));
    console.line(format!(
        "it goes on by itself; look with: kelvin batch {} --dry-run",
        prepared.folder.display()
    ));
    Ok(())
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
