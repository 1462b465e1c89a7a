//! Trials that draw pictures, where there is something to draw with.

use std::path::Path;

use eframe::wgpu;
use egui_kittest::Harness;
use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use libtest_mimic::{Failed, Trial};

/// Trials of golden pictures. They are those of Mesa's software driver: where it is missing, they are ignored with the reason
/// in their names, or fail if `KELVIN_REQUIRE_GPU_TESTS=1` asks for that.
pub fn pictures(trials: Vec<(&'static str, fn())>) -> Vec<Trial> {
    let missing = missing_adapter();
    let trials = trials.into_iter().map(|(name, trial)| match &missing {
        None => plain(name, trial),
        Some((what, true)) => {
            let what = what.clone();
            Trial::test(name, move || Err(Failed::from(what)))
        }
        Some((what, false)) => {
            Trial::test(format!("{name} (not run: {what})"), || Ok(())).with_ignored_flag(true)
        }
    });
    trials.collect()
}

/// A trial that needs nothing; it fails by panicking.
pub fn plain(name: &str, trial: fn()) -> Trial {
    Trial::test(name, move || {
        trial();
        Ok(())
    })
}

/// Compares what is drawn with the golden picture, or draws that anew and makes its file as small as it can be.
pub fn compare<State>(harness: &mut Harness<'_, State>, name: &str) {
    harness.snapshot(name);
    let errors = harness.take_snapshot_results().into_inner();
    assert!(errors.is_empty(), "{errors:#?}");
    if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
        shrink(&Path::new("tests/snapshots").join(name).with_extension("png"));
    }
}

fn shrink(path: &Path) {
    let picture = image::open(path).expect("a golden picture").to_rgb8();
    let mut smallest = std::fs::read(path).expect("a golden picture");
    for filter in [FilterType::Adaptive, FilterType::NoFilter, FilterType::Up] {
        let mut bytes = Vec::new();
        let encoder = PngEncoder::new_with_quality(&mut bytes, CompressionType::Best, filter);
        picture.write_with_encoder(encoder).expect("memory takes it");
        if bytes.len() < smallest.len() {
            smallest = bytes;
        }
    }
    std::fs::write(path, smallest).expect("a writable folder");
}

/// What is missing to draw with, and whether that is a failure.
fn missing_adapter() -> Option<(String, bool)> {
    let mut descriptor = wgpu::InstanceDescriptor::new_without_display_handle();
    descriptor.backends = wgpu::Backends::VULKAN;
    let adapters =
        pollster::block_on(wgpu::Instance::new(descriptor).enumerate_adapters(wgpu::Backends::VULKAN));
    if adapters.iter().any(|adapter| adapter.get_info().device_type == wgpu::DeviceType::Cpu) {
        return None;
    }
    let required = std::env::var_os("KELVIN_REQUIRE_GPU_TESTS").is_some_and(|value| value == "1");
    Some(("no software adapter: install mesa-vulkan-drivers and libvulkan1".to_owned(), required))
}
