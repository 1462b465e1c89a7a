//! Two texts beside each other, on the screen.

use std::ops::Range;

use eframe::egui::{
    Align2, Color32, ComboBox, FontId, Pos2, Rect, RichText, Role, ScrollArea, Sense, TextStyle, Ui,
    WidgetInfo, pos2, vec2,
};

use super::colors::{added, removed};
use super::diff::{Diff, Line, Row};
use crate::theme::{Palette, space};
use crate::widgets::{empty, named, segmented};

/// A text that can be compared with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Side {
    /// What it is told from others by, whatever else comes or goes.
    pub key: String,
    /// What it is called in the list.
    pub name: String,
    /// Its text, once that is known; else why it is not, or nothing while it is read.
    pub text: Option<Result<String, String>>,
}

/// How the comparison is shown, and the last one made.
pub struct Compare {
    /// Which of the sides, by its key; None until somebody chooses.
    pub against: Option<String>,
    beside: bool,
    folded: bool,
    /// The texts that were compared, and what came of it.
    made: Option<(String, String, Diff)>,
}

impl Default for Compare {
    fn default() -> Self {
        Self { against: None, beside: false, folded: true, made: None }
    }
}

impl Compare {
    /// Draws how `text`, called `name`, differs from the one of the `sides` at `place`.
    pub fn show(&mut self, ui: &mut Ui, sides: &[Side], place: usize, name: &str, text: &str) {
        let Some(side) = sides.get(place) else { return };
        if let Some(Ok(before)) = &side.text {
            let is_known = self.made.as_ref().is_some_and(|(a, b, _)| a == before && b == text);
            if !is_known {
                self.made = Some((before.clone(), text.to_owned(), Diff::new(before, text)));
            }
        }
        self.tools(ui, sides, place, name);
        ui.add_space(space::XS);
        match &side.text {
            None => empty(ui, "Reading …", &side.name),
            Some(Err(why)) => empty(ui, "This version cannot be read", why),
            Some(Ok(_)) => {
                let Some((.., diff)) = &self.made else { return };
                if diff.is_empty() {
                    empty(ui, "No difference", &format!("{name} is the same as {}.", side.name));
                } else {
                    body(ui, &diff.rows(self.beside, self.folded), self.beside);
                }
            }
        }
    }

    fn tools(&mut self, ui: &mut Ui, sides: &[Side], place: usize, name: &str) {
        let palette = Palette::of(ui);
        ui.horizontal_wrapped(|ui| {
            let combo = ComboBox::from_id_salt("against").selected_text(&sides[place].name).width(190.0);
            let response = combo.show_ui(ui, |ui| {
                for (index, side) in sides.iter().enumerate() {
                    if ui.selectable_label(index == place, &side.name).clicked() {
                        self.against = Some(side.key.clone());
                    }
                }
            });
            named(response.response, Role::ComboBox, "Compare with");
            ui.label(RichText::new(format!("→ {name}")).color(palette.weak));
            ui.add_space(space::S);
            let forms =
                [(false, "Unified", "One below the other"), (true, "Side by side", "Beside each other")];
            segmented(ui, "Form", &mut self.beside, &forms);
            ui.checkbox(&mut self.folded, "Only changes").on_hover_text("Leave out equal lines");
            if let Some((.., diff)) = self.made.as_ref().filter(|(.., diff)| !diff.is_empty()) {
                ui.add_space(space::S);
                ui.label(RichText::new(format!("+{}", diff.added)).monospace().color(palette.good))
                    .on_hover_text("Lines that came");
                ui.label(RichText::new(format!("−{}", diff.removed)).monospace().color(palette.bad))
                    .on_hover_text("Lines that went");
            }
        });
    }
}

/// What a side of a row looks like.
struct Look {
    line: Color32,
    word: Color32,
    sign: &'static str,
}

fn body(ui: &mut Ui, rows: &[Row<'_>], beside: bool) {
    let palette = Palette::of(ui);
    let font = TextStyle::Monospace.resolve(ui.style());
    let letter = ui.fonts_mut(|fonts| fonts.glyph_width(&font, '0'));
    let height = (font.size * 1.36).round();
    let lines = rows.iter().flat_map(|row| match *row {
        Row::Same(a, b) => [Some(a), Some(b)],
        Row::Beside(a, b) => [a, b],
        Row::Removed(a) | Row::Added(a) => [Some(a), None],
        Row::Gap(_) => [None, None],
    });
    let (letters, last) = lines.flatten().fold((0, 0), |(letters, last), line| {
        (letters.max(line.text.chars().count()), last.max(line.number))
    });
    let digits = last.to_string().len().max(3) as f32;
    let numbers = if beside { digits } else { 2.0 * digits + 1.0 } * letter + space::M;
    let wanted = numbers + (letters as f32 + 4.0) * letter;
    ui.spacing_mut().item_spacing.y = 0.0;
    let room = ui.available_width();
    let column = if beside { wanted.max(room / 2.0) } else { wanted.max(room) };
    let width = if beside { 2.0 * column } else { column };
    let (removed, added) = (removed(palette), added(palette));
    let same = Look { line: Color32::TRANSPARENT, word: Color32::TRANSPARENT, sign: " " };
    let gone = Look { line: removed.0, word: removed.1, sign: "−" };
    let came = Look { line: added.0, word: added.1, sign: "+" };
    ScrollArea::both().id_salt(("diff", beside)).auto_shrink(false).show_rows(
        ui,
        height,
        rows.len(),
        |ui, range| {
            let drawing = Drawing { font: &font, letter, digits, palette };
            for row in &rows[range] {
                let (rect, response) = ui.allocate_exact_size(vec2(width, height), Sense::hover());
                response.widget_info(|| WidgetInfo::labeled(Role::Label, true, spoken(row)));
                let (left, right) = rect.split_left_right_at_x(rect.left() + column);
                match *row {
                    Row::Gap(lines) => {
                        ui.painter().rect_filled(rect, 0.0, palette.raised);
                        let text = format!("{lines} equal line{}", if lines == 1 { "" } else { "s" });
                        let at = pos2(ui.clip_rect().left().max(rect.left()) + numbers, rect.center().y);
                        let font = FontId::proportional(font.size - 1.0);
                        ui.painter().text(at, Align2::LEFT_CENTER, text, font, palette.weak);
                    }
                    Row::Same(old, new) if beside => {
                        drawing.line(ui, left, &[Some(old.number)], old, &same);
                        drawing.line(ui, right, &[Some(new.number)], new, &same);
                    }
                    Row::Same(old, new) => {
                        drawing.line(ui, rect, &[Some(old.number), Some(new.number)], new, &same);
                    }
                    Row::Removed(line) => drawing.line(ui, rect, &[Some(line.number), None], line, &gone),
                    Row::Added(line) => drawing.line(ui, rect, &[None, Some(line.number)], line, &came),
                    Row::Beside(old, new) => {
                        for (rect, line, look) in [(left, old, &gone), (right, new, &came)] {
                            match line {
                                Some(line) => drawing.line(ui, rect, &[Some(line.number)], line, look),
                                // Hatched would be loud; a shade says as well that nothing stands here.
                                None => drop(ui.painter().rect_filled(
                                    rect,
                                    0.0,
                                    palette.raised.gamma_multiply(0.5),
                                )),
                            }
                        }
                    }
                }
                if beside {
                    let x = rect.left() + column;
                    ui.painter().vline(x, rect.y_range(), (1.0, palette.line));
                }
            }
        },
    );
}

/// What a screen reader says of a row.
fn spoken(row: &Row<'_>) -> String {
    let side = |line: Option<&Line>| line.map_or_else(|| "nothing".to_owned(), |line| line.text.clone());
    match row {
        Row::Same(_, line) => line.text.clone(),
        Row::Beside(old, new) => format!("removed: {}; added: {}", side(*old), side(*new)),
        Row::Removed(line) => format!("removed: {}", line.text),
        Row::Added(line) => format!("added: {}", line.text),
        Row::Gap(lines) => format!("{lines} equal lines"),
    }
}

struct Drawing<'a> {
    font: &'a FontId,
    letter: f32,
    digits: f32,
    palette: &'a Palette,
}

impl Drawing<'_> {
    fn line(&self, ui: &Ui, rect: Rect, numbers: &[Option<usize>], line: &Line, look: &Look) {
        let painter = ui.painter().with_clip_rect(rect.intersect(ui.clip_rect()));
        painter.rect_filled(rect, 0.0, look.line);
        let y = rect.center().y;
        let mut x = rect.left();
        for number in numbers {
            x += self.digits * self.letter;
            if let Some(number) = number {
                let at = pos2(x, y);
                painter.text(
                    at,
                    Align2::RIGHT_CENTER,
                    number.to_string(),
                    self.font.clone(),
                    self.palette.weak,
                );
            }
            x += self.letter;
        }
        let sign = match look.sign {
            "+" => self.palette.good,
            _ => self.palette.bad,
        };
        painter.text(pos2(x, y), Align2::LEFT_CENTER, look.sign, self.font.clone(), sign);
        let origin = pos2(x + 2.0 * self.letter, y);
        for mark in &line.marks {
            let rect = self.letters(line, mark, origin, rect);
            painter.rect_filled(rect, 2.0, look.word);
        }
        painter.text(origin, Align2::LEFT_CENTER, &line.text, self.font.clone(), self.palette.text);
    }

    /// Where a part of a line is. The font's letters are all of one width.
    fn letters(&self, line: &Line, part: &Range<usize>, origin: Pos2, row: Rect) -> Rect {
        let before = line.text[..part.start].chars().count() as f32 * self.letter;
        let width = line.text[part.clone()].chars().count() as f32 * self.letter;
        Rect::from_x_y_ranges(
            origin.x + before..=origin.x + before + width,
            row.shrink2(vec2(0.0, 1.0)).y_range(),
        )
    }
}
