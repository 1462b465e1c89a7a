//! What one check came to.

use serde::Serialize;

/// What a row shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Two sides are equal: the error has to stay within the tolerance.
    Identity,
    /// Two sides are not equal: the error has to be above the tolerance, which is then a threshold.
    Difference,
}

/// One row of the table.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Row {
    /// Short name, unique in the table.
    pub id: &'static str,
    /// The paper's equation numbers, such as `42, 43`.
    pub equations: &'static str,
    /// What is claimed, in a line.
    pub claim: &'static str,
    /// What was computed: problems, sizes, how many numbers were compared.
    pub computed: String,
    /// Relative error of the comparison that came closest to failing; 1 is the size of the terms compared.
    pub error: f64,
    /// What that comparison was held against.
    pub tolerance: f64,
    /// Why the tolerance is what it is.
    pub why: &'static str,
    /// Whether the error has to be below or above.
    pub kind: Kind,
    /// Whether it is. An error that is not a number never passes.
    pub pass: bool,
}
