//! The window: a bar, the panels, and what is drawn over them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::thread;

use eframe::egui::{
    self, Align, Context, Frame, KeyboardShortcut, Margin, Modifiers, Panel, RichText, ThemePreference, Ui,
    ViewportCommand,
};

use crate::colors::Colors;
use crate::data::{Command, RunId, RunState};
use crate::layout::Layout;
use crate::leaving::Leaving;
use crate::notices::Notices;
use crate::panels::{PanelKind, Panels, Shared};
use crate::selection::Selection;
use crate::settings::{self, SavedSelection, Settings};
use crate::shortcuts::{self, Action};
use crate::source::Source;
use crate::starting::{Starting, Wish};
use crate::theme::{self, Icon, Palette, space};
use crate::widgets::{empty, icon_button, segmented};

/// The scale of everything.
const ZOOM: [f32; 6] = [1.0, 1.1, 1.25, 1.5, 1.75, 2.0];
/// Seconds between two looks at whether what is remembered has changed.
const REMEMBER_EVERY: f64 = 5.0;

/// The whole monitor.
pub struct Monitor {
    source: Box<dyn Source>,
    /// Where settings are kept; nowhere in tests.
    path: Option<PathBuf>,
    settings: Settings,
    layout: Layout,
    panels: Panels,
    selection: Selection,
    notices: Notices,
    starting: Starting,
    leaving: Leaving,
    colors: Colors,
    /// Grows whenever the source has something new.
    version: u64,
    help: bool,
    /// Runs that are to be chosen as soon as they are known, those among them that were chosen and are out of reach.
    awaited: SavedSelection,
    /// Whether every run has been listed once: what was remembered and is not among them will not come.
    listed: bool,
    /// Where the chosen runs are: of one that is gone the source does not tell.
    paths: BTreeMap<RunId, PathBuf>,
    /// What was last said to the source.
    told: Option<(Vec<RunId>, Option<RunId>)>,
    /// The text of the settings as they were last written, and when.
    written: (String, f64),
}

impl Monitor {
    /// Begins with what is remembered; `select` is the folder of a run to look at first.
    pub fn new(
        ctx: &Context,
        source: Box<dyn Source>,
        path: Option<PathBuf>,
        select: Option<PathBuf>,
    ) -> Self {
        theme::install(ctx);
        // Its range and its steps are our own.
        ctx.options_mut(|options| options.zoom_with_keyboard = false);
        let mut settings = path.as_deref().map(Settings::load).unwrap_or_default();
        ctx.set_theme(settings.theme);
        ctx.set_zoom_factor(settings.zoom.filter(|zoom| zoom.is_finite()).unwrap_or(1.0).clamp(1.0, 2.0));
        let mut awaited = settings.selections.get(source.root()).cloned().unwrap_or_default();
        if select.is_some() {
            awaited.focus = select;
        }
        let mut panels = Panels::default();
        panels.runs.settings = settings.runs.clone();
        panels.curves.settings = settings.curves.clone();
        let layout = settings.layout.take().filter(|layout| !layout.is_empty()).unwrap_or_default();
        Self {
            source,
            path,
            settings,
            layout,
            panels,
            selection: Selection::default(),
            notices: Notices::default(),
            starting: Starting::default(),
            leaving: Leaving::default(),
            colors: Colors::default(),
            version: 0,
            help: false,
            awaited,
            listed: false,
            paths: BTreeMap::new(),
            told: None,
            written: (String::new(), 0.0),
        }
    }

    /// Which runs are chosen.
    pub fn selection(&self) -> &Selection {
        &self.selection
    }

    /// Which runs are chosen, to be changed.
    pub fn selection_mut(&mut self) -> &mut Selection {
        &mut self.selection
    }

    /// What the panels keep.
    pub fn panels(&mut self) -> &mut Panels {
        &mut self.panels
    }

    /// The runs.
    pub fn source(&mut self) -> &mut dyn Source {
        &mut *self.source
    }

    /// Where the panels are.
    pub fn layout(&mut self) -> &mut Layout {
        &mut self.layout
    }

    /// Whether something is still being computed.
    pub fn busy(&self) -> bool {
        self.panels.curves.is_busy()
    }

    /// Draws a frame.
    pub fn show(&mut self, ui: &mut Ui) {
        let is_new = self.source.poll();
        if is_new {
            self.version += 1;
            self.let_go();
        }
        if is_new || self.told.is_none() {
            self.choose_awaited();
        }
        for notice in self.source.take_notices() {
            if notice.is_error { self.notices.error(notice.text) } else { self.notices.info(notice.text) }
        }
        self.act(ui.ctx());
        self.bar(ui);
        let palette = Palette::of(ui);
        let ground =
            Frame::new().fill(palette.ground).inner_margin(Margin { left: 5, right: 5, top: 0, bottom: 5 });
        egui::CentralPanel::default().frame(ground).show(ui, |ui| self.desk(ui));
        if self.help && shortcuts::sheet(ui.ctx()) {
            self.help = false;
        }
        self.starting.show(ui.ctx(), &*self.source, &mut self.notices);
        self.leaving.show(ui.ctx(), self.panels.script.panel());
        self.notices.show_errors(ui.ctx());
        self.tell();
        self.remember(ui.ctx());
    }

    fn desk(&mut self, ui: &mut Ui) {
        if self.layout.is_empty() {
            empty(ui, "All panels are closed", "Open one in the menu Panels.");
        } else {
            let Self { source, selection, notices, colors, layout, panels, version, starting, .. } = self;
            let wishes = &mut starting.wishes;
            let (source, version) = (&mut **source, *version);
            let mut shared = Shared { source, selection, notices, colors, version, wishes };
            panels.curves.arrange(&mut shared);
            layout.show(ui, panels, &mut shared);
        }
    }

    /// Lets go of chosen runs that are gone, until they are back.
    fn let_go(&mut self) {
        let there: BTreeSet<RunId> = self.source.runs().iter().map(|run| run.id).collect();
        let gone = |run: &RunId| self.paths.get(run).filter(|_| !there.contains(run)).cloned();
        if let Some(focus) = self.selection.focus().as_ref().and_then(gone) {
            self.awaited.focus = Some(focus);
        }
        self.awaited.plotted.extend(self.selection.plotted().iter().filter_map(gone));
        self.selection.retain(|run| there.contains(&run));
    }

    fn choose_awaited(&mut self) {
        let runs = self.source.runs();
        // A folder without any may be one that is out of reach.
        let is_first = !self.listed && self.source.listed() && !runs.is_empty();
        self.listed |= is_first;
        if self.awaited == SavedSelection::default() {
            return;
        }
        let ids: BTreeMap<&Path, RunId> = runs.iter().map(|run| (&*run.path, run.id)).collect();
        let find = |path: &PathBuf| ids.get(path.as_path()).copied();
        if let Some(run) = self.awaited.focus.as_ref().and_then(find) {
            // By now the user may look at another.
            if self.selection.focus().is_none() {
                self.selection.select(run);
            }
            self.awaited.focus = None;
        }
        let (found, missing): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.awaited.plotted).into_iter().partition(|path| find(path).is_some());
        self.selection.plot(found.iter().filter_map(find), true);
        if !is_first {
            self.awaited.plotted = missing;
        }
    }

    /// Says to the source what is chosen, if that is new.
    fn tell(&mut self) {
        let now = (self.selection.shown().iter().copied().collect::<Vec<_>>(), self.selection.focus());
        if self.told.as_ref() != Some(&now) {
            self.source.plot(&now.0);
            self.source.focus(now.1);
            let path = |run: &RunId| Some((*run, self.source.run(*run)?.path.to_path_buf()));
            self.paths = now.0.iter().chain(&now.1).filter_map(path).collect();
            self.told = Some(now);
        }
    }

    fn act(&mut self, ctx: &Context) {
        for kind in PanelKind::ALL {
            let shortcut = kind.key().map(|key| KeyboardShortcut::new(Modifiers::COMMAND, key));
            if shortcut.is_some_and(|shortcut| ctx.input_mut(|input| input.consume_shortcut(&shortcut))) {
                self.layout.open(*kind);
            }
        }
        for action in shortcuts::actions(ctx) {
            match action {
                Action::Help => self.help = !self.help,
                Action::Search => {
                    self.layout.open(PanelKind::Runs);
                    self.panels.runs.search();
                }
                Action::NextRun => self.selection.step(1, self.panels.runs.order()),
                Action::PreviousRun => self.selection.step(-1, self.panels.runs.order()),
                Action::TogglePlot => {
                    let marked = self.selection.marked().clone();
                    let plotted = !marked.iter().all(|run| self.selection.is_plotted(*run));
                    self.selection.plot(marked, plotted);
                }
                Action::NewRun => self.starting.wishes.push(Wish::New),
                Action::Pause => self.pause_or_go_on(),
                Action::Step => self.step(),
                Action::ZoomIn => zoom(ctx, 1),
                Action::ZoomOut => zoom(ctx, -1),
                Action::ZoomReset => ctx.set_zoom_factor(1.0),
                Action::Theme => {
                    let next = match ctx.options(|options| options.theme_preference) {
                        ThemePreference::Light => ThemePreference::Dark,
                        ThemePreference::Dark => ThemePreference::System,
                        ThemePreference::System => ThemePreference::Light,
                    };
                    ctx.set_theme(next);
                }
                Action::Quit => ctx.send_viewport_cmd(ViewportCommand::Close),
            }
        }
    }

    /// The run in focus, if a process is there that takes requests.
    fn living(&self) -> Option<(RunId, RunState)> {
        let run = self.source.run(self.selection.focus()?)?;
        run.state.lives().then_some((run.id, run.state))
    }

    fn pause_or_go_on(&mut self) {
        if let Some((run, state)) = self.living() {
            self.source.send(run, Command::Pause(state != RunState::Paused));
        }
    }

    fn step(&mut self) {
        if let Some((run, RunState::Paused)) = self.living() {
            self.source.send(run, Command::Step);
        }
    }

    fn bar(&mut self, ui: &mut Ui) {
        let palette = Palette::of(ui);
        let frame =
            Frame::new().fill(palette.ground).inner_margin(Margin { left: 14, right: 10, top: 6, bottom: 6 });
        Panel::top("bar").frame(frame).show_separator_line(false).show(ui, |ui| {
            ui.horizontal(|ui| {
                ui.label(RichText::new("Kelvin").color(palette.accent));
                ui.label(RichText::new(self.source.root().display().to_string()).color(palette.weak));
                ui.add_space(space::S);
                self.summary(ui);
                ui.with_layout(egui::Layout::right_to_left(Align::Center), |ui| {
                    if icon_button(
                        ui,
                        Icon::Keyboard,
                        &format!("Keys and mouse ({})", shortcuts::shown(Action::Help)),
                    )
                    .clicked()
                    {
                        self.help = !self.help;
                    }
                    self.view_menu(ui);
                    self.panels_menu(ui);
                    if ui.button("New run…").on_hover_text("Train a script (N)").clicked() {
                        self.starting.wishes.push(Wish::New);
                    }
                    ui.with_layout(egui::Layout::left_to_right(Align::Center), |ui| {
                        ui.add_space(space::S);
                        self.notices.show_done(ui);
                    });
                });
            });
        });
    }

    /// How many runs there are, and how many of those ask for somebody.
    fn summary(&self, ui: &mut Ui) {
        let palette = Palette::of(ui);
        let runs = self.source.runs();
        let count = |states: &[RunState]| runs.iter().filter(|run| states.contains(&run.state)).count();
        let part = |ui: &mut Ui, number: usize, word: &str, color| {
            if number > 0 {
                ui.label(RichText::new(format!("{number} {word}")).color(color));
            }
        };
        part(ui, runs.len(), if runs.len() == 1 { "run" } else { "runs" }, palette.text);
        part(ui, count(&[RunState::Running, RunState::Evaluating]), "running", palette.good);
        part(ui, count(&[RunState::Paused]), "paused", palette.warn);
        part(ui, count(&[RunState::Stalled]), "stalled", palette.warn);
        part(ui, count(&[RunState::Failed, RunState::Damaged]), "failed", palette.bad);
        if !self.source.listed() {
            ui.label(RichText::new("reading folders …").color(palette.weak));
        }
    }

    fn panels_menu(&mut self, ui: &mut Ui) {
        ui.menu_button("Panels", |ui| {
            for kind in PanelKind::ALL {
                let mut open = self.layout.is_open(*kind);
                if ui.checkbox(&mut open, kind.title()).clicked() {
                    if open { self.layout.open(*kind) } else { self.layout.close(*kind) }
                }
            }
            ui.separator();
            if ui.button("Reset the layout").clicked() {
                self.layout = Layout::default();
            }
        });
    }

    fn view_menu(&mut self, ui: &mut Ui) {
        ui.menu_button("View", |ui| {
            let ctx = ui.ctx().clone();
            ui.label("Colours");
            let mut theme = ctx.options(|options| options.theme_preference);
            let choices = [
                (ThemePreference::Light, "Light", ""),
                (ThemePreference::Dark, "Dark", ""),
                (ThemePreference::System, "System", "As the desktop has it"),
            ];
            if segmented(ui, "Colours", &mut theme, &choices) {
                ctx.set_theme(theme);
            }
            ui.add_space(space::XS);
            ui.label("Size");
            let mut factor = ctx.zoom_factor();
            let names = ZOOM.map(|zoom| format!("{:.0} %", 100.0 * zoom));
            let choices: Vec<_> =
                ZOOM.iter().zip(&names).map(|(zoom, name)| (*zoom, name.as_str(), "")).collect();
            if segmented(ui, "Size", &mut factor, &choices) {
                ctx.set_zoom_factor(factor);
            }
        });
    }

    /// Brings what is remembered up to date, and writes it now and then, off this thread.
    fn remember(&mut self, ctx: &Context) {
        let Some(path) = self.path.clone() else { return };
        let now = ctx.input(|input| input.time);
        if now - self.written.1 < REMEMBER_EVERY || ctx.input(|input| input.pointer.any_down()) {
            return;
        }
        self.written.1 = now;
        let text = self.settings_text(ctx);
        if text != self.written.0 {
            self.written.0.clone_from(&text);
            // What cannot be written is forgotten: nothing else depends on it.
            thread::spawn(move || settings::write(&path, &text).ok());
        }
    }

    fn settings_text(&mut self, ctx: &Context) -> String {
        self.settings.theme = ctx.options(|options| options.theme_preference);
        self.settings.zoom = Some(ctx.zoom_factor());
        self.settings.layout = Some(self.layout.clone());
        self.settings.runs = self.panels.runs.settings.clone();
        self.settings.curves = self.panels.curves.settings.clone();
        let path = |run: &RunId| Some(self.source.run(*run)?.path.to_path_buf());
        let mut chosen = SavedSelection {
            focus: self.selection.focus().as_ref().and_then(path),
            plotted: self.selection.plotted().iter().filter_map(path).collect(),
        };
        chosen.focus = chosen.focus.or_else(|| self.awaited.focus.clone());
        chosen.plotted.extend(self.awaited.plotted.iter().cloned());
        let root = self.source.root().to_owned();
        self.settings.remember(&root, chosen);
        self.settings.to_text()
    }

    /// Writes what is remembered before the window closes.
    pub fn close(&mut self, ctx: &Context) {
        if let Some(path) = self.path.clone() {
            let text = self.settings_text(ctx);
            settings::write(&path, &text).ok();
        }
    }
}

/// One step larger or smaller.
fn zoom(ctx: &Context, by: isize) {
    let now = ctx.zoom_factor();
    let nearest = (0..ZOOM.len()).min_by(|a, b| (ZOOM[*a] - now).abs().total_cmp(&(ZOOM[*b] - now).abs()));
    let next = nearest.unwrap_or(0).saturating_add_signed(by).min(ZOOM.len() - 1);
    ctx.set_zoom_factor(ZOOM[next]);
}

/// The monitor as a window of the desktop.
pub struct Window {
    monitor: Monitor,
    ctx: Context,
}

impl Window {
    /// A window that shows a monitor.
    pub fn new(ctx: &Context, monitor: Monitor) -> Self {
        Self { monitor, ctx: ctx.clone() }
    }
}

impl eframe::App for Window {
    fn ui(&mut self, ui: &mut Ui, _frame: &mut eframe::Frame) {
        self.monitor.show(ui);
    }

    fn on_exit(&mut self) {
        self.monitor.close(&self.ctx);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    use kelvin_run::Event;

    use crate::data::{Curves, Focus, Notice, Progress, RunInfo};

    /// A list of runs and nothing else.
    struct List(Vec<Arc<RunInfo>>);

    impl Source for List {
        fn root(&self) -> &Path {
            Path::new("/runs")
        }
        fn poll(&mut self) -> bool {
            true
        }
        fn listed(&self) -> bool {
            true
        }
        fn runs(&self) -> &[Arc<RunInfo>] {
            &self.0
        }
        fn plot(&mut self, _: &[RunId]) {}
        fn curves(&self, _: RunId) -> Option<&Arc<Curves>> {
            None
        }
        fn events(&self, _: RunId) -> Option<&Arc<[Event]>> {
            None
        }
        fn focus(&mut self, _: Option<RunId>) {}
        fn focused(&self) -> Option<&Focus> {
            None
        }
        fn send(&mut self, _: RunId, _: Command) {}
        fn take_notices(&mut self) -> Vec<Notice> {
            Vec::new()
        }
    }

    fn list(ids: &[u32]) -> Box<List> {
        let info = |id: &u32| RunInfo {
            id: RunId(*id),
            path: Path::new(&format!("/runs/{id}")).into(),
            experiment: "".into(),
            label: "dqn".into(),
            script: "".into(),
            env: "pong".into(),
            seed: 0,
            state: RunState::Done,
            progress: Progress::default(),
            silent: None,
            warning: None,
        };
        Box::new(List(ids.iter().map(|id| Arc::new(info(id))).collect()))
    }

    /// Shows a frame with these runs.
    fn frame(monitor: &mut Monitor, ctx: &Context, ids: &[u32]) {
        monitor.source = list(ids);
        let _ = ctx.run_ui(egui::RawInput::default(), |ui| monitor.show(ui));
    }

    #[test]
    fn runs_that_are_out_of_reach_for_a_while_are_chosen_again() {
        let ctx = Context::default();
        let mut monitor = Monitor::new(&ctx, list(&[0, 1, 2]), None, None);
        frame(&mut monitor, &ctx, &[0, 1, 2]);
        monitor.selection.select(RunId(1));
        monitor.selection.plot([RunId(0), RunId(2)], true);
        frame(&mut monitor, &ctx, &[0, 1, 2]);
        let chosen = monitor.selection.clone();
        for _ in 0..2 {
            frame(&mut monitor, &ctx, &[]);
            assert_eq!((monitor.selection.focus(), monitor.selection.plotted().len()), (None, 0));
            // And that is what is remembered.
            monitor.settings_text(&ctx);
            let saved = &monitor.settings.selections[Path::new("/runs")];
            assert_eq!(saved.focus.as_deref(), Some(Path::new("/runs/1")));
            assert_eq!(saved.plotted, [Path::new("/runs/0"), Path::new("/runs/2")]);
        }
        frame(&mut monitor, &ctx, &[0, 1]);
        frame(&mut monitor, &ctx, &[0, 1, 2]);
        assert_eq!(monitor.selection, chosen);
        // Who looks at another run meanwhile goes on looking at it.
        frame(&mut monitor, &ctx, &[0, 2]);
        monitor.selection.select(RunId(2));
        frame(&mut monitor, &ctx, &[0, 1, 2]);
        assert_eq!(monitor.selection.focus(), Some(RunId(2)));
    }

    #[test]
    fn what_was_remembered_and_is_not_there_is_forgotten() {
        let ctx = Context::default();
        let mut monitor = Monitor::new(&ctx, list(&[0]), None, None);
        monitor.awaited.plotted = vec!["/runs/0".into(), "/runs/gone".into()];
        // A folder that is out of reach.
        frame(&mut monitor, &ctx, &[]);
        assert_eq!(monitor.awaited.plotted.len(), 2);
        frame(&mut monitor, &ctx, &[0]);
        assert_eq!((monitor.awaited.plotted.len(), monitor.selection.plotted().len()), (0, 1));
    }
}
