//! What Tab, Enter and the comment key do to a text: pure functions of the text and what is selected in it.

use super::places::byte_of;

/// Spaces of a step.
const STEP: usize = 4;

/// What is selected: two characters' numbers, the fixed end and the one that moves; equal for a mere cursor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Selection {
    /// Where it began.
    pub anchor: usize,
    /// Where the cursor is.
    pub head: usize,
}

impl Selection {
    /// A cursor.
    pub fn cursor(at: usize) -> Self {
        Self { anchor: at, head: at }
    }

    fn sorted(self) -> (usize, usize) {
        (self.anchor.min(self.head), self.anchor.max(self.head))
    }

    /// Moves both ends by what `shift` says of them.
    fn map(self, shift: impl Fn(usize) -> usize) -> Self {
        Self { anchor: shift(self.anchor), head: shift(self.head) }
    }
}

/// Tab: spaces up to the next step, or all selected lines a step to the right.
pub fn indent(text: &mut String, selection: Selection) -> Selection {
    let (start, end) = selection.sorted();
    if !text[byte_of(text, start)..byte_of(text, end)].contains('\n') {
        let column = column_of(text, start);
        let spaces = " ".repeat(STEP - column % STEP);
        let after = start + spaces.len();
        text.replace_range(byte_of(text, start)..byte_of(text, end), &spaces);
        return Selection::cursor(after);
    }
    edit_lines(text, selection, |line| match line.trim().is_empty() {
        true => (0, String::new()),
        false => (0, " ".repeat(STEP)),
    })
}

/// Shift and Tab: all lines that the selection touches a step to the left.
pub fn outdent(text: &mut String, selection: Selection) -> Selection {
    edit_lines(text, selection, |line| {
        let spaces = line.chars().take(STEP).take_while(|&c| c == ' ').count();
        (if spaces == 0 && line.starts_with('\t') { 1 } else { spaces }, String::new())
    })
}

/// Enter: a new line, as far to the right as this one, and a step further after an opening bracket.
pub fn new_line(text: &mut String, selection: Selection) -> Selection {
    let (start, end) = selection.sorted();
    let (from, to) = (byte_of(text, start), byte_of(text, end));
    let line = text[..from].rsplit('\n').next().unwrap_or("");
    let indent: String = line.chars().take_while(|c| *c == ' ' || *c == '\t').collect();
    let opens = line.trim_end().ends_with(['{', '(', '[']);
    let closes = text[to..].starts_with(['}', ')', ']']);
    let deeper = if opens { format!("{indent}{}", " ".repeat(STEP)) } else { indent.clone() };
    // Between a pair of brackets the closing one gets a line of its own.
    let tail = if opens && closes { format!("\n{indent}") } else { String::new() };
    let after = start + 1 + deeper.chars().count();
    text.replace_range(from..to, &format!("\n{deeper}{tail}"));
    Selection::cursor(after)
}

/// Makes comments of all lines that the selection touches, or text of them again if all are comments.
pub fn toggle_comment(text: &mut String, selection: Selection) -> Selection {
    let (first, last) = lines_of(text, selection);
    let lines: Vec<&str> = text.split('\n').skip(first).take(last - first + 1).collect();
    let written = || lines.iter().filter(|line| !line.trim().is_empty());
    let all = written().count() > 0 && written().all(|line| line.trim_start().starts_with("//"));
    // At one column, so that the comments line up.
    let column = written().map(|line| indent_of(line)).min().unwrap_or(0);
    edit_lines_at(text, selection, |line| {
        if line.trim().is_empty() {
            return (0, 0, String::new());
        }
        match all {
            true => {
                let at = indent_of(line);
                let marks = if line[at..].starts_with("// ") { 3 } else { 2 };
                (at, marks, String::new())
            }
            false => (column, 0, "// ".to_owned()),
        }
    })
}

/// Bytes, and so characters, of white space before a line's text.
fn indent_of(line: &str) -> usize {
    line.bytes().take_while(|byte| *byte == b' ' || *byte == b'\t').count()
}

fn column_of(text: &str, character: usize) -> usize {
    text[..byte_of(text, character)].rsplit('\n').next().map_or(0, |line| line.chars().count())
}

/// First and last line that a selection touches, from 0. One that ends before the first letter of a line leaves it out.
fn lines_of(text: &str, selection: Selection) -> (usize, usize) {
    let (start, end) = selection.sorted();
    let line = |character: usize| text[..byte_of(text, character)].matches('\n').count();
    let (first, mut last) = (line(start), line(end));
    if last > first && column_of(text, end) == 0 {
        last -= 1;
    }
    (first, last)
}

fn edit_lines(text: &mut String, selection: Selection, edit: impl Fn(&str) -> (usize, String)) -> Selection {
    edit_lines_at(text, selection, |line| {
        let (removed, inserted) = edit(line);
        (0, removed, inserted)
    })
}

/// Edits each line that the selection touches: at which character, how many go, and what comes in their place. All of them
/// are ASCII. The selection keeps its letters.
fn edit_lines_at(
    text: &mut String,
    selection: Selection,
    edit: impl Fn(&str) -> (usize, usize, String),
) -> Selection {
    let (first, last) = lines_of(text, selection);
    let mut result = String::with_capacity(text.len());
    let mut before = 0;
    // Character in the old text, how many go there, how many come.
    let mut changes: Vec<(usize, usize, usize)> = Vec::new();
    for (index, line) in text.split('\n').enumerate() {
        if index > 0 {
            result.push('\n');
        }
        if (first..=last).contains(&index) {
            let (at, removed, inserted) = edit(line);
            result.push_str(&line[..at]);
            result.push_str(&inserted);
            result.push_str(&line[at + removed..]);
            changes.push((before + at, removed, inserted.len()));
        } else {
            result.push_str(line);
        }
        before += line.chars().count() + 1;
    }
    *text = result;
    selection.map(|character| {
        let mut moved = character;
        for &(at, removed, inserted) in &changes {
            if character >= at {
                moved = moved + inserted - removed.min(character - at);
            }
        }
        moved
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs an edit on a text in which `|` is the cursor, or `[` and `|` the ends of a selection.
    fn on(text: &str, edit: fn(&mut String, Selection) -> Selection) -> String {
        let mut plain = text.replace('|', "");
        let anchor = plain.chars().position(|c| c == '[');
        plain = plain.replace('[', "");
        let head = text.replace('[', "").chars().position(|c| c == '|').expect("a cursor");
        let selection = Selection { anchor: anchor.unwrap_or(head), head };
        let after = edit(&mut plain, selection);
        let mut shown: Vec<char> = plain.chars().collect();
        shown.insert(after.head, '|');
        if after.anchor != after.head {
            shown.insert(after.anchor, '[');
        }
        shown.into_iter().collect()
    }

    #[test]
    fn tab_goes_to_the_next_step() {
        assert_eq!(on("|x", indent), "    |x");
        assert_eq!(on("τa|x", indent), "τa  |x");
        assert_eq!(on("a[bc|d", indent), "a   |d");
    }

    #[test]
    fn tab_moves_selected_lines_and_back() {
        assert_eq!(on("a\n[b\n\nc|\nd", indent), "a\n    [b\n\n    c|\nd");
        assert_eq!(on("a\n    [b\n  c|\nd", outdent), "a\n[b\nc|\nd");
        assert_eq!(on("  a|", outdent), "a|");
        assert_eq!(on("\ta|", outdent), "a|");
        // The line that the selection only reaches is left alone.
        assert_eq!(on("[a\n|b", indent), "    [a\n|b");
    }

    #[test]
    fn enter_keeps_the_indent_and_follows_brackets() {
        assert_eq!(on("    a|", new_line), "    a\n    |");
        assert_eq!(on("  f() {|", new_line), "  f() {\n      |");
        assert_eq!(on("f() {|}", new_line), "f() {\n    |\n}");
        assert_eq!(on("a[b|c", new_line), "a\n|c");
    }

    #[test]
    fn comments_come_and_go() {
        assert_eq!(on("  a|\nb", toggle_comment), "  // a|\nb");
        assert_eq!(on("  [a\n    b|", toggle_comment), "  // [a\n  //   b|");
        assert_eq!(on("  // [a\n  //   b|", toggle_comment), "  [a\n    b|");
        assert_eq!(on("//a|", toggle_comment), "a|");
    }
}
