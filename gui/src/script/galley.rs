//! Highlighted text, laid out once and kept for as long as nothing about it changes; of an edited text, the lines that
//! the edit left alone. (egui caches lines too, but only for as long as they are laid out in every frame.)

use std::ops::Range;
use std::sync::Arc;

use eframe::egui::text::{ByteIndex, LayoutJob, LayoutSection, TextFormat, TextWrapping};
use eframe::egui::{Color32, FontId, Galley, Pos2, Rect, TextStyle, Ui, pos2, vec2};

use super::colors::ink;
use super::places::Place;
use super::tokens::{Kind, Language, tokens};
use crate::theme::Palette;

/// Height of a line, in sizes of its font.
const LINE: f32 = 1.36;

/// A text as it is drawn. One row is one line: nothing is wrapped, so that numbers beside it stay beside it.
pub struct Laid {
    text: String,
    language: Language,
    dark: bool,
    font: FontId,
    pixels_per_point: f32,
    /// Laid out in every frame: another one means that the fonts were made anew, and that ours point nowhere.
    sentinel: Arc<Galley>,
    galley: Arc<Galley>,
    lines: Vec<Line>,
    /// The character that each line begins with.
    starts: Vec<usize>,
}

/// A line, without its end.
struct Line {
    text: String,
    parts: Parts,
    galley: Arc<Galley>,
}

impl Laid {
    /// Lays `text` out, unless `kept` is the same.
    pub fn update(kept: &mut Option<Self>, ui: &Ui, text: &str, language: Language) -> Arc<Galley> {
        let dark = ui.visuals().dark_mode;
        let font = TextStyle::Monospace.resolve(ui.style());
        let pixels_per_point = ui.ctx().pixels_per_point();
        let sentinel =
            ui.fonts_mut(|fonts| fonts.layout_no_wrap("0".to_owned(), font.clone(), Color32::WHITE));
        let is_valid = |kept: &Self| {
            (kept.language, kept.dark, &kept.font) == (language, dark, &font)
                && kept.pixels_per_point == pixels_per_point
                && Arc::ptr_eq(&kept.sentinel, &sentinel)
        };
        if !kept.as_ref().is_some_and(is_valid) {
            *kept = None;
        }
        if let Some(kept) = kept.as_ref().filter(|kept| kept.text == text) {
            return kept.galley.clone();
        }
        let style = Style { font: &font, palette: Palette::new(dark) };
        let parts = tokens(text, language);
        let known = kept.take().map(|kept| kept.lines).unwrap_or_default();
        let lines = ui.fonts_mut(|fonts| {
            reuse(known, by_line(text, &parts), |text, parts| fonts.layout_job(style.job(text, parts)))
        });
        let galleys: Vec<Arc<Galley>> = lines.iter().map(|line| line.galley.clone()).collect();
        let ends: Parts = parts.iter().map(|(kind, range)| (*kind, range.end)).collect();
        let whole = Arc::new(style.job(text, &ends));
        let galley = Arc::new(Galley::concat(whole, &galleys, pixels_per_point));
        let mut starts = vec![0];
        starts.extend(text.chars().enumerate().filter(|(_, c)| *c == '\n').map(|(index, _)| index + 1));
        let text = text.to_owned();
        *kept = Some(Self {
            text,
            language,
            dark,
            font,
            pixels_per_point,
            sentinel,
            galley: galley.clone(),
            lines,
            starts,
        });
        galley
    }

    /// Lines, as they are numbered.
    pub fn lines(&self) -> usize {
        self.starts.len()
    }

    /// Width of all of it, and height of a line.
    pub fn size(&self) -> (f32, f32) {
        (self.galley.size().x, self.galley.rows.first().map_or(0.0, |row| row.size.y))
    }

    /// The place of a character.
    pub fn place(&self, character: usize) -> Place {
        let line = self.starts.partition_point(|start| *start <= character).max(1);
        Place { line, column: character - self.starts[line - 1] + 1 }
    }

    /// Lines that are in a range of heights, the text beginning at `top`.
    pub fn visible(&self, top: f32, range: eframe::egui::Rangef) -> Range<usize> {
        let rows = &self.galley.rows;
        let first = rows.partition_point(|row| top + row.max_y() < range.min);
        let last = rows.partition_point(|row| top + row.min_y() <= range.max);
        first + 1..last + 1
    }

    /// Where a line is, the text beginning at `origin`.
    pub fn line(&self, line: usize, origin: Pos2) -> Rect {
        let rows = &self.galley.rows;
        let row = &rows[line.clamp(1, rows.len()) - 1];
        row.rect().translate(origin.to_vec2())
    }

    /// Where letters of a line are, by their columns; at least a letter wide, and beyond the end if they are.
    pub fn letters(&self, line: usize, columns: Range<usize>, origin: Pos2) -> Rect {
        let rows = &self.galley.rows;
        let row = &rows[line.clamp(1, rows.len()) - 1];
        let letter = row.size.y * 0.5;
        let x = |column: usize| {
            let inside = (column - 1).min(row.glyphs.len());
            row.x_offset(inside.into()) + (column - 1 - inside) as f32 * letter
        };
        let (left, right) = (x(columns.start), x(columns.end));
        Rect::from_min_size(
            pos2(origin.x + row.pos.x + left, origin.y + row.pos.y),
            vec2((right - left).max(letter), row.size.y),
        )
    }
}

/// The parts of a line, by where they end in it, in bytes.
type Parts = Vec<(Kind, usize)>;

/// The lines of a text and their parts.
fn by_line<'a>(text: &'a str, parts: &[(Kind, Range<usize>)]) -> Vec<(&'a str, Parts)> {
    let mut lines = Vec::new();
    let mut parts = parts.iter().peekable();
    let mut start = 0;
    for line in text.split('\n') {
        let end = start + line.len();
        let mut ends = Vec::new();
        while let Some((kind, range)) = parts.peek()
            && range.start < end
        {
            ends.push((*kind, range.end.min(end) - start));
            // What goes on in the next line is looked at there again.
            if range.end > end {
                break;
            }
            parts.next();
        }
        while parts.next_if(|(_, range)| range.end <= end + 1).is_some() {}
        lines.push((line, ends));
        start = end + 1;
    }
    lines
}

/// Lines as they are now: those that were known at the beginning and at the end, and what is new between them.
fn reuse(
    known: Vec<Line>,
    now: Vec<(&str, Parts)>,
    mut lay: impl FnMut(&str, &[(Kind, usize)]) -> Arc<Galley>,
) -> Vec<Line> {
    let is_same = |known: &Line, (text, parts): &(&str, Parts)| known.text == *text && known.parts == *parts;
    let head = known.iter().zip(&now).take_while(|(known, now)| is_same(known, now)).count();
    let rest = known.len().min(now.len()) - head;
    let ends = known.iter().rev().zip(now.iter().rev()).take(rest);
    let tail = ends.take_while(|(known, now)| is_same(known, now)).count();
    let (many, last) = (now.len(), known.len() - tail);
    let mut known = known
        .into_iter()
        .enumerate()
        .filter(|(index, _)| *index < head || *index >= last)
        .map(|(_, line)| line);
    let mut lines = Vec::with_capacity(many);
    for (index, (text, parts)) in now.into_iter().enumerate() {
        let is_known = index < head || index >= many - tail;
        let line = if is_known { known.next() } else { None };
        lines.push(line.unwrap_or_else(|| Line { galley: lay(text, &parts), text: text.to_owned(), parts }));
    }
    lines
}

struct Style<'a> {
    font: &'a FontId,
    palette: &'a Palette,
}

impl Style<'_> {
    fn job(&self, text: &str, parts: &[(Kind, usize)]) -> LayoutJob {
        let format = |kind: Kind| TextFormat {
            line_height: Some((self.font.size * LINE).round()),
            ..TextFormat::simple(self.font.clone(), ink(kind, self.palette))
        };
        let mut start = 0;
        let mut sections: Vec<LayoutSection> = Vec::with_capacity(parts.len().max(1));
        for &(kind, end) in parts {
            let byte_range = ByteIndex(start)..ByteIndex(end);
            sections.push(LayoutSection { leading_space: 0.0, byte_range, format: format(kind) });
            start = end;
        }
        if sections.is_empty() {
            // An empty line is as high as any other.
            let byte_range = ByteIndex(0)..ByteIndex(0);
            sections.push(LayoutSection { leading_space: 0.0, byte_range, format: format(Kind::Plain) });
        }
        LayoutJob {
            sections,
            text: text.to_owned(),
            wrap: TextWrapping::no_max_width(),
            keep_trailing_whitespace: true,
            ..LayoutJob::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use eframe::egui::{Context, RawInput};

    /// Whatever is typed, what is put together of lines is what is laid out as a whole.
    #[test]
    fn lines_that_are_kept_are_those_that_would_be_made() {
        let ctx = Context::default();
        let mut kept = None;
        let texts = [
            "fn f() {\n    /* a\n b */ 1 + τ\n}\n",
            "fn f() {\n    /* a\n b 1 + τ\n}\n",
            "fn f() {\n\n\n    /* a\n b 1 + τ\n}\n",
            "",
            "\n",
            "x",
            "fn g() { `a\nb` }\nfn g() { `a\nb` }",
            "fn g() { `a\nb` }",
        ];
        for text in texts.iter().chain(texts.iter().rev()) {
            let _ = ctx.run_ui(RawInput::default(), |ui| {
                let galley = Laid::update(&mut kept, ui, text, Language::Rhai);
                let font = TextStyle::Monospace.resolve(ui.style());
                let palette = Palette::new(ui.visuals().dark_mode);
                let style = Style { font: &font, palette };
                let ends: Vec<(Kind, usize)> =
                    tokens(text, Language::Rhai).into_iter().map(|(kind, range)| (kind, range.end)).collect();
                let whole = ui.fonts_mut(|fonts| fonts.layout_job(style.job(text, &ends)));
                assert_eq!(galley.rows.len(), whole.rows.len(), "{text:?}");
                for (ours, theirs) in galley.rows.iter().zip(&whole.rows) {
                    assert_eq!((ours.pos, ours.size), (theirs.pos, theirs.size), "{text:?}");
                    assert_eq!(ours.ends_with_newline, theirs.ends_with_newline, "{text:?}");
                    let glyphs = |row: &eframe::egui::epaint::text::PlacedRow| {
                        row.glyphs.iter().map(|glyph| (glyph.chr, glyph.pos)).collect::<Vec<_>>()
                    };
                    assert_eq!(glyphs(ours), glyphs(theirs), "{text:?}");
                    let colors = |row: &eframe::egui::epaint::text::PlacedRow| {
                        row.visuals.mesh.vertices.iter().map(|vertex| vertex.color).collect::<Vec<_>>()
                    };
                    assert_eq!(colors(ours), colors(theirs), "{text:?}");
                }
                assert_eq!(galley.text(), *text);
            });
        }
    }
}
