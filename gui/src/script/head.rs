//! What stands above the text: which script it is, what can be done with it, and what somebody has to decide.

use eframe::egui::{Align, Button, ComboBox, Frame, Layout, Margin, RichText, Role, Stroke, Ui};
use kelvin_run::{ObjectiveVersion, grouped};

use super::ScriptContext;
use super::panel::Tab;
use super::session::{Holding, Session};
use crate::theme::{Icon, Palette, size, space};
use crate::widgets::{icon_button, named, segmented};

/// What somebody asks for here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asked {
    /// Write the text.
    Apply,
    /// Put what the file holds into the editor.
    RevertToDisk,
    /// Put a recorded version into the editor, by its place in the list.
    RevertTo(usize),
    /// Take over what somebody else wrote.
    Reload,
    /// Let this text go over what somebody else wrote.
    KeepMine,
    /// Show what somebody else wrote.
    ShowTheirs,
    /// Another version is to be read.
    Version,
}

/// The first letters of a hash.
pub fn short(hash: &str) -> &str {
    hash.get(..8).unwrap_or(hash)
}

/// What a version is called: `3f9a01bc, from update 1,500`.
pub fn version_name(version: &ObjectiveVersion) -> String {
    format!("{}, from update {}", short(&version.hash), grouped(version.update))
}

/// Draws it.
pub fn show(
    ui: &mut Ui,
    session: &Session,
    context: &ScriptContext<'_>,
    tab: &mut Tab,
    version: &mut Option<usize>,
) -> Vec<Asked> {
    let mut asked = Vec::new();
    ui.horizontal(|ui| {
        let tabs = [
            (Tab::Text, "Script", "The text (Alt 1)"),
            (Tab::Diff, "Diff", "How it differs from another version (Alt 2)"),
            (Tab::Wgsl, "WGSL", "The kernel that it becomes (Alt 3)"),
            (Tab::Graph, "Graph", "What it records (Alt 4)"),
        ];
        segmented(ui, "Show", tab, &tabs);
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| match &session.holding {
            Holding::Editing(_) => buttons(ui, session, context, &mut asked),
            Holding::Reading { .. } => versions(ui, context, version, &mut asked),
            Holding::Waiting => {}
        });
    });
    ui.add_space(space::XS);
    title(ui, session, context);
    banner(ui, session, context, &mut asked);
    ui.add_space(space::XS);
    asked
}

fn buttons(ui: &mut Ui, session: &Session, context: &ScriptContext<'_>, asked: &mut Vec<Asked>) {
    let palette = Palette::of(ui);
    let document = session.document();
    let is_edited = document.is_some_and(|document| document.is_edited());
    let is_gone = session.failure.is_some();
    let can =
        (is_edited || is_gone) && !session.is_saving && document.is_some_and(|d| d.conflict().is_none());
    // The one button that does something to a run stands out while there is something to do.
    let text = RichText::new("Apply").strong();
    let button = match can {
        true => Button::new(text.color(palette.panel)).fill(palette.accent),
        false => Button::new("Apply"),
    };
    let taken_up = match (context.lives, others(context.shared_by)) {
        (true, None) => "the run takes it up between two updates".to_owned(),
        (true, Some(others)) => format!("the run and {others} take it up between two updates"),
        (false, None) => "no run that trains at the moment takes it up".to_owned(),
        (false, Some(others)) => {
            format!("this run does not train at the moment, but {others} with this script")
        }
    };
    let hint = format!("Write the file; {taken_up} (Ctrl S)");
    let response = ui.add_enabled(can, button).on_hover_text(hint);
    let response = response
        .on_disabled_hover_text("Nothing to write: the file holds this text, or has to be decided on");
    if named_if(response, can, "Apply the script").clicked() {
        asked.push(Asked::Apply);
    }
    let menu = ui.menu_button("Revert", |ui| {
        ui.set_min_width(230.0);
        if ui.add_enabled(is_edited, Button::new("To the file on disk")).clicked() {
            asked.push(Asked::RevertToDisk);
            ui.close();
        }
        ui.separator();
        ui.label(RichText::new("To a version of this run").size(size::SMALL).color(palette.weak));
        for (index, version) in context.versions.iter().enumerate().rev() {
            let is_current = session.hash.as_deref() == Some(version.hash.as_str());
            let runs = if index + 1 == context.versions.len() { ", in force" } else { "" };
            let button = Button::new(format!("{}{runs}", version_name(version)));
            if ui.add_enabled(!is_current, button).clicked() {
                asked.push(Asked::RevertTo(index));
                ui.close();
            }
        }
    });
    named(menu.response, Role::Button, "Revert the script");
}

/// Other runs with the same script, counted.
fn others(count: usize) -> Option<String> {
    match count {
        0 => None,
        1 => Some("1 other run".to_owned()),
        many => Some(format!("{} other runs", grouped(many as u64))),
    }
}

/// A button's name where it may be out of use.
fn named_if(response: eframe::egui::Response, enabled: bool, name: &str) -> eframe::egui::Response {
    response.widget_info(|| eframe::egui::WidgetInfo::labeled(Role::Button, enabled, name));
    response
}

fn versions(ui: &mut Ui, context: &ScriptContext<'_>, version: &mut Option<usize>, asked: &mut Vec<Asked>) {
    let last = context.versions.len().checked_sub(1);
    let Some(current) = version.or(last) else { return };
    let name = |index: usize| context.versions.get(index).map(version_name).unwrap_or_default();
    let combo = ComboBox::from_id_salt("version").selected_text(name(current)).width(190.0);
    let response = combo.show_ui(ui, |ui| {
        for index in (0..context.versions.len()).rev() {
            if ui.selectable_label(index == current, name(index)).clicked() {
                *version = (Some(index) != last).then_some(index);
                asked.push(Asked::Version);
            }
        }
    });
    named(response.response, Role::ComboBox, "Version of the script");
}

fn title(ui: &mut Ui, session: &Session, context: &ScriptContext<'_>) {
    let palette = Palette::of(ui);
    let path = session.script.as_deref();
    let recorded = context.versions.last().map(|version| version.script.as_path());
    let name =
        path.or(recorded).and_then(|path| path.file_name()).map(|name| name.to_string_lossy().into_owned());
    ui.horizontal_wrapped(|ui| {
        let label = ui.label(RichText::new(name.unwrap_or_else(|| "script".to_owned())).strong());
        if let Some(path) = path {
            label.on_hover_text(path.display().to_string());
        }
        ui.label(RichText::new(context.run_name).color(palette.weak));
        if let Some(others) = others(context.shared_by) {
            ui.label(RichText::new(format!("and {others}")).color(palette.weak))
                .on_hover_text("They train now and have the same script: what is applied, they take up too");
        }
        let document = session.document();
        if session.is_saving {
            chip(ui, "writing", palette.weak);
        } else if document.is_some_and(|document| document.conflict().is_some()) {
            chip(ui, "conflict", palette.bad);
        } else if document.is_some_and(|document| document.is_edited()) {
            chip(ui, "not applied", palette.warn);
        } else if document.is_none() {
            chip(ui, "read only", palette.weak);
        }
    });
}

/// A word with an edge around it.
fn chip(ui: &mut Ui, word: &str, color: eframe::egui::Color32) {
    let frame = Frame::new()
        .stroke(Stroke::new(1.0, color))
        .corner_radius(8)
        .inner_margin(Margin::symmetric(space::S as i8 - 1, 0));
    frame.show(ui, |ui| ui.label(RichText::new(word).size(size::SMALL).color(color)));
}

/// What somebody has to decide, or should know before typing.
fn banner(ui: &mut Ui, session: &Session, context: &ScriptContext<'_>, asked: &mut Vec<Asked>) {
    let palette = Palette::of(ui);
    let color = |bad: bool| if bad { palette.bad } else { palette.warn };
    let frame = |bad: bool| {
        let stroke = Stroke::new(1.0, color(bad));
        Frame::new()
            .fill(palette.raised)
            .stroke(stroke)
            .corner_radius(6)
            .inner_margin(Margin::symmetric(10, 6))
    };
    if session.document().is_some_and(|document| document.conflict().is_some()) {
        ui.add_space(space::XS);
        frame(true).show(ui, |ui| {
            ui.set_min_width(ui.available_width());
            ui.horizontal_wrapped(|ui| {
                ui.label(
                    RichText::new("The file was changed by somebody else while you edited.")
                        .color(palette.bad),
                );
                for (word, what, hint) in [
                    ("Compare", Asked::ShowTheirs, "Show what differs between the file and your text"),
                    ("Reload", Asked::Reload, "Take over the file; Ctrl Z brings your text back"),
                    ("Keep mine", Asked::KeepMine, "Go on with your text; Apply writes it over the file"),
                ] {
                    if ui.button(word).on_hover_text(hint).clicked() {
                        asked.push(what);
                    }
                }
            });
        });
    }
    if let Some(failure) = &session.failure {
        ui.add_space(space::XS);
        frame(true).show(ui, |ui| {
            ui.set_min_width(ui.available_width());
            ui.label(RichText::new(failure).color(palette.bad));
        });
    }
    if let Holding::Reading { why } = &session.holding {
        ui.add_space(space::XS);
        frame(false).show(ui, |ui| {
            ui.set_min_width(ui.available_width());
            let shown = match context.versions.is_empty() {
                true => String::new(),
                false => {
                    " What you see is what the run recorded; edit the script where the run trains.".to_owned()
                }
            };
            ui.label(RichText::new(format!("{why}{shown}")).color(palette.warn));
        });
    }
}

/// What stands above a kernel.
pub fn kernel(ui: &mut Ui, is_old: bool, wgsl: &str) {
    let palette = Palette::of(ui);
    ui.horizontal_wrapped(|ui| {
        if icon_button(ui, Icon::Copy, "Copy the kernel").clicked() {
            ui.ctx().copy_text(wgsl.to_owned());
        }
        let lines = grouped(wgsl.lines().count() as u64);
        ui.label(RichText::new(format!("{lines} lines, emitted from the script")).color(palette.weak));
        if is_old {
            let text = "The text does not compile: this is the kernel of the last one that did.";
            ui.label(RichText::new(text).color(palette.warn));
        }
    });
    ui.add_space(space::XS);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_named_for_people() {
        let version = ObjectiveVersion { update: 1_234_567, hash: "3f9a01bcdef".into(), script: "x".into() };
        assert_eq!(version_name(&version), "3f9a01bc, from update 1,234,567");
        assert_eq!(short("abc"), "abc");
    }
}
