//! Golden pictures. `UPDATE_SNAPSHOTS=1 cargo test -p kelvin-monitor --test pictures` draws them anew.

mod support;

use std::process::ExitCode;

use eframe::egui::Theme;
use eframe::egui::accesskit::Role;
use egui_kittest::kittest::Queryable;
use egui_kittest::{Harness, SnapshotOptions};
use kelvin_monitor::monitor::Monitor;
use libtest_mimic::Arguments;
use support::drawing::pictures;
use support::{Recorded, build, laboratory, nothing, settle};

const LAPTOP: [f32; 2] = [1280.0, 800.0];
const DESK: [f32; 2] = [2560.0, 1440.0];

fn main() -> ExitCode {
    let args = Arguments::from_args();
    let trials: Vec<(&str, fn())> = vec![
        ("empty_dark", || picture("empty_dark", nothing(), LAPTOP, Theme::Dark, 1.0, |_| {})),
        ("variants_dark", || picture("variants_dark", laboratory(), LAPTOP, Theme::Dark, 1.0, variants)),
        ("variants_light", || picture("variants_light", laboratory(), LAPTOP, Theme::Light, 1.0, variants)),
        ("runs_light", || picture("runs_light", laboratory(), LAPTOP, Theme::Light, 1.0, single_runs)),
        ("compare_dark", || picture("compare_dark", laboratory(), LAPTOP, Theme::Dark, 1.0, compare)),
        ("desk_dark", || picture("desk_dark", laboratory(), DESK, Theme::Dark, 1.0, four_plots)),
        ("twice_light", || picture("twice_light", laboratory(), DESK, Theme::Light, 2.0, variants)),
        ("help_light", || picture("help_light", laboratory(), LAPTOP, Theme::Light, 1.0, help)),
    ];
    libtest_mimic::run(&args, pictures(trials)).exit_code()
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
    let errors = harness.take_snapshot_results().into_inner();
    assert!(errors.is_empty(), "{errors:#?}");
}

/// Clicks something by its name.
fn click(harness: &mut Harness<'_, Monitor>, name: &str) {
    harness.get_by_label(name).click();
    settle(harness);
}

/// The variants on Pong are in the plots, and one run is looked at.
fn variants(harness: &mut Harness<'_, Monitor>) {
    for group in ["dqn · pong", "soft_entropy · pong"] {
        click(harness, &format!("Plot all of {group}"));
    }
    smooth(harness);
    harness
        .get_by_role_and_label(Role::Row, "soft_entropy · pong · seed 1, running, 83 % done, return 17.82")
        .click();
    harness.remove_cursor();
}

/// Moves the slider a little.
fn smooth(harness: &mut Harness<'_, Monitor>) {
    let slider = harness.get_by_label("Smoothing").rect();
    let at = slider.left_center() + (slider.right_center() - slider.left_center()) * 0.3;
    harness.hover_at(at);
    harness.drag_at(at);
    harness.drop_at(at);
    settle(harness);
}

/// Runs for themselves over time, with the pointer in a plot.
fn single_runs(harness: &mut Harness<'_, Monitor>) {
    click(harness, "Plot all of soft_entropy · pong");
    click(harness, "Curves of: Runs");
    click(harness, "Axis: Time");
    click(harness, "Logarithmic axis of plot 2");
    let plot = harness.get_by_label("Plot of mean_return 0").rect();
    harness.hover_at(plot.left_top() + plot.size() * 0.513);
}

/// The difference of two variants instead of the loss.
fn compare(harness: &mut Harness<'_, Monitor>) {
    for group in ["dqn · pong", "soft_kl"] {
        click(harness, &format!("Plot all of {group}"));
    }
    click(harness, "Band: 95 %");
    click(harness, "Menu of plot 1");
    harness.get_by_label_contains("Compare two curves").click();
    settle(harness);
    click(harness, "Add a plot");
    harness.remove_cursor();
}

/// Four plots side by side.
fn four_plots(harness: &mut Harness<'_, Monitor>) {
    for group in ["dqn · pong", "soft_entropy · pong"] {
        click(harness, &format!("Plot all of {group}"));
    }
    click(harness, "Add a plot");
    click(harness, "Add a plot");
    let plot = harness.get_by_label("Plot of mean_return 0").rect();
    harness.hover_at(plot.left_top() + plot.size() * 0.6);
}

/// The sheet of keys.
fn help(harness: &mut Harness<'_, Monitor>) {
    harness.key_press(eframe::egui::Key::F1);
    settle(harness);
    harness.remove_cursor();
}
