//! The Rhai side: an engine whose arithmetic records a graph instead of computing.
//!
//! One [`Trace`] is shared by all registered functions of one engine. Each of them takes the trace, the place
//! of the call and its operands, and returns a value or a [`Complaint`]. Arithmetic, comparisons and logic
//! are registered for *every* operand type, so no built-in of Rhai's ever sees a traced value: what the table
//! of an operator does not allow is refused with its place, never guessed.

mod aggregate;
mod axis;
mod broadcast;
mod declare;
mod elementwise;
mod engine;
mod errors;
mod fields;
mod index;
mod lint;
mod memory;
mod modules;
mod operand;
mod operators;
mod plain;
mod policies;
mod records;
mod returns;
mod syntax;
mod trace;
mod training;
mod vocabulary;

pub(crate) use broadcast::{list_to_steps, scalar};
pub(crate) use declare::ParamSpec;
pub(crate) use engine::Host;
pub use engine::on_deep_stack;
pub(crate) use errors::{Context, place, to_diagnostic};
pub(crate) use fields::{FIELDS, FieldInfo, HEADS, OUTPUTS, Read, output_shape};
pub(crate) use lint::{place_of_function, place_of_key, place_of_result};
pub use memory::Memory;
pub(crate) use modules::compile;
pub(crate) use operand::{Kind, Operand, Steps, Value};
pub(crate) use records::Record;
pub use syntax::syntax_error;
pub(crate) use trace::{Complaint, Phase, Trace};
pub(crate) use training::stop_gradient;
pub(crate) use vocabulary::{Function, TYPES, functions};
