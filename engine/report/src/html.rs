//! The report as one HTML file: no script, no font, no picture that is not inside it.

use crate::error::ReportError;
use crate::page::{Block, Cell, Figure, Page, Table};
use kelvin_chart::{Small, escape, series_variable, style_sheet};
use std::fmt::Write as _;

const STYLE: &str = include_str!("report.css");

pub(crate) fn render(page: &Page) -> Result<String, ReportError> {
    let title = escape(&page.title);
    let mut text = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>{title}</title>\n\
         <style>\n{}{STYLE}</style>\n</head>\n<body>\n<main>\n<header><h1>{title}</h1><p>{}</p></header>\n",
        style_sheet(),
        escape(&page.subtitle)
    );
    blocks(&mut text, &page.blocks)?;
    text.push_str("</main>\n</body>\n</html>\n");
    Ok(text)
}

fn blocks(text: &mut String, blocks_of: &[Block]) -> Result<(), ReportError> {
    for block in blocks_of {
        // Writing to a string does not fail.
        let _ = match block {
            Block::Heading(level, heading) => writeln!(text, "<h{level}>{}</h{level}>", escape(heading)),
            Block::Text(paragraph) => writeln!(text, "<p>{}</p>", marked(paragraph)),
            Block::Note(note) => writeln!(text, "<p class=\"note\">{}</p>", marked(note)),
            Block::Table(rows) => {
                table(text, rows);
                Ok(())
            }
            Block::Figure(drawn) => {
                figure(text, drawn)?;
                Ok(())
            }
            Block::Code(code) => writeln!(text, "<pre><code>{}</code></pre>", escape(code)),
            Block::Details(title, inner) => {
                let _ = writeln!(text, "<details><summary>{}</summary>", escape(title));
                blocks(text, inner)?;
                writeln!(text, "</details>")
            }
        };
    }
    Ok(())
}

/// Text with `code` and **strong** words.
fn marked(text: &str) -> String {
    let mut marked = String::new();
    for (place, piece) in text.split('`').enumerate() {
        if place % 2 == 1 {
            let _ = write!(marked, "<code>{}</code>", escape(piece));
            continue;
        }
        for (place, piece) in piece.split("**").enumerate() {
            let piece = escape(piece);
            let _ = if place % 2 == 1 {
                write!(marked, "<strong>{piece}</strong>")
            } else {
                write!(marked, "{piece}")
            };
        }
    }
    marked
}

fn key(color: usize) -> String {
    format!("<i class=\"key\" style=\"background:var(--{})\"></i>", series_variable(color))
}

fn table(text: &mut String, Table { head, rows }: &Table) {
    // A group begins where the first column says something; a table in which it always does has none.
    let grouped = rows.iter().any(|row| row.first().is_some_and(|cell| cell.text.is_empty()));
    let class = if grouped { " class=\"groups\"" } else { "" };
    let _ = write!(text, "<div class=\"wide\"><table{class}>\n<thead><tr>");
    for column in head {
        let class = if column.number { " class=\"number\"" } else { "" };
        let _ = write!(text, "<th{class}>{}</th>", escape(&column.name));
    }
    text.push_str("</tr></thead>\n<tbody>\n");
    for row in rows {
        let begins = row.first().is_some_and(|cell| !cell.text.is_empty());
        text.push_str(if grouped && begins { "<tr class=\"group\">" } else { "<tr>" });
        for (Cell { text: said, color, strong }, column) in row.iter().zip(head) {
            let class = if column.number { " class=\"number\"" } else { "" };
            let (open, close) = if *strong { ("<strong>", "</strong>") } else { ("", "") };
            let key = color.filter(|_| !said.is_empty()).map_or(String::new(), key);
            let _ = write!(text, "<td{class}>{key}{open}{}{close}</td>", escape(said));
        }
        text.push_str("</tr>\n");
    }
    text.push_str("</tbody></table></div>\n");
}

fn figure(text: &mut String, drawn: &Figure) -> Result<(), ReportError> {
    let columns = drawn.columns.min(drawn.plots.len()).max(1);
    let _ = write!(text, "<figure id=\"{}\">\n<div class=\"legend\">", drawn.name);
    for (color, name) in &drawn.legend {
        let _ = write!(text, "<span>{}{}</span>", key(*color), escape(name));
    }
    // Plots keep a width at which their text can be read, and go below one another where there is no room.
    let _ = write!(
        text,
        "</div>\n<div class=\"plots\" style=\"--columns:{columns};--least:{}px;--most:{}px\">\n",
        (drawn.each.0 * 4 / 5).min(360),
        drawn.each.0 * 21 / 20
    );
    for plot in &drawn.plots {
        text.push_str(svg(plot, drawn.each)?.as_str());
        text.push('\n');
    }
    let _ = writeln!(text, "</div>\n<figcaption>{}</figcaption>\n</figure>", escape(&drawn.caption));
    Ok(())
}

fn svg(plot: &Small, size: (u32, u32)) -> Result<String, ReportError> {
    let svg = plot.svg(size).map_err(|reason| ReportError::Encode { what: "figure", reason })?;
    Ok(svg.inline().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_may_be_code_or_strong_and_nothing_else() {
        assert_eq!(
            marked("a <b> `x<y` **c & d**"),
            "a &lt;b&gt; <code>x&lt;y</code> <strong>c &amp; d</strong>"
        );
    }
}
