//! Metrics of the plotted runs over their training.

mod axis;
mod drawing;
mod export;
mod hover;
mod ink;
mod legend;
mod limits;
mod marks;
mod metrics;
mod plot;
mod reference;
mod series;
mod smooth;
mod toolbar;
mod view;
mod visibility;
mod worker;

use std::sync::Arc;

use eframe::egui::{self, Align, Color32, RichText, ScrollArea, Ui, vec2};
use serde::{Deserialize, Serialize};

use super::{Shared, welcome};
use crate::colors::SeriesKey;
use crate::data::{RunId, RunInfo, XAxis};
use crate::theme::{self, Icon, Palette, icon, space};
use crate::widgets::{empty, icon_button};
use drawing::{Drawing, Input, Source, Spread};
use export::{Export, Format};
use limits::with_room;
use marks::Mark;
use plot::{Look, PlotState};
use reference::Reference;
use series::{Grouping, SeriesOf};
use visibility::Visibility;

/// The least height of a plot, points.
const LEAST: f32 = 190.0;
/// The width from which on there are two plots side by side.
const WIDE: f32 = 900.0;
/// Runs whose changes are marked; of more, nobody could tell whose is whose.
const MARKED: usize = 8;

/// Which curves are drawn, and how.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct CurvesSettings {
    grouping: Grouping,
    spread: Spread,
    axis: XAxis,
    /// Width of the smoothing, as a share of the axis.
    smoothing: f64,
    ignore_outliers: bool,
    references: bool,
    marks: bool,
    plots: Vec<PlotSettings>,
}

/// What one plot shows.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
struct PlotSettings {
    metric: Arc<str>,
    /// Whether its vertical axis goes by factors.
    log: bool,
    /// The names of two curves whose difference is drawn.
    versus: Option<(String, String)>,
}

impl PlotSettings {
    fn of(metric: &str) -> Self {
        Self { metric: metric.into(), ..Self::default() }
    }
}

impl Default for CurvesSettings {
    fn default() -> Self {
        Self {
            grouping: Grouping::default(),
            spread: Spread::default(),
            axis: XAxis::default(),
            smoothing: 0.0,
            ignore_outliers: true,
            references: true,
            marks: true,
            plots: vec![PlotSettings::of("mean_return"), PlotSettings::of("loss")],
        }
    }
}

/// The plots.
#[derive(Default)]
pub struct CurvesPanel {
    /// What is remembered of it.
    pub settings: CurvesSettings,
    states: Vec<PlotState>,
    arranged: Arranged,
    visibility: Visibility,
    /// What the user has moved the horizontal axes to.
    x: Option<[f64; 2]>,
    /// Where the crosshair is.
    cursor: Option<f64>,
    export: Export,
}

/// The plotted runs as curves, made anew when one of them, or what is shown, changes.
#[derive(Default)]
struct Arranged {
    of: Option<(u64, Vec<RunId>, Grouping)>,
    series: Vec<SeriesOf>,
    sources: Arc<[Source]>,
    names: Vec<Arc<str>>,
    /// The game, if it is one.
    game: Option<Arc<str>>,
    marks: Vec<(RunId, Mark)>,
    marks_axis: XAxis,
    /// Runs whose curves are not there yet.
    missing: usize,
}

impl CurvesPanel {
    /// Whether lines are still being worked on.
    pub fn is_busy(&self) -> bool {
        self.states.iter().any(|state| state.cached.is_busy())
    }

    /// Finds out which curves there are, so that every panel agrees on their colours.
    pub fn arrange(&mut self, shared: &mut Shared<'_>) {
        let shown: Vec<RunId> = shared.selection.shown().iter().copied().collect();
        let of = (shared.version, shown, self.settings.grouping);
        if self.arranged.of.as_ref() == Some(&of) && self.arranged.marks_axis == self.settings.axis {
            return;
        }
        let shown = shared.selection.shown();
        let runs: Vec<Arc<RunInfo>> =
            shared.source.runs().iter().filter(|run| shown.contains(&run.id)).cloned().collect();
        let series = series::series(&runs, self.settings.grouping);
        let assigned: Vec<(SeriesKey, Vec<RunId>)> =
            series.iter().map(|one| (one.key.clone(), one.runs.clone())).collect();
        shared.colors.assign(&assigned);
        let keys: Vec<SeriesKey> = series.iter().map(|one| one.key.clone()).collect();
        self.visibility.retain(&keys);
        let source = |one: &SeriesOf| Source {
            key: one.key.clone(),
            name: one.name.clone(),
            runs: one.runs.iter().filter_map(|run| shared.source.curves(*run).cloned()).collect(),
        };
        let sources: Arc<[Source]> = series.iter().map(source).collect();
        let game = runs.first().map(|run| run.env.clone());
        let axis = self.settings.axis;
        let mut found = Vec::new();
        for run in runs.iter().take(MARKED) {
            if let (Some(events), Some(curves)) = (shared.source.events(run.id), shared.source.curves(run.id))
            {
                found.extend(marks::marks(events, curves, axis).into_iter().map(|mark| (run.id, mark)));
            }
        }
        self.arranged = Arranged {
            of: Some(of),
            names: metrics::names(sources.iter().flat_map(|source| &source.runs)),
            missing: runs.len() - sources.iter().map(|source| source.runs.len()).sum::<usize>(),
            game: game.filter(|game| runs.iter().all(|run| run.env == *game)),
            marks: if runs.len() <= MARKED { found } else { Vec::new() },
            marks_axis: axis,
            sources,
            series,
        };
    }

    /// Draws it.
    pub fn show(&mut self, ui: &mut Ui, shared: &mut Shared<'_>) {
        self.export.poll(shared.notices);
        if shared.source.listed() && shared.source.runs().is_empty() {
            welcome::show(ui, &shared.source.root().display().to_string());
            return;
        }
        if self.arranged.series.is_empty() {
            empty(
                ui,
                "No run is chosen",
                "Click a run in the list, or tick the runs and groups that are to be compared.",
            );
            return;
        }
        self.toolbar(ui);
        let palette = Palette::of(ui);
        let pointed = legend::show(ui, &self.arranged.series, shared.colors, &mut self.visibility);
        if self.arranged.missing > 0 {
            let text = format!("reading {} of {} runs …", self.arranged.missing, self.shown());
            ui.label(RichText::new(text).color(palette.weak));
        }
        self.plots(ui, shared, pointed.as_ref());
        self.export.dialog(ui.ctx());
    }

    fn shown(&self) -> usize {
        self.arranged.series.iter().map(|one| one.runs.len()).sum()
    }

    fn input(&self, settings: &PlotSettings) -> Input {
        let Self { settings: all, arranged, .. } = self;
        let key = |name: &str| arranged.series.iter().find(|one| one.name == name).map(|one| one.key.clone());
        let versus = settings.versus.as_ref().and_then(|(a, b)| Some((key(a)?, key(b)?)));
        Input {
            metric: settings.metric.clone(),
            axis: all.axis,
            smoothing: all.smoothing,
            spread: (all.grouping == Grouping::Variants).then_some(all.spread),
            // A difference is seen whole, with how far it may be off.
            ignore_outliers: all.ignore_outliers && versus.is_none(),
            series: arranged.sources.clone(),
            versus,
        }
    }

    fn plots(&mut self, ui: &mut Ui, shared: &mut Shared<'_>, pointed: Option<&SeriesKey>) {
        let count = self.settings.plots.len();
        self.states.resize_with(count, PlotState::default);
        if count == 0 {
            empty(ui, "There is no plot", "Add one above.");
            return;
        }
        let inputs: Vec<Input> = self.settings.plots.iter().map(|plot| self.input(plot)).collect();
        let drawings: Vec<Arc<Drawing>> = self
            .states
            .iter_mut()
            .zip(inputs)
            .map(|(state, input)| state.cached.get(ui.ctx(), input))
            .collect();
        let extents = drawings.iter().filter_map(|drawing| drawing.x);
        let whole = extents.reduce(|a, b| [a[0].min(b[0]), a[1].max(b[1])]).unwrap_or([0.0, 1.0]);
        let palette = Palette::of(ui);
        let marks: Vec<(Color32, Mark)> = if self.settings.marks {
            let colored = |(run, mark): &(RunId, Mark)| {
                let number = shared.colors.of_run(*run).unwrap_or(0);
                (theme::stroke(number, palette.dark).0, mark.clone())
            };
            self.arranged.marks.iter().map(colored).collect()
        } else {
            Vec::new()
        };
        let references = self.references();
        let columns = if ui.available_width() >= WIDE && count > 1 { 2 } else { 1 };
        let rows = count.div_ceil(columns);
        let gap = space::S;
        let row_height = ((ui.available_height() - gap * (rows - 1) as f32) / rows as f32 - 1.0).max(LEAST);
        let hovered_before = self.cursor;
        let area = ui.available_rect_before_wrap();
        let mut removed = None;
        ScrollArea::vertical().id_salt("plots").auto_shrink(false).show(ui, |ui| {
            ui.spacing_mut().item_spacing = vec2(gap, gap);
            let width = (ui.available_width() - gap * (columns - 1) as f32) / columns as f32;
            for row in 0..rows {
                ui.horizontal_top(|ui| {
                    for index in (row * columns..count).take(columns) {
                        ui.allocate_ui_with_layout(
                            vec2(width, row_height),
                            egui::Layout::top_down(Align::Min),
                            |ui| {
                                ui.set_min_size(vec2(width, row_height));
                                ui.spacing_mut().item_spacing.y = 2.0;
                                ui.push_id(index, |ui| {
                                    if self.plot_header(ui, index, &drawings[index]) {
                                        removed = Some(index);
                                    }
                                    let height = row_height - ui.min_size().y - 2.0;
                                    let plot = &self.settings.plots[index];
                                    let is_return =
                                        plot.versus.is_none() && reference::is_return(&plot.metric);
                                    let mut look = Look {
                                        axis: self.settings.axis,
                                        visibility: &self.visibility,
                                        highlight: pointed,
                                        colors: shared.colors,
                                        marks: &marks,
                                        whole_x: edges(whole),
                                        x: &mut self.x,
                                        cursor: &mut self.cursor,
                                        is_posing: self.export.is_posing(),
                                    };
                                    let references = if is_return { &*references } else { &[] };
                                    self.states[index].show(
                                        ui,
                                        &format!("{} {index}", plot.metric),
                                        &drawings[index],
                                        plot.log,
                                        references,
                                        plot.versus.is_some(),
                                        height.max(60.0),
                                        &mut look,
                                    );
                                });
                            },
                        );
                    }
                });
            }
        });
        let pointer = ui.input(|input| input.pointer.hover_pos());
        if !pointer.is_some_and(|at| area.contains(at))
            && self.cursor.take().is_some()
            && hovered_before.is_some()
        {
            ui.ctx().request_repaint();
        }
        if let Some(index) = removed {
            self.settings.plots.remove(index);
            self.states.remove(index);
        }
        self.export.shoot(ui.ctx(), |index| self.states.get(index).and_then(|state| state.rect));
    }

    fn references(&self) -> Vec<Reference> {
        match &self.arranged.game {
            Some(game) if self.settings.references => reference::references(game),
            _ => Vec::new(),
        }
    }

    /// The line above a plot: which metric, and what can be done with it. Whether it is to be taken away.
    fn plot_header(&mut self, ui: &mut Ui, index: usize, drawing: &Arc<Drawing>) -> bool {
        let palette = Palette::of(ui);
        let mut removed = false;
        ui.horizontal(|ui| {
            let plot = &mut self.settings.plots[index];
            let title = RichText::new(&*plot.metric).color(palette.text);
            if let Some(metric) =
                metrics::picker(ui, &format!("Metric of plot {}", index + 1), title, &self.arranged.names)
            {
                plot.metric = metric;
                self.states[index].reset();
            }
            let plot = &mut self.settings.plots[index];
            if plot.versus.is_some() {
                versus(ui, plot, &self.arranged.series);
            }
            ui.with_layout(egui::Layout::right_to_left(Align::Center), |ui| {
                ui.spacing_mut().item_spacing.x = 2.0;
                removed = icon_button(ui, Icon::X, &format!("Remove plot {}", index + 1)).clicked();
                self.plot_menu(ui, index, drawing);
                let moved = self.states[index].is_moved() || self.x.is_some();
                let plot = &mut self.settings.plots[index];
                let log = toolbar::toggle(
                    ui,
                    &mut plot.log,
                    "log",
                    &format!("Logarithmic axis of plot {}", index + 1),
                );
                if log {
                    self.states[index].reset();
                }
                if moved
                    && icon_button(ui, Icon::Maximize, &format!("Show all of plot {}", index + 1)).clicked()
                {
                    self.states[index].reset();
                    self.x = None;
                }
            });
        });
        if self.settings.plots[index].versus.is_some() {
            ui.horizontal(|ui| {
                ui.add_space(space::S);
                verdict(ui, drawing, self.settings.axis);
            });
        }
        removed
    }

    fn plot_menu(&mut self, ui: &mut Ui, index: usize, drawing: &Arc<Drawing>) {
        let text = RichText::new(icon(Icon::Ellipsis));
        let button = egui::Button::new(text).frame_when_inactive(false).min_size(vec2(24.0, 22.0));
        let (response, _) = egui::containers::menu::MenuButton::from_button(button).ui(ui, |ui| {
            let plot = &mut self.settings.plots[index];
            let several = self.arranged.series.len() > 1;
            let comparing = plot.versus.is_some();
            let text = if comparing { "Show the curves again" } else { "Compare two curves" };
            let text = format!("{}  {text}", icon(Icon::GitCompareArrows));
            if ui.add_enabled(several || comparing, egui::Button::new(text)).clicked() {
                plot.versus = if comparing { None } else { series::pair(&self.arranged.series) };
                self.states[index].reset();
            }
            ui.separator();
            for format in [Format::Png, Format::Svg, Format::Csv] {
                if ui.button(format!("{}  Save as {}", icon(format.icon()), format.name())).clicked() {
                    let plot = &self.settings.plots[index];
                    let lines = drawing.lines.iter();
                    let shown: Vec<bool> =
                        lines.map(|line| comparing || self.visibility.shows(&line.key)).collect();
                    self.export.begin(export::Job {
                        format,
                        plot: index,
                        metric: plot.metric.clone(),
                        axis: self.settings.axis,
                        log: plot.log,
                        drawing: drawing.clone(),
                        shown,
                    });
                }
            }
        });
        let name = format!("Menu of plot {}", index + 1);
        response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Button, true, &name));
    }
}

/// The whole axis, with so little room that nothing is drawn on the frame.
fn edges(whole: [f64; 2]) -> [f64; 2] {
    if whole[0] < whole[1] {
        let room = 0.015 * (whole[1] - whole[0]);
        [whole[0] - room, whole[1] + room]
    } else {
        with_room(whole)
    }
}

/// Two curves to choose.
fn versus(ui: &mut Ui, plot: &mut PlotSettings, series: &[SeriesOf]) {
    let Some((a, b)) = &mut plot.versus else { return };
    for (word, chosen) in [("First curve", a), ("Second curve", b)] {
        if word == "Second curve" {
            ui.label("−");
        }
        let combo = egui::ComboBox::from_id_salt(word).selected_text(chosen.as_str()).truncate().width(110.0);
        let response = combo.show_ui(ui, |ui| {
            for one in series {
                ui.selectable_value(chosen, one.name.clone(), &one.name);
            }
        });
        response.response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::ComboBox, true, word));
    }
}

/// What the difference comes to where both curves have their last values.
fn verdict(ui: &mut Ui, drawing: &Drawing, axis: XAxis) {
    let Some(line) = drawing.lines.first() else { return };
    let (Some(value), Some(x)) = (line.ys.last(), line.xs.last()) else { return };
    let palette = Palette::of(ui);
    let number = crate::format::number;
    let mut text = format!("{} at {}", number(*value), axis::x_value(axis, *x));
    let edges = line.band.as_ref().and_then(|(low, high)| Some((*low.last()?, *high.last()?)));
    if let Some((low, high)) = edges {
        let interval = match low.is_nan() {
            true => "a seed alone has no interval".to_owned(),
            false => format!("[{}, {}]", number(low), number(high)),
        };
        text = format!("{} {interval} at {}", number(*value), axis::x_value(axis, *x));
    }
    ui.add(egui::Label::new(RichText::new(text).color(palette.weak)).truncate())
        .on_hover_text("The difference and its 95 % bootstrap interval, from drawing the seeds of each");
}
