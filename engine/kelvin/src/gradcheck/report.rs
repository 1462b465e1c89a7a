//! What was found, as a table of at most a hundred columns and as JSON.

use super::Gradcheck;
use super::culprit::Culprit;
use super::inputs::Circumstance;
use super::subject::Subject;
use super::tally::{Tally, Worst};
use crate::console::grouped;
use kelvin_objective::{Diagnostic, Layout, Source, Span};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::Path;
use std::time::Duration;

/// Where a difference was found.
#[derive(Clone, Debug, PartialEq)]
pub struct Place {
    /// The shape.
    pub layout: Layout,
    /// Static parameters that were not at their defaults.
    pub statics: BTreeMap<String, f64>,
    /// What was put in.
    pub circumstance: Circumstance,
}

/// One comparison, over all shapes and circumstances.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// What the reference was compared with.
    pub name: &'static str,
    /// All of it.
    pub tally: Tally,
    /// Where the worst of it was found.
    pub place: Option<Place>,
    /// What is responsible, if something is beyond its tolerance.
    pub culprit: Option<Culprit>,
}

impl Row {
    /// Nothing compared yet.
    pub fn new(name: &'static str) -> Self {
        Self { name, tally: Tally::default(), place: None, culprit: None }
    }

    /// Whether something is beyond its tolerance.
    pub fn differs(&self) -> bool {
        self.tally.differing > 0
    }

    /// Adds what was found in one place.
    pub(super) fn absorb(&mut self, tally: Tally, subject: &Subject, circumstance: &Circumstance) {
        if self.tally.absorb(tally) {
            let (layout, statics) = (subject.layout.clone(), subject.statics.clone());
            self.place = Some(Place { layout, statics, circumstance: *circumstance });
        }
    }
}

/// What checking one script came to. Its `Display` is a table, and a diagnostic for each comparison that failed.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    script: String,
    sources: Vec<Source>,
    shapes: Vec<Layout>,
    batches: usize,
    took: Duration,
    /// The comparisons.
    pub rows: Vec<Row>,
}

impl Report {
    pub(super) fn new(gradcheck: &Gradcheck<'_>, shapes: &[Layout], rows: Vec<Row>, took: Duration) -> Self {
        Self {
            script: gradcheck.script.path().display().to_string(),
            sources: gradcheck.script.sources().to_vec(),
            shapes: shapes.to_vec(),
            batches: gradcheck.batches(shapes),
            took,
            rows,
        }
    }

    /// Whether all evaluations agree.
    pub fn agrees(&self) -> bool {
        self.rows.iter().all(|row| !row.differs())
    }

    /// As JSON, one object.
    pub fn to_json(&self) -> Value {
        let shape = |layout: &Layout| json!({ "window": layout.window, "actions": layout.actions, "batch": layout.batch });
        json!({
            "script": self.script,
            "agrees": self.agrees(),
            "shapes": self.shapes.iter().map(shape).collect::<Vec<_>>(),
            "batches": self.batches,
            "seconds": self.took.as_secs_f64(),
            "comparisons": self.rows.iter().map(|row| self.row_to_json(row)).collect::<Vec<_>>(),
        })
    }

    fn row_to_json(&self, row: &Row) -> Value {
        let Tally { compared, kinks, unclear, not_sampled, differing, worst } = &row.tally;
        let worst = worst.as_ref().zip(row.place.as_ref()).map(|(worst, place)| {
            json!({
                "difference": worst.difference(),
                "allowed": worst.allowed,
                "value": worst.value,
                "exact": worst.exact,
                "what": worst.what.to_string(),
                "sample": worst.sample,
                "inputs": place.circumstance.name,
                "window": place.layout.window,
                "actions": place.layout.actions,
                "batch": place.layout.batch,
                "statics": place.statics,
            })
        });
        let culprit = row.culprit.as_ref().map(|culprit| {
            let file = &self.sources[usize::from(culprit.span.file)].path;
            json!({
                "message": culprit.message,
                "file": file.display().to_string(),
                "line": culprit.span.line,
                "column": culprit.span.column,
            })
        });
        json!({
            "with": row.name,
            "agrees": !row.differs(),
            "compared": compared,
            "at_kinks": kinks,
            "lost_in_rounding": unclear,
            "not_sampled": not_sampled,
            "differing": differing,
            "worst": worst,
            "culprit": culprit,
        })
    }

    /// A failed comparison as a diagnostic.
    fn diagnostic(&self, row: &Row) -> Option<Diagnostic> {
        let (worst, place) = (row.tally.worst.as_ref()?, row.place.as_ref()?);
        let Worst { what, sample, value, exact, allowed } = worst;
        let found = match exact.is_finite() {
            true => {
                format!("{}; the kernel in f64 has {} ± {}", number(*value), number(*exact), number(*allowed))
            }
            false => exact.to_string(),
        };
        let statics = place.statics.iter().map(|(name, value)| format!(", {name} = {value}"));
        let at =
            format!("seen at {place}{}: {what} of sample {sample} is {found}", statics.collect::<String>());
        let at = match exact.is_finite() && !value.is_finite() {
            true => format!("{at}. 32 bits end at 3.4e38: narrow a range in params(), or scale what grows"),
            false => at,
        };
        let Some(culprit) = &row.culprit else {
            let message = format!("{}: {at}, though no operation by itself does", row.name);
            let hint = "please report it together with the script";
            return Some(Diagnostic::about_file(Path::new(&self.script), message, hint));
        };
        let message = format!("{}: {}", row.name, culprit.message);
        Some(diagnostic_at(&self.sources, culprit.span, message, Some(at)))
    }
}

/// A diagnostic at a place of a script, which may be nowhere in particular.
pub(super) fn diagnostic_at(
    sources: &[Source],
    span: Span,
    message: String,
    hint: Option<String>,
) -> Diagnostic {
    let Source { path, text, .. } = &sources[usize::from(span.file)];
    Diagnostic::at(path, text, span.line, span.column, message, hint)
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Layout { actions, batch, .. } = self.layout;
        write!(f, "{} {actions}×{batch}", self.circumstance.name)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let windows = self.shapes.iter().map(|layout| layout.window).collect::<BTreeSet<_>>();
        let windows = windows.iter().map(usize::to_string).collect::<Vec<_>>().join(", ");
        let took = self.took.as_secs_f64();
        writeln!(f, "{}   window {windows}, {} batches, {took:.1} s\n", self.script, self.batches)?;
        writeln!(f, "      against       compared    worst  allowed  where")?;
        for row in &self.rows {
            let verdict = if row.differs() { "FAIL" } else { "ok" };
            write!(f, "{verdict:<5} {:<12}{:>10}", row.name, grouped(row.tally.compared))?;
            match row.tally.worst.as_ref().zip(row.place.as_ref()) {
                Some((worst, place)) => writeln!(
                    f,
                    "{:>9}{:>9}  {}, {place} #{}",
                    number(if worst.exact.is_finite() { worst.difference() } else { worst.exact }),
                    number(worst.allowed),
                    worst.what,
                    worst.sample
                )?,
                None => writeln!(f, "{:>9}{:>9}", "–", "–")?,
            }
        }
        for Row { name, tally: Tally { kinks, unclear, not_sampled, .. }, .. } in &self.rows {
            let notes = [(*kinks, "at kinks"), (*unclear, "lost in rounding"), (*not_sampled, "not sampled")];
            let notes = notes.iter().filter(|(count, _)| *count > 0);
            let notes: Vec<String> =
                notes.map(|(count, what)| format!("{} {what}", grouped(*count))).collect();
            if !notes.is_empty() {
                writeln!(f, "      {name}: further slopes {}", notes.join(", "))?;
            }
        }
        for row in self.rows.iter().filter(|row| row.differs()) {
            if let Some(diagnostic) = self.diagnostic(row) {
                writeln!(f, "\n{diagnostic}")?;
            }
        }
        Ok(())
    }
}

/// Two digits of a difference or a tolerance.
fn number(value: f64) -> String {
    match value {
        0.0 => "0".to_owned(),
        value if value.is_finite() => format!("{value:.1e}"),
        value => value.to_string(),
    }
}
