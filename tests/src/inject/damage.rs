//! Damage to the files of a run that is to be gone on with: bits that fell over, ends that are missing, files that are gone.

use super::{CATCH, Tally};
use crate::command::{Said, run};
use crate::cuts::{knowledge, resume};
use crate::records;
use rand::{RngExt, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// A run with two checkpoints that was stopped on its way, and the same run left alone.
pub struct Subject {
    _folder: tempfile::TempDir,
    alone: PathBuf,
    stopped: PathBuf,
    scratch: PathBuf,
}

impl Default for Subject {
    fn default() -> Self {
        Self::new()
    }
}

impl Subject {
    /// Trains both.
    ///
    /// # Panics
    /// If that does not work.
    pub fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let [alone, stopped, scratch] = ["alone", "stopped", "scratch"].map(|name| folder.path().join(name));
        let start = Instant::now();
        crate::command::succeed(&mut CATCH.command(&alone));
        let within = start.elapsed();
        // Stopped at some moment when there are two checkpoints.
        for seed in 0.. {
            drop(fs::remove_dir_all(&stopped));
            let mut cut = CATCH.command(&stopped);
            let running = crate::running::Running::start(&mut cut, &stopped);
            std::thread::sleep(within.mul_f64(0.5 + 0.05 * f64::from(seed % 8)));
            running.signal("INT");
            running.end();
            let done = stopped.join("DONE").is_file();
            if !done && stopped.join("checkpoints").is_dir() && records::checkpoints(&stopped).len() == 2 {
                break;
            }
            assert!(seed < 50, "it cannot be stopped half-way");
        }
        Self { _folder: folder, alone, stopped, scratch }
    }

    /// Damages a file of the run, goes on with it, and says what came of it.
    ///
    /// # Panics
    /// If it neither comes to its known end nor says which file keeps it from that.
    pub fn damage(&self, seed: u64) -> Tally {
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
        drop(fs::remove_dir_all(&self.scratch));
        copy(&self.stopped, &self.scratch);
        let files = files(&self.scratch);
        let file = &files[rng.random_range(0..files.len())];
        let what = spoil(file, &mut rng);
        let name = file.strip_prefix(&self.scratch).expect("inside").to_owned();
        let said = run(&mut resume(&self.scratch));
        let told = tells_of(&said, &name);
        let context = || format!("seed {seed}: {what} of {}\n{said}", name.display());
        assert!(!said.stderr.contains("panicked"), "{}", context());
        let mut tally = Tally::default();
        match said.code {
            Some(0) => {
                let is_record = name.extension().is_some_and(|extension| extension == "jsonl");
                if let Some(differs) = self.differs(is_record) {
                    panic!("it came to another end: {differs}\n{}", context());
                }
                tally.count(if told {
                    "bit for bit, and the file named"
                } else {
                    "bit for bit: the file does not matter"
                });
                // What is on record must be what was recorded, or be told of.
                assert!(told || !is_record || self.differs(false).is_none(), "untold\n{}", context());
            }
            Some(1 | 2) => {
                assert!(told && said.stderr.contains("error: "), "{}", context());
                tally.count("refused, and the file named");
            }
            _ => panic!("{}", context()),
        }
        tally
    }

    /// The first file in which the run's end differs from what it should be; but for records, if those are damaged.
    fn differs(&self, but_records: bool) -> Option<String> {
        let (alone, now) = (knowledge(&self.alone), knowledge(&self.scratch));
        let is_record = |name: &Path| name.extension().is_some_and(|extension| extension == "jsonl");
        let skipped = |name: &Path| but_records && is_record(name);
        let differ = alone
            .iter()
            .zip(&now)
            .find(|((name, a), (other, b))| !skipped(name) && (name != other || a != b));
        differ.map(|((name, _), _)| name.display().to_string())
    }
}

/// Whether it named the file, or the folder of a whole that it is a part of.
fn tells_of(said: &Said, file: &Path) -> bool {
    let mut names = file.ancestors().filter(|path| !path.as_os_str().is_empty());
    let known = |path: &Path| said.stderr.contains(&*path.to_string_lossy());
    names.any(known) || file.ends_with("config.toml") && said.stderr.contains("is not a run")
}

/// All files below a folder, in order.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("a readable folder").path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found.sort();
    found
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a writable folder");
    for entry in fs::read_dir(from).expect("a folder") {
        let path = entry.expect("a readable folder").path();
        let target = to.join(path.file_name().expect("a name"));
        if path.is_dir() {
            copy(&path, &target);
        } else {
            fs::copy(&path, &target).expect("a copy");
        }
    }
}

/// Spoils a file in one of several ways, and says how.
fn spoil(file: &Path, rng: &mut Xoshiro256PlusPlus) -> String {
    let mut bytes = fs::read(file).expect("a file of the run");
    let at = if bytes.is_empty() { 0 } else { rng.random_range(0..bytes.len()) };
    let what = match rng.random_range(0..5) {
        0 => {
            fs::remove_file(file).expect("a file of the run");
            return "loss".to_owned();
        }
        1 => {
            bytes.truncate(at);
            format!("truncation to {at} bytes")
        }
        2 if !bytes.is_empty() => {
            let bit = rng.random_range(0..8);
            bytes[at] ^= 1 << bit;
            format!("bit {bit} of byte {at}")
        }
        3 if !bytes.is_empty() => {
            let end = bytes.len().min(at + 512);
            bytes[at..end].fill(0);
            format!("zeros from byte {at} to {end}")
        }
        _ => {
            bytes.extend_from_slice(b"\0{\"torn");
            "garbage at the end".to_owned()
        }
    };
    fs::write(file, bytes).expect("a file of the run");
    what
}
