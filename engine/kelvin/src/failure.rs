//! How every command fails: what happened, what to do, and an exit code.

use kelvin_objective::Diagnostic;
use std::fmt;

/// Exit code of a run that could not do what it was asked.
pub const FAILED: u8 = 1;
/// Exit code of a command that was asked for something that cannot be.
pub const WRONG_USE: u8 = 2;

/// Characters of a message that are shown: it may repeat what somebody gave, of any length.
const LONGEST: usize = 2000;

/// What ends a command. Rendered as `error: …` and, where there is one, `hint: …`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    rendered: String,
    hint: Option<String>,
    code: u8,
    diagnostic: Option<Box<Diagnostic>>,
    device_lost: bool,
}

impl Failure {
    /// Something that was rightly asked for went wrong.
    pub fn failed(message: impl fmt::Display) -> Self {
        // Only texts can be cut.
        Self::rendered(format_args!("error: {:.LONGEST$}", message.to_string()))
    }

    /// The command line or a configuration asks for something that cannot be.
    pub fn usage(message: impl fmt::Display) -> Self {
        Self { code: WRONG_USE, ..Self::failed(message) }
    }

    /// A report that is whole already: place, reason and hint.
    pub fn rendered(report: impl fmt::Display) -> Self {
        let rendered = report.to_string();
        Self { rendered, hint: None, code: FAILED, diagnostic: None, device_lost: false }
    }

    /// Says what to do about it.
    pub fn hint(mut self, hint: impl fmt::Display) -> Self {
        self.hint = Some(hint.to_string());
        self
    }

    /// The error in a script that this is, if it is one.
    pub fn diagnostic(&self) -> Option<&Diagnostic> {
        self.diagnostic.as_deref()
    }

    /// The device is gone, and what was on it: nothing else is wrong.
    pub fn device_lost(message: impl fmt::Display) -> Self {
        Self { device_lost: true, ..Self::failed(message) }
    }

    /// Whether that is what happened.
    pub fn is_device_lost(&self) -> bool {
        self.device_lost
    }

    /// What happened, without the word `error`.
    pub fn message(&self) -> &str {
        self.rendered.strip_prefix("error: ").unwrap_or(&self.rendered)
    }

    /// What to do about it, where it was said.
    pub fn advice(&self) -> Option<&str> {
        self.hint.as_deref()
    }

    /// The process's exit code.
    pub fn code(&self) -> u8 {
        self.code
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.rendered)?;
        match &self.hint {
            Some(hint) => write!(f, "\nhint: {hint:.LONGEST$}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Failure {}

impl From<Diagnostic> for Failure {
    fn from(diagnostic: Diagnostic) -> Self {
        let rendered = Self::rendered(&diagnostic);
        Self { diagnostic: Some(Box::new(diagnostic)), ..rendered }
    }
}
