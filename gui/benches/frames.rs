//! What a frame costs the processor, from input to triangles, with a thousand runs listed and fifty curves drawn.
//!
//! `cargo bench -p kelvin-monitor --bench frames`

#[path = "../tests/support/mod.rs"]
mod support;

use std::sync::Arc;
use std::time::Duration;

use divan::Bencher;
use eframe::egui::{Context, Event, Pos2, RawInput, Rect, pos2, vec2};
use kelvin_monitor::data::RunId;
use kelvin_monitor::monitor::Monitor;

fn main() {
    divan::main();
}

/// A window of 1280 × 800 with 1,000 runs and curves of 50 of them.
struct Desk {
    ctx: Context,
    monitor: Monitor,
    time: f64,
}

impl Desk {
    fn new(points: usize, grouping: &str, goes_on: bool) -> Self {
        let ctx = Context::default();
        let mut source = support::crowd(1000, points);
        let plotted: Vec<RunId> = source.curves.keys().copied().collect();
        if goes_on {
            let snapshot = || Arc::new(support::curves(1, points, 1e7, -20.7, 10.0, 9.0));
            source.goes_on = Some((plotted[0], [snapshot(), snapshot()]));
        }
        let mut monitor = Monitor::new(&ctx, Box::new(source), None, None);
        monitor.selection_mut().plot(plotted, true);
        let settings = serde_json::json!({ "grouping": grouping });
        monitor.panels().curves.settings = serde_json::from_value(settings).expect("settings");
        let mut desk = Self { ctx, monitor, time: 0.0 };
        while desk.frame(pos2(5.0, 5.0)) < 100 || (desk.monitor.busy() && !goes_on) {
            std::thread::sleep(Duration::from_millis(2));
        }
        desk
    }

    /// Number of frames so far.
    fn frame(&mut self, pointer: Pos2) -> u64 {
        self.time += 1.0 / 60.0;
        let input = RawInput {
            screen_rect: Some(Rect::from_min_size(Pos2::ZERO, vec2(1280.0, 800.0))),
            time: Some(self.time),
            events: vec![Event::PointerMoved(pointer)],
            ..RawInput::default()
        };
        let output = self.ctx.run_ui(input, |ui| self.monitor.show(ui));
        let triangles = self.ctx.tessellate(output.shapes, output.pixels_per_point);
        divan::black_box(triangles);
        (self.time * 60.0) as u64
    }
}

/// The pointer moves through a plot, with its crosshair and the table of values.
fn move_pointer(bencher: Bencher<'_, '_>, points: usize, grouping: &str) {
    let mut desk = Desk::new(points, grouping, false);
    let mut step = 0;
    bencher.bench_local(|| {
        step += 1;
        desk.frame(pos2(600.0 + (step % 500) as f32, 300.0))
    });
}

/// Fifty curves.
#[divan::bench(args = [1_000, 4_000], sample_count = 200)]
fn pointer_in_a_plot_of_runs(bencher: Bencher<'_, '_>, points: usize) {
    move_pointer(bencher, points, "Runs");
}

/// Ten curves with bands, of five seeds each.
#[divan::bench(args = [1_000, 4_000], sample_count = 200)]
fn pointer_in_a_plot_of_variants(bencher: Bencher<'_, '_>, points: usize) {
    move_pointer(bencher, points, "Variants");
}

/// Every frame a run has something new, so that rows and lines are made anew; the pointer rests.
#[divan::bench(args = [1_000, 4_000], sample_count = 200)]
fn a_run_goes_on(bencher: Bencher<'_, '_>, points: usize) {
    let mut desk = Desk::new(points, "Runs", true);
    bencher.bench_local(|| desk.frame(pos2(200.0, 300.0)));
}
