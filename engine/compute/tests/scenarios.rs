//! What a model must do on any device, on the CPU; `gpu_twins` runs the same on a GPU.

mod support;

use kelvin_compute::CpuDevice;
use support::scenarios;

#[test]
fn every_scenario_holds_on_the_cpu() {
    let failed = |(name, run): scenarios::Scenario| run(&CpuDevice).err().map(|why| format!("{name}: {why}"));
    let failures: Vec<_> = scenarios::all().into_iter().filter_map(failed).collect();
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}
