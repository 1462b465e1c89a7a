//! Everything that Kelvin does with a script, and what may not happen on the way.

use super::agreement::{Agreement, agreement};
use super::{Case, numbers};
use crate::fuzz::finding::{Finding, Kind, helps, watched};
use kelvin_objective::{Clock, Diagnostic, EvalStats, Inputs, Layout, Objective, Script};
use std::collections::BTreeMap;

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

impl Verdict {
    /// In a word.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Refused(_) => "refused",
            Self::Compared => "compared",
            Self::Undecided => "undecided",
            Self::TooLarge => "too-large",
        }
    }
}

/// Processor time that a case may take, in seconds.
const MOST_SECONDS: f64 = 30.0;

/// Runs a case.
///
/// # Errors
/// What is wrong with Kelvin, if something is.
pub fn judge(case: &Case) -> Result<Verdict, Finding> {
    watched(MOST_SECONDS, || run(case))
}

fn run(case: &Case) -> Result<Verdict, Finding> {
    let folder = tempfile::tempdir().map_err(|error| Finding::new(Kind::Internal, error.to_string()))?;
    let path = case.write(folder.path()).map_err(|error| Finding::new(Kind::Internal, error.to_string()))?;
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
                return Err(Finding::new(
                    Kind::Disagreement,
                    format!("probabilities of behave add up to {sum}"),
                ));
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
        Err(diagnostic) => return Err(Finding::new(Kind::Evaluation, diagnostic.to_string())),
    };
    let names: Vec<&String> = eager.metrics.iter().map(|(name, _)| name).collect();
    if names != objective.metric_names().iter().collect::<Vec<_>>() {
        let detail = format!("metrics {names:?} and {:?}", objective.metric_names());
        return Err(Finding::new(Kind::Disagreement, detail));
    }
    // In single precision many scripts jump or lose their digits, and others do not end in numbers: it is only run.
    drop(numbers::compiled(&objective, &layout, &single));
    let written = numbers::compiled(&objective, &layout, &inputs);
    let shaken = |shake| script.eager_shaken(&layout, &params, &inputs, shake);
    match agreement(&eager, &written, shaken) {
        Agreement::Same => Ok(Verdict::Compared),
        Agreement::Undecided => Ok(Verdict::Undecided),
        Agreement::Different(detail) => Err(Finding::new(Kind::Disagreement, detail)),
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
        Finding::new(Kind::Determinism, format!("compiled once, then refused: {diagnostic}"))
    })?;
    match again.wgsl() == objective.wgsl() && again.graph_text() == objective.graph_text() {
        true => Ok(()),
        false => Err(Finding::new(Kind::Determinism, "compiled twice, to different kernels")),
    }
}

fn single(numbers: &[f64]) -> Vec<f32> {
    numbers.iter().map(|&x| x as f32).collect()
}

/// A diagnostic is a good end if it helps.
fn refused(diagnostic: Diagnostic) -> Result<Verdict, Finding> {
    let text = diagnostic.to_string();
    helps(&text)?;
    let lower = text.to_lowercase();
    // A file as a whole has no line.
    let whole_file = ["megabyte", "kib", "bytes", "utf-8"].iter().any(|word| lower.contains(word));
    if diagnostic.message.is_empty() || (diagnostic.line == 0 && !whole_file) {
        return Err(Finding::new(Kind::Place, text));
    }
    if diagnostic.hint.as_ref().is_none_or(|hint| hint.is_empty()) {
        return Err(Finding::new(Kind::Hint, text));
    }
    let message = &diagnostic.message;
    match ["Dynamic", "NodeId", "i64", "f64"].iter().find(|word| message.contains(**word)) {
        Some(_) => Err(Finding::new(Kind::Words, text)),
        None => Ok(Verdict::Refused(Box::new(diagnostic))),
    }
}
