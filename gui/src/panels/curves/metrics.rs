//! Which metrics there are, and the list to choose one from.

use std::collections::BTreeSet;
use std::sync::Arc;

use eframe::egui::{self, Button, RichText, ScrollArea, TextEdit, Ui};

use crate::data::Curves;
use crate::theme::{Icon, Palette, icon};

/// All metrics of these runs, by name.
pub(super) fn names<'a>(curves: impl Iterator<Item = &'a Arc<Curves>>) -> Vec<Arc<str>> {
    let mut found: BTreeSet<Arc<str>> = BTreeSet::new();
    for curves in curves {
        for name in curves.series.keys() {
            if !found.contains(name) {
                found.insert(name.clone());
            }
        }
    }
    found.into_iter().collect()
}

/// A button with a metric's name, and under it a list with a search field; what was chosen from it.
pub(super) fn picker(ui: &mut Ui, label: &str, text: RichText, names: &[Arc<str>]) -> Option<Arc<str>> {
    let button =
        ui.add(Button::new((text, RichText::new(icon(Icon::ChevronDown)))).frame_when_inactive(false));
    button.widget_info(|| egui::WidgetInfo::labeled(egui::Role::ComboBox, true, label));
    let search_id = button.id.with("search");
    let mut chosen = None;
    egui::Popup::menu(&button).close_behavior(egui::PopupCloseBehavior::CloseOnClickOutside).show(|ui| {
        ui.set_width(260.0);
        let mut search: String = ui.data(|data| data.get_temp(search_id)).unwrap_or_default();
        let field = ui.add(
            TextEdit::singleline(&mut search).hint_text("Search the metrics").desired_width(f32::INFINITY),
        );
        field.widget_info(|| egui::WidgetInfo::labeled(egui::Role::SearchInput, true, "Search the metrics"));
        if button.clicked() {
            search.clear();
            field.request_focus();
        }
        let fitting: Vec<&Arc<str>> = names.iter().filter(|name| fits(name, &search)).collect();
        if field.lost_focus() && ui.input(|input| input.key_pressed(egui::Key::Enter)) {
            chosen = fitting.first().map(|name| (*name).clone());
        }
        ScrollArea::vertical().max_height(320.0).auto_shrink([false, true]).show(ui, |ui| {
            ui.spacing_mut().item_spacing.y = 1.0;
            for name in &fitting {
                let row = Button::selectable(false, name.as_ref()).truncate();
                if ui.add_sized([ui.available_width(), 22.0], row).clicked() {
                    chosen = Some((*name).clone());
                }
            }
            if fitting.is_empty() {
                ui.label(RichText::new("no metric has this in its name").color(Palette::of(ui).weak));
            }
        });
        ui.data_mut(|data| data.insert_temp(search_id, search));
        if chosen.is_some() {
            ui.close();
        }
    });
    chosen
}

/// Whether a name has all words of a search in it.
fn fits(name: &str, search: &str) -> bool {
    let name = name.to_lowercase();
    search.to_lowercase().split_whitespace().all(|word| name.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_words_must_be_in_a_name() {
        assert!(fits("grad_norm.conv1.weight", "conv1 GRAD"));
        assert!(fits("loss", ""));
        assert!(!fits("loss", "los x"));
    }

    #[test]
    fn names_of_all_runs_are_found_once() {
        let curves = |names: &[&str]| {
            let series = names.iter().map(|name| (Arc::from(*name), Default::default())).collect();
            Arc::new(Curves { series, read: 0, complete: true })
        };
        let all = [curves(&["loss", "q"]), curves(&["loss", "a"])];
        assert_eq!(names(all.iter()).iter().map(|name| &**name).collect::<Vec<_>>(), ["a", "loss", "q"]);
    }
}
