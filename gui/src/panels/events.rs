//! What happened to the run, newest first.

use eframe::egui::{self, Align, Layout, RichText, Sense, Ui, Vec2};
use kelvin_run::{Event, grouped};

use crate::data::{Focus, RunId};
use crate::theme::{Icon, Palette, size, space};
use crate::widgets::{empty, icon_button, named};

/// What is kept from frame to frame.
#[derive(Default)]
pub struct EventsPanel {
    run: Option<RunId>,
    filter: String,
    /// The event whose details are shown.
    open: Option<Event>,
}

/// How much an event concerns the reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Weight {
    Plain,
    Edit,
    Error,
}

pub(super) fn weight(event: &Event) -> Weight {
    match event.event.as_str() {
        "fault" | "hook_failed" | "reload_refused" | "control_refused" | "checkpoint_refused"
        | "unsampled" | "device_lost" => Weight::Error,
        "reload" | "params" | "fork" => Weight::Edit,
        _ => Weight::Plain,
    }
}

/// An event in one line.
pub(super) fn summary(event: &Event) -> String {
    let text = |key: &str| event.detail.get(key).and_then(serde_json::Value::as_str);
    match event.event.as_str() {
        "params" => {
            let values = event.detail.get("params").and_then(serde_json::Value::as_object);
            let values = values.into_iter().flatten().map(|(name, value)| format!("{name} = {value}"));
            let values: Vec<String> = values.collect();
            let source = text("source").unwrap_or("somebody");
            if values.is_empty() {
                format!("{source} sets nothing any more")
            } else {
                format!("{} ({source})", values.join(", "))
            }
        }
        "reload" => {
            let hash = text("hash").map_or("", |hash| hash.get(..8).unwrap_or(hash));
            let ms = event.detail.get("ms").and_then(serde_json::Value::as_u64).unwrap_or(0);
            format!("version {hash} in force after {ms} ms")
        }
        "checkpoint" => match event.detail.get("seconds").and_then(serde_json::Value::as_f64) {
            Some(seconds) => format!("saved in {seconds:.1} s"),
            None => "saved".to_owned(),
        },
        "fault" if text("diagnostic").is_none() && event.detail.contains_key("first") => {
            let first = event.detail.get("first").and_then(serde_json::Value::as_u64).unwrap_or(event.update);
            format!("updates from {} on are broken too", grouped(first))
        }
        _ => {
            let said = text("diagnostic").or_else(|| text("message")).unwrap_or_default();
            // The name of the event says that already.
            said.lines().next().unwrap_or_default().trim_start_matches("error: ").to_owned()
        }
    }
}

impl EventsPanel {
    /// Shows the events of the run in focus.
    pub fn show(&mut self, ui: &mut Ui, focus: &Focus) {
        if self.run != Some(focus.id) {
            *self = Self { run: Some(focus.id), filter: std::mem::take(&mut self.filter), open: None };
        }
        ui.horizontal(|ui| {
            let filter = egui::TextEdit::singleline(&mut self.filter)
                .hint_text("Filter: params, fault, tau")
                .desired_width(200.0)
                .margin(egui::Margin::symmetric(8, 4));
            named(ui.add(filter), egui::Role::SearchInput, "Filter the events");
            if !self.filter.is_empty() && icon_button(ui, Icon::X, "Clear the filter").clicked() {
                self.filter.clear();
            }
            ui.label(RichText::new(format!("{} events", grouped(focus.events.len() as u64))).weak());
        });
        ui.separator();
        let wanted = self.filter.to_lowercase();
        let matches = |event: &Event| {
            wanted.is_empty()
                || event.event.contains(&wanted)
                || summary(event).to_lowercase().contains(&wanted)
        };
        let shown: Vec<usize> =
            (0..focus.events.len()).rev().filter(|index| matches(&focus.events[*index])).collect();
        if shown.is_empty() {
            let (title, hint) = match focus.events.is_empty() {
                true => (
                    "No events yet",
                    "Reloads, parameter edits, checkpoints, evaluations and faults are listed here.",
                ),
                false => ("No event fits the filter", "Clear it to see all of them."),
            };
            empty(ui, title, hint);
            return;
        }
        if let Some(event) = self.open.clone() {
            egui::Panel::bottom("event detail").resizable(true).default_size(180.0).show(ui, |ui| {
                detail(ui, &event, &mut self.open);
            });
        }
        let row = 22.0;
        egui::ScrollArea::vertical().auto_shrink(false).show_rows(ui, row, shown.len(), |ui, range| {
            for index in &shown[range] {
                self.row(ui, row, &focus.events[*index]);
            }
        });
    }

    fn row(&mut self, ui: &mut Ui, height: f32, event: &Event) {
        let is_open = self.open.as_ref() == Some(event);
        let size = Vec2::new(ui.available_width(), height);
        let (rect, response) = ui.allocate_exact_size(size, Sense::click());
        let text = summary(event);
        response.widget_info(|| {
            let label = format!("{} at update {}: {text}", event.event, event.update);
            egui::WidgetInfo::selected(egui::Role::Button, true, is_open, label)
        });
        let palette = Palette::of(ui);
        if is_open {
            ui.painter().rect_filled(rect, 3.0, palette.chosen);
        } else if response.hovered() {
            ui.painter().rect_filled(rect, 3.0, palette.hover);
        }
        let color = match weight(event) {
            Weight::Error => palette.bad,
            Weight::Edit => palette.accent,
            Weight::Plain => palette.text,
        };
        let mut line = ui.new_child(
            egui::UiBuilder::new()
                .max_rect(rect.shrink2(Vec2::new(space::XS, 0.0)))
                .layout(Layout::left_to_right(Align::Center)),
        );
        let cell = |ui: &mut Ui, width: f32, layout: Layout, text: RichText| {
            ui.allocate_ui_with_layout(Vec2::new(width, height), layout, |ui| {
                ui.set_min_width(width);
                ui.add(egui::Label::new(text).truncate().selectable(false));
            });
        };
        let (left, right) = (Layout::left_to_right(Align::Center), Layout::right_to_left(Align::Center));
        cell(&mut line, 76.0, right, RichText::new(grouped(event.update)).monospace().color(palette.weak));
        line.add_space(space::S);
        cell(&mut line, 118.0, left, RichText::new(&event.event).color(color));
        let rest = line.available_width();
        cell(&mut line, rest, left, RichText::new(text));
        if response.clicked() {
            self.open = (!is_open).then(|| event.clone());
        }
    }
}

fn detail(ui: &mut Ui, event: &Event, open: &mut Option<Event>) {
    ui.horizontal(|ui| {
        ui.label(RichText::new(&event.event).strong());
        let at = format!("update {}, agent step {}", grouped(event.update), grouped(event.agent_steps));
        ui.label(RichText::new(at).weak());
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            if ui.button("Close").clicked() {
                *open = None;
            }
        });
    });
    egui::ScrollArea::both().auto_shrink(false).show(ui, |ui| {
        for (key, value) in &event.detail {
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            ui.label(RichText::new(key).size(size::SMALL).weak());
            ui.add(egui::Label::new(RichText::new(text).monospace()).extend());
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn event(name: &str, detail: serde_json::Value) -> Event {
        let serde_json::Value::Object(detail) = detail else { panic!("{detail}") };
        Event { event: name.to_owned(), update: 1, agent_steps: 4, detail }
    }

    #[test]
    fn an_event_is_told_in_a_line() {
        let cases = [
            ("params", json!({"source": "control.toml", "params": {"tau": 0.5}}), "tau = 0.5 (control.toml)"),
            ("params", json!({"source": "control.toml", "params": {}}), "control.toml sets nothing any more"),
            (
                "reload",
                json!({"hash": "0123456789abcdef", "ms": 54}),
                "version 01234567 in force after 54 ms",
            ),
            ("checkpoint", json!({"seconds": 0.25}), "saved in 0.2 s"),
            ("reload_refused", json!({"diagnostic": "error: no `x`\n --> a:1"}), "no `x`"),
            ("done", json!({}), ""),
        ];
        for (name, detail, text) in cases {
            assert_eq!(summary(&event(name, detail)), text, "{name}");
        }
    }

    #[test]
    fn faults_stand_out() {
        assert_eq!(weight(&event("fault", json!({}))), Weight::Error);
        assert_eq!(weight(&event("reload", json!({}))), Weight::Edit);
        assert_eq!(weight(&event("done", json!({}))), Weight::Plain);
    }
}
