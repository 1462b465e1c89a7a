//! How rows are drawn: by hand, since thousands may be listed and a few dozen are on the screen at once.

use eframe::egui::{
    Align2, Color32, FontId, Painter, Rect, Response, Role, Sense, Stroke, StrokeKind, Ui, WidgetInfo, pos2,
    vec2,
};

use super::super::Shared;
use super::tree::{Item, Row, SortBy, share};
use crate::data::{RunInfo, RunState};
use crate::format;
use crate::status;
use crate::theme::{self, Icon, Palette, icon, size, space};

/// Of every row, points.
pub(super) const HEIGHT: f32 = 24.0;
const INDENT: f32 = 14.0;
const BOX: f32 = 14.0;
/// Silence of a run that trains after which it is said how long it lasts, seconds.
const SILENT: u64 = 5;

/// What was done to a row.
pub(super) struct Done {
    /// The row.
    pub response: Response,
    /// Whether its box was clicked.
    pub ticked: bool,
}

/// Where the columns are, from the right edge, as far as there is room for them.
pub(super) struct Columns {
    /// Each with its width.
    columns: Vec<(SortBy, f32)>,
    /// Whether the state has room for its word.
    words: bool,
}

impl Columns {
    /// Those that fit. The name always has 130 points; the rest goes in the order of what one can do without.
    pub fn new(width: f32) -> Self {
        let mut room = width - 130.0;
        let mut fits = |needs: f32| {
            let fits = room >= needs;
            if fits {
                room -= needs;
            }
            fits
        };
        let [returns, bar, state, words, speed] = [56.0, 50.0, 22.0, 62.0, 52.0].map(&mut fits);
        let mut columns = Vec::new();
        if state {
            columns.push((SortBy::State, if words { 84.0 } else { 22.0 }));
        }
        if bar {
            columns.push((SortBy::Progress, 50.0));
        }
        if speed {
            columns.push((SortBy::Speed, 52.0));
        }
        if returns {
            columns.push((SortBy::Return, 56.0));
        }
        Self { columns, words }
    }

    /// Where each is in a row, and what is left for the name.
    fn places(&self, row: Rect) -> (Vec<(SortBy, Rect)>, Rect) {
        let total: f32 = self.columns.iter().map(|(_, width)| width).sum();
        let mut left = row.right() - total;
        let name = Rect::from_min_max(row.min, pos2(left, row.bottom()));
        let places = self.columns.iter().map(|(column, width)| {
            let place = Rect::from_min_size(pos2(left, row.top()), vec2(*width, row.height()));
            left += width;
            (*column, place)
        });
        (places.collect(), name)
    }
}

fn title(column: SortBy) -> &'static str {
    match column {
        SortBy::Name => "Run",
        SortBy::State => "State",
        SortBy::Progress => "Done",
        SortBy::Speed => "f/s",
        SortBy::Return => "Return",
    }
}

fn explains(column: SortBy) -> &'static str {
    match column {
        SortBy::Name => "Experiment, script or label, game and seed",
        SortBy::State => "What the run is doing",
        SortBy::Progress => "Share of the frames that are trained",
        SortBy::Speed => "Frames a second",
        SortBy::Return => "Mean return of the last hundred episodes",
    }
}

/// Names of the columns; the one that was clicked.
pub(super) fn header(ui: &mut Ui, columns: &Columns, sort: SortBy, descending: bool) -> Option<SortBy> {
    let palette = Palette::of(ui);
    let (row, _) = ui.allocate_exact_size(vec2(ui.available_width(), 22.0), Sense::hover());
    let (places, name) = columns.places(row);
    let mut clicked = None;
    for (column, rect) in std::iter::once((SortBy::Name, name)).chain(places) {
        let response = ui.interact(rect, ui.scope_id().with(("sort", title(column))), Sense::click());
        let label = format!("Sort by {}", title(column).to_lowercase());
        response.widget_info(|| WidgetInfo::selected(Role::ColumnHeader, true, sort == column, &label));
        let color = if sort == column || response.hovered() { palette.text } else { palette.weak };
        let font = FontId::proportional(size::SMALL);
        let arrow = if descending { "▼" } else { "▲" };
        let word = if column == SortBy::State && !columns.words { "" } else { title(column) };
        let text = if sort == column { format!("{word} {arrow}") } else { word.to_owned() };
        let right = matches!(column, SortBy::Speed | SortBy::Return);
        let (anchor, align) = if right {
            (rect.right_center(), Align2::RIGHT_CENTER)
        } else {
            (rect.left_center(), Align2::LEFT_CENTER)
        };
        ui.painter().text(anchor, align, text, font, color);
        if response.on_hover_text(explains(column)).clicked() {
            clicked = Some(column);
        }
    }
    ui.painter().hline(row.x_range(), row.bottom(), Stroke::new(1.0, palette.line));
    clicked
}

/// A group: its name, how many runs it has, and how they are.
pub(super) fn group(ui: &mut Ui, row: &Row, plotted: usize) -> Done {
    let palette = Palette::of(ui);
    let Item::Group { key, open, leaves, running, troubled } = &row.item else {
        unreachable!("drawn as a group")
    };
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), HEIGHT), Sense::click());
    let count = leaves.len();
    response.widget_info(|| {
        let state = if *open { "open" } else { "closed" };
        WidgetInfo::labeled(Role::Button, true, format!("Group {}, {count} runs, {state}", row.name))
    });
    let tick = tick_place(rect, row.depth);
    let label = format!("Plot all of {}", row.name);
    let ticked = tick_box(ui, tick, (key, "box"), &label, plotted > 0, plotted > 0 && plotted < count);
    if response.hovered() {
        ui.painter().rect_filled(rect, 4, palette.raised);
    }
    draw_box(ui.painter(), palette, tick, plotted > 0, plotted > 0 && plotted < count, response.hovered());
    let font = FontId::proportional(size::BODY);
    let painter = ui.painter().with_clip_rect(rect.intersect(ui.clip_rect()));
    let mut at = pos2(tick.right() + space::S, rect.center().y);
    let sign = icon(if *open { Icon::ChevronDown } else { Icon::ChevronRight });
    painter.text(at, Align2::LEFT_CENTER, sign, font.clone(), palette.weak);
    at.x += 17.0;
    let mut parts = vec![(format!("{count}"), palette.weak)];
    if *running > 0 {
        parts.push((format!("{} {running}", icon(status::icon(RunState::Running))), palette.good));
    }
    if *troubled > 0 {
        parts.push((format!("{} {troubled}", icon(Icon::TriangleAlert)), palette.bad));
    }
    let mut right = rect.right();
    let small = FontId::proportional(size::SMALL);
    for (text, color) in parts {
        let drawn = painter.text(pos2(right, at.y), Align2::RIGHT_CENTER, text, small.clone(), color);
        right = drawn.left() - space::S;
    }
    truncated(&painter, at, right - at.x, &row.name, font, palette.text);
    Done { response, ticked }
}

/// A run: its name, and in columns what it is doing.
pub(super) fn run(ui: &mut Ui, columns: &Columns, row: &Row, run: &RunInfo, shared: &Shared<'_>) -> Done {
    let palette = Palette::of(ui);
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), HEIGHT), Sense::click());
    let selection = &*shared.selection;
    let (marked, plotted) = (selection.is_marked(run.id), selection.is_plotted(run.id));
    response.widget_info(|| WidgetInfo::selected(Role::Row, true, marked, spoken(run)));
    let tick = tick_place(rect, row.depth);
    let label = format!("Plot {}", title_of(run));
    let ticked = tick_box(ui, tick, (run.id, "box"), &label, plotted, false);
    if !ui.is_rect_visible(rect) {
        return Done { response, ticked };
    }
    let painter = ui.painter().with_clip_rect(rect.intersect(ui.clip_rect()));
    if marked {
        painter.rect_filled(rect, 4, palette.chosen);
    } else if response.hovered() {
        painter.rect_filled(rect, 4, palette.raised);
    }
    if selection.focus() == Some(run.id) {
        let edge = Rect::from_min_size(rect.min, vec2(3.0, rect.height()));
        painter.rect_filled(edge, 1, palette.accent);
    }
    draw_box(&painter, palette, tick, plotted, false, response.hovered() || marked);
    let (places, name) = columns.places(rect);
    let mut at = pos2(tick.right() + space::S, rect.center().y);
    if let Some(number) = shared.colors.of_run(run.id) {
        let (color, _) = theme::stroke(number, palette.dark);
        painter.circle_filled(pos2(at.x + 4.0, at.y), 4.0, color);
        at.x += 14.0;
    }
    let font = FontId::proportional(size::BODY);
    let mut end = name.right() - space::S;
    if run.warning.is_some() {
        let place = pos2(end, at.y);
        let drawn =
            painter.text(place, Align2::RIGHT_CENTER, icon(Icon::TriangleAlert), font.clone(), palette.warn);
        end = drawn.left() - space::XS;
    }
    truncated(&painter, at, end - at.x, &row.name, font, palette.text);
    for (column, place) in places {
        cell(&painter, palette, column, place, run, columns.words);
    }
    let response = response.on_hover_ui(|ui| tip(ui, run));
    Done { response, ticked }
}

fn cell(painter: &Painter, palette: &Palette, column: SortBy, place: Rect, run: &RunInfo, words: bool) {
    let font = FontId::proportional(size::BODY);
    let number = |text: String| {
        painter.text(place.right_center(), Align2::RIGHT_CENTER, text, font.clone(), palette.text);
    };
    match column {
        SortBy::Name => {}
        SortBy::State => {
            let silent = run.silent.filter(|_| run.state == RunState::Running).map(|silent| silent.as_secs());
            let late = silent.filter(|seconds| *seconds >= SILENT);
            let color = if late.is_some() { palette.warn } else { status::color(run.state, palette) };
            let sign = icon(status::icon(run.state));
            painter.text(place.left_center(), Align2::LEFT_CENTER, sign, font.clone(), color);
            if words {
                let text = match late {
                    Some(seconds) => format!("silent {}", format::seconds(seconds as f64)),
                    None => status::word(run.state).to_owned(),
                };
                let small = FontId::proportional(size::SMALL);
                let at = place.left_center() + vec2(18.0, 0.0);
                truncated(painter, at, place.right() - at.x - 2.0, &text, small, color);
            }
        }
        SortBy::Progress => {
            let Some(share) = share(run) else { return };
            let bar =
                Rect::from_center_size(place.center() - vec2(3.0, 0.0), vec2(place.width() - 6.0, 14.0));
            painter.rect_filled(bar, 3, if palette.dark { palette.raised } else { palette.hover });
            let mut filled = bar;
            filled.set_width(bar.width() * share as f32);
            painter.rect_filled(filled, 3, palette.accent.gamma_multiply(0.35));
            let text = format!("{:.0} %", (100.0 * share).floor());
            painter.text(
                bar.center(),
                Align2::CENTER_CENTER,
                text,
                FontId::proportional(size::SMALL - 0.5),
                palette.text,
            );
        }
        SortBy::Speed => {
            if let Some(speed) = run.progress.frames_per_s {
                number(format::count(speed));
            }
        }
        SortBy::Return => {
            if let Some(mean_return) = run.progress.mean_return {
                number(format::score(mean_return));
            }
        }
    }
}

fn tip(ui: &mut Ui, run: &RunInfo) {
    let palette = Palette::of(ui);
    ui.label(title_of(run));
    let color = status::color(run.state, palette);
    ui.colored_label(color, format!("{} {}", icon(status::icon(run.state)), status::meaning(run.state)));
    let progress = &run.progress;
    let total = if progress.total_frames > 0 {
        format!(" of {}", format::count(progress.total_frames as f64))
    } else {
        String::new()
    };
    ui.label(format!("{}{total} frames", format::count(progress.frames as f64)));
    if let Some(silent) = run.silent {
        ui.label(format!("last sign of life {}", format::ago(silent)));
    }
    ui.weak(run.path.display().to_string());
    if let Some(warning) = &run.warning {
        ui.colored_label(palette.warn, format!("{} {warning}", icon(Icon::TriangleAlert)));
    }
}

/// What a run is called where its group is not in sight.
pub(super) fn title_of(run: &RunInfo) -> String {
    format!("{} · {} · seed {}", run.label, run.env, run.seed)
}

fn spoken(run: &RunInfo) -> String {
    let mut text = format!("{}, {}", title_of(run), status::word(run.state));
    if let Some(share) = share(run) {
        text += &format!(", {:.0} % done", (100.0 * share).floor());
    }
    if let Some(mean_return) = run.progress.mean_return {
        text += &format!(", return {}", format::score(mean_return));
    }
    if let Some(warning) = &run.warning {
        text += &format!(", warning: {warning}");
    }
    text
}

fn tick_place(row: Rect, depth: usize) -> Rect {
    let left = row.left() + space::S + INDENT * depth as f32;
    Rect::from_min_size(pos2(left, row.center().y - BOX / 2.0), vec2(BOX, BOX))
}

/// Whether the box of a row was clicked.
fn tick_box(
    ui: &Ui,
    place: Rect,
    id: impl std::hash::Hash + std::fmt::Debug,
    label: &str,
    on: bool,
    partly: bool,
) -> bool {
    let response = ui.interact(place.expand(4.0), ui.scope_id().with(id), Sense::click());
    response.widget_info(|| WidgetInfo::selected(Role::CheckBox, true, on && !partly, label));
    response.on_hover_text("In the plots").clicked()
}

fn draw_box(painter: &Painter, palette: &Palette, place: Rect, on: bool, partly: bool, near: bool) {
    let ink = if palette.dark { palette.ground } else { Color32::WHITE };
    if on {
        painter.rect_filled(place, 3, palette.accent);
        let sign = icon(if partly { Icon::Minus } else { Icon::Check });
        painter.text(place.center(), Align2::CENTER_CENTER, sign, FontId::proportional(11.0), ink);
    } else {
        let edge = if near { palette.text } else { palette.edge };
        painter.rect_stroke(place, 3, Stroke::new(1.0, edge), StrokeKind::Inside);
    }
}

/// Text on one line, cut off with dots where there is no more room.
fn truncated(
    painter: &Painter,
    left: eframe::egui::Pos2,
    width: f32,
    text: &str,
    font: FontId,
    color: Color32,
) {
    let mut job = eframe::egui::text::LayoutJob::simple_singleline(text.to_owned(), font, color);
    job.wrap = eframe::egui::text::TextWrapping::truncate_at_width(width.max(8.0));
    let galley = painter.layout_job(job);
    painter.galley(pos2(left.x, left.y - galley.size().y / 2.0), galley, color);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fitting(width: f32) -> Vec<SortBy> {
        Columns::new(width).columns.into_iter().map(|(column, _)| column).collect()
    }

    #[test]
    fn columns_go_where_there_is_no_room() {
        use SortBy::{Progress, Return, Speed, State};
        assert_eq!(fitting(400.0), [State, Progress, Speed, Return]);
        assert_eq!(fitting(330.0), [State, Progress, Return]);
        assert_eq!(fitting(190.0), [Return]);
        assert_eq!(fitting(100.0), []);
        assert!(Columns::new(330.0).words && !Columns::new(265.0).words);
    }
}
