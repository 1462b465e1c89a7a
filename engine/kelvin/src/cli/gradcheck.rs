//! `kelvin gradcheck`.

use super::emit;
use crate::console::Console;
use crate::failure::Failure;
use crate::gradcheck::{Differences, Eager, Evaluation, Gradcheck, OnCpu, OnDevice, Report};
use crate::staged;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use kelvin_compute::{Device, DeviceRequest, adapters, open};
use kelvin_objective::{Layout, Objective, Script};
use serde_json::json;
use std::path::{Path, PathBuf};
use std::sync::Arc;

#[derive(clap::Args)]
#[command(after_help = "\
Every number is compared with the kernel in f64: with the script run on numbers (eager), with finite
differences of the loss, with the kernel in f32, and with its WGSL. What rounding explains is measured
and allowed. `cold 18×5 #3` is sample 3 of a batch of 5 with 18 actions, at a low temperature.")]
pub(super) struct Args {
    /// The scripts
    #[arg(required = true)]
    scripts: Vec<PathBuf>,
    /// Where the WGSL runs: auto (a GPU, else a software adapter), gpu, cpu (nowhere), or part of an adapter's name
    #[arg(long, default_value = "auto")]
    device: DeviceRequest,
    /// Numbers of actions, such as 2,6 [default: 2 and 3 and 18, each with another batch]
    #[arg(long, value_delimiter = ',', value_parser = emit::actions)]
    actions: Vec<usize>,
    /// Batch sizes [default: 1 and 33 and 5, likewise]
    #[arg(long, value_delimiter = ',', value_parser = clap::value_parser!(u32).range(1..=1024))]
    batch: Vec<u32>,
    /// Lengths of the window [default: the script's]
    #[arg(long, value_delimiter = ',', value_parser = clap::value_parser!(u32).range(1..=128))]
    n: Vec<u32>,
    /// Each of 2, 3 and 18 actions with batches of 1, 5, 32 and 33: 12 shapes in place of 3
    #[arg(long, conflicts_with_all = ["actions", "batch"])]
    full: bool,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: Args) -> Result<(), Failure> {
    let console = Console::new(args.json);
    let adapter = adapter(&args.device)?;
    console.line(format!("WGSL: {}\n", adapter.description));
    let (mut findings, mut failures, mut differing) = (Vec::new(), Vec::new(), 0);
    for path in &args.scripts {
        match check_one(path, &args, adapter.device.as_ref()) {
            Ok(report) => {
                console.line(&report);
                differing += usize::from(!report.agrees());
                findings.push(report.to_json());
            }
            Err(failure) => {
                findings.push(json!({ "script": path, "agrees": false, "error": failure.to_string() }));
                failures.push(failure);
            }
        }
    }
    if args.json {
        let agrees = differing == 0 && failures.is_empty();
        let wgsl = adapter.device.is_some().then_some(adapter.description);
        console.result(json!({ "agrees": agrees, "wgsl": wgsl, "scripts": findings }));
    }
    if differing > 0 {
        let message = format!("the evaluations differ for {differing} of {} scripts", args.scripts.len());
        failures.push(Failure::failed(message).hint("each FAIL above names the operation where they part"));
    }
    match failures.len() {
        0 => Ok(()),
        1 => Err(failures.remove(0)),
        _ => {
            let all: Vec<String> = failures.iter().map(Failure::to_string).collect();
            Err(Failure::rendered(all.join("\n\n")))
        }
    }
}

fn check_one(path: &Path, args: &Args, device: Option<&Arc<dyn Device>>) -> Result<Report, Failure> {
    let script = Script::load(path)?;
    let shapes = shapes(&script, args)?;
    let eager = Eager { script: &script };
    let wgsl = device.map(|device| OnDevice(Arc::clone(device)));
    let mut evaluations: Vec<&dyn Evaluation> = vec![&eager, &Differences, &OnCpu];
    evaluations.extend(wgsl.as_ref().map(|wgsl| wgsl as &dyn Evaluation));
    let gradcheck = Gradcheck { script: &script, evaluations, compile: Objective::compile };
    let bar = bar(script.name(), gradcheck.batches(&shapes));
    let report = gradcheck.run(&shapes, || bar.inc(1));
    bar.finish_and_clear();
    report
}

/// Actions and batches of the shapes to check. A workgroup has 32 samples; 33 take two.
fn sizes(args: &Args) -> Vec<(usize, usize)> {
    let (all_actions, all_batches) = (&[2, 3, 18], &[1, 5, 32, 33]);
    if args.actions.is_empty() && args.batch.is_empty() && !args.full {
        return vec![(2, 1), (3, 33), (18, 5)];
    }
    let batches: Vec<usize> = args.batch.iter().map(|&batch| batch as usize).collect();
    let batches = if batches.is_empty() { all_batches.as_slice() } else { &batches };
    let actions = if args.actions.is_empty() { all_actions.as_slice() } else { &args.actions };
    actions.iter().flat_map(|&actions| batches.iter().map(move |&batch| (actions, batch))).collect()
}

fn shapes(script: &Script, args: &Args) -> Result<Vec<Layout>, Failure> {
    let mut windows: Vec<Option<u32>> = args.n.iter().copied().map(Some).collect();
    if windows.is_empty() {
        windows.push(None);
    }
    let mut shapes = Vec::new();
    for n in windows {
        for (actions, batch) in sizes(args) {
            let mut sets = emit::of_batch(batch);
            sets.extend(n.map(|n| ("n".to_owned(), n.to_string())));
            shapes.push(staged::layout(&emit::config(script, actions, sets)?, actions));
        }
    }
    Ok(shapes)
}

/// Hidden where standard error is no terminal.
fn bar(name: &str, steps: usize) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(steps as u64), ProgressDrawTarget::stderr());
    let style = ProgressStyle::with_template("{bar:10.cyan/8} {wide_msg}");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar.set_message(name.to_owned());
    bar
}

/// Where the WGSL runs, if it does.
struct Adapter {
    device: Option<Arc<dyn Device>>,
    description: String,
}

/// Unlike a training run, a check takes a software adapter without being asked by name: it is slow, and right.
fn adapter(request: &DeviceRequest) -> Result<Adapter, Failure> {
    let none = |why: &str| Ok(Adapter { device: None, description: format!("not run, {why}") });
    let here = adapters();
    let found = match request {
        DeviceRequest::Cpu => return none("as asked for"),
        DeviceRequest::Auto => here.first(),
        DeviceRequest::Gpu => here.iter().find(|adapter| adapter.kind.is_gpu()),
        DeviceRequest::Named(name) => {
            let name = name.to_lowercase();
            here.iter().find(|adapter| adapter.name.to_lowercase().contains(&name))
        }
    };
    match found {
        Some(adapter) => {
            let device = Arc::from(open(&DeviceRequest::Named(adapter.name.clone()))?);
            let alone = *request == DeviceRequest::Auto && !adapter.kind.is_gpu();
            let why = if alone { ", since no GPU is here" } else { "" };
            let description = format!("{} ({}){why}", adapter.name, adapter.kind);
            Ok(Adapter { device: Some(device), description })
        }
        None if *request == DeviceRequest::Auto => {
            none("since no adapter is here; Mesa's software driver would do")
        }
        // Fails, and says which adapters there are.
        None => Ok(Adapter { device: Some(Arc::from(open(request)?)), description: request.to_string() }),
    }
}
