//! Golden pictures. `UPDATE_SNAPSHOTS=1 cargo test -p kelvin-monitor --test pictures` draws them anew.

mod support;

use std::process::ExitCode;

use eframe::egui::{Modifiers, Theme};
use eframe::wgpu;
use egui_kittest::kittest::Queryable;
use egui_kittest::{Harness, SnapshotOptions};
use kelvin_monitor::data::RunId;
use kelvin_monitor::monitor::Monitor;
use libtest_mimic::{Arguments, Failed, Trial};
use support::{Recorded, build, laboratory, nothing, settle};

const LAPTOP: [f32; 2] = [1280.0, 800.0];
const DESK: [f32; 2] = [2560.0, 1440.0];

fn main() -> ExitCode {
    let args = Arguments::from_args();
    let trials: Vec<(&str, fn())> = vec![
        ("empty_dark", || picture("empty_dark", nothing(), LAPTOP, Theme::Dark, 1.0, |_| {})),
        ("curves_dark", || picture("curves_dark", laboratory(), LAPTOP, Theme::Dark, 1.0, variants)),
        ("curves_light", || picture("curves_light", laboratory(), LAPTOP, Theme::Light, 1.0, variants)),
    ];
    let missing = missing_adapter();
    let trials = trials.into_iter().map(|(name, trial)| match &missing {
        None => Trial::test(name, move || {
            trial();
            Ok(())
        }),
        Some((what, true)) => {
            let what = what.clone();
            Trial::test(name, move || Err(Failed::from(what)))
        }
        Some((what, false)) => {
            Trial::test(format!("{name} (not run: {what})"), || Ok(())).with_ignored_flag(true)
        }
    });
    libtest_mimic::run(&args, trials.collect()).exit_code()
}

/// What is missing to draw with, and whether that is a failure: pictures are those of Mesa's software driver.
fn missing_adapter() -> Option<(String, bool)> {
    let mut descriptor = wgpu::InstanceDescriptor::new_without_display_handle();
    descriptor.backends = wgpu::Backends::VULKAN;
    let adapters = pollster::block_on(wgpu::Instance::new(descriptor).enumerate_adapters(wgpu::Backends::VULKAN));
    if adapters.iter().any(|adapter| adapter.get_info().device_type == wgpu::DeviceType::Cpu) {
        return None;
    }
    let required = std::env::var_os("KELVIN_REQUIRE_GPU_TESTS").is_some_and(|value| value == "1");
    Some(("no software adapter: install mesa-vulkan-drivers and libvulkan1".to_owned(), required))
}

fn picture(
    name: &str,
    source: Recorded,
    size: [f32; 2],
    theme: Theme,
    scale: f32,
    prepare: impl FnOnce(&mut Harness<'_, Monitor>),
) {
    let options = SnapshotOptions::new().threshold(2.0).max_failed_pixels(200);
    let builder = Harness::builder()
        .with_size([size[0] / scale, size[1] / scale])
        .with_pixels_per_point(scale)
        .with_theme(theme)
        .with_options(options)
        .wgpu();
    let mut harness = build(builder, source);
    settle(&mut harness);
    prepare(&mut harness);
    settle(&mut harness);
    harness.snapshot(name);
}

/// The variants on Pong are in the plots, and one run is looked at.
fn variants(harness: &mut Harness<'_, Monitor>) {
    for group in ["dqn · pong", "soft_entropy · pong"] {
        harness.get_by_label(&format!("Plot all of {group}")).click();
        settle(harness);
    }
}
