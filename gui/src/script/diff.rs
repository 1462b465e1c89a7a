//! What differs between two texts: by lines, and within lines by words.

use std::ops::Range;

use similar::{ChangeTag, DiffOp, TextDiff};

/// Equal lines that are shown around what differs.
const AROUND: usize = 3;

/// A line of one of the texts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Its number there, from 1.
    pub number: usize,
    /// Its text, without its end.
    pub text: String,
    /// What differs in it, in bytes; nothing where all of it does.
    pub marks: Vec<Range<usize>>,
}

/// A part of a comparison.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// Lines that both texts have: of the one and of the other.
    Same(Vec<(Line, Line)>),
    /// Lines of the first text, and what stands in their place in the second.
    Changed(Vec<Line>, Vec<Line>),
}

/// Two texts compared.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Diff {
    /// All lines, in order.
    pub parts: Vec<Part>,
    /// Lines that only the first text has.
    pub removed: usize,
    /// Lines that only the second text has.
    pub added: usize,
}

/// What a row of a picture of a comparison shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Row<'a> {
    /// A line that both have.
    Same(&'a Line, &'a Line),
    /// Side by side: a line that went, one that came, or both.
    Beside(Option<&'a Line>, Option<&'a Line>),
    /// One below the other: a line that went.
    Removed(&'a Line),
    /// A line that came.
    Added(&'a Line),
    /// So many equal lines are left out.
    Gap(usize),
}

impl Diff {
    /// Compares two texts.
    pub fn new(before: &str, after: &str) -> Self {
        let (before, after): (Vec<&str>, Vec<&str>) =
            (before.split_inclusive('\n').collect(), after.split_inclusive('\n').collect());
        let diff = TextDiff::from_slices(&before, &after);
        let line = |text: &str, index: usize| Line {
            number: index + 1,
            text: text.trim_end_matches(['\n', '\r']).to_owned(),
            marks: Vec::new(),
        };
        let olds = |range: Range<usize>| range.map(|i| line(before[i], i)).collect::<Vec<_>>();
        let news = |range: Range<usize>| range.map(|i| line(after[i], i)).collect::<Vec<_>>();
        let mut result = Self::default();
        for op in diff.ops() {
            let (old, new) = (olds(op.old_range()), news(op.new_range()));
            if let DiffOp::Equal { .. } = op {
                result.parts.push(Part::Same(old.into_iter().zip(new).collect()));
                continue;
            }
            result.removed += old.len();
            result.added += new.len();
            // A deletion beside an insertion is a replacement.
            if let Some(Part::Changed(olds, news)) = result.parts.last_mut() {
                olds.extend(old);
                news.extend(new);
            } else {
                result.parts.push(Part::Changed(old, new));
            }
        }
        for part in &mut result.parts {
            if let Part::Changed(olds, news) = part {
                for (old, new) in olds.iter_mut().zip(news) {
                    mark(old, new);
                }
            }
        }
        result
    }

    /// Whether the texts are the same.
    pub fn is_empty(&self) -> bool {
        self.removed + self.added == 0
    }

    /// As rows: `beside` each other or one below the other, and with equal lines left out if they are far from what
    /// differs (`folded`).
    pub fn rows(&self, beside: bool, folded: bool) -> Vec<Row<'_>> {
        let mut rows = Vec::new();
        for (index, part) in self.parts.iter().enumerate() {
            match part {
                Part::Same(lines) => {
                    let head = if index == 0 { 0 } else { AROUND };
                    let tail = if index + 1 == self.parts.len() { 0 } else { AROUND };
                    // A gap of one line would save nothing.
                    let is_long = lines.len() > head + tail + 1;
                    for (number, (old, new)) in lines.iter().enumerate() {
                        let hidden = folded && is_long && number >= head && number + tail < lines.len();
                        if !hidden {
                            rows.push(Row::Same(old, new));
                        } else if number == head {
                            rows.push(Row::Gap(lines.len() - head - tail));
                        }
                    }
                }
                Part::Changed(olds, news) if beside => {
                    rows.extend(
                        (0..olds.len().max(news.len())).map(|i| Row::Beside(olds.get(i), news.get(i))),
                    );
                }
                Part::Changed(olds, news) => {
                    rows.extend(olds.iter().map(Row::Removed));
                    rows.extend(news.iter().map(Row::Added));
                }
            }
        }
        rows
    }
}

/// Marks what differs between two lines that stand for each other, unless nearly all of it does.
fn mark(old: &mut Line, new: &mut Line) {
    let words = (words(&old.text), words(&new.text));
    let diff = TextDiff::from_slices(&words.0, &words.1);
    let (mut olds, mut news) = (Vec::new(), Vec::new());
    let (mut at_old, mut at_new) = (0, 0);
    // Letters that both have; white space is in every line.
    let mut same = 0;
    for change in diff.iter_all_changes() {
        let length = change.value().len();
        let put = |marks: &mut Vec<Range<usize>>, at: usize| match marks.last_mut() {
            Some(last) if last.end == at => last.end += length,
            _ => marks.push(at..at + length),
        };
        if change.tag() != ChangeTag::Insert {
            if change.tag() == ChangeTag::Delete {
                put(&mut olds, at_old);
            }
            at_old += length;
        }
        if change.tag() != ChangeTag::Delete {
            match change.tag() {
                ChangeTag::Insert => put(&mut news, at_new),
                _ => same += letters(change.value()),
            }
            at_new += length;
        }
    }
    if 5 * same >= letters(&old.text) + letters(&new.text) {
        (old.marks, new.marks) = (olds, news);
    }
}

/// Names and numbers as a whole, everything else letter by letter.
fn words(text: &str) -> Vec<&str> {
    let is_word = |c: char| c == '_' || c.is_alphanumeric();
    let mut words = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let end = match is_word(first) {
            true => rest.find(|c| !is_word(c)).unwrap_or(rest.len()),
            false => first.len_utf8(),
        };
        let (word, after) = rest.split_at(end);
        words.push(word);
        rest = after;
    }
    words
}

fn letters(text: &str) -> usize {
    text.chars().filter(|c| !c.is_whitespace()).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(rows: &[Row<'_>]) -> Vec<String> {
        let side = |line: &Option<&Line>| {
            line.map_or("-".to_owned(), |line| format!("{} {}", line.number, line.text))
        };
        rows.iter()
            .map(|row| match row {
                Row::Same(old, new) => format!("= {} {} {}", old.number, new.number, new.text),
                Row::Beside(old, new) => format!("{} | {}", side(old), side(new)),
                Row::Removed(line) => format!("- {} {}", line.number, line.text),
                Row::Added(line) => format!("+ {} {}", line.number, line.text),
                Row::Gap(lines) => format!("… {lines}"),
            })
            .collect()
    }

    #[test]
    fn lines_are_told_apart_in_both_forms() {
        let diff = Diff::new("a\nb\nc\n", "a\nx\ny\nc\n");
        assert_eq!((diff.removed, diff.added), (1, 2));
        assert_eq!(shown(&diff.rows(false, false)), ["= 1 1 a", "- 2 b", "+ 2 x", "+ 3 y", "= 3 4 c"]);
        assert_eq!(shown(&diff.rows(true, false)), ["= 1 1 a", "2 b | 2 x", "- | 3 y", "= 3 4 c"]);
        assert!(Diff::new("a\n", "a\n").is_empty());
        assert_eq!(Diff::new("", "a\n").added, 1);
    }

    #[test]
    fn the_words_that_differ_are_marked() {
        let diff = Diff::new("let err = net.q[t.action] - y;\n", "let err = net.q[t.action] - stop(y);\n");
        let Part::Changed(old, new) = &diff.parts[0] else { panic!("{diff:?}") };
        let marked = |line: &Line| {
            line.marks.iter().map(|mark| line.text[mark.clone()].to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(
            (marked(&old[0]), marked(&new[0])),
            (Vec::<String>::new(), vec!["stop(".to_owned(), ")".to_owned()])
        );
        // Of two lines that have nothing in common, nothing stands out.
        let diff = Diff::new("let a = 1;\n", "// something else entirely\n");
        let Part::Changed(old, _) = &diff.parts[0] else { panic!("{diff:?}") };
        assert!(old[0].marks.is_empty());
    }

    #[test]
    fn equal_lines_far_away_are_left_out() {
        let before: String = (0..30).map(|line| format!("{line}\n")).collect();
        let diff = Diff::new(&before, &before.replace("15\n", "changed\n"));
        let rows = diff.rows(false, true);
        assert_eq!(rows[0], Row::Gap(12));
        assert_eq!(rows.last(), Some(&Row::Gap(11)));
        assert_eq!(rows.len(), 2 + 2 * AROUND + 2);
        // All lines are there where nothing is left out.
        assert_eq!(diff.rows(false, false).len(), 31);
    }
}
