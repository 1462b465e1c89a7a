//! Opening the monitor: a program of its own beside this one, so that what trains links nothing of what draws.

use crate::failure::Failure;
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read, Seek};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};

/// Runs it to its end, with these arguments.
pub fn run(arguments: &[OsString]) -> Result<ExitStatus, Failure> {
    let program = program()?;
    Command::new(&program).args(arguments).status().map_err(cannot_start(&program))
}

/// A monitor that was opened beside a run. Neither ends with the other.
pub struct Beside {
    failures: Receiver<Failure>,
}

impl Beside {
    /// Opens it at a run.
    pub fn open(run: &Path) -> Result<Self, Failure> {
        let program = program()?;
        let (mut child, mut said) = start(&program, run).map_err(cannot_start(&program))?;
        let (sender, failures) = channel();
        let wait = move || {
            if let Some(failure) = failure(&mut child, &mut said) {
                // A run that has ended does not care.
                drop(sender.send(failure));
            }
        };
        // Without it the window is there all the same.
        drop(std::thread::Builder::new().name("monitor".to_owned()).spawn(wait));
        Ok(Self { failures })
    }

    /// Why it ended, once, if that was not because somebody closed it.
    pub fn failure(&self) -> Option<Failure> {
        self.failures.try_recv().ok()
    }
}

/// Where it is: beside the program that runs.
fn program() -> Result<PathBuf, Failure> {
    let here = std::env::current_exe()
        .map_err(|error| Failure::failed(format!("where this program is cannot be found out: {error}")))?;
    let program = here.with_file_name(format!("kelvin-monitor{}", std::env::consts::EXE_SUFFIX));
    if program.is_file() {
        return Ok(program);
    }
    Err(Failure::failed(format!("the monitor is not built: there is no {}", program.display())).hint(
        "./kelvin monitor, in the repository, builds it; so does cargo build --release -p kelvin-monitor",
    ))
}

fn cannot_start(program: &Path) -> impl FnOnce(io::Error) -> Failure {
    move |error| {
        Failure::failed(format!("{} cannot be started: {error}", program.display()))
            .hint("./kelvin monitor, in the repository, builds it anew")
    }
}

/// Starts it, and keeps what it says on standard error.
fn start(program: &Path, run: &Path) -> io::Result<(Child, File)> {
    // A file and not a pipe: it may go on when nobody reads any more.
    let said = tempfile::tempfile()?;
    let mut command = Command::new(program);
    command.arg("--").arg(run).stdin(Stdio::null()).stdout(Stdio::null()).stderr(said.try_clone()?);
    // Ctrl-C in the run's terminal is not meant for the monitor.
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    Ok((command.spawn()?, said))
}

/// Waits for its end.
fn failure(child: &mut Child, said: &mut File) -> Option<Failure> {
    let status = match child.wait() {
        Ok(status) if status.success() => return None,
        Ok(status) => status.to_string(),
        Err(error) => error.to_string(),
    };
    let mut words = Vec::new();
    // Nothing is said of it if it cannot be read.
    drop(said.rewind().and_then(|()| said.read_to_end(&mut words)));
    let words = String::from_utf8_lossy(&words);
    Some(match words.trim() {
        "" => Failure::failed(format!("the monitor has ended: {status}")),
        words => Failure::failed(format!("the monitor has ended ({status}): {words}")),
    })
}
