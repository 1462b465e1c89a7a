//! Golden pictures. `UPDATE_SNAPSHOTS=1 cargo test -p kelvin-monitor --test pictures` draws them anew.

mod support;

use std::process::ExitCode;
use std::sync::Arc;

use eframe::egui::accesskit::Role;
use eframe::egui::{Event, Theme, ViewportEvent, ViewportId};
use egui_kittest::kittest::Queryable;
use egui_kittest::{Harness, SnapshotOptions};
use kelvin_monitor::data::RunId;
use kelvin_monitor::monitor::Monitor;
use kelvin_monitor::panels::PanelKind;
use kelvin_monitor::theme;
use kelvin_run::{Compared, ReferenceView};
use libtest_mimic::Arguments;
use support::drawing::{compare, pictures};
use support::{
    MOMENTS, Recorded, bench, build, laboratory, laboratory_with, nothing, save_plot, settle, thin, until,
    with_script,
};

const LAPTOP: [f32; 2] = [1280.0, 800.0];
const DESK: [f32; 2] = [2560.0, 1440.0];
/// Half of it, in points, is a small window: that of somebody who needs large letters.
const TWICE: [f32; 2] = [1760.0, 1100.0];

fn main() -> ExitCode {
    let args = Arguments::from_args();
    let trials: Vec<(&str, fn())> = vec![
        ("empty_dark", || picture("empty_dark", nothing(), LAPTOP, Theme::Dark, 1.0, |_| {})),
        ("variants_dark", || {
            picture("variants_dark", laboratory_with(TRAINS), LAPTOP, Theme::Dark, 1.0, variants)
        }),
        ("variants_light", || {
            picture("variants_light", laboratory_with(TRAINS), LAPTOP, Theme::Light, 1.0, variants)
        }),
        ("runs_light", || picture("runs_light", laboratory(), LAPTOP, Theme::Light, 1.0, single_runs)),
        ("compare_dark", || picture("compare_dark", laboratory(), LAPTOP, Theme::Dark, 1.0, difference)),
        ("desk_dark", || {
            picture("desk_dark", thin(laboratory_with(TRAINS), 20), DESK, Theme::Dark, 1.0, four_plots)
        }),
        ("twice_light", || {
            picture("twice_light", laboratory_with(TRAINS), TWICE, Theme::Light, 2.0, variants)
        }),
        ("help_light", || picture("help_light", laboratory(), LAPTOP, Theme::Light, 1.0, help)),
        ("live_dark", || panel("live_dark", PanelKind::Live, TRAINS, [420.0, 640.0], Theme::Dark)),
        ("live_light", || panel("live_light", PanelKind::Live, TRAINS, [310.0, 420.0], Theme::Light)),
        ("live_reference_light", held),
        ("parameters_dark", || {
            panel("parameters_dark", PanelKind::Params, TRAINS, [360.0, 420.0], Theme::Dark)
        }),
        ("parameters_light", || {
            panel("parameters_light", PanelKind::Params, ENDED, [310.0, 420.0], Theme::Light)
        }),
        ("control_dark", || panel("control_dark", PanelKind::Control, TRAINS, [480.0, 460.0], Theme::Dark)),
        ("control_light", || panel("control_light", PanelKind::Control, WAITS, [310.0, 520.0], Theme::Light)),
        ("health_dark", || panel("health_dark", PanelKind::Health, FAILED, [640.0, 720.0], Theme::Dark)),
        ("health_light", || panel("health_light", PanelKind::Health, TRAINS, [460.0, 640.0], Theme::Light)),
        ("events_dark", || panel("events_dark", PanelKind::Events, FAILED, [640.0, 520.0], Theme::Dark)),
        ("events_light", || panel("events_light", PanelKind::Events, TRAINS, [460.0, 420.0], Theme::Light)),
    ];
    let trials = trials
        .into_iter()
        .chain([("leaving_dark", leaving as fn())])
        .chain([("a_picture_of_a_plot_is_saved", saves as fn())]);
    libtest_mimic::run(&args, pictures(trials.collect())).exit_code()
}

/// Somebody closes the window while a script is edited.
fn leaving() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut source = laboratory_with(TRAINS);
    with_script(&mut source, folder.path());
    picture("leaving_dark", source, [1000.0, 640.0], Theme::Dark, 1.0, |harness| {
        harness.state_mut().selection_mut().select(TRAINS);
        harness.state_mut().layout().open(PanelKind::Script);
        harness.run_steps(3);
        until(harness, "the script", |harness| harness.state_mut().panels().script.panel().is_settled());
        harness.get_by_role_and_label(Role::MultilineTextInput, "Script").focus();
        harness.step();
        harness.event(Event::Text("nonsense(\n".to_owned()));
        harness.step();
        until(harness, "the mistake", |harness| harness.query_by_label("It does not compile").is_some());
        let viewports = &mut harness.input_mut().viewports;
        viewports.get_mut(&ViewportId::ROOT).expect("a window").events.push(ViewportEvent::Close);
        harness.run_steps(MOMENTS as usize);
    });
}

/// A plot that is saved as a picture is, pixel by pixel, what is on the screen, without the dialog that asked where to.
fn saves() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("out.png");
    let builder =
        Harness::builder().with_size(LAPTOP).with_pixels_per_point(2.0).with_theme(Theme::Light).wgpu();
    let mut harness = build(builder, laboratory());
    settle(&mut harness);
    click(&mut harness, "Plot all of dqn · pong");
    save_plot(&mut harness, "PNG", &path);
    until(&mut harness, "the file", |harness| harness.query_by_label_contains("saved ").is_some());
    let saved = image::open(&path).expect("a picture").to_rgb8();
    harness.remove_cursor();
    settle(&mut harness);
    let screen = image::DynamicImage::from(harness.render().expect("a screen")).to_rgb8();

    let plot = harness.get_by_label("Plot of mean_return 0").rect();
    let (width, height) = saved.dimensions();
    let (least_width, least_height) = ((2.0 * plot.width()) as u32, (2.0 * plot.height()) as u32);
    assert!((least_width..=least_width + 220).contains(&width), "{width}, the plot is {least_width}");
    assert!((least_height..=least_height + 100).contains(&height), "{height}, the plot is {least_height}");
    // The numbers beside the plot belong to the picture, on both sides of it.
    let left = (2.0 * plot.center().x) as u32 - width / 2;
    let top = (2.0 * plot.center().y) as u32 - height / 2;
    let differs = |dx: i64, dy: i64| {
        let pixels = saved.enumerate_pixels();
        let other = |x: u32, y: u32| {
            screen.get_pixel_checked((i64::from(left + x) + dx) as u32, (i64::from(top + y) + dy) as u32)
        };
        pixels.filter(|(x, y, pixel)| other(*x, *y) != Some(*pixel)).count()
    };
    let least =
        (-2..=2).flat_map(|dx| (-2..=2).map(move |dy| (dx, dy))).map(|(dx, dy)| differs(dx, dy)).min();
    let least = least.expect("25 places");
    assert!(least * 200 < (width * height) as usize, "{least} of {} pixels differ", width * height);
    let blue = theme::stroke(0, false).0;
    let blues = saved.pixels().filter(|pixel| pixel.0 == [blue.r(), blue.g(), blue.b()]).count();
    assert!(blues > 500, "{blues} pixels of the curve");
}

/// Runs of the laboratory: one that trains, one that waits, one that trained to its end, and one that failed.
const TRAINS: RunId = RunId(8);
const WAITS: RunId = RunId(0);
const ENDED: RunId = RunId(7);
const FAILED: RunId = RunId(11);

/// A panel by itself, of a run that has played for some seconds. In Events, the newest event that says why is open.
fn panel(name: &str, kind: PanelKind, run: RunId, size: [f32; 2], theme: Theme) {
    let options = SnapshotOptions::new().threshold(2.0).max_failed_pixels(100);
    let builder = bench::builder(size, theme).with_options(options).wgpu();
    let mut harness = builder.build_ui_state(bench::frame, bench::bench(kind, laboratory_with(run)));
    bench::play(&mut harness);
    if kind == PanelKind::Events && run == FAILED {
        harness.get_by_label_contains("reload_refused at update").click();
        harness.run();
        harness.remove_cursor();
        harness.run();
    }
    compare(&mut harness, name);
}

/// A run that is held near another one, and what it says of the distance to who points at it.
fn held() {
    let mut source = laboratory_with(TRAINS);
    let reference = ReferenceView {
        run: "/data/runs/a2c_proper-pong-s1".to_owned(),
        kl: 0.0421,
        of: Some(Compared::Acting),
    };
    let shown = source.details.iter_mut().map(|details| &mut details.live).chain(&mut source.film);
    for agent in shown.filter_map(|live| live.agent.as_mut()) {
        Arc::make_mut(agent).reference = Some(reference.clone());
    }
    let options = SnapshotOptions::new().threshold(2.0).max_failed_pixels(100);
    let builder = bench::builder([420.0, 420.0], Theme::Light).with_options(options).wgpu();
    let mut harness = builder.build_ui_state(bench::frame, bench::bench(PanelKind::Live, source));
    bench::play(&mut harness);
    assert!(harness.query_by_label_contains("KL to uniform").is_none());
    harness.get_by_label("KL to reference: 0.042").hover();
    harness.run();
    harness.get_by_label_contains("The reference is /data/runs/a2c_proper-pong-s1");
    compare(&mut harness, "live_reference_light");
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
    compare(&mut harness, name);
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
    look(harness);
}

/// Looks at a run for as long as it plays.
fn look(harness: &mut Harness<'_, Monitor>) {
    harness
        .get_by_role_and_label(Role::Row, "soft_entropy · pong · seed 1, running, 83 % done, return 17.82")
        .click();
    harness.remove_cursor();
    for _ in 0..MOMENTS + 2 {
        harness.step();
    }
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
fn difference(harness: &mut Harness<'_, Monitor>) {
    for group in ["dqn · pong", "soft_kl"] {
        click(harness, &format!("Plot all of {group}"));
    }
    click(harness, "Band: ± std");
    harness.get_by_label_contains("95 %  Mean").click();
    settle(harness);
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
    click(harness, "Group soft_kl, 10 runs, open");
    look(harness);
    let plot = harness.get_by_label("Plot of mean_return 0").rect();
    harness.hover_at(plot.left_top() + plot.size() * 0.6);
}

/// The sheet of keys.
fn help(harness: &mut Harness<'_, Monitor>) {
    harness.key_press(eframe::egui::Key::F1);
    settle(harness);
    harness.remove_cursor();
}
