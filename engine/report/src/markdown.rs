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
            Block::Text(paragraph) => writeln!(text, "{paragraph}"),
            Block::Note(note) => writeln!(text, "> {}", escape(note)),
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
            Block::Code(code) => writeln!(text, "```sh\n{code}\n```"),
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

/// Text in which nothing is markup.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\n' => escaped.push(' '),
            '\\' | '`' | '*' | '_' | '|' | '[' | ']' | '<' | '>' | '#' => {
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
    fn names_are_never_markup() {
        let rows = vec![vec![Cell { text: "a|b_c".to_owned(), strong: true, color: None }]];
        let mut text = String::new();
        table(&mut text, &Table { rows, ..Table::new(&[("x", true)]) });
        assert_eq!(text, "| x |\n| --: |\n| **a\\|b\\_c** |\n");
    }
}
