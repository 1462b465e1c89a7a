//! What a report says, before it is HTML or Markdown: headings, sentences, tables and figures.

use crate::analysis::Analysis;
use crate::error::ReportError;
use crate::sections;
use crate::study::Study;
use kelvin_chart::{Sheet, Small};

/// A page.
pub(crate) struct Page {
    pub title: String,
    /// One line below the title.
    pub subtitle: String,
    pub blocks: Vec<Block>,
}

pub(crate) enum Block {
    /// Of level 2 or 3.
    Heading(u8, String),
    /// A paragraph; what is in backticks is code.
    Text(String),
    /// Something to be careful of.
    Note(String),
    Table(Table),
    Figure(Figure),
    /// Lines to be copied.
    Code(String),
    /// What is folded away at first.
    Details(String, Vec<Block>),
}

#[derive(Default)]
pub(crate) struct Table {
    pub head: Vec<Head>,
    pub rows: Vec<Vec<Cell>>,
}

/// A column.
pub(crate) struct Head {
    pub name: String,
    /// Whether its cells are numbers.
    pub number: bool,
}

#[derive(Clone, Default)]
pub(crate) struct Cell {
    pub text: String,
    /// The variant whose colour stands before it.
    pub color: Option<usize>,
    /// Whether it stands out.
    pub strong: bool,
}

pub(crate) struct Figure {
    /// Its file, without folder and ending.
    pub name: &'static str,
    /// What it shows, for those who cannot see it.
    pub title: String,
    pub caption: String,
    pub legend: Vec<(usize, String)>,
    pub plots: Vec<Small>,
    pub columns: usize,
    /// Pixels of each plot.
    pub each: (u32, u32),
}

impl Table {
    pub fn new(head: &[(&str, bool)]) -> Self {
        let head = head.iter().map(|(name, number)| Head { name: (*name).to_owned(), number: *number });
        Self { head: head.collect(), rows: Vec::new() }
    }
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        Self { text, ..Self::default() }
    }
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        text.to_owned().into()
    }
}

impl Figure {
    /// Its path below the report's folder.
    pub fn file(&self) -> String {
        format!("figures/{}.svg", self.name)
    }

    /// All its plots as one picture with a legend.
    pub fn svg(&self) -> Result<String, ReportError> {
        let sheet = Sheet {
            title: &self.title,
            legend: &self.legend,
            plots: &self.plots,
            columns: self.columns,
            each: self.each,
        };
        let svg = sheet.svg().map_err(|reason| ReportError::Encode { what: "figure", reason })?;
        Ok(svg.file())
    }
}

impl Page {
    /// All figures, those that are folded away too.
    pub fn figures(&self) -> Vec<&Figure> {
        fn of(blocks: &[Block]) -> Vec<&Figure> {
            let figures = blocks.iter().map(|block| match block {
                Block::Figure(figure) => vec![figure],
                Block::Details(_, blocks) => of(blocks),
                _ => Vec::new(),
            });
            figures.flatten().collect()
        }
        of(&self.blocks)
    }
}

/// The page of a report.
pub(crate) fn page(study: &Study, analysis: &Analysis) -> Page {
    Page { title: study.title(), subtitle: study.summary(), blocks: sections::blocks(study, analysis) }
}
