//! Why a traced objective cannot become a kernel.

use crate::ops::Span;

/// A fault found after tracing. The script host turns it into a diagnostic with the source line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message} (hint: {hint})")]
pub struct CompileError {
    /// What is wrong and why.
    pub message: String,
    /// What to do about it.
    pub hint: String,
    /// Where, if one place of the script is to blame.
    pub span: Option<Span>,
}

impl CompileError {
    pub(crate) fn new(message: impl Into<String>, hint: impl Into<String>, span: Span) -> Self {
        CompileError { message: message.into(), hint: hint.into(), span: (!span.is_none()).then_some(span) }
    }
}
