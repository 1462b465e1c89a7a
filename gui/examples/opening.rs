//! Measures what the monitor's readers take for the runs below a folder: until all are listed, and until the curves of
//! some of them are complete, without a cache and with it.
//!
//! ```sh
//! cargo run --release -p kelvin-monitor --example synthetic -- /tmp/runs 1000 100000
//! cargo run --release -p kelvin-monitor --example opening -- /tmp/runs 50
//! ```

#![allow(clippy::print_stdout, clippy::print_stderr)]

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use kelvin_monitor::data::{RunId, RunState, Store};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let wanted = match &arguments[..] {
        [folder, runs] => runs.parse().ok().map(|runs| (PathBuf::from(folder), runs)),
        _ => None,
    };
    let Some((folder, runs)) = wanted else {
        eprintln!("usage: opening DIR RUNS");
        return ExitCode::from(2);
    };
    let cache = match tempfile::tempdir() {
        Ok(cache) => cache,
        Err(error) => {
            eprintln!("no folder for the cache: {error}");
            return ExitCode::FAILURE;
        }
    };
    for name in ["empty cache", "filled cache"] {
        println!("{name}");
        if !measure(&folder, runs, cache.path()) {
            eprintln!("the readers have nothing to say any more");
            return ExitCode::FAILURE;
        }
    }
    println!("cache    {:8.1} MB", size(cache.path()) as f64 / 1e6);
    ExitCode::SUCCESS
}

/// Whether it came to an end.
fn measure(folder: &Path, runs: usize, cache: &Path) -> bool {
    let (ring, wakes) = channel();
    let start = Instant::now();
    let mut store = Store::open_with(folder.to_path_buf(), Some(cache.to_path_buf()), move || {
        let _ = ring.send(());
    });
    if !wait(&mut store, &wakes, Store::listed) {
        return false;
    }
    let damaged = store.runs().iter().filter(|run| run.state == RunState::Damaged).count();
    told(&format!("list     {:6} runs, {damaged} damaged", store.runs().len()), start);
    // Spread over the list, so that the cache of the system has not seen them together.
    let step = (store.runs().len() / runs.max(1)).max(1);
    let ids: Vec<RunId> = store.runs().iter().step_by(step).take(runs).map(|run| run.id).collect();
    let start = Instant::now();
    store.plot(&ids);
    let has_any =
        |store: &Store| ids.iter().any(|id| store.curves(*id).is_some_and(|curves| curves.read > 0));
    let has_all =
        |store: &Store| ids.iter().all(|id| store.curves(*id).is_some_and(|curves| curves.complete));
    if !wait(&mut store, &wakes, has_any) {
        return false;
    }
    told("first curve", start);
    if !wait(&mut store, &wakes, has_all) {
        return false;
    }
    let curves = ids.iter().filter_map(|id| store.curves(*id));
    let bytes: u64 = curves.clone().map(|curves| curves.read).sum();
    let buckets: usize =
        curves.flat_map(|curves| curves.series.values()).map(|series| series.buckets.len()).sum();
    told(&format!("curves   {:6} runs, {:.1} MB, {buckets} buckets", ids.len(), bytes as f64 / 1e6), start);
    // What an idle monitor takes: a look a second.
    let (start, before) = (Instant::now(), cpu_seconds());
    let mut longest = Duration::ZERO;
    while start.elapsed() < Duration::from_secs(5) {
        let poll = Instant::now();
        store.poll();
        longest = longest.max(poll.elapsed());
        std::thread::sleep(Duration::from_millis(16));
    }
    println!(
        "idle     {:8.1} % of a core, longest poll {:.3} ms",
        (cpu_seconds() - before) * 20.0,
        longest.as_secs_f64() * 1e3
    );
    true
}

fn wait(store: &mut Store, wakes: &Receiver<()>, wanted: impl Fn(&Store) -> bool) -> bool {
    while !wanted(store) {
        if wakes.recv_timeout(Duration::from_secs(600)).is_err() {
            return false;
        }
        store.poll();
    }
    true
}

fn told(what: &str, start: Instant) {
    println!("{what:50} {:8.3} s, peak memory {:6.1} MB", start.elapsed().as_secs_f64(), peak_mb());
}

/// The most memory that this process had, where the system says.
fn peak_mb() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<f64>().ok())
        .map_or(f64::NAN, |kb| kb / 1e3)
}

/// Processor time of this process, where the system says.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    let ticks: Option<Vec<f64>> = fields.skip(11).take(2).map(|field| field.parse().ok()).collect();
    // A hundred a second on all of Linux.
    ticks.map_or(f64::NAN, |ticks| ticks.iter().sum::<f64>() / 100.0)
}

fn size(folder: &Path) -> u64 {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.metadata().ok()).map(|about| about.len()).sum()
}
