//! One panel by itself, as the window draws it.

use std::time::Duration;

use eframe::egui::{Theme, Ui, Vec2};
use egui_kittest::{Harness, HarnessBuilder};
use kelvin_monitor::colors::Colors;
use kelvin_monitor::notices::Notices;
use kelvin_monitor::panels::{PanelKind, Panels, Shared};
use kelvin_monitor::selection::Selection;
use kelvin_monitor::source::Source;
use kelvin_monitor::starting::Wish;
use kelvin_monitor::theme::{self, Palette, space};

use super::Recorded;

/// What the window would keep for its panels.
pub struct Bench {
    pub kind: PanelKind,
    pub panels: Panels,
    pub source: Recorded,
    pub selection: Selection,
    pub wishes: Vec<Wish>,
    notices: Notices,
    colors: Colors,
    version: u64,
}

/// A panel of the run that the source has details of, or of none.
pub fn bench(kind: PanelKind, source: Recorded) -> Bench {
    let mut selection = Selection::default();
    if let Some(details) = &source.details {
        selection.select(details.id);
    }
    Bench {
        kind,
        panels: Panels::default(),
        source,
        selection,
        wishes: Vec::new(),
        notices: Notices::default(),
        colors: Colors::default(),
        version: 0,
    }
}

/// A harness that draws it.
pub fn builder(size: [f32; 2], theme: Theme) -> HarnessBuilder<Bench> {
    Harness::builder()
        .with_size(Vec2::from(size))
        .with_theme(theme)
        .with_max_steps(40)
        .with_context_setup(theme::install)
        .with_render_cursor(false)
}

/// Draws the panel over the whole window.
pub fn frame(ui: &mut Ui, bench: &mut Bench) {
    let Bench { kind, panels, source, selection, wishes, notices, colors, version } = bench;
    source.focus(selection.focus());
    *version += u64::from(source.poll());
    let room = ui.ctx().content_rect();
    ui.painter().with_clip_rect(room).rect_filled(room, 0.0, Palette::of(ui).panel);
    let mut shared = Shared { source, selection, notices, wishes, colors, version: *version };
    ui.scope_builder(eframe::egui::UiBuilder::new().max_rect(room.shrink(space::M)), |ui| {
        panels.curves.arrange(&mut shared);
        panels.show(*kind, ui, &mut shared);
    });
}

/// Frames until the game that is recorded has been seen, and nothing is left to compute.
pub fn play(harness: &mut Harness<'_, Bench>) {
    while !harness.state().source.film.is_empty() {
        harness.step();
    }
    for _ in 0..200 {
        harness.run();
        if !harness.state_mut().panels.curves.is_busy() {
            return;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    panic!("the panel is still busy");
}
