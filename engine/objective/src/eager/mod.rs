//! A second opinion: the script on numbers, one operation at a time.
//!
//! A script has one meaning, and the compiler a long way to it: graph, shared subexpressions, derivatives by
//! rules, simplification, text. Here the same text runs without any of it. `net.q[t.action] - y` computes a
//! number for every sample at once, and with it the number's derivative by every output of the online network
//! (forward mode). Nothing is recorded to be computed later, nothing is rewritten, and no function's definition
//! is shared with the graph. Where both agree, a mistake would have to have been made twice.
//!
//! What flows in: a loaded script, the numbers of a batch, parameters. What flows out: [`Eager`].
//!
//! `number` is the chain rule; `calculus` and `lists` are the functions with their derivatives; `value`
//! broadcasts over samples, actions and steps; `records`, `operators` and `functions` are what a script sees;
//! `interpreter` and `session` run it.

mod calculus;
mod evaluation;
mod functions;
mod interpreter;
mod lists;
mod number;
mod operators;
mod records;
mod session;
mod value;

use std::collections::BTreeMap;

use crate::diagnostic::Diagnostic;
use crate::inputs::Inputs;
use crate::layout::Layout;
use crate::ops::Span;
use crate::script::{Script, on_deep_stack};

use evaluation::Evaluation;
use session::Session;

/// What a script computes for one batch.
#[derive(Clone, Debug, PartialEq)]
pub struct Eager {
    /// Loss of each sample, `[batch]`.
    pub losses: Vec<f64>,
    /// Name and values `[batch]` of each metric, in the order in which the script records them.
    pub metrics: Vec<(String, Vec<f64>)>,
    /// Gradient of the mean loss by the online network's outputs, `[n + 1, batch, outputs]`.
    pub grad: Vec<f64>,
    /// Every operation in the order in which it was done; for finding the line where two evaluations part.
    pub trail: Vec<Operation>,
    /// The direction in which [`Operation::slopes`] are taken, `[n + 1, batch, outputs]`: fixed numbers between
    /// -1 and 1 without a pattern.
    pub direction: Vec<f64>,
}

/// One operation of an [`Eager`] evaluation: a call of a function, an operator, or a field of a record.
#[derive(Clone, Debug, PartialEq)]
pub struct Operation {
    /// Where the script asks for it.
    pub span: Span,
    /// The function, operator or field; `[]` for an index.
    pub name: String,
    /// Length of the step axis, if the result has one.
    pub steps: Option<usize>,
    /// Length of the action axis, if the result has one.
    pub actions: Option<usize>,
    /// The result, `[steps, batch, actions]` as far as it has these axes.
    pub values: Vec<f64>,
    /// Derivative of each of them along [`Eager::direction`], as gradients see it: nothing passes a
    /// `stop_gradient`.
    pub slopes: Vec<f64>,
}

/// Rounding errors put in on purpose.
///
/// Every operation's result, and every derivative, is moved at random by up to `unit` in proportion to the
/// numbers it was computed from, or loses its last digits, and a zero gets either sign. What then moves in the result of an evaluation is
/// what a correct one in arithmetic of that precision may get wrong, cancellation and jumps at ties included: a
/// tolerance that fits the script and the batch at hand.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Shake {
    /// Relative size: 2^-53 is half a digit of `f64`, 2^-24 of `f32`.
    pub unit: f64,
    /// Which errors.
    pub seed: u64,
}

impl Script {
    /// Evaluates `reward`, `target`, `loss` and `metrics` on the numbers of one batch, without compiling them.
    ///
    /// `params` holds values of parameters by name, live and static, which go before their defaults;
    /// [`Inputs::uniforms`] is not read. For a script that compiles.
    ///
    /// # Errors
    /// Whatever goes wrong in the script, inputs that are shorter than what it reads, and an evaluation that
    /// takes too many numbers: for every one of them, its derivative by every output that it depends on.
    pub fn eager(
        &self,
        layout: &Layout,
        params: &BTreeMap<String, f64>,
        inputs: &Inputs<f64>,
    ) -> Result<Eager, Diagnostic> {
        self.evaluated(layout, params, inputs, None)
    }

    /// [`Script::eager`] with rounding errors put in on purpose.
    ///
    /// # Errors
    /// As [`Script::eager`].
    pub fn eager_shaken(
        &self,
        layout: &Layout,
        params: &BTreeMap<String, f64>,
        inputs: &Inputs<f64>,
        shake: Shake,
    ) -> Result<Eager, Diagnostic> {
        self.evaluated(layout, params, inputs, Some(shake))
    }

    fn evaluated(
        &self,
        layout: &Layout,
        params: &BTreeMap<String, f64>,
        inputs: &Inputs<f64>,
        shake: Option<Shake>,
    ) -> Result<Eager, Diagnostic> {
        // The evaluation belongs to one thread, as the interpreter does, so it is made there.
        on_deep_stack(self.path(), || {
            let evaluation = Evaluation::new(layout, self.params(), params, inputs, shake);
            Session::new(&self.bundle, evaluation)?.run()
        })?
    }
}
