//! Makes up scripts until something breaks: `fuzz-scripts --seconds 600 --seed 1 --keep found`.
//!
//! The program runs itself as a worker that judges one case after the other, so that a case that takes the
//! process down is only a finding. Cases follow from the seed alone. What is found is made small and written to
//! the folder, one file a finding.
#![forbid(unsafe_code)]

use kelvin_tests::fuzz::Case;
use kelvin_tests::fuzz::judge::{Finding, Kind, Verdict, judge};
use kelvin_tests::fuzz::shrink::shrink;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

/// Address space of a worker, in KiB: a few times what the largest evaluation takes.
const MEMORY_KIB: u64 = 6 << 20;
/// Wall-clock time after which a worker is taken to hang. Cases measure their own processor time.
const SILENCE: Duration = Duration::from_secs(120);
/// Findings of one kind that are made small; after these the rest look alike.
const KEPT_OF_A_KIND: usize = 12;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match run(&arguments) {
        Ok(clean) if clean => ExitCode::SUCCESS,
        Ok(_) => ExitCode::from(1),
        Err(message) => {
            say(&format!("error: {message}"));
            ExitCode::from(2)
        }
    }
}

fn say(text: &str) {
    let mut out = std::io::stdout().lock();
    // Nobody is left to tell if the other end is gone.
    let _ = writeln!(out, "{text}").and_then(|()| out.flush());
}

const USAGE: &str = "fuzz-scripts [--seconds 60] [--seed 0] [--first 0] [--keep DIR] | --replay FILE…";

fn run(arguments: &[String]) -> Result<bool, String> {
    if let Some(files) = arguments.strip_prefix(&["--replay".to_owned()]) {
        return replay(files);
    }
    let mut options = BTreeMap::from([("seconds", "60"), ("seed", "0"), ("first", "0"), ("keep", "")]);
    for pair in arguments.chunks(2) {
        match (
            pair[0].strip_prefix("--").filter(|name| *name == "work" || options.contains_key(name)),
            pair.get(1),
        ) {
            (Some(name), Some(value)) => drop(options.insert(name, value)),
            _ => return Err(USAGE.to_owned()),
        }
    }
    let number =
        |name: &str| options[name].parse::<u64>().map_err(|_| format!("--{name} takes a number: {USAGE}"));
    let (seed, first) = (number("seed")?, number("first")?);
    if options.contains_key("work") {
        return Ok(work(seed, first));
    }
    let keep = Some(options["keep"]).filter(|keep| !keep.is_empty()).map(PathBuf::from);
    Hunt { seed, keep, found: BTreeMap::new(), tally: BTreeMap::new() }.run(first, number("seconds")?)
}

/// Judges saved cases in this process, one line each.
fn replay(files: &[String]) -> Result<bool, String> {
    let mut clean = true;
    for file in files {
        let text = std::fs::read_to_string(file).map_err(|error| format!("{file}: {error}"))?;
        let verdict = judge(&Case::from_text(&text));
        clean &= verdict.is_ok();
        say(&line(0, &verdict));
    }
    Ok(clean)
}

/// Judges cases for ever, and says of each how it ended: `begin NUMBER`, then a line as `line` makes it.
fn work(seed: u64, first: u64) -> bool {
    for number in first.. {
        say(&format!("begin {number}"));
        say(&line(number, &judge(&Case::new(seed, number))));
    }
    true
}

/// `end NUMBER KIND DETAIL`, the detail in one line.
fn line(number: u64, verdict: &Result<Verdict, Finding>) -> String {
    let one_line = |text: &str| text.replace('\n', "⏎");
    match verdict {
        Ok(Verdict::Refused(_)) => format!("end {number} refused"),
        Ok(Verdict::Compared) => format!("end {number} compared"),
        Ok(Verdict::Undecided) => format!("end {number} undecided"),
        Ok(Verdict::TooLarge) => format!("end {number} too-large"),
        Err(Finding { kind, detail }) => format!("end {number} {kind:?} {}", one_line(detail)),
    }
}

/// A worker, and the lines it writes.
struct Worker {
    child: Child,
    lines: Receiver<String>,
}

impl Worker {
    fn start(arguments: &[&str]) -> Result<Self, String> {
        let program = std::env::current_exe().map_err(|error| error.to_string())?;
        // The shell sets the limit for what it then becomes.
        let limited = format!("ulimit -v {MEMORY_KIB}; exec \"$0\" \"$@\"");
        let mut child = Command::new("sh")
            .args(["-c", &limited])
            .arg(program)
            .args(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| format!("cannot start a worker: {error}"))?;
        let out = child.stdout.take().ok_or("the worker has no output")?;
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(out).lines() {
                let Ok(line) = line else { return };
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        Ok(Self { child, lines })
    }

    /// The next line; the kind of the fault if there is none.
    fn next(&self) -> Result<String, Kind> {
        self.lines.recv_timeout(SILENCE).map_err(|error| match error {
            RecvTimeoutError::Timeout => Kind::Slow,
            RecvTimeoutError::Disconnected => Kind::Death,
        })
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // It may be gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

struct Hunt {
    seed: u64,
    keep: Option<PathBuf>,
    /// By kind and the beginning of the detail.
    found: BTreeMap<(Kind, String), u64>,
    tally: BTreeMap<String, u64>,
}

impl Hunt {
    fn run(mut self, first: u64, seconds: u64) -> Result<bool, String> {
        let start = Instant::now();
        let time_is_up = |start: &Instant| start.elapsed() >= Duration::from_secs(seconds);
        let mut next = first;
        while !time_is_up(&start) {
            let (seed, from) = (self.seed.to_string(), next.to_string());
            let worker = Worker::start(&["--work", "yes", "--seed", &seed, "--first", &from])?;
            while !time_is_up(&start) {
                let begun = worker.next().and_then(|_| worker.next());
                let number = next;
                next += 1;
                match begun {
                    Ok(line) => self.note(number, &line)?,
                    Err(kind) => {
                        self.take(number, kind, "the worker ended or fell silent")?;
                        break;
                    }
                }
            }
        }
        let tally: Vec<String> = self.tally.iter().map(|(what, count)| format!("{count} {what}")).collect();
        say(&format!("seed {}, cases {first} to {next}: {}", self.seed, tally.join(", ")));
        Ok(self.found.is_empty())
    }

    /// Reads a worker's last word on a case.
    fn note(&mut self, number: u64, line: &str) -> Result<(), String> {
        let mut words = line.splitn(4, ' ').skip(2);
        let (what, detail) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        match kind(what) {
            Some(kind) => self.take(number, kind, detail),
            None => {
                *self.tally.entry(what.to_owned()).or_default() += 1;
                Ok(())
            }
        }
    }

    /// Makes a finding small and keeps it, if it is new.
    fn take(&mut self, number: u64, kind: Kind, detail: &str) -> Result<(), String> {
        *self.tally.entry(format!("{kind:?}")).or_default() += 1;
        // Messages begin alike and end in names and numbers.
        let gist: String = detail.chars().filter(|c| !c.is_ascii_digit()).take(40).collect();
        let of_this_kind = self.found.keys().filter(|(known, _)| *known == kind).count();
        let times = self.found.entry((kind, gist)).or_default();
        *times += 1;
        if *times > 1 || of_this_kind >= KEPT_OF_A_KIND {
            return Ok(());
        }
        say(&format!("case {number}: {kind:?}: {detail}"));
        let case = Case::new(self.seed, number);
        let Some(folder) = &self.keep else { return Ok(()) };
        std::fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        let scratch = folder.join("candidate.rhai");
        let small = shrink(&case, |case| shows(case, kind, &scratch).unwrap_or(false));
        let path = folder.join(format!("{kind:?}-{}-{number}.rhai", self.seed).to_lowercase());
        std::fs::write(&path, small.to_text()).map_err(|error| format!("{}: {error}", path.display()))?;
        say(&format!("  kept as {}, {} bytes", path.display(), small.to_text().len()));
        Ok(())
    }
}

fn kind(name: &str) -> Option<Kind> {
    use Kind::*;
    [Panic, Death, Internal, Place, Hint, Words, Slow, Evaluation, Disagreement, Determinism]
        .into_iter()
        .find(|kind| format!("{kind:?}") == name)
}

/// Whether a case shows a fault of this kind, in a process of its own.
fn shows(case: &Case, wanted: Kind, scratch: &Path) -> Result<bool, String> {
    std::fs::write(scratch, case.to_text()).map_err(|error| error.to_string())?;
    let worker = Worker::start(&["--replay", &scratch.to_string_lossy()])?;
    Ok(match worker.next() {
        Ok(line) => line.split(' ').nth(2).and_then(kind) == Some(wanted),
        Err(kind) => kind == wanted,
    })
}
