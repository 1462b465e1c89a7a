//! Four evaluations of one script that check one another, so that nobody has to trust the compiler.
//!
//! What flows **in** is a script; what flows **out** is a [`Report`]: for each pair of evaluations the worst
//! difference, where it is and how large it may be, and for one that is too large the node and the line of the script
//! responsible.
//!
//! The reference is the kernel that the script compiles to, run on the processor in `f64`. It is compared with
//!
//! - **the script itself**, run on numbers with tangents ([`Eager`]): it shares neither graph nor gradient table nor
//!   code generation with the kernel;
//! - **finite differences** of the graph as it was traced ([`Differences`]);
//! - **the kernel in `f32`** ([`OnCpu`]), what runs where there is no GPU;
//! - **its WGSL** on an adapter ([`OnDevice`]), the product.
//!
//! **The one idea: a tolerance is measured, not chosen.** The kernel is run in numbers that round as the arithmetic in
//! question may ([`rounding`]); how far its outputs move by that is how far they may be off. So ill-conditioned
//! numbers are judged by what can be known of them, and all others by their last digits. The inputs ([`inputs`]) are
//! chosen to be awkward, not to be fair.

mod culprit;
mod differences;
mod eager;
mod evaluation;
pub mod inputs;
mod kernels;
mod report;
pub mod rounding;
mod subject;
mod tally;

pub use culprit::{Culprit, by_nodes};
pub use differences::Differences;
pub use eager::Eager;
pub use evaluation::{Case, Evaluation, Prepared, Reading, compare};
pub use kernels::{OnCpu, OnDevice};
pub use report::{Place, Report, Row};
pub use subject::{Allowed, Compile, Subject, What, Written};
pub use tally::{Tally, Worst};

use crate::failure::Failure;
use inputs::{CIRCUMSTANCES, draw, variants, wide};
use kelvin_objective::{Inputs, Layout, Script, Span};
use rounding::Arithmetic;
use std::collections::BTreeMap;
use std::time::Instant;

/// A script and the evaluations that it is compared by.
pub struct Gradcheck<'a> {
    /// The script.
    pub script: &'a Script,
    /// What its kernel in `f64` is compared with.
    pub evaluations: Vec<&'a dyn Evaluation>,
    /// What makes its kernel.
    pub compile: Compile,
}

impl Gradcheck<'_> {
    /// Compares the evaluations for every shape and every kind of batch. `step` is called after each batch.
    ///
    /// # Errors
    /// If the script does not compile, or a device fails. A difference is no error but a finding.
    pub fn run(&self, shapes: &[Layout], mut step: impl FnMut()) -> Result<Report, Failure> {
        let start = Instant::now();
        let mut finite = Row::new("finite");
        let mut rows: Vec<Row> =
            self.evaluations.iter().map(|evaluation| Row::new(evaluation.name())).collect();
        for statics in std::iter::once(BTreeMap::new()).chain(variants(self.script)) {
            for layout in shapes {
                let subject = self.stage(layout, &statics)?;
                let prepared = self.evaluations.iter().map(|evaluation| evaluation.prepare(&subject));
                let mut prepared = prepared.collect::<Result<Vec<_>, _>>()?;
                for circumstance in &CIRCUMSTANCES {
                    let inputs = draw(self.script, layout, circumstance);
                    with_case(&subject, &inputs, |case| {
                        finite.absorb(Tally::of_finiteness(case), &subject, circumstance);
                        let readers = self.evaluations.iter().zip(&mut prepared);
                        for ((evaluation, prepared), row) in readers.zip(&mut rows) {
                            let readings = prepared(case)?;
                            let tally = compare(case, evaluation.arithmetic(), &readings);
                            row.absorb(tally, &subject, circumstance);
                        }
                        Ok(())
                    })?;
                    step();
                }
            }
        }
        for (evaluation, row) in self.evaluations.iter().zip(&mut rows) {
            row.culprit = self.explain(row, |subject, inputs| evaluation.locate(subject, inputs))?;
        }
        finite.culprit = self.explain(&finite, |subject, inputs| Ok(culprit::of_fault(subject, inputs)))?;
        rows.insert(0, finite);
        Ok(Report::new(self, shapes, rows, start.elapsed()))
    }

    /// How many batches [`Gradcheck::run`] goes through: every kind, for every shape and choice of static parameters.
    pub fn batches(&self, shapes: &[Layout]) -> usize {
        shapes.len() * CIRCUMSTANCES.len() * (1 + variants(self.script).len())
    }

    /// The script traced and compiled for one shape.
    pub fn stage(&self, layout: &Layout, statics: &BTreeMap<String, f64>) -> Result<Subject, Failure> {
        let traced = self.script.trace(layout, statics)?;
        Subject::new(traced, layout, statics.clone(), self.compile).map_err(|error| {
            let span = error.span.unwrap_or(Span::NONE);
            report::diagnostic_at(self.script.sources(), span, error.message, Some(error.hint)).into()
        })
    }

    /// Looks for what is responsible where a row is worst, if it differs at all.
    fn explain(
        &self,
        row: &Row,
        locate: impl FnOnce(&Subject, &Inputs<f32>) -> Result<Option<Culprit>, Failure>,
    ) -> Result<Option<Culprit>, Failure> {
        match row.place.as_ref().filter(|_| row.differs()) {
            None => Ok(None),
            Some(Place { layout, statics, circumstance }) => {
                locate(&self.stage(layout, statics)?, &draw(self.script, layout, circumstance))
            }
        }
    }
}

/// Runs `f` on a batch with its reference.
pub fn with_case<T>(
    subject: &Subject,
    inputs: &Inputs<f32>,
    f: impl FnOnce(&Case<'_>) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let wide = wide(inputs);
    let exact = subject.run(&wide);
    let double = Allowed::measure(subject, &wide, &exact, Arithmetic::Double);
    f(&Case { subject, inputs, wide: &wide, exact: &exact, double: &double })
}
