//! What all plots have in common: what a curve is, its axis, and how it is smoothed.

use eframe::egui::{Align, Button, ComboBox, Label, Layout, RichText, Role, Slider, Ui, WidgetInfo, vec2};

use super::drawing::Spread;
use super::series::Grouping;
use super::{CurvesPanel, PlotSettings};
use crate::data::XAxis;
use crate::theme::{Icon, Palette, icon, space};
use crate::widgets::{named, segmented};

/// The widest smoothing, as a share of the axis.
const WIDEST: f64 = 0.15;

impl CurvesPanel {
    pub(super) fn toolbar(&mut self, ui: &mut Ui) {
        let settings = &mut self.settings;
        ui.horizontal_wrapped(|ui| {
            let groups = [
                (Grouping::Variants, "Variants", "One curve for the seeds of a variant on a game"),
                (Grouping::Runs, "Runs", "One curve for every run"),
            ];
            segmented(ui, "Curves of", &mut settings.grouping, &groups);
            if settings.grouping == Grouping::Variants {
                band(ui, &mut settings.spread);
            }
            let axes = [
                (XAxis::Frames, "Frames", "Over frames trained"),
                (XAxis::Updates, "Updates", "Over optimizer steps"),
                (XAxis::WallTime, "Time", "Over the time of training"),
            ];
            if segmented(ui, "Axis", &mut settings.axis, &axes) {
                // What was moved to on one axis is nowhere on another.
                self.x = None;
                self.cursor = None;
            }
            smoothing(ui, &mut settings.smoothing);
            let show = ui.menu_button(icon(Icon::Eye).to_string(), |ui| {
                let mut item = |on: &mut bool, word: &str, explains: &str| {
                    ui.checkbox(on, word).on_hover_text(explains);
                };
                item(
                    &mut settings.references,
                    "References",
                    "Returns of a random player, a person, and published ones",
                );
                item(
                    &mut settings.marks,
                    "Changes",
                    "Mark where a script or a parameter changed, of up to eight runs",
                );
                let mut outliers = !settings.ignore_outliers;
                item(&mut outliers, "Outliers", "Let the axis reach to the last 4 % of the values");
                settings.ignore_outliers = !outliers;
            });
            let name = "What is shown beside the curves";
            named(show.response, Role::Button, name).on_hover_text(name);
            let add = ui.button(format!("{} Plot", icon(Icon::Plus)));
            if named(add, Role::Button, "Add a plot").clicked() {
                let taken = |name: &str| settings.plots.iter().any(|plot| &*plot.metric == name);
                let next =
                    self.arranged.names.iter().find(|name| !taken(name)).or(self.arranged.names.first());
                settings.plots.push(PlotSettings::of(next.map_or("mean_return", |name| name)));
            }
        });
    }
}

/// What the band around a variant's curve is: one of a menu, so that the bar has room in one row.
fn band(ui: &mut Ui, spread: &mut Spread) {
    let spreads = [
        (Spread::Std, "± std", "Mean, and one standard deviation over seeds"),
        (Spread::Interval, "95 %", "Mean, and its 95 % bootstrap interval over seeds"),
        (Spread::Iqm, "IQM", "Interquartile mean, and its 95 % bootstrap interval over seeds"),
    ];
    let (shown, explained) =
        spreads.iter().find(|(one, ..)| one == spread).map_or(("", ""), |(_, word, text)| (word, text));
    let combo = ComboBox::from_id_salt("band").selected_text(shown).width(58.0);
    let response = combo.show_ui(ui, |ui| {
        for (one, word, text) in spreads {
            ui.selectable_value(spread, one, format!("{word}  {text}"));
        }
    });
    let name = format!("Band: {shown}");
    named(response.response, Role::ComboBox, &name).on_hover_text(explained);
}

/// The slider's square is the width, so that there is room for fine steps where they are seen. The slider and what it says
/// go to the next row together, if there is no room for both.
fn smoothing(ui: &mut Ui, share: &mut f64) {
    const SLIDER: f32 = 90.0;
    const TEXT: f32 = 40.0;
    let size = vec2(SLIDER + space::S + TEXT, ui.spacing().interact_size.y);
    ui.allocate_ui_with_layout(size, Layout::left_to_right(Align::Center), |ui| {
        let mut place = (*share / WIDEST).max(0.0).sqrt();
        let slider = Slider::new(&mut place, 0.0..=1.0).show_value(false).step_by(0.02);
        ui.spacing_mut().slider_width = SLIDER;
        let response = ui.add(slider);
        response.widget_info(|| WidgetInfo::slider(true, place, "Smoothing"));
        if response.changed() {
            *share = place * place * WIDEST;
        }
        let text = if *share > 0.0 { format!("{:.1} %", 100.0 * *share) } else { "raw".to_owned() };
        let label = Label::new(RichText::new(text).color(Palette::of(ui).weak));
        ui.add_sized([TEXT, 20.0], label).on_hover_text(
            "Smoothing: width of the exponential mean over what came before, as a share of the axis; what was recorded stays faint behind",
        );
    });
}

/// A switch with a word; whether it was changed.
pub(super) fn toggle(ui: &mut Ui, on: &mut bool, word: &str, explains: &str) -> bool {
    let response = ui.add(Button::selectable(*on, word));
    response.widget_info(|| WidgetInfo::selected(Role::Switch, true, *on, explains));
    let clicked = response.on_hover_text(explains).clicked();
    if clicked {
        *on = !*on;
    }
    clicked
}
