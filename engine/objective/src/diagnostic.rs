//! What a researcher sees when a script is wrong: what, where, why, and what to do.

use std::fmt;
use std::path::{Path, PathBuf};

use crate::imports::Source;
use crate::ops::Span;

/// Characters of a source line that are shown; longer lines are cut around the column.
const SHOWN: usize = 160;

/// Characters of a message, a path or a hint that are shown: a script may have names of any length in it.
const LONGEST: usize = 2000;

/// One error in a script, with its place and a hint.
///
/// Its `Display` form reads like a compiler's:
///
/// ```text
/// error: a value of the graph cannot decide an `if`
///   --> scripts/mine.rhai:14:8
///    |
/// 14 |     if err > 0 { err } else { -err }
///    |            ^
///    = hint: use select(condition, a, b)
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// The file the error is in: the script itself or one of its imports.
    pub file: PathBuf,
    /// Line, from 1; 0 where the error concerns the file as a whole.
    pub line: u32,
    /// Column in characters (a tab is one), from 1; 0 where the error concerns the file as a whole.
    pub column: u32,
    /// Text of that line, empty where there is none.
    pub source_line: String,
    /// What is wrong, and why.
    pub message: String,
    /// How the script comes to a place in an import, innermost first: `called from main.rhai:4:19`, `imported
    /// by main.rhai:3`. Empty in the script itself.
    pub trail: Box<[String]>,
    /// What to do about it.
    pub hint: Option<String>,
}

impl Diagnostic {
    /// An error about a whole file: it is missing, too large, not text.
    pub fn about_file(file: &Path, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            file: file.to_path_buf(),
            line: 0,
            column: 0,
            source_line: String::new(),
            message: message.into(),
            trail: Box::default(),
            hint: Some(hint.into()),
        }
    }

    /// An error at a place in `text`, the contents of `file`. A place after the text is moved to its end.
    pub fn at(
        file: &Path,
        text: &str,
        line: u32,
        column: u32,
        message: impl Into<String>,
        hint: Option<String>,
    ) -> Self {
        let (line, column) = match line as usize {
            line if line > text.lines().count() => end_of(text),
            _ => (line, column),
        };
        let source_line = match line {
            0 => "",
            line => text.lines().nth(line as usize - 1).unwrap_or(""),
        };
        Self {
            file: file.to_path_buf(),
            line,
            column: if line == 0 { 0 } else { column.max(1) },
            source_line: source_line.to_owned(),
            message: message.into(),
            trail: Box::default(),
            hint,
        }
    }

    /// An error at a place in one of a script's sources, with the imports that lead there.
    pub(crate) fn in_source(
        sources: &[Source],
        span: Span,
        message: impl Into<String>,
        hint: Option<String>,
    ) -> Self {
        let index = Some(usize::from(span.file)).filter(|&index| index < sources.len()).unwrap_or(0);
        let Source { path, text, .. } = &sources[index];
        let mut diagnostic = Self::at(path, text, span.line, span.column, message, hint);
        let mut trail = Vec::new();
        let mut at = sources[index].imported_by;
        // Each import was met in a source that was there before, so this ends.
        while let Some((source, line)) = at {
            trail.push(format!("imported by {}:{line}", sources[source].path.display()));
            at = sources[source].imported_by;
        }
        diagnostic.trail = trail.into();
        diagnostic
    }

    /// Characters to underline: the identifier or operator that starts at the column, or one character.
    pub fn width(&self) -> usize {
        let rest = || self.source_line.chars().skip((self.column as usize).saturating_sub(1));
        let same_class = |class: fn(char) -> bool| rest().take_while(|&c| class(c)).count();
        same_class(|c| c.is_alphanumeric() || c == '_').max(same_class(|c| "<>=!*&|+/%-".contains(c))).max(1)
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "error: {:.LONGEST$}", self.message)?;
        let number = self.line.to_string();
        let gutter = " ".repeat(number.len());
        write!(f, "{gutter}--> {:.LONGEST$}", self.file.to_string_lossy())?;
        if self.line > 0 {
            write!(f, ":{}:{}", self.line, self.column)?;
        }
        if self.line > 0 && !self.source_line.is_empty() {
            let (text, caret) = window(&self.source_line, self.column as usize - 1);
            // The margin repeats the line's own tabs, so that the caret lines up at any tab width.
            let margin: String =
                text.chars().take(caret).map(|c| if c == '\t' { '\t' } else { ' ' }).collect();
            let carets = "^".repeat(self.width().min(text.chars().count().saturating_sub(caret)).max(1));
            write!(f, "\n{gutter} |\n{number} | {}\n{gutter} | {margin}{carets}", text.trim_end())?;
        }
        for step in &self.trail {
            write!(f, "\n{gutter} = {step:.LONGEST$}")?;
        }
        match &self.hint {
            Some(hint) => write!(f, "\n{gutter} = hint: {hint:.LONGEST$}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Diagnostic {}

/// Line and column after the last character of a text that is not white.
pub(crate) fn end_of(text: &str) -> (u32, u32) {
    let text = text.trim_end();
    let last = text.lines().last().unwrap_or("");
    (text.lines().count().max(1) as u32, last.chars().count() as u32 + 1)
}

/// The part of `line` to print and the index of the caret in it. Control characters would let a script
/// write to the terminal; they are replaced.
fn window(line: &str, caret: usize) -> (String, usize) {
    let clean = |c: char| if c.is_control() && c != '\t' { '\u{fffd}' } else { c };
    let length = line.chars().count();
    if length <= SHOWN {
        return (line.chars().map(clean).collect(), caret.min(length));
    }
    let start = caret.saturating_sub(SHOWN / 2).min(length - SHOWN);
    let mut text: String = line.chars().skip(start).take(SHOWN).map(clean).collect();
    let mut caret = caret.min(length) - start;
    if start > 0 {
        text.insert(0, '…');
        caret += 1;
    }
    if start + SHOWN < length {
        text.push('…');
    }
    (text, caret)
}

/// The candidate a reader most likely meant by `word`, if one is near enough: few edits away (insert, delete, replace,
/// swap of neighbours).
pub fn did_you_mean<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let reach = 1 + word.chars().count() / 4;
    candidates
        .into_iter()
        .map(|candidate| (strsim::osa_distance(&word.to_lowercase(), &candidate.to_lowercase()), candidate))
        .filter(|&(distance, candidate)| distance <= reach && distance < candidate.chars().count())
        .min_by_key(|&(distance, _)| distance)
        .map(|(_, candidate)| candidate)
}

/// `a`, `b` and `c`, for a sentence.
pub fn listing<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    names.into_iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caret_column(rendered: &str) -> usize {
        let line = rendered.lines().find(|line| line.contains('^')).expect("a caret");
        line.split_once("| ").expect("a gutter").1.chars().position(|c| c == '^').expect("a caret")
    }

    #[test]
    fn caret_stands_under_the_column_after_tabs_and_wide_text() {
        for (line, column) in [("abc + d", 5), ("\t\tx = ü + y", 9), ("x", 1), ("x", 9)] {
            let text = Diagnostic::at(Path::new("a"), line, 1, column, "m", None).to_string();
            let expected = (column as usize - 1).min(line.chars().count());
            assert_eq!(caret_column(&text), expected, "{text}");
        }
    }

    #[test]
    fn a_long_line_is_cut_around_its_column() {
        let line = format!("{}HERE{}", "a + ".repeat(200), " + b".repeat(200));
        let text = Diagnostic::at(Path::new("a"), &line, 1, 801, "m", None).to_string();
        assert!(text.lines().all(|line| line.chars().count() < SHOWN + 12), "{text}");
        let shown = text.lines().nth(3).unwrap().split_once("| ").unwrap().1;
        assert!(shown.chars().skip(caret_column(&text)).collect::<String>().starts_with("HERE"), "{text}");
    }

    #[test]
    fn a_script_cannot_write_to_the_terminal() {
        let text = Diagnostic::at(Path::new("a"), "x\u{1b}[31m", 1, 1, "m", None).to_string();
        assert!(!text.contains('\u{1b}'));
    }

    #[test]
    fn near_names_are_suggested_and_far_ones_are_not() {
        assert_eq!(did_you_mean("tua", ["gamma", "tau"]), Some("tau"));
        assert_eq!(did_you_mean("rewrd", ["reward", "terminated"]), Some("reward"));
        assert_eq!(did_you_mean("logsumexpp", ["logsumexp", "logmeanexp"]), Some("logsumexp"));
        assert_eq!(did_you_mean("v", ["q"]), None);
        assert_eq!(did_you_mean("zebra", ["tau", "gamma"]), None);
    }
}
