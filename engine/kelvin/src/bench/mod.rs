//! `kelvin bench`: what training costs on this machine, where its time goes, and how near that is to what the machine
//! could do.
//!
//! Each measurement is made by itself, one after another: nothing else runs. What is measured is what training runs: the
//! same models, objectives, environments and sessions.

mod device;
mod emulation;
mod kernels;
mod measure;
mod memory;
mod report;
mod scaling;
mod training;
mod updates;

pub use device::Rates;
pub use kernels::KernelRow;
pub use measure::{Effort, Measurement, Unit};
pub use report::Report;
pub use scaling::Series;

use crate::console::Console;
use crate::failure::Failure;
use crate::train::open_device;
use kelvin_compute::{Cost, Device};
use kelvin_env::{EnvOptions, make};
use kelvin_objective::Script;
use kelvin_trace::Recording;
use std::path::PathBuf;
use updates::Workload;

/// What is to be measured.
#[derive(Clone, Debug)]
pub struct BenchRequest {
    /// Beginnings of the names of measurements; empty for all.
    pub only: Vec<String>,
    /// Objectives whose updates are measured instead of the standard ones.
    pub scripts: Vec<PathBuf>,
    /// The game.
    pub env: String,
    /// `--device`.
    pub device: String,
    /// How much of each.
    pub effort: Effort,
    /// Also time each kernel of each update.
    pub kernels: bool,
    /// Measure how cost grows instead, and draw that into this folder.
    pub scaling: Option<PathBuf>,
    /// A folder of ROMs to search first.
    pub roms: Option<PathBuf>,
}

/// What measurements have in common.
struct Bench<'a> {
    request: &'a BenchRequest,
    device: Box<dyn Device>,
    rates: Option<Rates>,
    console: &'a Console,
}

/// Measures what was asked for.
pub fn bench(request: &BenchRequest, console: &Console) -> Result<Report, Failure> {
    let names = names(request);
    if let Some(unknown) =
        request.only.iter().find(|name| !names.iter().any(|known| known.starts_with(*name)))
    {
        let hint = format!("the measurements are {}", names.join(", "));
        return Err(Failure::usage(format!("no measurement is called `{unknown}`")).hint(hint));
    }
    // What is missing is said before anything is measured.
    let plays = |name: &String| name.starts_with("emulate") || name.starts_with("train");
    if request.scaling.is_some() || names.iter().any(|name| plays(name) && wanted(request, name)) {
        let options = EnvOptions { roms: request.roms.clone(), ..EnvOptions::default() };
        let spec = make(&request.env, &options, 1)?.spec().clone();
        let emulates = |name: &String| name.starts_with("emulate") && wanted(request, name);
        if !spec.atari && request.scaling.is_none() && names.iter().any(emulates) {
            return Err(Failure::usage(format!("{} has no emulator to measure", request.env))
                .hint("name a game, or leave emulation out: --only act --only update --only train"));
        }
    }
    request.scripts.iter().try_for_each(|path| Script::load(path).map(drop))?;
    let device = open_device(&request.device, console)?;
    let rates = match request.effort {
        Effort::Count(_) => None,
        Effort::Time(_) => {
            console.line("measuring what the device can do …");
            let rates = Rates::measure(device.as_ref(), request.effort)?;
            console.line(rates);
            Some(rates)
        }
    };
    let bench = Bench { request, device, rates, console };
    match &request.scaling {
        Some(folder) => scaling::run(&bench, folder),
        None => bench.run(&names),
    }
}

/// Everything that can be measured, in order.
fn names(request: &BenchRequest) -> Vec<String> {
    if !request.scripts.is_empty() {
        return request.scripts.iter().map(|path| updates::name_of(path, &request.scripts)).collect();
    }
    let updates = updates::STANDARD.iter().map(Workload::name);
    let acting = updates::ACTING.iter().map(|envs| updates::act_name(*envs));
    let emulation = emulation::threads().into_iter().flat_map(emulation::names);
    let training = training::KINDS.iter().map(|kind| kind.name());
    emulation.chain(acting).chain(updates).chain(training).collect()
}

/// Begins to record who does what.
fn record() -> Result<Recording, Failure> {
    Recording::start().ok_or_else(|| Failure::failed("a profile is being recorded already"))
}

fn wanted(request: &BenchRequest, name: &str) -> bool {
    request.only.is_empty() || request.only.iter().any(|beginning| name.starts_with(beginning))
}

impl Bench<'_> {
    fn run(&self, names: &[String]) -> Result<Report, Failure> {
        let mut report = Report::new(self.device.describe(), self.rates);
        for name in names.iter().filter(|name| wanted(self.request, name)) {
            // One run of the emulators gives several.
            if report.measurements.iter().any(|known| known.name == *name) {
                continue;
            }
            self.console.line(format!("measuring {name} …"));
            memory::forget_peak();
            let (measured, kernels) = self.measure(name)?;
            if self.request.kernels && kernels.is_empty() && name.starts_with("update") {
                self.console.line("this device has no clock that its kernels could be timed by");
            }
            report.kernels.extend(kernels);
            let peak = memory::peak_bytes();
            report.measurements.extend(
                measured
                    .into_iter()
                    .filter(|one| wanted(self.request, &one.name))
                    .map(|one| Measurement { peak_memory: peak, ..one }),
            );
        }
        Ok(report)
    }

    /// Seconds that work of this cost takes the device at the least, if its rates were measured.
    fn least_seconds(&self, cost: Cost) -> Option<f64> {
        Some(cost.seconds(self.rates?.flops_per_s, self.rates?.bytes_per_s))
    }

    /// The measurement of this name, and what came with it.
    fn measure(&self, name: &str) -> Result<(Vec<Measurement>, Vec<KernelRow>), Failure> {
        let alone = |measured: Measurement| (vec![measured], vec![]);
        for threads in emulation::threads() {
            if emulation::names(threads).contains(&name.to_owned()) {
                return Ok((emulation::measure(self, threads)?, vec![]));
            }
        }
        if let Some(envs) = updates::ACTING.into_iter().find(|envs| updates::act_name(*envs) == name) {
            return updates::acting(self, envs).map(alone);
        }
        if let Some(kind) = training::KINDS.iter().find(|kind| kind.name() == name) {
            return training::measure(self, kind).map(alone);
        }
        let scripts = &self.request.scripts;
        if let Some(path) = scripts.iter().find(|path| updates::name_of(path, scripts) == name) {
            return updates::of_script(self, name, path);
        }
        match updates::STANDARD.iter().find(|work| work.name() == name) {
            Some(work) => updates::standard(self, *work),
            None => Err(Failure::usage(format!("no measurement is called `{name}`"))),
        }
    }
}
