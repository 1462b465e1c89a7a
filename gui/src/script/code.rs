//! A text with its line numbers, to edit or to read.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

use eframe::egui::text::{CCursor, CCursorRange};
use eframe::egui::text_edit::TextEditState;
use eframe::egui::{
    Align, Align2, Color32, Frame, Galley, Id, Key, Modifiers, Pos2, Rect, Role, ScrollArea, Sense, Shape,
    Stroke, TextBuffer, TextEdit, TextStyle, Ui, UiBuilder, Vec2, WidgetInfo, pos2, vec2,
};

use super::bars::{Asked, FindBar, LineBar};
use super::colors::{current_line, found};
use super::galley::Laid;
use super::places::Place;
use super::tokens::Language;
use super::typing::{self, Selection};
use crate::theme::{Palette, space};

/// A text that may be edited, or may not.
pub enum Buffer<'a> {
    /// It may.
    Edit(&'a mut String),
    /// It may not.
    Read(&'a str),
}

impl Buffer<'_> {
    fn text(&self) -> &str {
        match self {
            Self::Edit(text) => text,
            Self::Read(text) => text,
        }
    }
}

/// Something that is said about a place.
#[derive(Clone, Debug)]
pub struct Mark {
    /// Where it begins.
    pub place: Place,
    /// How many letters are underlined.
    pub width: usize,
    /// What is said, to those who point at it.
    pub text: String,
    /// The colour of its line.
    pub color: Color32,
}

/// What is shown beside the text itself.
pub struct Look<'a> {
    /// What screen readers and tests call it.
    pub name: &'a str,
    /// Its language.
    pub language: Language,
    /// What is said about places.
    pub marks: &'a [Mark],
    /// Lines that stand out.
    pub lit: &'a BTreeSet<usize>,
}

/// What came of a frame.
#[derive(Clone, Debug, Default)]
pub struct Shown {
    /// The text was edited.
    pub changed: bool,
    /// Where the cursor is.
    pub cursor: Option<Place>,
    /// A line whose number was clicked.
    pub clicked: Option<usize>,
}

/// A view of a text.
pub struct Code {
    id: Id,
    laid: Option<Laid>,
    find: FindBar,
    line: LineBar,
    /// What is to be selected and shown in the next frame.
    goal: Option<Range<usize>>,
    wants_focus: bool,
}

impl Code {
    /// A view whose cursor and history are kept under this name.
    pub fn new(id: Id) -> Self {
        Self {
            id,
            laid: None,
            find: FindBar::default(),
            line: LineBar::default(),
            goal: None,
            wants_focus: false,
        }
    }

    /// Goes to a place, and selects so many letters there.
    pub fn go_to(&mut self, text: &str, place: Place, width: usize) {
        let at = super::places::character_at(text, place);
        self.goal = Some(at..at + width);
    }

    /// Opens the search, or goes to what is found next.
    pub fn open_find(&mut self, ui: &Ui, text: &str) {
        let selection = self.selection(ui);
        self.find.open(&text.chars().skip(selection.start).take(selection.len()).collect::<String>());
    }

    /// Opens the field for a line's number.
    pub fn open_line(&mut self) {
        self.line.open();
    }

    /// Goes to the next match, or the one before.
    pub fn step(&mut self, ui: &Ui, text: &str, back: bool) {
        let selection = self.selection(ui);
        if let Some(Asked::Select(range)) = self.find.step(text, selection, back) {
            self.goal = Some(range);
        }
    }

    /// Puts another text in the place of the one that is edited; Ctrl Z brings that back.
    pub fn replace(&mut self, ui: &Ui, text: &mut String, by: String) {
        let mut state = TextEditState::load(ui.ctx(), self.id).unwrap_or_default();
        let mut undoer = state.undoer();
        undoer.add_undo(&(state.cursor.char_range().unwrap_or_default(), text.clone()));
        state.set_undoer(undoer);
        state.store(ui.ctx(), self.id);
        *text = by;
    }

    fn selection(&self, ui: &Ui) -> Range<usize> {
        let state = TextEditState::load(ui.ctx(), self.id);
        let range =
            state.and_then(|state| state.cursor.char_range()).unwrap_or_default().as_sorted_char_range();
        range.start.0..range.end.0
    }

    /// Whether letters go into the text.
    pub fn has_focus(&self, ui: &Ui) -> bool {
        ui.memory(|memory| memory.has_focus(self.id))
    }

    /// Draws it into all the room there is.
    pub fn show(&mut self, ui: &mut Ui, mut buffer: Buffer<'_>, look: &Look<'_>) -> Shown {
        let mut shown = Shown::default();
        if let Buffer::Edit(text) = &mut buffer {
            shown.changed |= self.keys(ui, text);
        }
        Laid::update(&mut self.laid, ui, buffer.text(), look.language);
        let selection = self.selection(ui);
        let asked = self.find.show(ui, self.id, buffer.text(), selection);
        let lines = self.laid.as_ref().map_or(1, Laid::lines);
        match asked.or_else(|| self.line.show(ui, self.id, lines)) {
            Some(Asked::Select(range)) => self.goal = Some(range),
            Some(Asked::Line(line)) => {
                self.go_to(buffer.text(), Place { line, column: 1 }, 0);
                self.wants_focus = true;
            }
            Some(Asked::Back) => self.wants_focus = true,
            None => {}
        }
        self.body(ui, buffer, look, &mut shown);
        shown
    }

    /// What the text editor of egui does not do by itself.
    fn keys(&mut self, ui: &Ui, text: &mut String) -> bool {
        if !self.has_focus(ui) {
            return false;
        }
        type Edit = fn(&mut String, Selection) -> Selection;
        let keys: [(Modifiers, Key, Edit); 4] = [
            (Modifiers::SHIFT, Key::Tab, typing::outdent),
            (Modifiers::NONE, Key::Tab, typing::indent),
            (Modifiers::NONE, Key::Enter, typing::new_line),
            (Modifiers::COMMAND, Key::Slash, typing::toggle_comment),
        ];
        let mut changed = false;
        for (modifiers, key, edit) in keys {
            while ui.input_mut(|input| input.consume_key(modifiers, key)) {
                let mut state = TextEditState::load(ui.ctx(), self.id).unwrap_or_default();
                let range = state.cursor.char_range().unwrap_or_default();
                let before = Selection { anchor: range.secondary.index.0, head: range.primary.index.0 };
                let mut undoer = state.undoer();
                undoer.add_undo(&(range, text.clone()));
                let after = edit(text, before);
                let (anchor, head) = (CCursor::new(after.anchor), CCursor::new(after.head));
                state.cursor.set_char_range(Some(CCursorRange::two(anchor, head)));
                state.set_undoer(undoer);
                state.store(ui.ctx(), self.id);
                changed = true;
            }
        }
        changed
    }

    fn body(&mut self, ui: &mut Ui, mut buffer: Buffer<'_>, look: &Look<'_>, shown: &mut Shown) {
        let room = ui.available_rect_before_wrap();
        ui.allocate_rect(room, Sense::hover());
        let font = TextStyle::Monospace.resolve(ui.style());
        let digit = ui.fonts_mut(|fonts| fonts.glyph_width(&font, '0'));
        let (width, lines) = self.laid.as_ref().map_or((0.0, 1), |laid| (laid.size().0, laid.lines()));
        let digits = lines.to_string().len().max(3);
        let gutter_width = (digits as f32 * digit + space::M + space::S).ceil();
        let (gutter, inner) = room.split_left_right_at_x((room.left() + gutter_width).min(room.right()));

        let before = self.selection(ui);
        let mut ui = ui.new_child(UiBuilder::new().max_rect(inner));
        ui.set_clip_rect(room.intersect(ui.clip_rect()));
        let scroll = ScrollArea::both().id_salt(self.id.with("scroll")).auto_shrink(false);
        let output = scroll.show(&mut ui, |ui| {
            let viewport = ui.clip_rect().intersect(inner);
            let behind = ui.painter().add(Shape::Noop);
            let (id, language, laid) = (self.id, look.language, &mut self.laid);
            let mut layouter = |ui: &Ui, text: &dyn TextBuffer, _: f32| -> Arc<Galley> {
                Laid::update(laid, ui, text.as_str(), language)
            };
            let mut read: &str = "";
            let text: &mut dyn TextBuffer = match &mut buffer {
                Buffer::Edit(text) => *text,
                Buffer::Read(text) => {
                    read = text;
                    &mut read
                }
            };
            let edit = TextEdit::multiline(text)
                .id(id)
                .code_editor()
                .frame(Frame::NONE)
                .cursor_at_end(false)
                .desired_width((width + 4.0 * digit).max(inner.width()))
                .min_size(vec2(0.0, inner.height()))
                .layouter(&mut layouter);
            let output = edit.show(ui);
            let _ = read;
            ui.ctx().accesskit_node_builder(id, |node| node.set_label(look.name));
            shown.changed |= output.response.changed();
            self.show_goal(ui, output.galley_pos);
            if std::mem::take(&mut self.wants_focus) {
                output.response.request_focus();
            }
            let origin = output.galley_pos;
            self.paint(ui, look, viewport, origin, (behind, &before), shown);
            if output.response.hovered()
                && let Some(pointer) = ui.input(|input| input.pointer.hover_pos())
                && let Some(mark) = self.mark_at(look, origin, pointer)
            {
                output.response.response.clone().on_hover_text_at_pointer(&mark.text);
            }
            origin
        });
        self.gutter(&ui, gutter, look, output.inner, shown);
    }

    /// Selects what is to be looked at, and scrolls to it.
    fn show_goal(&mut self, ui: &Ui, origin: Pos2) {
        let (Some(goal), Some(laid)) = (self.goal.take(), &self.laid) else { return };
        let mut state = TextEditState::load(ui.ctx(), self.id).unwrap_or_default();
        let (start, end) = (CCursor::new(goal.start), CCursor::new(goal.end));
        state.cursor.set_char_range(Some(CCursorRange::two(start, end)));
        state.store(ui.ctx(), self.id);
        let place = laid.place(goal.start);
        let letters = laid.letters(place.line, place.column..place.column + goal.len(), origin);
        // Sideways as little as can be, with some text on both sides.
        ui.scroll_to_rect(letters.expand2(vec2(24.0, 0.0)), None);
        let height = ui.clip_rect().height();
        if !ui.clip_rect().shrink2(vec2(0.0, height * 0.15)).y_range().contains(letters.center().y) {
            ui.scroll_to_rect(letters, Some(Align::Center));
        }
        ui.ctx().request_repaint();
    }

    fn paint(
        &self,
        ui: &Ui,
        look: &Look<'_>,
        viewport: Rect,
        origin: Pos2,
        (behind, selected): (eframe::egui::layers::ShapeIdx, &Range<usize>),
        shown: &mut Shown,
    ) {
        let palette = Palette::of(ui);
        let Some(laid) = &self.laid else { return };
        let visible = laid.visible(origin.y, viewport.y_range());
        let band =
            |line: usize| laid.line(line, origin).with_min_x(viewport.left()).with_max_x(viewport.right());
        let mut shapes = Vec::new();
        let fill = |rect: Rect, color: Color32| Shape::rect_filled(rect, 0.0, color);
        for &line in look.lit.iter().filter(|line| visible.contains(line)) {
            shapes.push(fill(band(line), palette.chosen));
        }
        let selection = self.selection(ui);
        let head = TextEditState::load(ui.ctx(), self.id)
            .and_then(|state| state.cursor.char_range())
            .map(|range| range.primary.index.0);
        if let Some(head) = head {
            let place = laid.place(head);
            shown.cursor = Some(place);
            if selection.is_empty() && visible.contains(&place.line) && !look.lit.contains(&place.line) {
                shapes.push(fill(band(place.line), current_line(palette)));
            }
        }
        let (other, this) = found(palette);
        let all = self.find.found();
        let first = all.partition_point(|found| laid.place(found.end).line < visible.start);
        for found in all[first..].iter().take_while(|found| laid.place(found.start).line < visible.end) {
            let place = laid.place(found.start);
            let color = if Some(found) == self.find.current(selected) { this } else { other };
            let rect = laid.letters(place.line, place.column..place.column + found.len(), origin);
            shapes.push(Shape::rect_filled(rect, 2.0, color));
        }
        ui.painter().set(behind, Shape::Vec(shapes));
        for mark in look.marks.iter().filter(|mark| visible.contains(&mark.place.line)) {
            squiggle(ui, letters_of(laid, mark, origin), mark.color);
        }
    }

    fn mark_at<'a>(&self, look: &Look<'a>, origin: Pos2, pointer: Pos2) -> Option<&'a Mark> {
        let laid = self.laid.as_ref()?;
        look.marks.iter().find(|mark| letters_of(laid, mark, origin).expand(3.0).contains(pointer))
    }

    /// Numbers, and a sign beside each line that something is said about.
    fn gutter(&self, ui: &Ui, rect: Rect, look: &Look<'_>, origin: Pos2, shown: &mut Shown) {
        let palette = Palette::of(ui);
        let Some(laid) = &self.laid else { return };
        let painter = ui.painter().with_clip_rect(rect.intersect(ui.clip_rect()));
        let font = TextStyle::Monospace.resolve(ui.style());
        let current = shown.cursor.map(|place| place.line);
        let response = ui.interact(rect, self.id.with("gutter"), Sense::click());
        response.widget_info(|| {
            WidgetInfo::labeled(Role::Button, true, format!("Line numbers of {}", look.name))
        });
        for line in laid.visible(origin.y, rect.y_range()) {
            let row = laid.line(line, origin);
            let mark = look.marks.iter().find(|mark| mark.place.line == line);
            let color = match mark {
                Some(mark) => mark.color,
                None if current == Some(line) || look.lit.contains(&line) => palette.text,
                None => palette.weak,
            };
            if let Some(mark) = mark {
                painter.circle_filled(pos2(rect.left() + 5.0, row.center().y), 3.5, mark.color);
            }
            let right = pos2(rect.right() - space::M, row.center().y);
            painter.text(right, Align2::RIGHT_CENTER, line.to_string(), font.clone(), color);
            if let Some(pointer) = response.interact_pointer_pos()
                && response.clicked()
                && row.y_range().contains(pointer.y)
            {
                shown.clicked = Some(line);
            }
        }
        let hovered = response.hover_pos().and_then(|pointer| {
            look.marks.iter().find(|mark| laid.line(mark.place.line, origin).y_range().contains(pointer.y))
        });
        if let Some(mark) = hovered {
            response.on_hover_text_at_pointer(&mark.text);
        }
    }
}

fn letters_of(laid: &Laid, mark: &Mark, origin: Pos2) -> Rect {
    let (line, column) = (mark.place.line.min(laid.lines()), mark.place.column);
    laid.letters(line, column..column + mark.width, origin)
}

/// A wave under letters.
fn squiggle(ui: &Ui, letters: Rect, color: Color32) {
    const STEP: f32 = 2.5;
    let y = letters.bottom() - 1.0;
    let steps = (letters.width() / STEP).ceil().max(2.0) as usize;
    let points = (0..=steps).map(|step| {
        let up = if step % 2 == 0 { 0.0 } else { -2.0 };
        pos2(letters.left(), y) + Vec2::new(step as f32 * STEP, up)
    });
    ui.painter().add(Shape::line(points.collect(), Stroke::new(1.3, color)));
}

#[cfg(test)]
mod tests {
    use super::*;
    use eframe::egui::{Context, RawInput};
    use std::time::Instant;

    /// Prints what a frame of a script of 1,000 lines takes; says nothing by itself.
    #[test]
    #[expect(clippy::print_stdout, reason = "what it is for")]
    fn time_of_a_frame() {
        let line = "    let err = net.q[t.action] - y * (p.gamma ** 2.0); // what the target says\n";
        for scale in [1.0, 2.0] {
            let ctx = Context::default();
            crate::theme::install(&ctx);
            let mut code = Code::new(Id::unique("code"));
            let mut text = line.repeat(1000);
            let marks = [Mark {
                place: Place { line: 7, column: 9 },
                width: 3,
                text: String::new(),
                color: Color32::RED,
            }];
            code.find.open("err");
            let frame = |code: &mut Code, text: &mut String| {
                let screen = Rect::from_min_size(Pos2::ZERO, vec2(1280.0, 800.0) / scale);
                let mut input = RawInput { screen_rect: Some(screen), ..RawInput::default() };
                input.viewports.entry(input.viewport_id).or_default().native_pixels_per_point = Some(scale);
                let start = Instant::now();
                let output = ctx.run_ui(input, |ui| {
                    let look =
                        Look { name: "x", language: Language::Rhai, marks: &marks, lit: &BTreeSet::new() };
                    code.show(ui, Buffer::Edit(text), &look);
                });
                let shapes = ctx.tessellate(output.shapes, output.pixels_per_point);
                (start.elapsed(), shapes.len())
            };
            let mut median = |edit: &mut dyn FnMut(&mut String)| {
                let mut times: Vec<_> = (0..41)
                    .map(|_| {
                        edit(&mut text);
                        frame(&mut code, &mut text).0
                    })
                    .collect();
                times.sort();
                times[20]
            };
            let still = median(&mut |_| {});
            let typed = median(&mut |text| text.insert(100, 'x'));
            println!("1,000 lines at {scale}: {still:?} a frame, {typed:?} a frame that types");
        }
    }
}
