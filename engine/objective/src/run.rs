//! One run of a parsed script: its functions called on an engine, and what they return read.

use std::collections::BTreeMap;

use rhai::{AST, CallFnOptions, Dynamic, EvalAltResult, Map, Scope};

use crate::config::ConfigValue;
use crate::diagnostic::Diagnostic;
use crate::entry::Entry;
use crate::host::{self, Complaint, Context, Host, Operand, ParamSpec};
use crate::imports::Bundle;
use crate::ops::Span;
use crate::params::{Param, order};
use crate::steer::SETTINGS;

/// What to do about a function that returns nothing.
pub(crate) const NOTHING: &str = "end it with an expression; a `let` or an assignment has no value";

/// A parsed script on an engine.
pub(crate) struct Run<'a> {
    pub host: &'a Host,
    pub bundle: &'a Bundle,
    /// One tree a source.
    pub trees: &'a [AST],
}

/// A call that failed.
pub(crate) struct Failed {
    pub diagnostic: Box<Diagnostic>,
    /// Whether it might have gone well with other plain numbers.
    pub about_value: bool,
}

impl From<Failed> for Diagnostic {
    fn from(failed: Failed) -> Self {
        *failed.diagnostic
    }
}

impl Run<'_> {
    pub fn entry(&self) -> Result<Entry, Diagnostic> {
        Entry::read(&self.trees[0]).map_err(|(name, complaint)| self.fail(self.function(&name), complaint))
    }

    pub fn config(&self) -> Result<BTreeMap<String, ConfigValue>, Diagnostic> {
        let map = self.call_for_map("config", "#{ learner: \"replay\", n: 1, heads: [\"q\"] }")?;
        ConfigValue::read_map(map, "").map_err(|message| {
            let hint = "config() holds finite numbers, texts, booleans, lists and maps";
            self.fail(self.function("config"), Complaint::new(message).hint(hint))
        })
    }

    pub fn params(&self) -> Result<Vec<Param>, Diagnostic> {
        let place = self.function("params");
        let map = self.call_for_map("params", "#{ tau: param(0.1, 0.001, 10.0, \"temperature\") }")?;
        let mut specs = BTreeMap::new();
        for (name, value) in map {
            let Some(spec) = value.read_lock::<ParamSpec>().map(|spec| spec.clone()) else {
                let what = Operand::read(value.clone()).describe();
                let complaint = Complaint::new(format!("`{name}` of params() is {what}, not a parameter"))
                    .hint(format!("write {name}: param(default, min, max, \"doc\")"));
                return Err(self.fail(place, complaint));
            };
            if !rhai::is_valid_identifier(&name) {
                let complaint = Complaint::new(format!("{name:?} cannot name a parameter"))
                    .hint("use letters, digits and _, a letter first");
                return Err(self.fail(spec.span, complaint));
            }
            if SETTINGS.iter().any(|(setting, ..)| *setting == name) {
                let complaint =
                    Complaint::new(format!("`{name}` is a setting of the run, which schedule() may set"))
                        .hint(format!("give this parameter another name, such as my_{name}"));
                return Err(self.fail(spec.span, complaint));
            }
            specs.insert(name.to_string(), spec);
        }
        order(specs).map_err(|complaint| self.fail(place, complaint))
    }

    fn call_for_map(&self, name: &str, example: &str) -> Result<Map, Diagnostic> {
        let value = self.call(name, vec![])?;
        if value.is_map() {
            return Ok(value.cast::<Map>());
        }
        let message = format!("{name}() returns {}, not a map", Operand::read(value).describe());
        let complaint = Complaint::new(message).hint(format!("write fn {name}() {{ {example} }}"));
        Err(self.fail(self.result(name, 0), complaint))
    }

    /// Calls a function of the script's own file.
    pub fn call(&self, name: &str, arguments: Vec<Dynamic>) -> Result<Dynamic, Failed> {
        let options = CallFnOptions::new().eval_ast(true).rewind_scope(true);
        let result: Result<Dynamic, _> = self.host.engine.call_fn_with_options(
            options,
            &mut Scope::new(),
            &self.trees[0],
            name,
            arguments,
        );
        let context = Context { host: self.host, bundle: self.bundle, trees: self.trees };
        result.map_err(|error| {
            let about_value = is_about_value(&error);
            let diagnostic = host::to_diagnostic(*error, 0, &context);
            let diagnostic = match diagnostic.line {
                // Without a place of its own an error stands at the function that was called.
                0 => self.fail(
                    self.function(name),
                    Complaint { hint: diagnostic.hint, ..Complaint::new(diagnostic.message) },
                ),
                _ => diagnostic,
            };
            Failed { diagnostic: Box::new(diagnostic), about_value }
        })
    }

    /// A complaint as a diagnostic, at its own place or the one given.
    pub fn fail(&self, span: Span, complaint: Complaint) -> Diagnostic {
        host::place(&self.bundle.sources, complaint.span.unwrap_or(span), complaint.message, complaint.hint)
    }

    /// Where a function is defined.
    pub fn function(&self, name: &str) -> Span {
        host::place_of_function(&self.bundle.sources[0].text, name)
    }

    /// Where a function's result stands.
    pub fn result(&self, name: &str, arguments: usize) -> Span {
        host::place_of_result(&self.trees[0], &self.bundle.sources[0].text, name, arguments)
    }
}

fn is_about_value(error: &EvalAltResult) -> bool {
    match error {
        EvalAltResult::ErrorInFunctionCall(_, _, inner, _) | EvalAltResult::ErrorInModule(_, inner, _) => {
            is_about_value(inner)
        }
        EvalAltResult::ErrorRuntime(value, _) => match value.read_lock::<Complaint>() {
            Some(complaint) => complaint.about_value,
            // A `throw` of the script's own.
            None => true,
        },
        EvalAltResult::ErrorArrayBounds(..) => true,
        _ => false,
    }
}
