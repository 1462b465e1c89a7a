//! The names of the curves. A click shows one alone, with Ctrl it hides or shows it.

use eframe::egui::{
    FontId, Painter, Rect, Role, ScrollArea, Sense, Stroke as Pen, Ui, WidgetInfo, pos2, vec2,
};

use super::series::SeriesOf;
use super::visibility::Visibility;
use crate::colors::{Colors, SeriesKey};
use crate::theme::{self, Palette, Stroke, size, space};

const HEIGHT: f32 = 22.0;
const SAMPLE: f32 = 20.0;
/// Rows that are seen at once.
const ROWS: f32 = 3.0;

/// Draws them; the curve that is pointed at.
pub(super) fn show(
    ui: &mut Ui,
    series: &[SeriesOf],
    colors: &Colors,
    visibility: &mut Visibility,
) -> Option<SeriesKey> {
    let palette = Palette::of(ui);
    let keys: Vec<SeriesKey> = series.iter().map(|one| one.key.clone()).collect();
    let mut pointed = None;
    let height = ROWS * (HEIGHT + 2.0);
    ScrollArea::vertical().id_salt("legend").max_height(height).auto_shrink([false, true]).show(ui, |ui| {
        ui.spacing_mut().item_spacing = vec2(space::XS, 2.0);
        ui.horizontal_wrapped(|ui| {
            for one in series {
                let shown = visibility.shows(&one.key);
                let color = if shown { palette.text } else { palette.weak };
                let count = if one.runs.len() > 1 { format!("  {}", one.runs.len()) } else { String::new() };
                let font = FontId::proportional(size::BODY);
                let name = ui.painter().layout_no_wrap(one.name.clone(), font, color);
                let count =
                    ui.painter().layout_no_wrap(count, FontId::proportional(size::SMALL), palette.weak);
                let width = SAMPLE + 3.0 * space::S + name.size().x + count.size().x;
                let (rect, response) = ui.allocate_exact_size(vec2(width, HEIGHT), Sense::click());
                response.widget_info(|| {
                    WidgetInfo::selected(Role::Button, true, shown, format!("Curve {}", one.name))
                });
                if response.hovered() {
                    ui.painter().rect_filled(rect, 5, palette.raised);
                    pointed = Some(one.key.clone());
                }
                let left = rect.left() + space::S;
                sample(ui.painter(), rect, left, colors.number(&one.key), shown, palette);
                let at = pos2(left + SAMPLE + space::S, rect.center().y - name.size().y / 2.0);
                let end = at.x + name.size().x;
                ui.painter().galley(at, name, color);
                let at = pos2(end, rect.center().y - count.size().y / 2.0 + 0.5);
                ui.painter().galley(at, count, palette.weak);
                let hint = if one.runs.len() > 1 {
                    format!("{} runs", one.runs.len())
                } else {
                    "one run".to_owned()
                };
                let response =
                    response.on_hover_text(format!("{hint}. Click: alone; Ctrl click: hide or show"));
                if response.clicked() {
                    if ui.input(|input| input.modifiers.command) {
                        visibility.toggle(&one.key, &keys);
                    } else {
                        visibility.isolate(&one.key, &keys);
                    }
                }
            }
            if visibility.hides_any() && ui.small_button("show all").clicked() {
                visibility.reset();
            }
        });
    });
    pointed
}

/// A piece of the line, as the plots draw it; an empty ring where it is hidden.
fn sample(painter: &Painter, rect: Rect, left: f32, number: usize, shown: bool, palette: &Palette) {
    let (color, stroke) = theme::stroke(number, palette.dark);
    let y = rect.center().y;
    if !shown {
        painter.circle_stroke(pos2(left + SAMPLE / 2.0, y), 4.0, Pen::new(1.2, palette.edge));
        return;
    }
    let pieces: &[(f32, f32)] = match stroke {
        Stroke::Solid => &[(0.0, 20.0)],
        Stroke::Dashed => &[(0.0, 8.0), (12.0, 20.0)],
        Stroke::Dotted => &[(0.0, 3.0), (6.0, 9.0), (12.0, 15.0), (18.0, 20.0)],
    };
    for (from, to) in pieces {
        painter.line_segment([pos2(left + from, y), pos2(left + to, y)], Pen::new(3.0, color));
    }
}
