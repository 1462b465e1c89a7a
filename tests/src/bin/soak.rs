//! Trains for hours while somebody edits, looks on and steers, and watches what the process takes.
//!
//! `./kelvin soak FOLDER HOURS [ENV [SCRIPT]]`: a run in FOLDER/run, of which every ten
//! seconds the memory, open files, threads and frames are written to FOLDER/soak.csv; the picture FOLDER/soak.svg and a
//! verdict at its end. A soak that was cut off goes on with its run.
#![forbid(unsafe_code)]
// It reports to whoever started it.
#![allow(clippy::print_stdout, clippy::print_stderr)]

use kelvin_chart::{Line, Numbers, Plot, Scale, Sheet, Small};
use kelvin_run::RunDir;
use kelvin_tests::command::{kelvin, repository};
use kelvin_tests::cuts::resume;
use kelvin_tests::records;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode};
use std::time::{Duration, Instant};

const SAMPLE_EVERY: Duration = Duration::from_secs(10);
/// A reload comes with every third sample, values of parameters with those between.
const RELOAD_EVERY: u64 = 3;
/// Somebody looks on for so many samples, and then looks away for as many.
const LOOKS_FOR: u64 = 12;
/// Samples that a run needs to fill its memory and warm up: nothing is judged before.
const WARM_UP: f64 = 0.25;

/// What the process takes at some moment.
struct Sample {
    hours: f64,
    rss_mb: f64,
    files: f64,
    threads: f64,
    frames: f64,
    /// Seconds of all its threads: what else the machine does moves frames/s, and hardly frames for each of these.
    cpu_s: f64,
}

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let hours = words.get(1).and_then(|hours| hours.parse::<f64>().ok());
    let (Some(folder), Some(hours)) = (words.first().map(PathBuf::from), hours) else {
        eprintln!("soak FOLDER HOURS [ENV [SCRIPT]]");
        return ExitCode::from(2);
    };
    let env = words.get(2).map_or("pong", String::as_str);
    let script = words.get(3).map_or("soft_kl", String::as_str);
    match soak(&folder, Duration::from_secs_f64(3600.0 * hours), env, script) {
        Ok(verdict) => {
            println!("{verdict}");
            ExitCode::SUCCESS
        }
        Err(reason) => {
            eprintln!("error: {reason}");
            ExitCode::FAILURE
        }
    }
}

fn soak(folder: &Path, length: Duration, env: &str, script: &str) -> Result<String, String> {
    fs::create_dir_all(folder).map_err(|error| error.to_string())?;
    let (run, path) = (folder.join("run"), folder.join("mine.rhai"));
    let source = repository().join(format!("scripts/{script}.rhai"));
    let text = fs::read_to_string(source).map_err(|error| error.to_string())?;
    let mut command = if run.join("config.toml").is_file() {
        resume(&run)
    } else {
        fs::write(&path, &text).map_err(|error| error.to_string())?;
        start(&path, &run, env)
    };
    let log = |name: &str| File::create(folder.join(name)).map_err(|error| error.to_string());
    let child = command.stdout(log("stdout")?).stderr(log("stderr")?).spawn();
    let mut child = Running(child.map_err(|error| error.to_string())?);
    let mut csv = log("soak.csv")?;
    drop(writeln!(csv, "hours,rss_mb,files,threads,frames,cpu_s"));
    let (begin, mut samples) = (Instant::now(), Vec::new());
    for round in 0.. {
        std::thread::sleep(SAMPLE_EVERY);
        if let Ok(Some(status)) = child.0.try_wait() {
            let said = fs::read_to_string(folder.join("stderr")).unwrap_or_default();
            return Err(format!("the run ended after {:?}: {status}\n{said}", begin.elapsed()));
        }
        let Some(sample) = measure(child.0.id(), &run, begin.elapsed()) else { continue };
        let Sample { hours, rss_mb, files, threads, frames, cpu_s } = sample;
        drop(writeln!(csv, "{hours:.4},{rss_mb:.1},{files},{threads},{frames},{cpu_s:.2}"));
        samples.push(sample);
        disturb(round, &path, &text, &run);
        if begin.elapsed() >= length {
            break;
        }
    }
    drop(Command::new("kill").args(["-INT", &child.0.id().to_string()]).status());
    let ended = child.0.wait().map_err(|error| error.to_string())?;
    if !ended.success() {
        return Err(format!("the run did not end well: {ended}"));
    }
    records::assert_recorded_once(&run);
    draw(&samples, &folder.join("soak.svg"))?;
    verdict(&samples, &run)
}

fn start(script: &Path, run: &Path, env: &str) -> Command {
    let mut command = kelvin();
    command.arg("train").arg(script).arg("--out").arg(run);
    command.args(["--env", env, "--device", "cpu", "--quiet", "--frames", "1000M"]);
    for setting in
        ["replay_capacity=50000", "checkpoint_every=20000", "learning_starts=5000", "log_every=500"]
    {
        command.args(["--set", setting]);
    }
    command
}

/// The process, which ends with this.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// What the process takes now; nothing while there is no run yet.
fn measure(pid: u32, run: &Path, since: Duration) -> Option<Sample> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        line.split_whitespace().next()?.parse::<f64>().ok()
    };
    let files = fs::read_dir(format!("/proc/{pid}/fd")).ok()?.count();
    let shown = RunDir::open(run).ok()?.read_status().ok()??;
    Some(Sample {
        hours: since.as_secs_f64() / 3600.0,
        rss_mb: field("VmRSS:")? / 1024.0,
        files: files as f64,
        threads: field("Threads:")?,
        frames: shown.frames as f64,
        cpu_s: cpu_seconds(pid)?,
    })
}

/// Processor time of a process, in s: fields 14 and 15 of proc_pid_stat(5), in ticks of 10 ms.
fn cpu_seconds(pid: u32) -> Option<f64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The second field is the name in parentheses, which may have spaces.
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    Some((fields.get(11)?.parse::<f64>().ok()? + fields.get(12)?.parse::<f64>().ok()?) / 100.0)
}

/// Edits the script or its parameters, and looks on for a while or not.
fn disturb(round: u64, script: &Path, text: &str, run: &Path) {
    let done = if round.is_multiple_of(RELOAD_EVERY) {
        fs::write(script, format!("{text}// version {round}\n"))
    } else {
        let tau = 0.01 + 0.001 * (round % 10) as f64;
        fs::write(run.join("control.toml"), format!("[params]\ntau = {tau}\n"))
    };
    if let Err(error) = done {
        eprintln!("cannot edit: {error}");
    }
    if (round / LOOKS_FOR).is_multiple_of(2)
        && let Err(error) = RunDir::open(run).and_then(|run| run.watch())
    {
        eprintln!("cannot look on: {error}");
    }
}

/// Mean of a quantity over a part of the samples, as fractions of the time.
fn mean(samples: &[Sample], (from, to): (f64, f64), of: impl Fn(&Sample) -> f64) -> f64 {
    let at = |part: f64| (part * samples.len() as f64) as usize;
    let part = &samples[at(from)..at(to).max(at(from) + 1)];
    part.iter().map(of).sum::<f64>() / part.len() as f64
}

/// Frames for each unit of a clock over a part of the samples.
fn speed(samples: &[Sample], (from, to): (f64, f64), clock: fn(&Sample) -> f64) -> f64 {
    let at = |part: f64| ((part * samples.len() as f64) as usize).min(samples.len() - 1);
    rate(&samples[at(from)], &samples[at(to)], clock)
}

fn rate(before: &Sample, now: &Sample, clock: fn(&Sample) -> f64) -> f64 {
    (now.frames - before.frames) / (clock(now) - clock(before)).max(1e-9)
}

fn seconds(sample: &Sample) -> f64 {
    3600.0 * sample.hours
}

fn verdict(samples: &[Sample], run: &Path) -> Result<String, String> {
    if samples.len() < 8 {
        return Err("too short to say anything".to_owned());
    }
    let (early, late) = ((WARM_UP, WARM_UP + 0.25), (0.75, 1.0));
    let of = |what: fn(&Sample) -> f64| (mean(samples, early, what), mean(samples, late, what));
    let ((rss, rss_late), (files, files_late), (threads, threads_late)) =
        (of(|sample| sample.rss_mb), of(|sample| sample.files), of(|sample| sample.threads));
    let speeds = |clock| (speed(samples, early, clock), speed(samples, late, clock));
    let ((wall, wall_late), (cpu, cpu_late)) = (speeds(seconds), speeds(|sample| sample.cpu_s));
    let count = |event: &str| records::events_of(run, event).len();
    let hours = samples.last().map_or(0.0, |sample| sample.hours);
    Ok(format!(
        "{hours:.2} h, {} reloads, {} changes of parameters, {} checkpoints; second quarter → last quarter:\n\
         memory {rss:.1} → {rss_late:.1} MB, open files {files:.1} → {files_late:.1}, \
         threads {threads:.1} → {threads_late:.1}, frames/s {wall:.0} → {wall_late:.0}, \
         frames per CPU second {cpu:.1} → {cpu_late:.1}",
        count("reload"),
        count("params"),
        count("checkpoint")
    ))
}

fn draw(samples: &[Sample], path: &Path) -> Result<(), String> {
    let plot = |title: &str, of: &dyn Fn(usize) -> f64| {
        let points: Vec<_> = (1..samples.len()).map(|at| (samples[at].hours, of(at))).collect();
        let x = Scale::around("hours", Numbers::Plain, points.iter().map(|(x, _)| *x));
        let mut y = Scale::around("", Numbers::Plain, points.iter().map(|(_, y)| *y).chain([0.0]));
        y.from = 0.0;
        let lines = vec![Line { points, ..Line::default() }];
        Small::Plot(Plot { title: title.to_owned(), x, y, lines, levels: vec![], empty: String::new() })
    };
    let rate = |at: usize, clock| rate(&samples[at - 1], &samples[at], clock);
    let plots = [
        plot("Memory, MB", &|at| samples[at].rss_mb),
        plot("Frames/s", &|at| rate(at, seconds)),
        plot("Frames per CPU second", &|at| rate(at, |sample| sample.cpu_s)),
        plot("Open files", &|at| samples[at].files),
        plot("Threads", &|at| samples[at].threads),
    ];
    let title = "What a process takes that trains for hours";
    let sheet = Sheet { title, legend: &[], plots: &plots, columns: 2, each: (440, 240) };
    fs::write(path, sheet.svg()?.file()).map_err(|error| error.to_string())
}
