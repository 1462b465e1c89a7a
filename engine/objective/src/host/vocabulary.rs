//! The words of a script: one table that registers functions, states their use and answers for unknown ones.

use crate::ops::Span;

use super::operand::Operand;
use super::trace::{Outcome, Trace};
use super::{aggregate, elementwise, training};

/// A function that scripts may call.
pub(crate) struct Function {
    pub name: &'static str,
    /// Numbers of arguments it takes.
    pub arities: &'static [usize],
    /// How it is written, for hints.
    pub usage: &'static str,
    pub run: fn(&mut Trace, Span, Vec<Operand>) -> Outcome,
}

impl Function {
    pub const fn new(
        name: &'static str,
        arities: &'static [usize],
        usage: &'static str,
        run: fn(&mut Trace, Span, Vec<Operand>) -> Outcome,
    ) -> Self {
        Self { name, arities, usage, run }
    }
}

/// Every function there is.
pub(crate) fn functions() -> impl Iterator<Item = &'static Function> {
    [elementwise::FUNCTIONS, aggregate::FUNCTIONS, training::FUNCTIONS].into_iter().flatten()
}

/// Words of other languages, and what to write instead.
const ELSEWHERE: &[(&str, &str)] = &[
    (
        "print",
        "the script runs once, before any sample is seen; to watch a value use metric(\"name\", value)",
    ),
    (
        "debug",
        "the script runs once, before any sample is seen; to watch a value use metric(\"name\", value)",
    ),
    (
        "to_int",
        "a traced value has no digits while the script runs; compare it, or use select(condition, a, b)",
    ),
    ("to_float", "numbers need no conversion: 1 and 1.0 are the same in arithmetic with traced values"),
    (
        "to_string",
        "a traced value has no digits while the script runs; to watch it use metric(\"name\", value)",
    ),
    ("int", "a traced value has no digits while the script runs; compare it, or use select(condition, a, b)"),
    ("float", "numbers need no conversion: 1 and 1.0 are the same in arithmetic with traced values"),
    ("ln", "the natural logarithm is log(x)"),
    ("log2", "write log(x) / log(2)"),
    ("log10", "write log(x) / log(10)"),
    ("pow", "write x ** y"),
    ("square", "write x ** 2"),
    ("mse", "write 0.5 * error ** 2, or huber(error, delta)"),
    ("where", "write select(condition, a, b)"),
    ("where_", "write select(condition, a, b)"),
    ("clamp", "write clip(x, low, high)"),
    ("relu", "write max(x, 0)"),
    ("detach", "write stop_gradient(x)"),
    ("sg", "write stop_gradient(x)"),
    ("gather", "index by the action: net.q[t.action]"),
    ("lse", "write logsumexp(x)"),
    ("lambda_return", "not in this version; discounted_return(t.steps.reward, p.gamma) is"),
    ("batch_mean", "not in this version; the loss is averaged over the batch anyway"),
];

/// What to write instead of a word that belongs to another language.
pub(crate) fn elsewhere(name: &str) -> Option<&'static str> {
    ELSEWHERE.iter().find(|(word, _)| *word == name).map(|(_, hint)| *hint)
}
