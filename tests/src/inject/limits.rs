//! Machines that have too little of something: disk, rights to write, open files, memory; a clock that is set back; somebody
//! else in the same folder. Each run must end with a word on what it lacks, and come to its known end once it has it.

use super::{CATCH, Tally};
use crate::command::{Said, run, succeed};
use crate::cuts::{assert_same, resume};
use crate::running::Running;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A run that nothing happens to.
pub struct Undisturbed {
    folder: tempfile::TempDir,
}

impl Default for Undisturbed {
    fn default() -> Self {
        Self::new()
    }
}

impl Undisturbed {
    /// Trains it.
    pub fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        succeed(&mut CATCH.command(&folder.path().join("alone")));
        Self { folder }
    }

    fn alone(&self) -> PathBuf {
        self.folder.path().join("alone")
    }

    /// A path for a run.
    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A disk that is full at some moment, for every part of a run: `free_kb` are left.
    pub fn full_disk(&self, free_kb: u32) -> Tally {
        let disk = self.path(&format!("disk{free_kb}"));
        let out = disk.join("run");
        fs::create_dir_all(&disk).expect("a writable folder");
        let before = format!("mount -t tmpfs -o size={}k tmpfs {}", free_kb + 8192, disk.display());
        let fill = format!("dd if=/dev/zero of={}/filler bs=1k count=8192 status=none", disk.display());
        let free = format!("rm {}/filler && mount -o remount,size=256m {}", disk.display(), disk.display());
        let kept = self.path(&format!("kept{free_kb}"));
        let steps = [before, fill, trained(&out), free, gone_on(&out), kept_as(&out, &kept)];
        let (first, then) = self.in_namespace(&steps);
        assert!(
            first.stderr.contains("No space left") && first.stderr.contains("free some space"),
            "{first}"
        );
        self.came_to_its_end(&kept, &then, "full disk: told, and gone on bit for bit")
    }

    /// A folder that becomes one to read only while the run stands still.
    pub fn read_only(&self) -> Tally {
        let disk = self.path("read-only");
        let (out, kept) = (disk.join("run"), self.path("kept-read-only"));
        fs::create_dir_all(&disk).expect("a writable folder");
        let place = disk.display();
        let steps = [
            format!("mount -t tmpfs -o size=256m tmpfs {place}"),
            format!("timeout -s INT 1 {} || true", trained(&out)),
            format!("mount -o remount,ro {place}"),
            gone_on(&out),
            format!("mount -o remount,rw {place}"),
            gone_on(&out),
            kept_as(&out, &kept),
        ];
        let (first, then) = self.in_namespace(&steps);
        assert!(first.stderr.contains("Read-only file system"), "{first}");
        self.came_to_its_end(&kept, &then, "read-only folder: told, and gone on bit for bit")
    }

    /// As few open files as `most`.
    pub fn few_files(&self, most: u32) -> Tally {
        let out = self.path(&format!("files{most}"));
        let said = limited(&format!("ulimit -n {most}"), &mut CATCH.command(&out));
        let mut tally = Tally::default();
        match said.code {
            Some(0) => tally.count("few open files: enough"),
            Some(1) => {
                assert!(
                    said.stderr.contains("Too many open files") || said.stderr.contains("os error 24"),
                    "{said}"
                );
                tally.count("few open files: told");
            }
            _ => panic!("{most} files: {said}"),
        }
        if out.join("config.toml").is_file() && !out.join("DONE").is_file() {
            succeed(&mut resume(&out));
            assert_same(&self.alone(), &out);
        }
        tally
    }

    /// As little address space as `mb` megabytes: a process ends at once where an allocation fails, whatever it does.
    pub fn little_memory(&self, mb: u32) -> Tally {
        let out = self.path(&format!("memory{mb}"));
        let said = limited(&format!("ulimit -v {}", mb * 1024), &mut CATCH.command(&out));
        let mut tally = Tally::default();
        let word = |word: &str| said.stderr.contains(word);
        match said.code {
            Some(0) => tally.count("little memory: enough"),
            Some(_) if word("error: ") => tally.count("little memory: told"),
            _ if word("memory allocation of") => tally.count("little memory: the allocation named"),
            _ => panic!("{mb} MB: {said}"),
        }
        assert!(!word("panicked"), "{mb} MB: {said}");
        if out.join("config.toml").is_file() && !out.join("DONE").is_file() {
            succeed(&mut resume(&out));
            assert_same(&self.alone(), &out);
        }
        tally
    }

    /// A clock that is set back by an hour every few readings.
    pub fn clock_set_back(&self) -> Tally {
        let library = self.path("clock.so");
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("inject/clock.c");
        let mut cc = Command::new("cc");
        let built = cc.args(["-shared", "-fPIC", "-O1", "-o"]).arg(&library).arg(source).status();
        assert!(built.is_ok_and(|status| status.success()), "the compiler that the emulator needs");
        let out = self.path("clock");
        succeed(CATCH.command(&out).env("LD_PRELOAD", &library));
        assert_same(&self.alone(), &out);
        let events = crate::records::events(&out);
        let times: Vec<_> = events.iter().map(|event| crate::records::count(event, "unix_ms")).collect();
        assert!(times.windows(2).any(|pair| pair[1] < pair[0]), "the clock went on as ever: {times:?}");
        let mut tally = Tally::default();
        tally.count("clock set back: bit for bit");
        tally
    }

    /// Another process that wants to train in the folder of one that does.
    pub fn two_processes(&self) -> Tally {
        let out = self.path("two");
        let mut running = Running::start(&mut CATCH.command(&out), &out);
        running.wait("the run", || out.join("config.toml").is_file().then_some(()));
        let second = run(&mut resume(&out));
        assert!(second.code == Some(1) && second.stderr.contains("in use"), "{second}");
        let said = running.end();
        assert_eq!(said.code, Some(0), "{said}");
        assert_same(&self.alone(), &out);
        let mut tally = Tally::default();
        tally.count("two processes: the second refused, the first bit for bit");
        tally
    }

    fn came_to_its_end(&self, kept: &Path, then: &Said, outcome: &str) -> Tally {
        assert_eq!(then.code, Some(0), "{then}");
        assert_same(&self.alone(), kept);
        let mut tally = Tally::default();
        tally.count(outcome);
        tally
    }

    /// Runs steps one after another where what they mount is theirs alone. What the first command of Kelvin's that failed
    /// said, and what all of it did.
    fn in_namespace(&self, steps: &[String]) -> (Said, Said) {
        let first = self.path("first.stderr");
        let mut script = String::from("set -e\n");
        for step in steps {
            if step.contains("'train'") && !step.contains("timeout") {
                script.push_str(&format!("{step} 2>said || cp -n said {}\n", first.display()));
            } else {
                script.push_str(&format!("{step}\n"));
            }
        }
        drop(fs::remove_file(&first));
        let mut command = Command::new("unshare");
        let all = run(command.args(["--mount", "sh", "-c", &script]).current_dir(self.folder.path()));
        let stderr = fs::read_to_string(&first).unwrap_or_else(|_| format!("nothing failed\n{all}"));
        (Said { code: Some(1), stdout: String::new(), stderr }, all)
    }
}

/// Whether mounts can be made that nobody else sees.
pub fn can_mount() -> bool {
    run(Command::new("unshare").args(["--mount", "mount", "-t", "tmpfs", "tmpfs", "/mnt"])).code == Some(0)
}

/// The command as a line of a shell script.
fn line(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    let quoted: Vec<String> = words.map(|word| format!("'{}'", word.to_string_lossy())).collect();
    let folder = command.get_current_dir().expect("commands of Kelvin have one").display().to_string();
    format!("env -C '{folder}' {}", quoted.join(" "))
}

fn trained(out: &Path) -> String {
    line(&CATCH.command(out))
}

fn gone_on(out: &Path) -> String {
    line(&resume(out))
}

fn kept_as(out: &Path, kept: &Path) -> String {
    format!("cp -r {} {}", out.display(), kept.display())
}

/// Runs a command of Kelvin's under a limit of the shell's.
fn limited(limit: &str, command: &mut Command) -> Said {
    let script = format!("{limit} && exec {}", line(command));
    run(Command::new("sh").args(["-c", &script]).env_remove("RUST_BACKTRACE"))
}
