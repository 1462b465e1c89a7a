//! Everything that Kelvin does with a script, and what may not happen on the way.

use super::agreement::{Agreement, agreement};
use super::{Case, numbers};
use kelvin_objective::{Clock, Diagnostic, EvalStats, Inputs, Layout, Objective, Script};
use std::collections::BTreeMap;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// How a case ended well.
#[derive(Clone, Debug)]
pub enum Verdict {
    /// With a diagnostic that says what, where and why.
    Refused(Box<Diagnostic>),
    /// Compiled, and the same number by number.
    Compared,
    /// Compiled, and not the same, but no more different than rounding can make it.
    Undecided,
    /// Compiled; too large to be evaluated number by number.
    TooLarge,
}

/// What is wrong with Kelvin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Which kind of fault.
    pub kind: Kind,
    /// What happened.
    pub detail: String,
}

/// Kinds of faults; a smaller script shows the same if it shows the same kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A panic on the caller's thread.
    Panic,
    /// The process died: a stack overflow, or memory beyond the bound. Only seen from outside.
    Death,
    /// An error that calls itself internal, or a panic of the script's thread.
    Internal,
    /// A diagnostic that does not say where.
    Place,
    /// A diagnostic that does not say what to do.
    Hint,
    /// A diagnostic in the words of Rust, not of the field.
    Words,
    /// More processor time than some endless loops take until their limits.
    Slow,
    /// It compiles, and cannot be evaluated number by number.
    Evaluation,
    /// Compiled and evaluated number by number it gives different numbers.
    Disagreement,
    /// Compiled twice it is not the same.
    Determinism,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.kind, self.detail)
    }
}

fn finding(kind: Kind, detail: impl Into<String>) -> Finding {
    Finding { kind, detail: detail.into() }
}

/// Processor time that a case may take, in seconds.
const MOST_SECONDS: f64 = 30.0;

/// Runs a case.
///
/// # Errors
/// What is wrong with Kelvin, if something is.
pub fn judge(case: &Case) -> Result<Verdict, Finding> {
    let start = processor_seconds();
    let verdict = catch_unwind(AssertUnwindSafe(|| run(case))).unwrap_or_else(|payload| {
        let text = payload.downcast_ref::<String>().cloned();
        let text = text.or_else(|| payload.downcast_ref::<&str>().map(|text| (*text).to_owned()));
        Err(finding(Kind::Panic, text.unwrap_or_else(|| "no message".to_owned())))
    })?;
    match processor_seconds() - start {
        seconds if seconds > MOST_SECONDS => Err(finding(Kind::Slow, format!("{seconds:.1} seconds"))),
        _ => Ok(verdict),
    }
}

/// Of this process so far; 0 where the system does not say.
fn processor_seconds() -> f64 {
    let Ok(stat) = std::fs::read_to_string("/proc/self/stat") else { return 0.0 };
    // The name of the program, in parentheses, may hold spaces; user and system time are the 12th and 13th after it.
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or("").split_whitespace().collect();
    let ticks = |index: usize| fields.get(index).and_then(|field| field.parse::<f64>().ok()).unwrap_or(0.0);
    (ticks(11) + ticks(12)) / 100.0
}

fn run(case: &Case) -> Result<Verdict, Finding> {
    let folder = tempfile::tempdir().map_err(|error| finding(Kind::Internal, error.to_string()))?;
    let path = case.write(folder.path()).map_err(|error| finding(Kind::Internal, error.to_string()))?;
    let script = match Script::load(&path) {
        Ok(script) => script,
        Err(diagnostic) => return refused(diagnostic),
    };
    let mut random = numbers::random(case);
    let layout = numbers::layout(&script, case);
    let params = numbers::params(&script, &mut random);
    let statics = numbers::statics(&script, &params);
    let inputs = numbers::inputs(&script, &layout, &params, &mut random);
    let steered = [script.schedule(&Clock::default()), script.on_eval(&EvalStats::default())];
    for diagnostic in steered.into_iter().filter_map(Result::err) {
        refused(diagnostic)?;
    }
    match script.behaviour(&layout, &statics) {
        Ok(Some(behaviour)) => {
            let mut out = vec![0.0; layout.actions];
            let row = &single(&inputs.online)[..layout.outputs()];
            let acted = behaviour.probabilities(&single(&inputs.uniforms), row, &mut Vec::new(), &mut out);
            let sum: f32 = out.iter().sum();
            // Rounding of 18 quotients.
            if acted.is_ok() && (sum - 1.0).abs() > 1e-5 {
                return Err(finding(Kind::Disagreement, format!("probabilities of behave add up to {sum}")));
            }
        }
        Ok(None) => {}
        Err(diagnostic) => drop(refused(diagnostic)?),
    }
    let objective = match script.compile(&layout, &statics) {
        Ok(objective) => objective,
        Err(diagnostic) => return refused(diagnostic),
    };
    check_again(&script, &layout, &statics, &objective)?;
    let single = Inputs {
        uniforms: single(&inputs.uniforms),
        samples: single(&inputs.samples),
        online: single(&inputs.online),
        target: single(&inputs.target),
    };
    drop(objective.fault(&single));
    let eager = match script.eager(&layout, &params, &inputs) {
        Ok(eager) => eager,
        Err(diagnostic) if diagnostic.message.contains("too many") => return Ok(Verdict::TooLarge),
        Err(diagnostic) => return Err(finding(Kind::Evaluation, diagnostic.to_string())),
    };
    let names: Vec<&String> = eager.metrics.iter().map(|(name, _)| name).collect();
    if names != objective.metric_names().iter().collect::<Vec<_>>() {
        let detail = format!("metrics {names:?} and {:?}", objective.metric_names());
        return Err(finding(Kind::Disagreement, detail));
    }
    // In single precision many scripts jump or lose their digits, and others do not end in numbers: it is only run.
    drop(numbers::compiled(&objective, &layout, &single));
    let written = numbers::compiled(&objective, &layout, &inputs);
    let shaken = |shake| script.eager_shaken(&layout, &params, &inputs, shake);
    match agreement(&eager, &written, shaken) {
        Agreement::Same => Ok(Verdict::Compared),
        Agreement::Undecided => Ok(Verdict::Undecided),
        Agreement::Different(detail) => Err(finding(Kind::Disagreement, detail)),
    }
}

/// A script compiles to the same text every time.
fn check_again(
    script: &Script,
    layout: &Layout,
    statics: &BTreeMap<String, f64>,
    objective: &Objective,
) -> Result<(), Finding> {
    let again = script.compile(layout, statics).map_err(|diagnostic| {
        finding(Kind::Determinism, format!("compiled once, then refused: {diagnostic}"))
    })?;
    match again.wgsl() == objective.wgsl() && again.graph_text() == objective.graph_text() {
        true => Ok(()),
        false => Err(finding(Kind::Determinism, "compiled twice, to different kernels")),
    }
}

fn single(numbers: &[f64]) -> Vec<f32> {
    numbers.iter().map(|&x| x as f32).collect()
}

/// A diagnostic is a good end if it helps.
fn refused(diagnostic: Diagnostic) -> Result<Verdict, Finding> {
    let text = diagnostic.to_string();
    let lower = text.to_lowercase();
    if ["internal error", "fault of kelvin", "defect of kelvin"].iter().any(|words| lower.contains(words)) {
        return Err(finding(Kind::Internal, text));
    }
    // A file as a whole has no line.
    let whole_file = ["megabyte", "kib", "bytes", "utf-8"].iter().any(|word| lower.contains(word));
    if diagnostic.message.is_empty() || (diagnostic.line == 0 && !whole_file) {
        return Err(finding(Kind::Place, text));
    }
    if diagnostic.hint.as_ref().is_none_or(|hint| hint.is_empty()) {
        return Err(finding(Kind::Hint, text));
    }
    let message = &diagnostic.message;
    let foreign =
        ["kelvin_objective::", "rhai::", "alloc::", "core::", "std::", "Dynamic", "NodeId", "i64", "f64"];
    match foreign.iter().find(|word| message.contains(**word)) {
        Some(_) => Err(finding(Kind::Words, text)),
        None => Ok(Verdict::Refused(Box::new(diagnostic))),
    }
}
