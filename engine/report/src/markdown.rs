//! The report as Markdown, with its figures as files beside it.

use crate::page::{Block, Cell, Page, Table};
use std::fmt::Write as _;

pub(crate) fn render(page: &Page) -> String {
    let mut text = format!("# {}\n\n{}\n", escape(&page.title), escape(&page.subtitle));
    blocks(&mut text, &page.blocks);
    text
}

fn blocks(text: &mut String, blocks_of: &[Block]) {
    for block in blocks_of {
        text.push('\n');
        // Writing to a string does not fail.
        let _ = match block {
            Block::Heading(level, heading) => {
                writeln!(text, "{} {}", "#".repeat(usize::from(*level)), escape(heading))
            }
            Block::Text(paragraph) => writeln!(text, "{}", marked(paragraph)),
            Block::Note(note) => writeln!(text, "> {}", marked(note)),
            Block::Table(rows) => {
                table(text, rows);
                Ok(())
            }
            Block::Figure(figure) => {
                writeln!(
                    text,
                    "![{}]({})\n\n*{}*",
                    escape(&figure.title),
                    figure.file(),
                    escape(&figure.caption)
                )
            }
            Block::Code(code) => {
                let fence = "`".repeat(longest_fence(code) + 1);
                writeln!(text, "{fence}sh\n{code}\n{fence}")
            }
            Block::Details(title, inner) => {
                let _ = writeln!(text, "<details><summary>{}</summary>", kelvin_chart::escape(title));
                blocks(text, inner);
                writeln!(text, "\n</details>")
            }
        };
    }
}

fn table(text: &mut String, Table { head, rows }: &Table) {
    let line = |cells: Vec<String>| format!("| {} |\n", cells.join(" | "));
    text.push_str(&line(head.iter().map(|head| escape(&head.name)).collect()));
    text.push_str(&line(
        head.iter().map(|head| if head.number { "--:" } else { "---" }.to_owned()).collect(),
    ));
    for row in rows {
        let cell = |Cell { text, strong, .. }: &Cell| {
            if *strong { format!("**{}**", escape(text)) } else { escape(text) }
        };
        text.push_str(&line(row.iter().map(cell).collect()));
    }
}

/// Backticks beside one another in code, at least the two that a fence needs more than.
fn longest_fence(code: &str) -> usize {
    code.split(|character| character != '`').map(str::len).max().unwrap_or(0).max(2)
}

/// Text with `code` and **strong** words, and no other markup: what the page has too.
fn marked(text: &str) -> String {
    let mut marked = String::new();
    for (place, piece) in text.split('`').enumerate() {
        if place % 2 == 1 {
            // Two backticks would begin other code than one.
            if marked.ends_with('`') {
                marked.push(' ');
            }
            if !piece.is_empty() {
                let _ = write!(marked, "`{}`", piece.replace(['\r', '\n'], " "));
            }
            continue;
        }
        for (place, piece) in piece.split("**").enumerate() {
            let piece = escape(piece);
            let _ = match place % 2 == 1 && !piece.is_empty() {
                true => write!(marked, "**{piece}**"),
                false => write!(marked, "{piece}"),
            };
        }
    }
    // A paragraph that begins like a list would be one.
    let item = marked.trim_start_matches(|character: char| character.is_ascii_digit());
    match item.starts_with(['-', '+', '.', ')', '=']) {
        true => format!("{}\\{item}", &marked[..marked.len() - item.len()]),
        false => marked,
    }
}

/// Text in which nothing is markup.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\n' | '\r' => escaped.push(' '),
            '\\' | '`' | '*' | '_' | '|' | '[' | ']' | '<' | '>' | '#' | '~' | '&' | '$' => {
                escaped.push('\\');
                escaped.push(character);
            }
            _ => escaped.push(character),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn captions_are_no_markup_but_code_and_strong_words() {
        for (text, markdown) in [
            ("a <b> `x<y` **c & d**", "a \\<b\\> `x<y` **c \\& d**"),
            ("<script>alert(1)</script>\n\n# no", "\\<script\\>alert(1)\\</script\\>  \\# no"),
            ("``<i>` `` `<i>`", "\\<i\\>` ` ` `\\<i\\>"),
            ("a`<i>", "a`<i>`"),
            ("- 20", "\\- 20"),
            ("20. b", "20\\. b"),
        ] {
            assert_eq!(marked(text), markdown);
        }
        let mut text = String::new();
        blocks(&mut text, &[Block::Code("a\n```\n<script>".to_owned())]);
        assert_eq!(text, "\n````sh\na\n```\n<script>\n````\n");
    }

    #[test]
    fn names_are_never_markup() {
        let rows = vec![vec![Cell { text: "a|b_c".to_owned(), strong: true, color: None }]];
        let mut text = String::new();
        table(&mut text, &Table { rows, ..Table::new(&[("x", true)]) });
        assert_eq!(text, "| x |\n| --: |\n| **a\\|b\\_c** |\n");
    }
}
