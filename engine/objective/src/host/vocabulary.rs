//! The words of a script: one table that registers functions, states their use and answers for unknown ones.

use crate::ops::Span;

use super::operand::Operand;
use super::trace::{Outcome, Trace};
use super::{aggregate, declare, elementwise, policies, returns, training};

/// A function that scripts may call.
pub(crate) struct Function {
    pub name: &'static str,
    /// One a number of arguments, as the language server reads it: `name(argument: Type, …) -> Type`, the
    /// types being those of [`TYPES`].
    pub signatures: &'static [&'static str],
    /// How it is written, for hints.
    pub usage: &'static str,
    /// What it computes, in a sentence or two, with its equation and the shape of the result.
    pub doc: &'static str,
    pub run: fn(&mut Trace, Span, Vec<Operand>) -> Outcome,
}

impl Function {
    /// Numbers of arguments it takes.
    pub fn arities(&self) -> impl Iterator<Item = usize> {
        self.signatures.iter().map(|signature| 1 + signature.matches(',').count())
    }
}

/// Names for what values are, and what each means.
pub(crate) const TYPES: &[(&str, &str)] = &[
    ("Numbers", "A plain number, or numbers per sample with any of the axes `step` and `action`."),
    ("Number", "A plain number, or one number per sample."),
    ("Steps", "One number per sample and step of the window, or a list with one element per step."),
    ("Actions", "One number per sample and action, and per step where it is made of values per step."),
    (
        "Policy",
        "Probabilities of the actions that softmax or log_softmax made; the functions that need a policy go back to its logits.",
    ),
    ("Condition", "The outcome of a comparison, per sample; or plain true or false."),
    ("Action", "The number of an action: `t.action`, `argmax(x)`, or plain 0, 1, …"),
    ("Axis", "The name of an axis: \"action\" or \"step\"."),
    ("Parameter", "A declaration in params()."),
    ("Schedule", "An exploration schedule in config()."),
];

/// Every function there is.
pub(crate) fn functions() -> impl Iterator<Item = &'static Function> {
    [
        elementwise::FUNCTIONS,
        aggregate::FUNCTIONS,
        policies::FUNCTIONS,
        returns::FUNCTIONS,
        training::FUNCTIONS,
        declare::FUNCTIONS,
    ]
    .into_iter()
    .flatten()
}

/// Words of other languages, and what to write instead.
const ELSEWHERE: &[(&str, &str)] = &[
    ("print", WATCH),
    ("debug", WATCH),
    ("to_int", NO_DIGITS),
    ("int", NO_DIGITS),
    (
        "to_string",
        "a traced value has no digits while the script runs; to watch it use metric(\"name\", value)",
    ),
    ("to_float", CONVERSION),
    ("float", CONVERSION),
    ("ln", "the natural logarithm is log(x)"),
    ("log2", "write log(x) / log(2)"),
    ("log10", "write log(x) / log(10)"),
    ("pow", "write x ** y"),
    ("square", "write x ** 2"),
    ("lt", COMPARISON),
    ("gt", COMPARISON),
    ("le", COMPARISON),
    ("ge", COMPARISON),
    ("lte", COMPARISON),
    ("gte", COMPARISON),
    ("eq", COMPARISON),
    ("add", ARITHMETIC),
    ("sub", ARITHMETIC),
    ("mul", ARITHMETIC),
    ("div", ARITHMETIC),
    ("mse", "write 0.5 * error ** 2, or huber(error, delta)"),
    ("smooth_l1", "write huber(error, delta)"),
    ("huber_loss", "write huber(error, delta)"),
    ("where", "write select(condition, a, b)"),
    ("where_", "write select(condition, a, b)"),
    ("clamp", "write clip(x, low, high)"),
    ("minimum", "write min(x, y)"),
    ("maximum", "write max(x, y)"),
    ("amax", "write max(x)"),
    ("average", "write mean(x)"),
    ("relu", "write max(x, 0)"),
    ("softplus", "write log(1 + exp(x)), or max(x, 0) + log(1 + exp(-abs(x))) where x is large"),
    ("detach", "write stop_gradient(x)"),
    ("sg", "write stop_gradient(x)"),
    ("no_grad", "write stop_gradient(x)"),
    ("gather", "index by the action: net.q[t.action]"),
    ("one_hot", "index by the action instead: net.q[t.action]"),
    ("lse", "write logsumexp(x)"),
    ("kl_div", "write kl(softmax(x), softmax(y))"),
    ("kl_divergence", "write kl(softmax(x), softmax(y))"),
    ("cross_entropy", "write -sum(softmax(x) * log_softmax(y))"),
    ("nll", "write -log_softmax(net.logits)[t.action]"),
    ("cumsum", "add up in a loop: for i in 0..t.n { … }"),
    ("gae", "advantages with λ are lambda_return(…) - v; see the reference page"),
    ("std", "write sqrt(mean((x - mean(x)) ** 2))"),
    ("var", "write mean((x - mean(x)) ** 2)"),
    ("normalize", "write (x - batch_mean(x)) / sqrt(batch_mean((x - batch_mean(x)) ** 2) + 1e-8)"),
    ("random", "a script draws no random numbers: it runs once, and its kernel is the same for all samples"),
    ("rand", "a script draws no random numbers: it runs once, and its kernel is the same for all samples"),
];

const WATCH: &str =
    "the script runs once, before any sample is seen; to watch a value use metric(\"name\", value)";
const NO_DIGITS: &str =
    "a traced value has no digits while the script runs; compare it, or use select(condition, a, b)";
const CONVERSION: &str =
    "numbers need no conversion: 1 and 1.0 are the same in arithmetic with traced values";

const COMPARISON: &str = "comparisons are operators: x < y, x >= y, x == y; write select(x < y, a, b)";
const ARITHMETIC: &str = "arithmetic is written x + y, x - y, x * y, x / y";

/// What to write instead of a word that belongs to another language.
pub(crate) fn elsewhere(name: &str) -> Option<&'static str> {
    ELSEWHERE.iter().find(|(word, _)| *word == name).map(|(_, hint)| *hint)
}
