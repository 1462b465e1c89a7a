//! The panels, each of which shows one thing about runs.
//!
//! To add one: a module with a type that has `show`, a variant of [`PanelKind`] with its rows in the tables below, and a
//! field and an arm in [`Panels`].

mod control;
mod curves;
mod events;
mod health;
mod live;
mod params;
mod runs;
mod welcome;

use eframe::egui::{Key, Ui};
use serde::{Deserialize, Serialize};

use crate::colors::Colors;
use crate::notices::Notices;
use crate::script::{FocusedScript, ScriptAction};
use crate::selection::Selection;
use crate::source::Source;
use crate::starting::Wish;
use crate::widgets::empty;
pub use control::ControlPanel;
pub use curves::{CurvesPanel, CurvesSettings};
pub use events::EventsPanel;
pub use live::LivePanel;
pub use params::ParamsPanel;
pub use runs::{RunsPanel, RunsSettings};

/// Which panel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum PanelKind {
    /// All runs, as a tree.
    Runs,
    /// Metrics of the plotted runs.
    Curves,
    /// The script of the run in focus.
    Script,
    /// What happened to the run in focus.
    Events,
    /// Whether it is well.
    Health,
    /// The game as its agent sees it.
    Live,
    /// Its script's parameters.
    Params,
    /// Pause, step, stop.
    Control,
}

/// Where a panel usually is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// The list.
    Left,
    /// What needs room.
    Centre,
    /// What the run in focus shows.
    RightTop,
    /// What steers it.
    RightBottom,
}

impl PanelKind {
    /// All of them, in the order of their tabs.
    pub const ALL: &[Self] = &[
        Self::Runs,
        Self::Curves,
        Self::Script,
        Self::Events,
        Self::Health,
        Self::Live,
        Self::Params,
        Self::Control,
    ];

    /// What its tab and the menu call it.
    pub fn title(self) -> &'static str {
        match self {
            Self::Runs => "Runs",
            Self::Curves => "Curves",
            Self::Script => "Script",
            Self::Events => "Events",
            Self::Health => "Health",
            Self::Live => "Live",
            Self::Params => "Parameters",
            Self::Control => "Control",
        }
    }

    /// Where it usually is.
    pub fn place(self) -> Place {
        match self {
            Self::Runs => Place::Left,
            Self::Curves | Self::Script | Self::Events | Self::Health => Place::Centre,
            Self::Live => Place::RightTop,
            Self::Params | Self::Control => Place::RightBottom,
        }
    }

    /// What a run has to be selected for, where the panel shows one run.
    fn purpose(self) -> Option<&'static str> {
        match self {
            Self::Runs | Self::Curves => None,
            Self::Script => Some("to edit its script"),
            Self::Events => Some("to read what happened to it"),
            Self::Health => Some("to see how it is"),
            Self::Live => Some("to watch it play"),
            Self::Params => Some("to turn its parameters"),
            Self::Control => Some("to steer it"),
        }
    }

    /// The digit that, with Ctrl, brings it to the front.
    pub fn key(self) -> Option<Key> {
        const KEYS: [Key; 9] = [
            Key::Num1,
            Key::Num2,
            Key::Num3,
            Key::Num4,
            Key::Num5,
            Key::Num6,
            Key::Num7,
            Key::Num8,
            Key::Num9,
        ];
        let place = Self::ALL.iter().position(|kind| *kind == self)?;
        KEYS.get(place).copied()
    }
}

/// What every panel may look at and ask for.
pub struct Shared<'a> {
    /// The runs.
    pub source: &'a mut dyn Source,
    /// Which of them are chosen.
    pub selection: &'a mut Selection,
    /// The corner of the window where something can be said.
    pub notices: &'a mut Notices,
    /// What is to be started after this frame.
    pub wishes: &'a mut Vec<Wish>,
    /// Which curve has which colour.
    pub colors: &'a mut Colors,
    /// Grows whenever the source has something new.
    pub version: u64,
}

/// What the panels keep from frame to frame.
#[derive(Default)]
pub struct Panels {
    /// All runs, as a tree.
    pub runs: RunsPanel,
    /// Metrics of the plotted runs.
    pub curves: CurvesPanel,
    /// The script of the run in focus.
    pub script: FocusedScript,
    /// What happened to the run in focus.
    pub events: EventsPanel,
    /// The game as its agent sees it.
    pub live: LivePanel,
    /// Its script's parameters.
    pub params: ParamsPanel,
    /// Pause, step, stop.
    pub control: ControlPanel,
}

impl Panels {
    /// Draws one.
    pub fn show(&mut self, kind: PanelKind, ui: &mut Ui, shared: &mut Shared<'_>) {
        let focus = shared.source.focused();
        match (kind, focus) {
            (PanelKind::Runs, _) => self.runs.show(ui, shared),
            (PanelKind::Curves, _) => self.curves.show(ui, shared),
            (_, None) => unfocused(ui, kind, shared),
            (PanelKind::Script, Some(_)) => script(&mut self.script, ui, shared),
            (PanelKind::Events, Some(focus)) => self.events.show(ui, focus),
            (PanelKind::Health, Some(focus)) => health::show(ui, focus),
            (PanelKind::Live, Some(focus)) => self.live.show(ui, focus),
            (PanelKind::Params, Some(_)) => self.params.show(ui, shared),
            (PanelKind::Control, Some(_)) => self.control.show(ui, shared),
        }
    }
}

/// What a panel of one run says while there is none to show.
fn unfocused(ui: &mut Ui, kind: PanelKind, shared: &Shared<'_>) {
    let chosen = shared.selection.focus().and_then(|run| shared.source.run(run));
    match (chosen, kind.purpose()) {
        (Some(run), _) => {
            let name = format!("{} on {}, seed {}", run.label, run.env, run.seed);
            empty(ui, "Reading the run …", &name);
        }
        (None, _) if shared.source.listed() && shared.source.runs().is_empty() => {
            empty(ui, "No run yet", "New run… starts one; it appears in the list by itself.");
        }
        (None, purpose) => {
            let hint = format!("Select a run in the list {}.", purpose.unwrap_or_default());
            empty(ui, "No run is selected", &hint);
        }
    }
}

/// Draws the script of the run in focus, and tells what was done to it.
fn script(panel: &mut FocusedScript, ui: &mut Ui, shared: &mut Shared<'_>) {
    let focus = shared.source.focused();
    let (Some(run), Some(focus)) = (focus.and_then(|focus| shared.source.run(focus.id)), focus) else {
        return;
    };
    for action in panel.show(ui, run, focus, shared.source.runs()) {
        match action {
            ScriptAction::Applied { path } => {
                shared.notices.info(format!("{} is written; runs that live take it up", path.display()));
            }
            ScriptAction::Failed(why) => shared.notices.error(why),
        }
    }
}
