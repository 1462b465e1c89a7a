//! All runs under the folder, as a tree.

mod filter;
mod row;
mod tree;

use std::collections::BTreeSet;

use eframe::egui::{self, Align, Button, RichText, ScrollArea, TextEdit, Ui, vec2};
use serde::{Deserialize, Serialize};

use super::Shared;
use crate::data::RunId;
use crate::theme::{Icon, Palette, icon, size, space};
use crate::widgets::icon_button;
use filter::Filter;
use row::{Columns, HEIGHT};
use tree::{Item, Rows, SortBy};

/// How the runs are listed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct RunsSettings {
    filter: String,
    sort: SortBy,
    descending: bool,
    /// Keys of groups that show no runs.
    closed: BTreeSet<String>,
}

/// The list of runs.
#[derive(Default)]
pub struct RunsPanel {
    /// What is remembered of it.
    pub settings: RunsSettings,
    rows: Rows,
    /// What the rows were made from.
    made: Option<(u64, RunsSettings)>,
    /// The runs in the plots, and for every group how many of its runs those are.
    plotted: (BTreeSet<RunId>, Vec<usize>),
    focus_search: bool,
    /// The run that was in focus when the list was last drawn.
    focus: Option<RunId>,
    /// How far it is scrolled, points.
    offset: f32,
}

/// What was done to a row, to be carried out once all rows are drawn.
enum Deed {
    Click(RunId),
    Plot(Vec<RunId>, bool),
    PlotOnly(Vec<RunId>),
    Focus(RunId),
    Toggle(String),
    ToggleAll(bool),
}

impl RunsPanel {
    /// Puts the cursor into the search field.
    pub fn search(&mut self) {
        self.focus_search = true;
    }

    /// The runs that are listed, in the order of their rows.
    pub fn order(&self) -> &[RunId] {
        &self.rows.visible
    }

    /// Draws it.
    pub fn show(&mut self, ui: &mut Ui, shared: &mut Shared<'_>) {
        ui.spacing_mut().item_spacing.y = space::XS;
        self.search_field(ui);
        self.update(shared);
        if self.rows.rows.is_empty() {
            self.nothing(ui, shared);
            return;
        }
        let columns = Columns::new(ui.available_width());
        if let Some(sort) = row::header(ui, &columns, self.settings.sort, self.settings.descending) {
            let settings = &mut self.settings;
            // Numbers begin with the largest, words with the first.
            let again = settings.sort == sort;
            settings.descending = if again { !settings.descending } else { sort > SortBy::State };
            settings.sort = sort;
        }
        let deeds = self.list(ui, shared, &columns);
        for deed in deeds {
            self.carry_out(ui, shared, deed);
        }
    }

    fn search_field(&mut self, ui: &mut Ui) {
        let palette = Palette::of(ui);
        ui.horizontal(|ui| {
            let has_text = !self.settings.filter.is_empty();
            let room = ui.available_width() - if has_text { 32.0 } else { 0.0 };
            let hint = RichText::new("Search: words, env:pong, state:running").color(palette.weak);
            let edit = TextEdit::singleline(&mut self.settings.filter)
                .hint_text(hint)
                .desired_width(room)
                .margin(egui::Margin::symmetric(8, 4));
            let response = ui.add(edit);
            response.widget_info(|| {
                let mut info = egui::WidgetInfo::labeled(egui::Role::SearchInput, true, "Search the runs");
                info.current_text_value = Some(self.settings.filter.clone());
                info
            });
            if std::mem::take(&mut self.focus_search) {
                response.request_focus();
            }
            let response = response.on_hover_text(
                "Words are looked for in experiment, script, game and folder. env: script: exp: seed: state: look in one \
                 place; a minus before a word excludes. (/)",
            );
            if response.has_focus() && ui.input(|input| input.key_pressed(egui::Key::Escape)) {
                self.settings.filter.clear();
                response.surrender_focus();
            }
            if has_text && icon_button(ui, Icon::X, "Clear the search").clicked() {
                self.settings.filter.clear();
            }
        });
    }

    /// Makes the rows anew if anything they are made from has changed.
    fn update(&mut self, shared: &Shared<'_>) {
        let settings = &self.settings;
        let fresh =
            self.made.as_ref().is_some_and(|(version, of)| *version == shared.version && of == settings);
        if !fresh {
            let filter = Filter::new(&settings.filter);
            let runs = shared.source.runs();
            // What is searched for is shown, wherever it is.
            let none = BTreeSet::new();
            let closed = if filter.is_empty() { &settings.closed } else { &none };
            self.rows = Rows::new(runs, &filter, settings.sort, settings.descending, closed);
            self.made = Some((shared.version, settings.clone()));
        }
        if !fresh || self.plotted.0 != *shared.selection.plotted() {
            let plotted = shared.selection.plotted();
            let counts = self.rows.rows.iter().map(|row| match &row.item {
                Item::Group { leaves, .. } if !plotted.is_empty() => {
                    self.rows.leaves[leaves.clone()].iter().filter(|run| plotted.contains(run)).count()
                }
                _ => 0,
            });
            self.plotted = (plotted.clone(), counts.collect());
        }
    }

    fn nothing(&mut self, ui: &mut Ui, shared: &Shared<'_>) {
        let palette = Palette::of(ui);
        ui.add_space(space::L);
        ui.vertical_centered(|ui| {
            if !shared.source.listed() {
                ui.label(RichText::new("Reading folders …").color(palette.weak));
                return;
            }
            if shared.source.runs().is_empty() {
                ui.label(RichText::new("No runs yet").color(palette.weak));
                return;
            }
            ui.label(RichText::new("No run fits the search").color(palette.weak));
            if ui.button("Clear the search").clicked() {
                self.settings.filter.clear();
            }
        });
    }

    fn list(&mut self, ui: &mut Ui, shared: &Shared<'_>, columns: &Columns) -> Vec<Deed> {
        let mut deeds = Vec::new();
        let footer = 22.0;
        let height = (ui.available_height() - footer).max(HEIGHT);
        let mut area = ScrollArea::vertical().auto_shrink(false).max_height(height);
        // A run that keys have moved to is brought into view.
        let focus = shared.selection.focus();
        if focus != self.focus {
            self.focus = focus;
            let place = self
                .rows
                .rows
                .iter()
                .position(|row| matches!(&row.item, Item::Run(run) if Some(run.id) == focus));
            let shown = (self.offset, self.offset + height);
            if let Some(place) = place
                && let Some(offset) = offset_for(place as f32 * HEIGHT, shown, height)
            {
                area = area.vertical_scroll_offset(offset);
            }
        }
        ui.scope(|ui| {
            ui.spacing_mut().item_spacing.y = 0.0;
            let output = area.show_rows(ui, HEIGHT, self.rows.rows.len(), |ui, range| {
                for place in range {
                    let row = &self.rows.rows[place];
                    match &row.item {
                        Item::Group { leaves, .. } => {
                            let count = self.plotted.1.get(place).copied().unwrap_or(0);
                            let done = row::group(ui, row, count);
                            let runs = || self.rows.leaves[leaves.clone()].to_vec();
                            group_deeds(row, done, runs, count < leaves.len(), &mut deeds);
                        }
                        Item::Run(run) => {
                            let done = row::run(ui, columns, row, run, shared);
                            run_deeds(run, done, shared, &mut deeds);
                        }
                    }
                }
            });
            self.offset = output.state.clamped_offset().y;
        });
        self.footer(ui, shared, &mut deeds);
        deeds
    }

    fn footer(&self, ui: &mut Ui, shared: &Shared<'_>, deeds: &mut Vec<Deed>) {
        let palette = Palette::of(ui);
        ui.horizontal(|ui| {
            let (listed, all) = (self.rows.leaves.len(), shared.source.runs().len());
            let runs = if all == 1 { "run" } else { "runs" };
            let text =
                if listed == all { format!("{all} {runs}") } else { format!("{listed} of {all} {runs}") };
            let plotted = shared.selection.plotted().len();
            let text = if plotted > 0 { format!("{text} · {plotted} ticked") } else { text };
            let text = RichText::new(text).color(palette.weak).size(size::SMALL);
            ui.with_layout(egui::Layout::right_to_left(Align::Center), |ui| {
                if icon_button(ui, Icon::ChevronsUpDown, "Open all groups").clicked() {
                    deeds.push(Deed::ToggleAll(true));
                }
                if icon_button(ui, Icon::ChevronsDownUp, "Close all groups").clicked() {
                    deeds.push(Deed::ToggleAll(false));
                }
                let untick =
                    Button::new(RichText::new("untick all").size(size::SMALL)).frame_when_inactive(false);
                if plotted > 0 && ui.add(untick.min_size(vec2(0.0, 20.0))).clicked() {
                    deeds.push(Deed::PlotOnly(Vec::new()));
                }
                ui.with_layout(egui::Layout::left_to_right(Align::Center), |ui| {
                    ui.add(egui::Label::new(text).truncate());
                });
            });
        });
    }

    fn carry_out(&mut self, ui: &Ui, shared: &mut Shared<'_>, deed: Deed) {
        match deed {
            Deed::Click(run) => {
                let modifiers = ui.input(|input| input.modifiers);
                shared.selection.click(run, modifiers, &self.rows.visible);
                // The row is under the pointer: nothing needs to move.
                self.focus = shared.selection.focus();
            }
            Deed::Plot(runs, plotted) => shared.selection.plot(runs, plotted),
            Deed::PlotOnly(runs) => shared.selection.plot_only(runs),
            Deed::Focus(run) => shared.selection.select(run),
            Deed::Toggle(key) => {
                if !self.settings.closed.remove(&key) {
                    self.settings.closed.insert(key);
                }
            }
            Deed::ToggleAll(true) => self.settings.closed.clear(),
            Deed::ToggleAll(false) => {
                let groups = self.rows.rows.iter().filter_map(|row| match &row.item {
                    Item::Group { key, .. } => Some(key.clone()),
                    Item::Run(_) => None,
                });
                self.settings.closed.extend(groups);
            }
        }
    }
}

/// How far to scroll so that a row is in view, unless it is.
fn offset_for(top: f32, (from, to): (f32, f32), height: f32) -> Option<f32> {
    (top < from || top + HEIGHT > to).then(|| (top - height / 2.0).max(0.0))
}

fn group_deeds(
    row: &tree::Row,
    done: row::Done,
    runs: impl Fn() -> Vec<RunId>,
    some_missing: bool,
    deeds: &mut Vec<Deed>,
) {
    let Item::Group { key, .. } = &row.item else { return };
    let toggled = done.response.clicked();
    if done.ticked {
        deeds.push(Deed::Plot(runs(), some_missing));
    } else if toggled {
        deeds.push(Deed::Toggle(key.clone()));
    }
    done.response.context_menu(|ui| {
        if ui.button(format!("{}  Plot only these", icon(Icon::ChartLine))).clicked() {
            deeds.push(Deed::PlotOnly(runs()));
            ui.close();
        }
        if ui.button(format!("{}  Add to the plots", icon(Icon::Plus))).clicked() {
            deeds.push(Deed::Plot(runs(), true));
            ui.close();
        }
        if ui.button(format!("{}  Take out of the plots", icon(Icon::Minus))).clicked() {
            deeds.push(Deed::Plot(runs(), false));
            ui.close();
        }
    });
}

fn run_deeds(run: &crate::data::RunInfo, done: row::Done, shared: &Shared<'_>, deeds: &mut Vec<Deed>) {
    if done.ticked {
        // A tick on one of several marked rows is one on all of them.
        let plotted = !shared.selection.is_plotted(run.id);
        let marked = shared.selection.is_marked(run.id) && shared.selection.marked().len() > 1;
        let runs = if marked { shared.selection.marked().iter().copied().collect() } else { vec![run.id] };
        deeds.push(Deed::Plot(runs, plotted));
    } else if done.response.clicked() {
        deeds.push(Deed::Click(run.id));
    }
    done.response.context_menu(|ui| {
        if ui.button(format!("{}  Look at it", icon(Icon::Eye))).clicked() {
            deeds.push(Deed::Focus(run.id));
            ui.close();
        }
        if ui.button(format!("{}  Plot only this", icon(Icon::ChartLine))).clicked() {
            deeds.push(Deed::PlotOnly(vec![run.id]));
            ui.close();
        }
        if ui.button(format!("{}  Copy its path", icon(Icon::Copy))).clicked() {
            ui.ctx().copy_text(run.path.display().to_string());
            ui.close();
        }
    });
}
