//! Whether the run is well: numbers that are not finite, norms of every layer, the memory, and where the time goes.

use std::collections::{BTreeMap, BTreeSet};

use eframe::egui::{self, Align, Color32, Layout, Rect, RichText, Sense, Ui, Vec2};
use kelvin_run::{Event, Status, TrainRecord, grouped};

use super::events::{Weight, summary, weight};
use crate::data::Focus;
use crate::figures::{figures, heading, share};
use crate::format::number;
use crate::theme::{Palette, size, space, stroke};
use crate::widgets::named;

/// Points that a number of the table takes.
const NUMBER: f32 = 66.0;

/// Shows the health of the run in focus.
pub fn show(ui: &mut Ui, focus: &Focus) {
    egui::ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
        troubles(ui, focus);
        if let Some(status) = &focus.live.status {
            speed(ui, status);
        }
        if let Some(record) = &focus.last_record {
            norms(ui, record);
        }
    });
}

/// What went wrong, the newest first; a word if nothing did.
fn troubles(ui: &mut Ui, focus: &Focus) {
    let palette = Palette::of(ui);
    for problem in focus.problems.iter() {
        ui.colored_label(palette.warn, problem);
    }
    // Those that only count what was examined before say nothing more.
    let says = |event: &Event| ["diagnostic", "message"].iter().any(|key| event.detail.contains_key(*key));
    let is_error = |event: &&Event| weight(event) == Weight::Error && says(event);
    let errors: Vec<&Event> = focus.events.iter().rev().filter(is_error).collect();
    if errors.is_empty() {
        ui.label("No fault, and no edit was refused.");
        return;
    }
    for (index, event) in errors.iter().take(3).enumerate() {
        let title = format!("{} at update {}: {}", event.event, grouped(event.update), summary(event));
        let title = RichText::new(title).color(palette.bad);
        egui::CollapsingHeader::new(title).id_salt(("trouble", index)).default_open(index == 0).show(
            ui,
            |ui| {
                let text = |key: &str| event.detail.get(key).and_then(serde_json::Value::as_str);
                if let Some(text) = text("diagnostic").or_else(|| text("message")) {
                    egui::ScrollArea::horizontal().id_salt(("diagnostic", index)).show(ui, |ui| {
                        ui.add(egui::Label::new(RichText::new(text).monospace()).extend());
                    });
                }
                if let Some(kept) = text("kept") {
                    ui.label(RichText::new(format!("its batch is in {kept}")).weak());
                }
            },
        );
    }
    if errors.len() > 3 {
        ui.label(RichText::new(format!("and {} before; see Events", errors.len() - 3)).weak());
    }
}

/// How fast it is, and what the time is spent on.
fn speed(ui: &mut Ui, status: &Status) {
    heading(ui, "Speed and memory");
    let whole = |number: f64| grouped(number.max(0.0) as u64);
    figures(
        ui,
        &[
            ("frames/s", whole(status.frames_per_s), "Over the last seconds"),
            ("updates/s", whole(status.updates_per_s), "Over the last seconds"),
            ("loss", status.loss.map_or_else(|| "–".to_owned(), number), "Mean of the last record"),
            ("step size", number(status.learning_rate), "Learning rate as it is now"),
        ],
    );
    if status.replay_capacity > 0 {
        let text = format!("memory {} of {}", grouped(status.replay), grouped(status.replay_capacity));
        share(ui, status.replay as f32 / status.replay_capacity as f32, text);
    }
    if status.phases.is_empty() {
        return;
    }
    heading(ui, "Where the time goes");
    let known: f64 = status.phases.values().sum();
    let rest = ("other", (1.0 - known).max(0.0));
    let mut phases: Vec<(&str, f64)> =
        status.phases.iter().map(|(name, share)| (name.as_str(), *share)).collect();
    phases.sort_by(|a, b| b.1.total_cmp(&a.1));
    phases.push(rest);
    stacked(ui, &phases);
}

/// Shares of a whole as one bar, with a legend.
fn stacked(ui: &mut Ui, shares: &[(&str, f64)]) {
    let size = Vec2::new(ui.available_width(), 22.0);
    let (rect, response) = ui.allocate_exact_size(size, Sense::hover());
    let told: Vec<String> =
        shares.iter().map(|(name, share)| format!("{name} {:.0} %", 100.0 * share)).collect();
    named(response, egui::Role::Image, &told.join(", "));
    let palette = Palette::of(ui);
    let color = |index: usize| match shares.len() - 1 - index {
        0 => palette.line,
        _ => stroke(index, palette.dark).0,
    };
    let mut left = rect.left();
    for (index, (_, share)) in shares.iter().enumerate() {
        let right = (left + rect.width() * *share as f32).min(rect.right());
        ui.painter().rect_filled(Rect::from_x_y_ranges(left..=right, rect.y_range()), 0.0, color(index));
        left = right;
    }
    ui.horizontal_wrapped(|ui| {
        for (index, told) in told.iter().enumerate().filter(|(index, _)| shares[*index].1 >= 0.005) {
            swatch(ui, color(index));
            ui.label(RichText::new(told).size(size::SMALL));
            ui.add_space(space::S);
        }
    });
}

fn swatch(ui: &mut Ui, color: Color32) {
    let (rect, _) = ui.allocate_exact_size(Vec2::splat(10.0), Sense::hover());
    ui.painter().rect_filled(rect, 2.0, color);
}

/// Gradient and weight norms by tensor.
fn norms(ui: &mut Ui, record: &TrainRecord) {
    if record.grad_norms.is_empty() && record.weight_norms.is_empty() {
        return;
    }
    let palette = Palette::of(ui);
    heading(ui, "Norms by layer");
    let names: BTreeSet<&String> = record.grad_norms.keys().chain(record.weight_norms.keys()).collect();
    let largest = record.grad_norms.values().flatten().fold(0.0, |largest: f64, norm| largest.max(*norm));
    egui::Grid::new("norms").num_columns(4).striped(true).spacing([space::M, 3.0]).show(ui, |ui| {
        let title = |text: &str| RichText::new(text).small().color(palette.weak);
        ui.label(title("tensor"));
        at_right(ui, title("gradient"));
        ui.label("");
        at_right(ui, title("weights"));
        ui.end_row();
        for name in names {
            let norm = |norms: &BTreeMap<String, Option<f64>>| match norms.get(name) {
                Some(Some(norm)) => RichText::new(number(*norm)).monospace(),
                Some(None) => RichText::new("not finite").color(palette.bad),
                None => RichText::new("–").color(palette.weak),
            };
            ui.label(name.as_str());
            at_right(ui, norm(&record.grad_norms));
            let gradient = record.grad_norms.get(name).copied().flatten();
            let (rect, _) = ui.allocate_exact_size(Vec2::new(90.0, 10.0), Sense::hover());
            ui.painter().rect_filled(rect, 2.0, palette.hover);
            let filled = rect.with_max_x(rect.left() + rect.width() * magnitude(gradient, largest));
            ui.painter().rect_filled(filled, 2.0, palette.accent);
            at_right(ui, norm(&record.weight_norms));
            ui.end_row();
        }
    });
}

/// A cell whose text ends where those above and below it end.
fn at_right(ui: &mut Ui, text: RichText) {
    ui.allocate_ui_with_layout(Vec2::new(NUMBER, 18.0), Layout::right_to_left(Align::Center), |ui| {
        ui.set_min_width(NUMBER);
        ui.label(text);
    });
}

/// Length of a bar over six powers of ten below the largest.
fn magnitude(norm: Option<f64>, largest: f64) -> f32 {
    match norm {
        Some(norm) if norm > 0.0 && largest > 0.0 => {
            (1.0 + (norm / largest).log10() / 6.0).clamp(0.0, 1.0) as f32
        }
        _ => 0.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_of_norms_go_by_magnitude() {
        assert_eq!(magnitude(Some(2.0), 2.0), 1.0);
        assert!((magnitude(Some(2e-3), 2.0) - 0.5).abs() < 1e-6);
        for nothing in [None, Some(0.0), Some(f64::NAN), Some(1e-12)] {
            assert_eq!(magnitude(nothing, 2.0), 0.0, "{nothing:?}");
        }
    }
}
