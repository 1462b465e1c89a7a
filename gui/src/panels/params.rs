//! The script's parameters as sliders: what is changed here holds from the next update on, and is recorded.

use std::collections::BTreeMap;

use eframe::egui::{self, DragValue, RichText, Slider, Ui};
use kelvin_objective::{Param, ParamKind};

use super::Shared;
use crate::data::{Command, Focus, RunId};
use crate::format::number;
use crate::theme::{Palette, size, space};
use crate::widgets::{empty, named};

/// Points that the field of a number takes, and digits that fit.
const NUMBER: f32 = 72.0;
const DIGITS: usize = 8;
/// Seconds between two values that are sent while a slider is dragged.
const SEND_EVERY: f64 = 0.1;
/// Seconds after which a value that the run did not take is no longer shown.
const PATIENCE: f64 = 3.0;

/// What is kept from frame to frame.
#[derive(Default)]
pub struct ParamsPanel {
    run: Option<RunId>,
    /// Values that the run was asked for and has not confirmed: and when they were sent.
    asked: BTreeMap<String, (f64, f64)>,
    /// Changed since it was sent last.
    unsent: Option<(String, f64)>,
}

impl ParamsPanel {
    /// Shows the parameters of the run in focus, and passes on what is asked of it.
    pub fn show(&mut self, ui: &mut Ui, shared: &mut Shared<'_>) {
        let Some(focus) = shared.source.focused() else { return };
        if self.run != Some(focus.id) {
            *self = Self { run: Some(focus.id), ..Self::default() };
        }
        if focus.params.is_empty() {
            let hint = "What a script declares in params() can be turned here while it trains.";
            empty(ui, "The script has no parameters", hint);
            return;
        }
        let values = Values::of(focus);
        let now = ui.input(|input| input.time);
        self.asked
            .retain(|name, (value, sent)| values.now.get(name) != Some(value) && now - *sent < PATIENCE);
        let mut commands = Vec::new();
        egui::ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
            if !values.live {
                ui.label(RichText::new("The run does not train: values are taken when it goes on.").weak());
                ui.add_space(space::S);
            }
            for param in focus.params.iter() {
                self.param(ui, param, &values, now, &mut commands);
                ui.add_space(space::M);
            }
        });
        let id = focus.id;
        commands.into_iter().for_each(|command| shared.source.send(id, command));
    }

    fn param(&mut self, ui: &mut Ui, param: &Param, values: &Values, now: f64, commands: &mut Vec<Command>) {
        let (name, palette) = (&param.name, Palette::of(ui));
        let pinned = values.pinned.contains_key(name);
        let in_force = values.now.get(name).copied().unwrap_or(param.default);
        let unsent = self.unsent.as_ref().filter(|(unsent, _)| unsent == name).map(|(_, value)| *value);
        let asked = self.asked.get(name).map(|(value, _)| *value);
        let mut value = unsent.or(asked).unwrap_or(in_force);
        ui.horizontal(|ui| {
            ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                let label = format!("Leave {name} to the script");
                let button = egui::Button::new("Reset").small();
                let button = named(ui.add_enabled(pinned, button), egui::Role::Button, &label);
                if button.on_hover_text(&label).clicked() {
                    self.asked.remove(name);
                    self.unsent = None;
                    commands.push(Command::ReleaseParam(name.clone()));
                }
                ui.with_layout(egui::Layout::left_to_right(egui::Align::Center), |ui| {
                    ui.label(RichText::new(name).monospace().strong());
                    let source = if pinned { "set by hand" } else { "as the script says" };
                    let source = RichText::new(source).size(size::SMALL).color(palette.weak);
                    ui.add(egui::Label::new(source).truncate());
                });
            });
        });
        let response = editor(ui, param, &mut value);
        let live = matches!(param.kind, ParamKind::Live { .. });
        let when = if live { "" } else { "; the script is traced anew" };
        ui.label(
            RichText::new(format!(
                "{} · {} to {}, {} by default{when}",
                param.doc,
                param.min,
                param.max,
                param.default_text()
            ))
            .size(size::SMALL)
            .color(palette.weak),
        );
        if response.changed() {
            self.unsent = Some((name.clone(), value));
        }
        let settled = !response.dragged() && !response.has_focus() || response.drag_stopped();
        let last = self.asked.get(name).map_or(f64::NEG_INFINITY, |(_, sent)| *sent);
        if let Some((_, value)) =
            self.unsent.take_if(|(unsent, _)| unsent == name && (settled || live && now - last > SEND_EVERY))
        {
            // What a slider shows is within its range; text may round to beyond it.
            let value = value.clamp(param.min, param.max);
            self.asked.insert(name.clone(), (value, now));
            commands.push(Command::SetParam(name.clone(), value));
        }
        if self.unsent.is_some() {
            ui.ctx().request_repaint_after(std::time::Duration::from_secs_f64(SEND_EVERY));
        }
    }
}

/// A slider, or a box to tick.
fn editor(ui: &mut Ui, param: &Param, value: &mut f64) -> egui::Response {
    let label = format!("{}: {}", param.name, param.doc);
    match param.kind {
        ParamKind::StaticBool => {
            let mut flag = *value != 0.0;
            let word = if flag { "true" } else { "false" };
            let response = ui.checkbox(&mut flag, word);
            *value = f64::from(u8::from(flag));
            response.widget_info(|| egui::WidgetInfo::selected(egui::Role::CheckBox, true, flag, &label));
            response
        }
        ParamKind::StaticInt | ParamKind::Live { .. } => {
            let is_whole = param.kind == ParamKind::StaticInt;
            ui.horizontal(|ui| {
                ui.spacing_mut().slider_width = (ui.available_width() - NUMBER - space::S).max(80.0);
                let mut slider = Slider::new(value, param.min..=param.max)
                    .logarithmic(is_logarithmic(param))
                    .smallest_positive(if param.min > 0.0 { param.min } else { 1e-6 })
                    .trailing_fill(true)
                    .show_value(false);
                if is_whole {
                    slider = slider.integer();
                }
                let slider = ui.add(slider);
                slider.widget_info(|| egui::WidgetInfo::slider(true, *value, &label));
                // As fine as the range is, and always as wide.
                let speed = match (is_whole, is_logarithmic(param)) {
                    (true, _) => 0.1,
                    (false, true) => 0.01 * *value,
                    (false, false) => 0.002 * (param.max - param.min),
                };
                let field = DragValue::new(value).range(param.min..=param.max).speed(speed);
                // A value that is half typed is none to train with.
                let field = field.update_while_editing(false).custom_formatter(|value, _| written(value));
                let field = ui.add_sized([NUMBER, 22.0], field);
                let name = format!("Value of {}", param.name);
                field.widget_info(|| {
                    let mut info = egui::WidgetInfo::labeled(egui::Role::SpinButton, true, &name);
                    info.value = Some(*value);
                    info
                });
                slider | field
            })
            .inner
        }
    }
}

/// All digits of a value where there is room for them.
fn written(value: f64) -> String {
    let exact = value.to_string();
    if exact.len() <= DIGITS { exact } else { number(value) }
}

/// Whether a range is one of magnitudes.
fn is_logarithmic(param: &Param) -> bool {
    param.min > 0.0 && param.max / param.min >= 100.0
}

/// What the run says of its parameters.
struct Values {
    /// In force now, or when it stopped.
    now: BTreeMap<String, f64>,
    /// Set in `control.toml`.
    pinned: BTreeMap<String, f64>,
    live: bool,
}

impl Values {
    fn of(focus: &Focus) -> Self {
        let status = focus.live.status.as_deref();
        let recorded = || focus.last_record.as_ref().map(|record| record.params.clone());
        let control: toml::Table = focus.control.parse().unwrap_or_default();
        let number = |value: &toml::Value| match value {
            toml::Value::Boolean(flag) => Some(f64::from(u8::from(*flag))),
            other => other.as_float().or_else(|| other.as_integer().map(|number| number as f64)),
        };
        let pinned = control.get("params").and_then(toml::Value::as_table).into_iter().flatten();
        Self {
            now: status.map(|status| status.params.clone()).or_else(recorded).unwrap_or_default(),
            pinned: pinned.filter_map(|(name, value)| Some((name.clone(), number(value)?))).collect(),
            live: status.is_some_and(|status| status.activity.lives()),
        }
    }
}
