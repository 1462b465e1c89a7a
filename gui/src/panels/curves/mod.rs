//! Metrics of the plotted runs over their training.

use eframe::egui::Ui;
use serde::{Deserialize, Serialize};

use super::Shared;
use crate::widgets::empty;

/// Which curves are drawn, and how.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct CurvesSettings {}

/// The plots.
#[derive(Default)]
pub struct CurvesPanel {
    /// What is remembered of it.
    pub settings: CurvesSettings,
}

impl CurvesPanel {
    /// Draws it.
    pub fn show(&mut self, ui: &mut Ui, shared: &mut Shared<'_>) {
        let _ = shared;
        empty(ui, "No run is plotted", "Tick runs in the list.");
    }
}
