//! The panels, each of which shows one thing about runs.
//!
//! To add one: a module with a type that has `show`, a variant of [`PanelKind`] with its rows in the tables below, and a
//! field and an arm in [`Panels`].

mod curves;
mod runs;
mod welcome;

use eframe::egui::{Key, Ui};
use serde::{Deserialize, Serialize};

use crate::colors::Colors;
use crate::notices::Notices;
use crate::selection::Selection;
use crate::source::Source;
pub use curves::{CurvesPanel, CurvesSettings};
pub use runs::{RunsPanel, RunsSettings};

/// Which panel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum PanelKind {
    /// All runs, as a tree.
    Runs,
    /// Metrics of the plotted runs.
    Curves,
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
    pub const ALL: &[Self] = &[Self::Runs, Self::Curves];

    /// What its tab and the menu call it.
    pub fn title(self) -> &'static str {
        match self {
            Self::Runs => "Runs",
            Self::Curves => "Curves",
        }
    }

    /// Where it usually is.
    pub fn place(self) -> Place {
        match self {
            Self::Runs => Place::Left,
            Self::Curves => Place::Centre,
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
}

impl Panels {
    /// Draws one.
    pub fn show(&mut self, kind: PanelKind, ui: &mut Ui, shared: &mut Shared<'_>) {
        match kind {
            PanelKind::Runs => self.runs.show(ui, shared),
            PanelKind::Curves => self.curves.show(ui, shared),
        }
    }
}
