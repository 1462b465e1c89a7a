//! The Rhai side: an engine whose arithmetic records a graph instead of computing.
//!
//! One [`Trace`] is shared by all registered functions of one engine. Each of them takes the trace, the place
//! of the call and its operands, and returns a value or a [`Complaint`]. Arithmetic, comparisons and logic
//! are registered for *every* operand type, so no built-in of Rhai's ever sees a traced value: what the table
//! of an operator does not allow is refused with its place, never guessed.

mod aggregate;
mod elementwise;
mod engine;
mod errors;
mod lint;
mod modules;
mod operand;
mod operators;
mod plain;
mod records;
mod syntax;
mod trace;
mod training;
mod vocabulary;

pub(crate) use engine::{Host, on_deep_stack};
pub(crate) use errors::{Context, place, to_diagnostic};
pub(crate) use lint::{place_of_function, place_of_result};
pub(crate) use modules::compile;
pub(crate) use operand::{Kind, Operand, Value};
pub(crate) use records::Record;
pub(crate) use trace::{Complaint, Trace};
pub(crate) use training::{ParamSpec, stop_gradient};
