//! The bars above a text: finding in it, and going to a line of it.

use std::ops::Range;

use eframe::egui::{Align, Align2, Frame, Id, Key, Layout, Modifiers, RichText, Role, TextEdit, Ui};

use super::find::{matches, next, previous};
use crate::theme::{Icon, Palette, space};
use crate::widgets::{icon_button, named};

/// Finds a text, and remembers what was looked for.
#[derive(Default)]
pub struct FindBar {
    is_open: bool,
    needle: String,
    exact: bool,
    /// The field is to be typed into from the next frame on.
    wants_focus: bool,
    /// What was found, and in what.
    found: Vec<Range<usize>>,
    of: Option<(String, String, bool)>,
    /// The match that was looked at last. A text that letters do not go into has no selection to tell it by.
    current: Option<Range<usize>>,
}

/// What a bar asks the text for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asked {
    /// Select these characters and show them.
    Select(Range<usize>),
    /// Go to this line.
    Line(usize),
    /// The bar is closed: type into the text again.
    Back,
}

impl FindBar {
    /// Opens the bar; what is selected is looked for.
    pub fn open(&mut self, selected: &str) {
        (self.is_open, self.wants_focus, self.current) = (true, true, None);
        if !selected.is_empty() && !selected.contains('\n') {
            selected.clone_into(&mut self.needle);
        }
    }

    /// What was found, in characters; nothing while the bar is closed.
    pub fn found(&self) -> &[Range<usize>] {
        if self.is_open { &self.found } else { &[] }
    }

    /// The match that is looked at, if the cursor is still there.
    pub fn current(&self, selection: &Range<usize>) -> Option<&Range<usize>> {
        let current = self.current.as_ref().filter(|current| self.found().contains(current))?;
        (current.start <= selection.start && selection.end <= current.end).then_some(current)
    }

    /// Looks at a match.
    fn look_at(&mut self, place: Option<usize>) -> Option<Asked> {
        let found = self.found.get(place?)?.clone();
        self.current = Some(found.clone());
        Some(Asked::Select(found))
    }

    fn update(&mut self, text: &str) {
        let is_known = self.of.as_ref().is_some_and(|(known, needle, exact)| {
            known == text && *needle == self.needle && *exact == self.exact
        });
        if !is_known {
            self.found = matches(text, &self.needle, self.exact);
            self.of = Some((text.to_owned(), self.needle.clone(), self.exact));
        }
    }

    /// The match after a selection, or the one before it.
    pub fn step(&mut self, text: &str, selection: Range<usize>, back: bool) -> Option<Asked> {
        self.update(text);
        let from = self.current(&selection).cloned().unwrap_or(selection);
        let place = match back {
            true => previous(&self.found, from.start),
            false => next(&self.found, from.end),
        };
        self.look_at(place)
    }

    /// Draws the bar, if it is open. `selection` is what is selected in the text.
    pub fn show(&mut self, ui: &mut Ui, id: Id, text: &str, selection: Range<usize>) -> Option<Asked> {
        if !self.is_open {
            return None;
        }
        self.update(text);
        let mut asked = None;
        bar(ui, |ui| {
            let palette = Palette::of(ui);
            let field = TextEdit::singleline(&mut self.needle)
                .id(id.with("find"))
                .hint_text("Find")
                .align(Align2::LEFT_CENTER)
                .desired_width((ui.available_width() - 230.0).clamp(60.0, 260.0));
            let response = ui.add(field);
            ui.ctx().accesskit_node_builder(response.id, |node| node.set_label("Find in the text"));
            if std::mem::take(&mut self.wants_focus) {
                response.request_focus();
            }
            if response.changed() {
                // The nearest one from where the search began, as it is typed.
                self.update(text);
                let from = self.current.as_ref().map_or(selection.start, |current| current.start);
                asked = self.look_at(next(&self.found, from));
            }
            // Enter takes a field of one line its focus.
            if response.lost_focus() && ui.input(|input| input.key_pressed(Key::Enter)) {
                let back = ui.input(|input| input.modifiers.shift);
                asked = self.step(text, selection.clone(), back);
                response.request_focus();
            }
            let current = self.current(&selection).cloned();
            let current = self.found.iter().position(|found| Some(found) == current.as_ref());
            let count = match (self.needle.is_empty(), self.found.len(), current) {
                (true, ..) => String::new(),
                (_, 0, _) => "none".to_owned(),
                (_, all, Some(current)) => format!("{} of {all}", current + 1),
                (_, all, None) => format!("{all} found"),
            };
            let color = if count == "none" { palette.bad } else { palette.weak };
            ui.label(RichText::new(count).color(color));
            ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                if icon_button(ui, Icon::X, "Close the search (Esc)").clicked() {
                    self.is_open = false;
                    asked = Some(Asked::Back);
                }
                if icon_button(ui, Icon::ChevronDown, "Next match (Enter, F3)").clicked() {
                    asked = self.step(text, selection.clone(), false);
                }
                if icon_button(ui, Icon::ChevronUp, "Previous match (Shift Enter, Shift F3)").clicked() {
                    asked = self.step(text, selection.clone(), true);
                }
                let case = ui.selectable_label(self.exact, "Aa").on_hover_text("Upper and lower case count");
                if named(case, Role::CheckBox, "Match case").clicked() {
                    self.exact = !self.exact;
                }
            });
        });
        let escaped = ui.input_mut(|input| input.consume_key(Modifiers::NONE, Key::Escape));
        if escaped {
            self.is_open = false;
            asked = Some(Asked::Back);
        }
        asked
    }
}

/// Goes to a line.
#[derive(Default)]
pub struct LineBar {
    is_open: bool,
    text: String,
    wants_focus: bool,
}

impl LineBar {
    /// Opens the bar.
    pub fn open(&mut self) {
        *self = Self { is_open: true, text: String::new(), wants_focus: true };
    }

    /// Draws the bar, if it is open, for a text of so many lines.
    pub fn show(&mut self, ui: &mut Ui, id: Id, lines: usize) -> Option<Asked> {
        if !self.is_open {
            return None;
        }
        let mut asked = None;
        bar(ui, |ui| {
            let palette = Palette::of(ui);
            ui.label("Go to line");
            let response = ui.add(
                TextEdit::singleline(&mut self.text)
                    .id(id.with("line"))
                    .align(Align2::LEFT_CENTER)
                    .desired_width(70.0),
            );
            ui.ctx().accesskit_node_builder(response.id, |node| node.set_label("Line to go to"));
            if std::mem::take(&mut self.wants_focus) {
                response.request_focus();
            }
            ui.label(RichText::new(format!("of {lines}")).color(palette.weak));
            if response.lost_focus() && ui.input(|input| input.key_pressed(Key::Enter)) {
                match self.text.trim().parse::<usize>() {
                    Ok(line) => {
                        self.is_open = false;
                        asked = Some(Asked::Line(line.clamp(1, lines)));
                    }
                    Err(_) => response.request_focus(),
                }
            }
            ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                if icon_button(ui, Icon::X, "Close (Esc)").clicked() {
                    self.is_open = false;
                    asked = Some(Asked::Back);
                }
            });
        });
        if ui.input_mut(|input| input.consume_key(Modifiers::NONE, Key::Escape)) {
            self.is_open = false;
            asked = Some(Asked::Back);
        }
        asked
    }
}

fn bar(ui: &mut Ui, content: impl FnOnce(&mut Ui)) {
    let palette = Palette::of(ui);
    let frame = Frame::new().fill(palette.raised).corner_radius(6).inner_margin(space::XS);
    frame.show(ui, |ui| ui.horizontal(content));
}
