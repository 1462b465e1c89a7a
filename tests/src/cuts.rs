//! Runs that are cut off at random moments and taken up again, against the same run left alone.

use crate::command::{Said, kelvin};
use crate::records;
use crate::running::Running;
use rand::{RngExt, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// A run that is short enough to be made several times.
#[derive(Clone, Copy, Debug)]
pub struct Short {
    /// Name of the script.
    pub script: &'static str,
    /// Name of the environment.
    pub env: &'static str,
    /// Further arguments.
    pub args: &'static [&'static str],
}

impl Short {
    /// The command that trains it into `out`, on the processor.
    pub fn command(&self, out: &Path) -> Command {
        self.command_on("cpu", out)
    }

    /// The same on another device.
    pub fn command_on(&self, device: &str, out: &Path) -> Command {
        let mut command = kelvin();
        command.args(["train", &format!("scripts/{}.rhai", self.script), "--env", self.env]);
        command.args(["--device", device, "--quiet"]).args(self.args).arg("--out").arg(out);
        command
    }
}

/// How runs are cut off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// As by Ctrl-C: the run saves where it is.
    Interrupt,
    /// As by a lack of memory or power: it has no say.
    Kill,
}

/// The command that goes on with a run.
pub fn resume(run: &Path) -> Command {
    let mut command = kelvin();
    command.args(["train", "--resume", "--quiet", "--out"]).arg(run);
    command
}

/// Cuts a run off again and again, each time within `within` of its start, until it has been `cuts` times, and lets it end
/// then. Returns how many cuts there were: fewer if the run came to its end before.
///
/// # Panics
/// If it panics, or does not come to its end.
pub fn train_cut_off(
    start: impl Fn() -> Command,
    run: &Path,
    cut: Cut,
    (cuts, within): (u32, Duration),
    seed: u64,
) -> u32 {
    // A start that was cut off before there was a run is made again.
    let start_or_resume = || if run.join("config.toml").is_file() { resume(run) } else { start() };
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
    for done in 0..cuts {
        let running = Running::start(&mut start_or_resume(), run);
        std::thread::sleep(within.mul_f64(rng.random()));
        running.signal(if cut == Cut::Kill { "KILL" } else { "INT" });
        let said = running.end();
        assert!(is_clean(&said), "cut {done} of {run:?}\n{said}");
        if run.join("DONE").is_file() {
            return done;
        }
    }
    let said = crate::command::run(&mut start_or_resume());
    assert_eq!(said.code, Some(0), "{said}");
    cuts
}

/// Whether it ended by the signal, or as one that is asked to stop does: before it listens to that, the signal ends it.
fn is_clean(said: &Said) -> bool {
    matches!(said.code, None | Some(0)) && !said.stderr.contains("panicked")
}

/// Everything that a run which ended knows: what it recorded, and every file of its last checkpoint, by name; but for what
/// speaks of the clock, and checksums of that.
pub fn knowledge(run: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let checkpoint = records::checkpoints(run).pop().expect("a checkpoint");
    let segments = run.join("checkpoints/segments");
    let listed = fs::read_to_string(checkpoint.join("manifest.json")).expect("a manifest");
    let mut paths = vec![run.join("metrics.jsonl")];
    for folder in [&checkpoint, &segments] {
        let entries = fs::read_dir(folder).expect("a folder of the run");
        paths.extend(entries.map(|entry| entry.expect("a readable folder").path()));
    }
    // Of segments, those of this checkpoint: others may be left of the one before it.
    paths.retain(|path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let wanted = !path.starts_with(&segments) || listed.contains(&*name);
        wanted && !["manifest.json", "records.json"].contains(&&*name)
    });
    paths.sort();
    let inside = |path: &Path| path.strip_prefix(run).expect("it is inside").to_path_buf();
    paths.iter().map(|path| (inside(path), fs::read(path).expect("a readable file"))).collect()
}

/// Fails where two runs do not know the same, and says in which file first.
///
/// # Panics
/// Then.
#[track_caller]
pub fn assert_same(one: &Path, other: &Path) {
    let (one, other) = (knowledge(one), knowledge(other));
    for ((name, a), (other_name, b)) in one.iter().zip(&other) {
        assert_eq!(name, other_name);
        if a != b {
            let at = a.iter().zip(b).position(|(a, b)| a != b).unwrap_or(a.len().min(b.len()));
            let around = |bytes: &[u8]| {
                String::from_utf8_lossy(&bytes[at.saturating_sub(200)..bytes.len().min(at + 200)])
                    .into_owned()
            };
            panic!("{} differs at byte {at}:\n{}\n---\n{}", name.display(), around(a), around(b));
        }
    }
    assert_eq!(one.len(), other.len());
}
