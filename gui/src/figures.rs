//! Numbers with their names, and how numbers are written.

use eframe::egui::{Align, FontId, Label, Layout, ProgressBar, RichText, Role, Ui, vec2};

use crate::theme::{Palette, size, space};
use crate::widgets::named;

/// Points that a number and its name take, at least and at most.
const CELL: [f32; 2] = [84.0, 132.0];
const HEIGHT: f32 = 36.0;

/// A number: its name, as it is written, and what it means.
pub type Figure<'a> = (&'a str, String, &'a str);

/// Numbers side by side in rows of the same length. All are of one width, so that nothing moves while values change.
pub fn figures(ui: &mut Ui, all: &[Figure<'_>]) {
    let (gap, room) = (space::S, ui.available_width());
    let fitting = ((room + gap) / (CELL[0] + gap)).max(1.0) as usize;
    let rows = all.len().div_ceil(fitting).max(1);
    let columns = all.len().div_ceil(rows).max(1);
    let width = ((room + gap) / columns as f32 - gap).clamp(CELL[0], CELL[1]);
    for row in all.chunks(columns) {
        ui.horizontal(|ui| {
            ui.spacing_mut().item_spacing.x = gap;
            for (name, value, hint) in row {
                figure(ui, width, name, value, hint);
            }
        });
    }
}

fn figure(ui: &mut Ui, width: f32, name: &str, value: &str, hint: &str) {
    let size = vec2(width, HEIGHT);
    let cell = ui.allocate_ui_with_layout(size, Layout::top_down(Align::Min), |ui| {
        ui.set_min_size(size);
        ui.set_max_width(width);
        ui.spacing_mut().item_spacing.y = 0.0;
        ui.add(Label::new(RichText::new(value).font(FontId::monospace(15.0))).truncate());
        ui.label(RichText::new(name).size(size::SMALL).color(Palette::of(ui).weak));
    });
    named(cell.response, Role::Label, &format!("{name}: {value}")).on_hover_text(hint);
}

/// How much of a whole there is, with words in it.
pub fn share(ui: &mut Ui, part: f32, text: String) {
    let text = RichText::new(text).color(Palette::of(ui).text);
    ui.add(ProgressBar::new(part).text(text).desired_height(20.0).corner_radius(5));
}

/// What the part of a panel below is about.
pub fn heading(ui: &mut Ui, text: &str) {
    ui.add_space(space::M);
    ui.label(RichText::new(text).strong());
    ui.add_space(space::XS);
}

/// A number with so many decimals and a true minus sign, or a dash.
pub fn optional(value: Option<f64>, decimals: usize) -> String {
    value.map_or_else(|| "–".to_owned(), |value| format!("{value:.decimals$}").replace('-', "−"))
}

/// A time for people: `52 s`, `3 min`, `2 h 05`, `3 d 4 h`.
pub fn duration(seconds: f64) -> String {
    let seconds = seconds.round() as u64;
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{} min", seconds / 60),
        3600..86_400 => format!("{} h {:02}", seconds / 3600, seconds % 3600 / 60),
        _ => format!("{} d {} h", seconds / 86_400, seconds % 86_400 / 3600),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_may_be_missing() {
        assert_eq!(optional(Some(-0.5), 2), "−0.50");
        assert_eq!(optional(None, 2), "–");
    }

    #[test]
    fn times_are_for_people() {
        let cases =
            [(0.2, "0 s"), (59.4, "59 s"), (61.0, "1 min"), (7500.0, "2 h 05"), (273_600.0, "3 d 4 h")];
        for (seconds, text) in cases {
            assert_eq!(duration(seconds), text);
        }
    }
}
