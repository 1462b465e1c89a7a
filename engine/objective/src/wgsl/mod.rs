//! The GPU kernel: one WGSL text, one invocation a sample.
//!
//! Scalars become `let`s. A value with one number per action is never stored: each loop over the actions
//! computes it anew from the network's outputs, so the kernel needs no private arrays. Reductions that wait
//! for nothing but each other's inputs share a loop ([`schedule`]); a log-sum-exp is thus one loop for the
//! maximum and one for the sum. Variable names are those of the graph listing, and the comment behind a
//! statement is its line and column in the script.
//!
//! Batch means are computed before the objective, by entry points of one workgroup each: its lanes go over the
//! batch and add up their partial sums in a fixed order.

mod entry;
mod expression;
mod header;
mod schedule;
mod text;

use crate::error::CompileError;
use crate::layout::Layout;
use crate::lower::Lowered;
use crate::verify::defect;
use entry::Entry;
use header::{Used, header};

/// The text of the kernel: entry point `objective`, and before it `batch_means_0`, `batch_means_1`, … if the
/// script takes means over the batch.
pub(crate) fn emit(lowered: &Lowered, layout: &Layout) -> String {
    let mut used = Used::default();
    let mut functions = String::new();
    for stage in 0..=lowered.stages.phases() {
        let entry = Entry::new(lowered, layout, stage, &mut used);
        functions.push_str(&entry.function());
    }
    let mut text = header(lowered, layout, &used);
    text.push_str(&functions);
    text
}

/// Asks naga whether a driver would take the text.
pub(crate) fn validate(text: &str) -> Result<(), CompileError> {
    let refused =
        |error: String| defect(&format!("the generated kernel is not valid WGSL:\n{error}\n{text}"));
    let module = naga::front::wgsl::parse_str(text).map_err(|error| refused(error.emit_to_string(text)))?;
    let flags = naga::valid::ValidationFlags::all();
    naga::valid::Validator::new(flags, naga::valid::Capabilities::empty())
        .validate(&module)
        .map_err(|error| refused(error.emit_to_string(text)))?;
    Ok(())
}
