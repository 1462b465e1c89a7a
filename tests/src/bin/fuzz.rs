//! Makes up input until something breaks: `./kelvin fuzz runs --seconds 600 --seed 1 --keep found`.
//!
//! The program runs itself as a worker that judges one case after the other, so that a case that takes the process down is
//! only a finding. What is found is made small and written to the folder, one file a finding.
#![forbid(unsafe_code)]

use kelvin_tests::fuzz::finding::{Finding, Kind, processor_seconds};
use kelvin_tests::fuzz::{TARGETS, Target, random, target};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

/// How often a worker that says nothing is looked at.
const SILENCE: Duration = Duration::from_secs(30);
/// Looks in a row without a hundredth second of processor time after which it is taken to wait for ever, and processor time
/// after which it is taken to work for ever. Cases measure their own; a busy machine lets one wait.
const HANGS: (u32, f64) = (4, 120.0);
/// Findings of one kind that are made small; after these the rest look alike.
const KEPT_OF_A_KIND: usize = 12;
/// Cases after which a worker gives way to a new one, so that what it may have lost of memory does not count.
const CASES_OF_A_WORKER: u64 = 20_000;

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

/// Says something; whether anybody was there to hear it.
fn say(text: &str) -> bool {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{text}").and_then(|()| out.flush()).is_ok()
}

const USAGE: &str = "fuzz TARGET [--seconds 60] [--cpu SECONDS] [--seed 0] [--first 0] [--keep DIR] | fuzz TARGET --replay FILE…";

fn run(arguments: &[String]) -> Result<bool, String> {
    let Some((name, arguments)) = arguments.split_first() else { return Err(usage()) };
    let target = target(name).ok_or_else(usage)?;
    if let Some(files) = arguments.strip_prefix(&["--replay".to_owned()]) {
        return replay(target, files);
    }
    let mut options =
        BTreeMap::from([("seconds", "60"), ("cpu", ""), ("seed", "0"), ("first", "0"), ("keep", "")]);
    for pair in arguments.chunks(2) {
        match (
            pair[0].strip_prefix("--").filter(|name| *name == "work" || options.contains_key(name)),
            pair.get(1),
        ) {
            (Some(name), Some(value)) => drop(options.insert(name, value)),
            _ => return Err(usage()),
        }
    }
    let number = |name: &str| {
        options[name].parse::<u64>().map_err(|_| format!("--{name} takes a whole number: {USAGE}"))
    };
    let (seed, first) = (number("seed")?, number("first")?);
    if let Some(file) = options.get("work") {
        return Ok(work(target, seed, first, Path::new(file)));
    }
    let cpu = if options["cpu"].is_empty() { None } else { Some(number("cpu")? as f64) };
    let keep = Some(options["keep"]).filter(|keep| !keep.is_empty()).map(PathBuf::from);
    let scratch = tempfile::tempdir().map_err(|error| format!("no temporary folder: {error}"))?;
    let hunt = Hunt {
        target,
        seed,
        keep,
        case: scratch.path().join("case"),
        spent: 0.0,
        found: BTreeMap::new(),
        tally: BTreeMap::new(),
    };
    hunt.run(first, number("seconds")?, cpu)
}

fn usage() -> String {
    let names: Vec<&str> = TARGETS.iter().map(|target| target.name()).collect();
    format!("{USAGE}\nthe targets are {}", names.join(", "))
}

/// Judges saved cases in this process, one line each.
fn replay(target: &dyn Target, files: &[String]) -> Result<bool, String> {
    let mut clean = true;
    for file in files {
        let text = std::fs::read_to_string(file).map_err(|error| format!("{file}: {error}"))?;
        let verdict = target.judge(&text);
        clean &= verdict.is_ok();
        say(&line(0, &verdict));
    }
    Ok(clean)
}

/// Judges cases, writes each to a file before, and says how it ended: `begin NUMBER`, then a line as `line` makes it.
fn work(target: &dyn Target, seed: u64, first: u64, file: &Path) -> bool {
    for number in first..first + CASES_OF_A_WORKER {
        let case = target.case(&mut random(seed, number));
        // Lost, it is made up once more.
        let _ = std::fs::write(file, &case);
        if !say(&format!("begin {number}")) {
            // Whoever started this is gone.
            break;
        }
        let verdict = target.judge(&case);
        say(&format!("spent {}", processor_seconds("self")));
        say(&line(number, &verdict));
    }
    true
}

/// `end NUMBER KIND DETAIL`, the detail in one line.
fn line(number: u64, verdict: &Result<&'static str, Finding>) -> String {
    match verdict {
        Ok(word) => format!("end {number} {word}"),
        Err(Finding { kind, detail }) => format!("end {number} {kind:?} {}", detail.replace('\n', "⏎")),
    }
}

/// A worker, and the lines it writes.
struct Worker {
    child: Child,
    lines: Receiver<String>,
}

impl Worker {
    fn start(target: &dyn Target, arguments: &[&str]) -> Result<Self, String> {
        let program = std::env::current_exe().map_err(|error| error.to_string())?;
        // The shell sets the limit for what it then becomes.
        let limited = format!("ulimit -v {}; ulimit -c 0; exec \"$0\" \"$@\"", target.memory_kib());
        let mut child = Command::new("sh")
            .args(["-c", &limited])
            .arg(program)
            .arg(target.name())
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
                // What a case's commands print is nobody's business here.
                if !["begin ", "spent ", "end "].iter().any(|ours| line.starts_with(ours)) {
                    continue;
                }
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        Ok(Self { child, lines })
    }

    /// The next line; the kind of the fault if there is none.
    fn next(&self) -> Result<String, Kind> {
        let (mut spent, mut idle) = (self.spent(), 0);
        let start = spent;
        loop {
            match self.lines.recv_timeout(SILENCE) {
                Ok(line) => return Ok(line),
                Err(RecvTimeoutError::Disconnected) => return Err(Kind::Death),
                Err(RecvTimeoutError::Timeout) => {}
            }
            let now = self.spent();
            idle = if now > spent { 0 } else { idle + 1 };
            spent = now;
            if idle >= HANGS.0 || now - start > HANGS.1 {
                return Err(Kind::Slow);
            }
        }
    }

    /// Its processor time so far, in seconds.
    fn spent(&self) -> f64 {
        processor_seconds(&self.child.id().to_string())
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
    target: &'static dyn Target,
    seed: u64,
    keep: Option<PathBuf>,
    /// What the worker judges now.
    case: PathBuf,
    /// Processor time of the workers before this one, in seconds.
    spent: f64,
    /// By kind and the beginning of the detail.
    found: BTreeMap<(Kind, String), u64>,
    tally: BTreeMap<String, u64>,
}

impl Hunt {
    fn run(mut self, first: u64, seconds: u64, cpu: Option<f64>) -> Result<bool, String> {
        let start = Instant::now();
        let mut next = first;
        let mut now = 0.0;
        let is_over = |spent: f64| match cpu {
            Some(cpu) => spent >= cpu,
            None => start.elapsed() >= Duration::from_secs(seconds),
        };
        while !is_over(self.spent) {
            let (seed, from) = (self.seed.to_string(), next.to_string());
            let file = self.case.display().to_string();
            let worker = Worker::start(self.target, &["--work", &file, "--seed", &seed, "--first", &from])?;
            let (first_of_worker, last) = (next, next + CASES_OF_A_WORKER);
            while !is_over(self.spent + now) && next < last {
                let number = next;
                next += 1;
                let begun = worker.next();
                if begun.is_err() && number == first_of_worker {
                    return Err("a worker ended before its first case".to_owned());
                }
                let begun = begun.and_then(|_| Ok((worker.next()?, worker.next()?)));
                match begun {
                    Ok((spent, line)) => {
                        now =
                            spent.strip_prefix("spent ").and_then(|spent| spent.parse().ok()).unwrap_or(now);
                        self.note(number, &line)?;
                    }
                    Err(kind) => {
                        self.take(number, kind, "the worker ended or fell silent")?;
                        break;
                    }
                }
            }
            self.spent += now;
            now = 0.0;
        }
        let tally: Vec<String> = self.tally.iter().map(|(what, count)| format!("{count} {what}")).collect();
        say(&format!(
            "{}, seed {}, cases {first} to {next}, {:.0} s of processor time in {:.0} s, {} findings: {}",
            self.target.name(),
            self.seed,
            self.spent,
            start.elapsed().as_secs_f64(),
            self.found.len(),
            tally.join(", ")
        ));
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
        let gist: String = detail.chars().filter(|c| !c.is_ascii_digit()).take(60).collect();
        let of_this_kind = self.found.keys().filter(|(known, _)| *known == kind).count();
        let times = self.found.entry((kind, gist)).or_default();
        *times += 1;
        if *times > 1 || of_this_kind >= KEPT_OF_A_KIND {
            return Ok(());
        }
        say(&format!("case {number}: {kind:?}: {detail}"));
        let Some(folder) = &self.keep else { return Ok(()) };
        let case = self.target.case(&mut random(self.seed, number));
        std::fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        let scratch = folder.join("candidate");
        // One that hangs would do so a thousand times.
        let small = match kind {
            Kind::Slow => case,
            _ => self
                .target
                .shrink(&case, &mut |case| shows(self.target, case, kind, &scratch).unwrap_or(false)),
        };
        let path = folder.join(format!("{kind:?}-{}-{number}", self.seed).to_lowercase());
        std::fs::write(&path, &small).map_err(|error| format!("{}: {error}", path.display()))?;
        say(&format!("  kept as {}, {} bytes", path.display(), small.len()));
        Ok(())
    }
}

fn kind(name: &str) -> Option<Kind> {
    Kind::ALL.into_iter().find(|kind| format!("{kind:?}") == name)
}

/// Whether a case shows a fault of this kind, in a process of its own.
fn shows(target: &dyn Target, case: &str, wanted: Kind, scratch: &Path) -> Result<bool, String> {
    std::fs::write(scratch, case).map_err(|error| error.to_string())?;
    let worker = Worker::start(target, &["--replay", &scratch.to_string_lossy()])?;
    Ok(match worker.next() {
        Ok(line) => line.split(' ').nth(2).and_then(kind) == Some(wanted),
        Err(kind) => kind == wanted,
    })
}
