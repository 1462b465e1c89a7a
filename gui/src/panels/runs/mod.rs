//! All runs under the folder, as a tree.

use eframe::egui::Ui;
use serde::{Deserialize, Serialize};

use super::Shared;
use crate::data::RunId;

/// How the runs are listed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct RunsSettings {}

/// The list of runs.
#[derive(Default)]
pub struct RunsPanel {
    /// What is remembered of it.
    pub settings: RunsSettings,
    focus_search: bool,
    order: Vec<RunId>,
}

impl RunsPanel {
    /// Puts the cursor into the search field.
    pub fn search(&mut self) {
        self.focus_search = true;
    }

    /// The runs that are listed, in the order of their rows.
    pub fn order(&self) -> &[RunId] {
        &self.order
    }

    /// Draws it.
    pub fn show(&mut self, ui: &mut Ui, shared: &mut Shared<'_>) {
        for run in shared.source.runs() {
            ui.label(&*run.label);
        }
    }
}
