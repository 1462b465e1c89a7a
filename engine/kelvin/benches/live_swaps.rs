//! What an edit costs a run that trains: how long from saving a script to its swap, and how much slower the steps
//! around it are than others.
//!
//! ```text
//! cargo bench --workspace --bench live_swaps              catch, 100 swaps of each kind
//! cargo bench --workspace --bench live_swaps -- pong 100  a game, with the Nature network (needs its ROM)
//! cargo bench --workspace --bench live_swaps -- pong 100 gpu
//! ```
//!
//! A *step* is one lockstep of the environments with the updates that are due. Those from a save to ten steps after
//! its swap are the ones around it. As many steps in a row without a save, before each, say how much of what is seen is
//! the machine's own unrest.

// It prints its results.
#![allow(clippy::print_stdout)]

use kelvin::console::Console;
use kelvin::failure::Failure;
use kelvin::train::{Session, TrainRequest};
use kelvin::units::Frames;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Steps after a swap that still count as around it.
const AFTER: usize = 10;
/// Steps between two swaps.
const BETWEEN: usize = 20;

/// Two versions that are swapped back and forth.
struct Kind {
    name: &'static str,
    targets: [&'static str; 2],
}

const KINDS: [Kind; 2] = [
    Kind {
        name: "same states read",
        targets: ["p.tau * logmeanexp(t.next.q / p.tau)", "p.tau * logsumexp(t.next.q / p.tau)"],
    },
    Kind { name: "other states read", targets: ["max(t.next.q)", "t.next.q[argmax(net.next.q)]"] },
];

fn script(target: &str) -> String {
    format!(
        "fn config() {{ #{{ heads: [\"q\"], exploration: epsilon_greedy(1.0, 0.01) }} }}\n\
         fn params() {{ #{{ tau: param(0.1, 0.001, 10.0, \"temperature\") }} }}\n\
         fn target(net, t, p) {{ t.reward + 0.99 * (1 - t.terminated) * {target} }}\n\
         fn loss(net, y, t, p) {{ huber(net.q[t.action] - y, 1.0) }}\n"
    )
}

fn main() {
    let arguments: Vec<String> =
        std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    let env = arguments.first().map_or("catch", String::as_str);
    let swaps = arguments.get(1).and_then(|count| count.parse().ok()).unwrap_or(100);
    let device = arguments.get(2).map_or("cpu", String::as_str);
    for kind in &KINDS {
        match measure(env, kind, swaps, device) {
            Ok(measured) => measured.print(env, kind),
            Err(failure) => println!("{failure}"),
        }
    }
}

struct Measured {
    /// From a save to the start of the step that took it over.
    to_swap: Vec<Duration>,
    /// Durations of all steps that are not around a swap.
    quiet: Vec<Duration>,
    /// The slowest step around each swap.
    around: Vec<Duration>,
    /// The slowest of as many steps without one.
    control: Vec<Duration>,
}

fn measure(env: &str, kind: &Kind, swaps: usize, device: &str) -> Result<Measured, Failure> {
    let folder =
        tempfile::tempdir().map_err(|error| Failure::failed(format!("no folder to work in: {error}")))?;
    let path = folder.path().join("swapped.rhai");
    save(&path, kind.targets[0])?;
    let (mut run, mut console) = (Run::start(env, device, &path, folder.path())?, Console::new(true));
    let mut measured = Measured { to_swap: vec![], quiet: vec![], around: vec![], control: vec![] };
    while run.session.learner().state().updates.0 < 200 {
        run.session.step(&mut console)?;
    }
    for swap in 0..swaps {
        for _ in 0..BETWEEN {
            measured.quiet.push(run.step(&mut console)?.1);
        }
        let hash = run.session.learner().staged().script.hash().to_owned();
        let saved = Instant::now();
        save(&path, kind.targets[(swap + 1) % 2])?;
        let mut steps = Vec::new();
        loop {
            let (start, took) = run.step(&mut console)?;
            steps.push(took);
            if run.session.learner().staged().script.hash() != hash {
                measured.to_swap.push(start.saturating_duration_since(saved));
                break;
            }
        }
        for _ in 0..AFTER {
            steps.push(run.step(&mut console)?.1);
        }
        let control: Vec<Duration> =
            (0..steps.len()).map(|_| run.step(&mut console).map(|step| step.1)).collect::<Result<_, _>>()?;
        measured.around.extend(steps.iter().max());
        measured.control.extend(control.iter().max());
        measured.quiet.extend(control);
    }
    Ok(measured)
}

struct Run {
    session: Session,
}

impl Run {
    fn start(env: &str, device: &str, script: &Path, folder: &Path) -> Result<Self, Failure> {
        let request = TrainRequest {
            script: Some(script.to_path_buf()),
            env: Some(env.to_owned()),
            device: Some(device.to_owned()),
            frames: Some(Frames(1_000_000_000)),
            out: Some(PathBuf::from(folder).join("run")),
            sets: [("learning_starts", "1000"), ("replay_capacity", "50000")]
                .map(|(key, value)| (key.to_owned(), value.to_owned()))
                .into(),
            ..TrainRequest::default()
        };
        Ok(Self { session: Session::open(&request, &Console::new(true))? })
    }

    fn step(&mut self, console: &mut Console) -> Result<(Instant, Duration), Failure> {
        let start = Instant::now();
        self.session.step(console)?;
        Ok((start, start.elapsed()))
    }
}

fn save(path: &Path, target: &str) -> Result<(), Failure> {
    let temporary = path.with_extension("tmp");
    std::fs::write(&temporary, script(target))
        .and_then(|()| std::fs::rename(&temporary, path))
        .map_err(|error| Failure::failed(format!("cannot save {}: {error}", path.display())))
}

impl Measured {
    fn print(mut self, env: &str, kind: &Kind) {
        let median = quantile(&mut self.quiet, 0.5);
        let [half, most, all] = [0.5, 0.95, 1.0].map(|share| quantile(&mut self.to_swap, share));
        println!("{env}, {}: {} swaps, median step {:.2} ms", kind.name, self.to_swap.len(), ms(median));
        println!(
            "  save to swap, ms       median {:6.1}   95 % {:6.1}   slowest {:6.1}",
            ms(half),
            ms(most),
            ms(all)
        );
        for (name, slowest) in [("around a swap", &mut self.around), ("without a swap", &mut self.control)] {
            let [half, most, all] = [0.5, 0.95, 1.0].map(|share| ms(quantile(slowest, share)) / ms(median));
            println!("  slowest step {name:<14}  median {half:4.2}x   95 % {most:4.2}x   slowest {all:4.2}x");
        }
    }
}

fn quantile(durations: &mut [Duration], share: f64) -> Duration {
    durations.sort_unstable();
    let last = durations.len().saturating_sub(1);
    durations.get((last as f64 * share).round() as usize).copied().unwrap_or_default()
}

fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}
