//! A second opinion on what an objective's numbers are, and how it is compared with the kernel in `f64`.

use super::culprit::Culprit;
use super::rounding::Arithmetic;
use super::subject::{Allowed, Subject, Written};
use super::tally::Tally;
use crate::failure::Failure;
use kelvin_objective::Inputs;

/// A way to evaluate an objective.
pub trait Evaluation {
    /// For the table.
    fn name(&self) -> &'static str;
    /// What it computes in: how far rounding may take it from the reference.
    fn arithmetic(&self) -> Arithmetic;
    /// Makes an objective ready to be evaluated, often.
    fn prepare<'a>(&'a self, subject: &'a Subject) -> Result<Prepared<'a>, Failure>;
    /// Finds what is responsible for a difference on this batch; `None` if nothing by itself is.
    fn locate(&self, subject: &Subject, inputs: &Inputs<f32>) -> Result<Option<Culprit>, Failure>;
}

/// An objective made ready; gives one reading for each of [`Written::values`].
pub type Prepared<'a> = Box<dyn FnMut(&Case<'_>) -> Result<Vec<Reading>, Failure> + 'a>;

/// One batch, and the reference for it.
pub struct Case<'a> {
    /// The objective.
    pub subject: &'a Subject,
    /// The batch, for evaluations in `f32`.
    pub inputs: &'a Inputs<f32>,
    /// The same numbers.
    pub wide: &'a Inputs<f64>,
    /// What the kernel writes in `f64`.
    pub exact: &'a Written,
    /// How far another order of operations may take that.
    pub double: &'a Allowed<'a>,
}

/// What an evaluation says about one number.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Reading {
    /// Its value, up to the rounding of the evaluation's arithmetic.
    Value(f64),
    /// Its value, up to an error beside rounding.
    Estimate {
        /// The value.
        value: f64,
        /// The further error.
        error: f64,
    },
    /// It looked, and there is no slope: the loss has a kink or a jump here.
    Kink,
    /// It looked, and saw too little: the loss is large and its rounding hides the slope.
    Unclear,
    /// It could have looked, and did not.
    NotSampled,
    /// Numbers like this are none of its business.
    Outside,
}

impl Reading {
    /// All of them as values.
    pub fn all(written: &Written) -> Vec<Self> {
        written.values.iter().map(|&value| Self::Value(value)).collect()
    }
}

/// Compares readings with the reference; what is beyond its tolerance is looked at twice.
pub fn compare(case: &Case<'_>, arithmetic: Arithmetic, readings: &[Reading]) -> Tally {
    let mut allowed = match arithmetic {
        Arithmetic::Double => case.double.clone(),
        _ => Allowed::measure(case.subject, case.wide, case.exact, arithmetic),
    };
    let mut tally = Tally::of(case, &allowed, readings);
    while tally.differing > 0 && allowed.look_closer() {
        tally = Tally::of(case, &allowed, readings);
    }
    tally
}
