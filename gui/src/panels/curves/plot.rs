//! One plot: its curves, and how it is moved.

use std::sync::Arc;

use eframe::egui::{self, Align2, Color32, FontId, Rect, Shape, Stroke as Pen, Ui, Vec2b, pos2, vec2};
use egui_plot::{Plot, PlotPoint, PlotTransform, uniform_grid_spacer};

use super::axis;
use super::drawing::{Drawing, Line};
use super::hover::{self, Value};
use super::ink::{self, Ink};
use super::limits::with_room;
use super::marks::Mark;
use super::reference::Reference;
use super::view::View;
use super::visibility::Visibility;
use super::worker::Cached;
use crate::colors::{Colors, SeriesKey};
use crate::data::XAxis;
use crate::format;
use crate::theme::{self, Palette, Stroke, icon, size};

/// Room for the numbers of the vertical axis: the same in all plots, so that they stand in line and do not twitch.
const NUMBERS: f32 = 50.0;
/// How near the pointer must be to a mark for its text to be shown, points.
const NEAR: f32 = 6.0;

/// What a plot keeps from frame to frame.
#[derive(Default)]
pub(super) struct PlotState {
    /// Its lines.
    pub cached: Cached,
    view: View,
    ink: Ink,
    /// What the user has moved the vertical axis to.
    y: Option<[f64; 2]>,
    /// Where it was last, with its axes.
    pub rect: Option<Rect>,
}

/// What plots have in common.
pub(super) struct Look<'a> {
    /// The horizontal axis.
    pub axis: XAxis,
    /// Which curves are shown.
    pub visibility: &'a Visibility,
    /// The curve that is pointed at in the legend.
    pub highlight: Option<&'a SeriesKey>,
    /// Which curve has which colour.
    pub colors: &'a Colors,
    /// Changes of runs, each with the colour of its run.
    pub marks: &'a [(Color32, Mark)],
    /// All of the horizontal axis.
    pub whole_x: [f64; 2],
    /// What the user has moved the horizontal axes to.
    pub x: &'a mut Option<[f64; 2]>,
    /// Where the crosshair is.
    pub cursor: &'a mut Option<f64>,
    /// Whether a picture is being taken, in which nobody points at anything.
    pub is_posing: bool,
}

impl PlotState {
    /// Shows all of it again.
    pub fn reset(&mut self) {
        self.y = None;
    }

    /// Whether somebody has moved it.
    pub fn is_moved(&self) -> bool {
        self.y.is_some()
    }

    /// Draws it. `zero` is a line at 0, for differences.
    #[expect(clippy::too_many_arguments, reason = "one call, and each is another thing")]
    pub fn show(
        &mut self,
        ui: &mut Ui,
        name: &str,
        drawing: &Arc<Drawing>,
        log: bool,
        references: &[Reference],
        zero: bool,
        height: f32,
        look: &mut Look<'_>,
    ) {
        let palette = Palette::of(ui);
        let x = look.x.unwrap_or(look.whole_x);
        let y = self.y.unwrap_or_else(|| whole_y(drawing, log));
        let width = (ui.available_width() - NUMBERS).max(50.0);
        let axis = look.axis;
        let spacer = if axis == XAxis::WallTime {
            uniform_grid_spacer(|input| axis::time_steps(input, 9.0))
        } else {
            uniform_grid_spacer(|input| axis::round_steps(input, 9.0))
        };
        let mut plot = Plot::new(name)
            .height(height)
            .show_background(false)
            .show_x(false)
            .show_y(false)
            .show_crosshair(false)
            .allow_scroll(Vec2b::new(true, false))
            .allow_double_click_reset(false)
            .auto_bounds(false)
            .y_axis_min_width(NUMBERS)
            .grid_spacing(8.0..=140.0)
            .grid_color(palette.text.gamma_multiply(0.16))
            .x_grid_spacer(spacer)
            .x_axis_formatter(move |mark, seen| axis::x_mark(axis, mark, seen))
            .y_axis_formatter(move |mark, seen| axis::y_mark(mark, log, seen));
        plot = if log {
            plot.y_grid_spacer(axis::decades)
        } else {
            plot.y_grid_spacer(uniform_grid_spacer(|input| axis::round_steps(input, 4.0)))
        };
        let shown = plot.show(ui, |plot| {
            plot.set_plot_bounds_x(x[0]..=x[1]);
            plot.set_plot_bounds_y(y[0]..=y[1]);
        });
        let (response, transform) = (shown.response, shown.transform);
        response
            .widget_info(|| egui::WidgetInfo::labeled(egui::Role::Image, true, format!("Plot of {name}")));
        self.rect = Some(response.rect.expand2(vec2(NUMBERS, 22.0)));
        self.follow(&response, &transform, x, y, look);
        let painter = ui.painter().with_clip_rect(response.rect);
        let looks = looks(drawing, zero, palette, look);
        let views = self.view.lines(drawing, x, width, log);
        painter.add(self.ink.mesh(drawing, views, looks, &transform, ui.pixels_per_point(), log));
        if zero {
            across(&painter, &transform, 0.0, palette.text, 1.0);
        }
        draw_references(&painter, &transform, references, log, palette);
        draw_marks(&painter, &transform, look.marks);
        if drawing.lines.is_empty() {
            let text = "no plotted run has this metric yet";
            let font = FontId::proportional(size::BODY);
            painter.text(response.rect.center(), Align2::CENTER_CENTER, text, font, palette.weak);
        }
        if !look.is_posing {
            crosshair(ui, &response, &transform, drawing, log, zero, look);
        }
    }

    /// Takes over how the user moved the axes.
    fn follow(
        &mut self,
        response: &egui::Response,
        transform: &PlotTransform,
        x: [f64; 2],
        y: [f64; 2],
        look: &mut Look<'_>,
    ) {
        let bounds = transform.bounds();
        let (min, max) = (bounds.min(), bounds.max());
        let now = |axis: usize| [min[axis], max[axis]];
        // Bounds come back as they were set; a drag or a zoom is another number.
        let is_moved = |now: [f64; 2], was: [f64; 2]| {
            let little = 1e-9 * (was[1] - was[0]);
            now.iter().zip(was).any(|(now, was)| (now - was).abs() > little)
                && now.iter().all(|end| end.is_finite())
        };
        if is_moved(now(0), x) {
            *look.x = Some(now(0));
        }
        if is_moved(now(1), y) {
            self.y = Some(now(1));
        }
        if response.double_clicked() {
            *look.x = None;
            self.y = None;
        }
    }
}

/// How the lines that are shown look.
fn looks(drawing: &Drawing, zero: bool, palette: &Palette, look: &Look<'_>) -> Vec<ink::Look> {
    let shown = drawing.lines.iter().enumerate();
    let shown = shown.filter(|(_, line)| zero || look.visibility.shows(&line.key));
    shown
        .map(|(place, line)| {
            let (color, stroke) = theme::stroke(look.colors.number(&line.key), palette.dark);
            let (color, stroke) = if zero { (palette.accent, Stroke::Solid) } else { (color, stroke) };
            let lit = zero || look.highlight.is_none_or(|key| *key == line.key);
            let width = if look.highlight.is_some() && lit { 2.6 } else { 1.7 };
            ink::Look { line: place, color, stroke, width, opacity: if lit { 1.0 } else { 0.18 } }
        })
        .collect()
}

fn whole_y(drawing: &Drawing, log: bool) -> [f64; 2] {
    let limits = if log { drawing.y_positive.map(|ends| ends.map(f64::log10)) } else { drawing.y };
    with_room(limits.unwrap_or([0.0, 1.0]))
}

fn across(painter: &egui::Painter, transform: &PlotTransform, y: f64, color: Color32, width: f32) {
    let y = transform.position_from_point_y(y);
    let frame = transform.frame();
    painter.hline(frame.x_range(), y.round() + 0.5, Pen::new(width, color));
}

/// Lines across the plot, each with its name; those that lie outside are named at the edge.
fn draw_references(
    painter: &egui::Painter,
    transform: &PlotTransform,
    references: &[Reference],
    log: bool,
    palette: &Palette,
) {
    let frame = *transform.frame();
    let font = FontId::proportional(size::SMALL - 0.5);
    let mut above: Vec<String> = Vec::new();
    let mut below: Vec<String> = Vec::new();
    let mut named: Vec<(f32, String)> = Vec::new();
    for reference in references {
        let value = if log && reference.value <= 0.0 { continue } else { reference.value };
        let y = transform.position_from_point_y(if log { value.log10() } else { value });
        let text = format!("{} {}", reference.name, format::score(reference.value));
        if y < frame.top() {
            above.push(text);
        } else if y > frame.bottom() {
            below.push(text);
        } else {
            let line = [pos2(frame.left(), y), pos2(frame.right(), y)];
            let pen = Pen::new(1.0, palette.weak.gamma_multiply(0.8));
            painter.extend(Shape::dashed_line(&line, pen, 4.0, 4.0));
            named.push((y, text));
        }
    }
    // After all the lines, so that none goes through a name.
    let mut taken: Vec<Rect> = Vec::new();
    for (y, text) in named {
        let galley = painter.layout_no_wrap(text, font.clone(), palette.weak);
        // Above its line or below it, and further on where another name stands already.
        let places = (0..4).flat_map(|column| {
            let left = frame.left() + 6.0 + 104.0 * column as f32;
            [y - 1.0 - galley.size().y, y + 2.0]
                .map(|top| Rect::from_min_size(pos2(left, top), galley.size()))
        });
        let free =
            |place: &Rect| frame.contains_rect(*place) && !taken.iter().any(|other| other.intersects(*place));
        let Some(place) = places.into_iter().find(free) else { continue };
        painter.rect_filled(place.expand2(vec2(2.0, 0.0)), 2, palette.panel.gamma_multiply(0.85));
        taken.push(place);
        painter.galley(place.min, galley, palette.weak);
    }
    let edge = |at: egui::Pos2, align: Align2, texts: Vec<String>, arrow: &str| {
        if !texts.is_empty() {
            painter.text(at, align, format!("{arrow} {}", texts.join(" · ")), font.clone(), palette.weak);
        }
    };
    edge(frame.left_top() + vec2(6.0, 3.0), Align2::LEFT_TOP, above, "↑");
    edge(frame.left_bottom() + vec2(6.0, -3.0), Align2::LEFT_BOTTOM, below, "↓");
}

fn draw_marks(painter: &egui::Painter, transform: &PlotTransform, marks: &[(Color32, Mark)]) {
    let frame = *transform.frame();
    for (color, mark) in marks {
        let x = transform.position_from_point_x(mark.x).round() + 0.5;
        if !frame.x_range().contains(x) {
            continue;
        }
        let line = [pos2(x, frame.top() + 18.0), pos2(x, frame.bottom())];
        painter.extend(Shape::dashed_line(&line, Pen::new(1.0, color.gamma_multiply(0.75)), 3.0, 3.0));
        let at = pos2(x, frame.top() + 2.0);
        painter.text(at, Align2::CENTER_TOP, icon(mark.icon()), FontId::proportional(size::BODY), *color);
    }
}

/// The crosshair, and the values at it in the plot that the pointer is in.
fn crosshair(
    ui: &Ui,
    response: &egui::Response,
    transform: &PlotTransform,
    drawing: &Drawing,
    log: bool,
    zero: bool,
    look: &mut Look<'_>,
) {
    let palette = Palette::of(ui);
    let pointer = response.hover_pos().filter(|at| transform.frame().contains(*at));
    if let Some(pointer) = pointer {
        let x = transform.value_from_position(pointer).x;
        if *look.cursor != Some(x) {
            // The plots that are drawn already show where it was.
            *look.cursor = Some(x);
            ui.ctx().request_repaint();
        }
    }
    let Some(x) = *look.cursor else { return };
    let painter = ui.painter().with_clip_rect(response.rect);
    let at = transform.position_from_point_x(x);
    painter.vline(
        at.round() + 0.5,
        transform.frame().y_range(),
        Pen::new(1.0, palette.weak.gamma_multiply(0.7)),
    );
    let color = |line: &Line| {
        if zero { palette.accent } else { theme::stroke(look.colors.number(&line.key), palette.dark).0 }
    };
    let visible = drawing.lines.iter().filter(|line| zero || look.visibility.shows(&line.key));
    let found: Vec<Value<'_>> = visible
        .filter_map(|line| {
            let (value, band) = hover::value_at(line, x)?;
            let of_fewer = hover::fewer(line, x);
            Some(Value { name: &line.name, color: color(line), value, band, of_fewer })
        })
        .collect();
    if let Some(pointer) = pointer {
        let mut notes = Vec::new();
        for (_, mark) in look.marks {
            let far = (transform.position_from_point_x(mark.x) - pointer.x).abs();
            if far <= NEAR {
                notes.extend(mark.text.lines().map(str::to_owned));
            }
        }
        let [from, to] = [look.whole_x[0], look.whole_x[1]];
        let title = axis::x_value(look.axis, x.clamp(from.min(to), to.max(from)));
        hover::table(ui, *transform.frame(), pointer.x, &title, found, &notes);
    } else {
        for value in found {
            let height = if log { value.value.log10() } else { value.value };
            let y = transform.position_from_point(&PlotPoint::new(x, height)).y;
            if transform.frame().y_range().contains(y) {
                painter.circle_filled(pos2(at, y), 2.5, value.color);
            }
        }
    }
}
