//! A broken update in words: what, where in the script, from which numbers, and what to do.

use crate::learner::{Broken, Evidence};
use crate::staged::Staged;
use kelvin_objective::{Diagnostic, Fault, FaultKind, Script};
use serde::Serialize;
use std::fmt::Write;

/// Outputs larger than this say that a network diverges: returns of Atari games, unclipped, stay below it.
const DIVERGED: f32 = 1e7;

/// Where the numbers went wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Cause {
    /// In an operation of the script.
    Script,
    /// In the gradient of an operation of the script.
    ScriptGradient,
    /// In the networks' weights, before the script computed anything.
    Weights,
    /// In what was stored of the transitions, or in a parameter.
    Inputs,
    /// In the backward pass through the network: the objective itself is finite.
    NetworkGradient,
    /// It could not be found again.
    Unknown,
}

/// What there is to say.
#[derive(Clone, Debug)]
pub(super) struct Report {
    pub cause: Cause,
    /// For a person; several lines.
    pub text: String,
}

impl Report {
    pub fn new(staged: &Staged, broken: &Broken, learning_rate: f64) -> Self {
        let teller = Teller { script: &staged.script, broken, learning_rate };
        match broken.evidence.as_ref().map(|evidence| (evidence, &evidence.fault)) {
            Some((evidence, Some(fault))) => teller.found(evidence, fault),
            Some((evidence, None)) => teller.not_in_the_objective(evidence),
            None => teller.unknown("its transitions are not in memory any more"),
        }
    }
}

struct Teller<'a> {
    script: &'a Script,
    broken: &'a Broken,
    learning_rate: f64,
}

impl Teller<'_> {
    fn found(&self, evidence: &Evidence, fault: &Fault) -> Report {
        let largest = evidence.largest_output();
        let update = self.broken.faults.first;
        let Fault { operation, value, kind, .. } = fault;
        let (cause, message, hint) = match kind {
            FaultKind::Input { what } if fault.operation == "network output" => (
                Cause::Weights,
                format!(
                    "update {update}: the network diverged: {what} is {}, whatever the script computes",
                    number(*value)
                ),
                self.calm_down(),
            ),
            FaultKind::Input { what } => (
                Cause::Inputs,
                format!("update {update}: `{what}` is {}, as it was stored or set", number(*value)),
                "look at rewards and parameters".to_owned(),
            ),
            FaultKind::Forward => (
                Cause::Script,
                format!("update {update}: `{operation}` is {}", number(*value)),
                self.advice(fault, largest),
            ),
            FaultKind::Gradient => (
                Cause::ScriptGradient,
                format!(
                    "update {update}: the gradient is {} at `{operation}`, while the loss is finite",
                    number(*value)
                ),
                self.advice(fault, largest),
            ),
        };
        let mut text = self.placed(fault, message, hint);
        let mut named: Vec<&(String, f64)> = fault.inputs.iter().collect();
        named.dedup_by(|a, b| a.0 == b.0);
        for (name, value) in named {
            self.add(&mut text, format_args!("where {name} = {}", number(*value)));
        }
        self.add(&mut text, format_args!("in sample {} of its batch", fault.sample));
        if cause != Cause::Weights && largest > DIVERGED {
            self.add(
                &mut text,
                format_args!(
                    "the networks' outputs have grown to {}: they diverge",
                    number(f64::from(largest))
                ),
            );
        }
        self.finish(cause, text)
    }

    /// The objective is finite on this batch with the weights there are now.
    fn not_in_the_objective(&self, evidence: &Evidence) -> Report {
        let norms: Vec<_> = self
            .broken
            .grad_norms
            .iter()
            .filter(|(_, norm)| !norm.is_finite())
            .map(|(name, _)| name.as_str())
            .collect();
        if norms.is_empty() || self.broken.since > 0 {
            return self.unknown("with the weights that there are by now they are");
        }
        let largest = number(f64::from(evidence.largest_output()));
        let message = format!(
            "update {}: the objective is finite, and the network's gradient is not: {}",
            self.broken.faults.first,
            norms.join(", ")
        );
        let mut text = self.script.diagnostic_at("loss", message, self.calm_down()).to_string();
        self.add(&mut text, format_args!("the networks' outputs go up to {largest}"));
        self.finish(Cause::NetworkGradient, text)
    }

    fn unknown(&self, why: &str) -> Report {
        let message = format!("update {}: its numbers were not finite, and {why}", self.broken.faults.first);
        let hint = "with on_nan: \"stop\" weights stay as they were, and the cause can be found";
        self.finish(Cause::Unknown, self.script.diagnostic_at("loss", message, hint).to_string())
    }

    /// The message with the place in the script that the node came from.
    fn placed(&self, fault: &Fault, message: String, hint: String) -> String {
        let source = self.script.sources().get(usize::from(fault.span.file));
        match source.filter(|_| fault.span.line > 0) {
            Some(source) => {
                let (line, column) = (fault.span.line, fault.span.column);
                Diagnostic::at(&source.path, &source.text, line, column, message, Some(hint)).to_string()
            }
            None => self.script.diagnostic_at("loss", message, hint).to_string(),
        }
    }

    /// Adds a line to a rendered diagnostic, below its hint.
    fn add(&self, text: &mut String, line: std::fmt::Arguments<'_>) {
        let indent = text.lines().last().and_then(|hint| hint.find('=')).unwrap_or(0);
        // Writing to a string does not fail.
        let _ = write!(text, "\n{:indent$}= {line}", "");
    }

    fn finish(&self, cause: Cause, mut text: String) -> Report {
        let since = self.broken.since;
        if since > 0 && cause != Cause::Unknown {
            let s = if since == 1 { "" } else { "s" };
            self.add(&mut text, format_args!("found with the weights of {since} update{s} later"));
        }
        Report { cause, text }
    }

    fn calm_down(&self) -> String {
        let rate = number(self.learning_rate);
        format!("lower learning_rate (it is {rate}), clip gradients (clip, clip_norm) or bound the target")
    }

    /// What usually helps where this operation fails.
    fn advice(&self, fault: &Fault, largest: f32) -> String {
        let gradient = fault.kind == FaultKind::Gradient;
        // What a gradient is made of has no name in the script; the function that it is the gradient of has.
        let operation = if gradient { self.word(fault) } else { fault.operation.split(' ').next() };
        let advice = match operation.unwrap_or("") {
            "log" => "log needs a number above zero: max(x, 1e-6) keeps it there",
            "sqrt" if gradient => "the slope of sqrt at zero is infinite: that of sqrt(x + 1e-6) is not",
            "sqrt" => "sqrt needs a number that is not negative: max(x, 0.0) keeps it so",
            "div" => "the divisor is zero, or close to it: max(x, 1e-6) keeps it away",
            "exp" => {
                "exp overflows above 88: softmax and logsumexp subtract the maximum first; min(x, 80.0) bounds it"
            }
            "pow" => "a power overflows, or has a negative base: bound the base with clip",
            _ if largest > DIVERGED => return self.calm_down(),
            _ => "the numbers are too large for 32 bits: bound them with clip, or scale the reward",
        };
        advice.to_owned()
    }

    /// The function whose call stands where the fault is.
    fn word(&self, fault: &Fault) -> Option<&str> {
        let text = &self.script.sources().get(usize::from(fault.span.file))?.text;
        let line = text.lines().nth((fault.span.line as usize).checked_sub(1)?)?;
        let (start, _) = line.char_indices().nth((fault.span.column as usize).checked_sub(1)?)?;
        let rest = &line[start..];
        match rest.chars().next()? {
            '/' => Some("div"),
            '*' => Some("pow").filter(|_| rest.starts_with("**")),
            _ => rest.split(|c: char| !c.is_alphanumeric() && c != '_').next(),
        }
    }
}

/// A number of any size, in a few characters.
fn number(value: f64) -> String {
    match value.abs() {
        size if value.is_nan() || value.is_infinite() || size == 0.0 => format!("{value}"),
        size if (1e-3..1e6).contains(&size) => {
            format!("{value:.6}").trim_end_matches('0').trim_end_matches('.').to_owned()
        }
        _ => format!("{value:.4e}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short_and_say_what_matters() {
        for (value, text) in [
            (0.0, "0"),
            (-0.0997620001, "-0.099762"),
            (1.5, "1.5"),
            (123_456.0, "123456"),
            (1e30, "1.0000e30"),
            (-2.5e-7, "-2.5000e-7"),
            (f64::NAN, "NaN"),
            (f64::NEG_INFINITY, "-inf"),
        ] {
            assert_eq!(number(value), text);
        }
    }
}
