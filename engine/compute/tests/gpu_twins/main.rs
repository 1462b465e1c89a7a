//! Every GPU kernel against its CPU twin: same plan, same random data, results within rounding.
//!
//! Needs an adapter: a GPU, or a software driver such as Mesa's llvmpipe. Where there is none, every trial is
//! ignored and says why, unless `KELVIN_REQUIRE_GPU_TESTS=1` makes that a failure.

mod case;
mod elementwise;
mod faults;
mod layers;
mod loss;
mod model;
mod objective;
#[path = "../support/mod.rs"]
mod support;
mod tiles;

use kelvin_compute::{Device, DeviceRequest, Tiling, adapters, open_with};
use libtest_mimic::{Arguments, Failed, Trial};
use std::process::ExitCode;
use std::sync::Arc;

/// What a trial is called, and what it does on the device.
type Test = (String, Body);

/// An error says which element differs, or what failed.
type Body = Box<dyn FnOnce(&dyn Device) -> Result<(), String> + Send>;

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let tests = [
        layers::tests(),
        tiles::tests(),
        elementwise::tests(),
        objective::tests(),
        model::tests(),
        faults::tests(),
        loss::tests(),
    ];
    let scenarios = support::scenarios::all();
    let scenarios = scenarios.into_iter().map(|(name, run)| (name.to_owned(), Box::new(run) as Body));
    let tests = tests.into_iter().flatten().chain(scenarios);
    let trials = match device() {
        Ok(device) => tests.map(|test| trial(test, &device)).collect(),
        Err(reason) if std::env::var_os("KELVIN_REQUIRE_GPU_TESTS").is_some_and(|value| value == "1") => {
            tests.map(|(name, _)| failing(name, reason.clone())).collect()
        }
        Err(reason) => tests.map(|(name, _)| ignored(name, &reason)).collect(),
    };
    libtest_mimic::run(&arguments, trials).exit_code()
}

/// A GPU if there is one, else a software adapter.
fn device() -> Result<Arc<dyn Device>, String> {
    let adapters = adapters();
    let adapter = adapters.first().ok_or("no adapter: install mesa-vulkan-drivers and libvulkan1")?;
    // Measuring would take longer than the tests, and give other bits each time.
    let device = open_with(&DeviceRequest::Named(adapter.name.clone()), &Tiling::Estimated)
        .map_err(|error| error.to_string())?;
    Ok(Arc::from(device))
}

fn trial((name, test): Test, device: &Arc<dyn Device>) -> Trial {
    let device = Arc::clone(device);
    Trial::test(name, move || test(&*device).map_err(Failed::from))
}

fn failing(name: String, reason: String) -> Trial {
    Trial::test(name, move || Err(Failed::from(reason)))
}

fn ignored(name: String, reason: &str) -> Trial {
    Trial::test(format!("{name} (not run: {reason})"), || Ok(())).with_ignored_flag(true)
}
