//! `kelvin train` as a process of its own, which outlives the monitor.

use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

/// What became of a process that was started.
#[derive(Clone, Debug, PartialEq)]
pub struct Ended {
    /// What was asked of it, for people.
    pub command: String,
    /// What it said, if it failed.
    pub failure: Option<String>,
}

/// Starts runs, and hears of those that fail.
pub struct Launcher {
    program: PathBuf,
    sender: Sender<Ended>,
    ended: Receiver<Ended>,
}

impl Default for Launcher {
    fn default() -> Self {
        let (sender, ended) = channel();
        Self { program: program(), sender, ended }
    }
}

/// `kelvin` beside this program, where there is one; else whatever the shell finds.
fn program() -> PathBuf {
    let name = format!("kelvin{}", std::env::consts::EXE_SUFFIX);
    let beside = std::env::current_exe().ok().and_then(|monitor| Some(monitor.parent()?.join(&name)));
    beside.filter(|program| program.is_file()).unwrap_or_else(|| name.into())
}

impl Launcher {
    /// Starts `kelvin` with these arguments, on a thread of its own; `wake` is called when it has ended.
    pub fn start(&self, arguments: Vec<OsString>, wake: impl FnOnce() + Send + 'static) {
        let (program, sender) = (self.program.clone(), self.sender.clone());
        let command = shown(&arguments);
        let run = move || {
            let failure = match run(&program, &arguments) {
                Ok((status, _)) if status.success() => None,
                Ok((status, said)) if said.trim().is_empty() => Some(format!("it ended with {status}")),
                Ok((_, said)) => Some(said.trim_end().to_owned()),
                Err(error) => Some(format!("{} cannot be started: {error}", program.display())),
            };
            // Nobody listens any more if the monitor is closed.
            drop(sender.send(Ended { command, failure }));
            wake();
        };
        let thread = thread::Builder::new().name("launch".to_owned()).spawn(run);
        if let Err(error) = thread {
            let failure = Some(format!("no thread for starting it: {error}"));
            drop(self.sender.send(Ended { command: String::new(), failure }));
        }
    }

    /// The processes that ended since the last call.
    pub fn ended(&self) -> impl Iterator<Item = Ended> {
        self.ended.try_iter()
    }
}

/// Runs it to its end; what it said on standard error.
fn run(program: &Path, arguments: &[OsString]) -> io::Result<(ExitStatus, String)> {
    // A file and not a pipe: the run goes on when nobody reads any more.
    let said = tempfile::NamedTempFile::new()?;
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null());
    command.stderr(Stdio::from(File::create(said.path())?));
    // Ctrl-C in the monitor's terminal is not meant for the run.
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    let status = command.spawn()?.wait()?;
    let text = std::fs::read(said.path()).unwrap_or_default();
    Ok((status, String::from_utf8_lossy(&text).into_owned()))
}

/// The command as one would type it.
pub fn shown(arguments: &[OsString]) -> String {
    let quoted = arguments.iter().map(|argument| {
        let text = argument.to_string_lossy();
        let plain = |c: char| c.is_ascii_alphanumeric() || "/._-=+:@,".contains(c);
        if !text.is_empty() && text.chars().all(plain) {
            text.into_owned()
        } else {
            format!("'{}'", text.replace('\'', r"'\''"))
        }
    });
    std::iter::once("kelvin".to_owned()).chain(quoted).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn launcher(program: &str) -> Launcher {
        Launcher { program: program.into(), ..Launcher::default() }
    }

    fn end(launcher: &Launcher, arguments: &[&str]) -> Ended {
        let (woken, wakes) = channel();
        let arguments = arguments.iter().map(OsString::from).collect();
        launcher.start(arguments, move || woken.send(()).unwrap());
        wakes.recv().unwrap();
        launcher.ended().next().unwrap()
    }

    #[test]
    #[cfg(unix)]
    fn a_process_that_fails_is_told_with_its_words() {
        let shell = launcher("sh");
        let failed = end(&shell, &["-c", "echo 'error: no such game' >&2; exit 2"]);
        assert_eq!(failed.failure.as_deref(), Some("error: no such game"));
        assert_eq!(end(&shell, &["-c", "true"]).failure, None);
        assert!(end(&shell, &["-c", "exit 3"]).failure.unwrap().contains('3'));
        let none = end(&launcher("/no/such/program"), &["train"]);
        assert!(none.failure.unwrap().contains("cannot be started"));
    }

    #[test]
    fn a_command_is_shown_as_one_would_type_it() {
        let arguments = ["train", "my scripts/a.rhai", "--set", "tau=0.1", "it's", ""].map(OsString::from);
        assert_eq!(shown(&arguments), r"kelvin train 'my scripts/a.rhai' --set tau=0.1 'it'\''s' ''");
    }
}
