//! The monitor is another program: found beside this one, started and let go, and never a reason to stop training.
#![cfg(target_os = "linux")]

use kelvin_tests::command::{kelvin, repository, run, succeed};
use kelvin_tests::running::Running;
use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

/// A folder with the program and, beside it, what it takes for the monitor.
struct Installed {
    folder: tempfile::TempDir,
}

impl Installed {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (program, here) = (kelvin().get_program().to_owned(), folder.path().join("kelvin"));
        // Another disk takes no link.
        fs::hard_link(&program, &here).or_else(|_| fs::copy(&program, &here).map(drop)).expect("a program");
        Self { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Puts a program in the place of the monitor: it notes its number, its group and its arguments, then does `then`.
    fn monitor(&self, then: &str) {
        let note = self.path("opened").display().to_string();
        let text = format!(
            "#!/bin/sh\necho \"$$ $(cut -d ' ' -f 5 /proc/$$/stat) $*\" > {note}.part\nmv {note}.part {note}\n{then}\n"
        );
        fs::write(self.path("kelvin-monitor"), text).expect("a writable folder");
        let mode = fs::Permissions::from_mode(0o755);
        fs::set_permissions(self.path("kelvin-monitor"), mode).expect("a file of ours");
    }

    fn kelvin(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(self.path("kelvin"));
        command.current_dir(repository()).args(arguments);
        command
    }

    fn train(&self, out: &Path, frames: &str) -> Command {
        let mut command = self.kelvin(&["train", "scripts/dqn.rhai", "--env", "catch", "--device", "cpu"]);
        command.args(["--frames", frames, "--monitor", "--out"]).arg(out);
        command
    }

    /// What the monitor noted: number, group, arguments.
    fn opened(&self) -> Option<(u32, u32, String)> {
        let text = fs::read_to_string(self.path("opened")).ok()?;
        let mut parts = text.trim_end().splitn(3, ' ');
        let mut number = || parts.next()?.parse().ok();
        Some((number()?, number()?, parts.next().unwrap_or_default().to_owned()))
    }
}

#[test]
fn it_gets_the_arguments_and_its_exit_code_is_passed_on() {
    let installed = Installed::new();
    let said = run(&mut installed.kelvin(&["monitor"]));
    assert_eq!(said.code, Some(1), "{said}");
    for part in ["the monitor is not built", "kelvin-monitor", "hint: ./kelvin monitor"] {
        assert!(said.stderr.contains(part), "no {part} in\n{said}");
    }
    installed.monitor("echo from the monitor; exit 7");
    let said = run(&mut installed.kelvin(&["monitor", "runs here", "--select", "soft_kl-pong-s0"]));
    assert_eq!((said.code, said.stdout.as_str()), (Some(7), "from the monitor\n"), "{said}");
    assert_eq!(installed.opened().expect("it ran").2, "--select soft_kl-pong-s0 -- runs here");
    installed.monitor("exit 0");
    assert_eq!(run(&mut installed.kelvin(&["monitor"])).code, Some(0));
    assert_eq!(installed.opened().expect("it ran").2, "");
    installed.monitor("kill -9 $$");
    let said = run(&mut installed.kelvin(&["monitor"]));
    assert!(said.code == Some(1) && said.stderr.contains("the monitor was ended: signal: 9"), "{said}");
}

#[test]
fn a_run_goes_on_where_it_cannot_be_opened() {
    let installed = Installed::new();
    let out = installed.path("none");
    let said = succeed(&mut installed.train(&out, "2k"));
    assert!(said.stdout.contains("warning: the monitor is not built"), "{said}");
    assert!(said.stdout.contains("hint: ./kelvin monitor") && out.join("DONE").is_file(), "{said}");

    installed.monitor("echo 'error: no screen' >&2; exit 3");
    let out = installed.path("ended");
    let mut running = Running::start(&mut installed.train(&out, "100M"), &out);
    let stdout = out.with_extension("stdout");
    running.wait("warning", || {
        let text = fs::read_to_string(&stdout).unwrap_or_default();
        text.contains("warning: the monitor has ended (exit status: 3): error: no screen").then_some(())
    });
    running.wait_for_updates(100);
    running.signal("INT");
    assert_eq!(running.end().code, Some(0));
    assert_eq!(installed.opened().expect("it ran").2, format!("-- {}", out.display()));
}

#[test]
fn neither_ends_with_the_other() {
    let installed = Installed::new();
    installed.monitor("exec sleep 600");
    let out = installed.path("run");
    // Waits for the end of all that holds its output.
    let said = succeed(&mut installed.train(&out, "200k"));
    assert!(out.join("DONE").is_file() && !said.stdout.contains("warning"), "{said}");
    let start = Instant::now();
    let (pid, group, _) = loop {
        match installed.opened() {
            Some(opened) => break opened,
            None => assert!(start.elapsed() < Duration::from_secs(60), "it was not opened"),
        }
        std::thread::sleep(Duration::from_millis(10));
    };
    let signal = |name: &str| Command::new("kill").args([name, &pid.to_string()]).status().expect("kill");
    assert!(signal("-0").success(), "it ended with the run");
    signal("-KILL");
    assert_eq!(group, pid, "a group of its own: Ctrl-C is not meant for it");
}

/// Paths of sources are part of every program, as places of panics.
#[test]
fn the_program_that_trains_has_nothing_of_a_window() {
    let bytes = fs::read(kelvin().get_program()).expect("a program");
    let names = ["/egui-0.", "/eframe-0.", "/winit-0.", "/epaint-0.", "/rhai-1."];
    let slashes = bytes.iter().enumerate().filter(|(_, byte)| **byte == b'/').map(|(at, _)| &bytes[at..]);
    let found: BTreeSet<_> = slashes
        .flat_map(|rest| names.into_iter().filter(move |name| rest.starts_with(name.as_bytes())))
        .collect();
    assert_eq!(found, BTreeSet::from(["/rhai-1."]), "of a script host there is something");
}
