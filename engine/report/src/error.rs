//! Why there is no report.

use kelvin_run::RunError;
use std::path::PathBuf;

/// Why there is no report.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// A folder without runs.
    #[error("there are no runs in {}", .0.display())]
    NoRuns(PathBuf),
    /// `--compare` names something else than a variant.
    #[error("there is no variant `{name}`; there are {known}")]
    NoVariant {
        /// What was asked for.
        name: String,
        /// What there is.
        known: String,
    },
    /// A file that could not be read or written.
    #[error(transparent)]
    Run(#[from] RunError),
    /// A file that could not be written.
    #[error("cannot write {}: {reason}", path.display())]
    Write {
        /// What was to be written.
        path: PathBuf,
        /// The system's reason.
        reason: String,
    },
    /// Something that has no form as text: a defect.
    #[error("the {what} cannot be drawn: {reason}")]
    Encode {
        /// What it was meant to be.
        what: &'static str,
        /// What stood in the way.
        reason: String,
    },
}

impl ReportError {
    /// What the user can do about it.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::NoRuns(_) => Some("give the folder of a batch, a folder of runs such as `runs`, or a run"),
            Self::NoVariant { .. } => {
                Some("give two of them, in quotes where they have spaces: --compare A B")
            }
            Self::Run(_) | Self::Write { .. } | Self::Encode { .. } => None,
        }
    }
}
