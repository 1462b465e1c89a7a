//! One run of a parsed script: its functions called on an engine, their results checked.

use std::collections::BTreeMap;

use rhai::{AST, CallFnOptions, Dynamic, Map, Scope};

use crate::config::ConfigValue;
use crate::diagnostic::Diagnostic;
use crate::entry::Entry;
use crate::host::{self, Complaint, Context, Host, Kind, Operand, ParamSpec, Record, Value};
use crate::imports::Bundle;
use crate::ops::{NodeId, Shape, Span};
use crate::params::{Param, order};

/// A parsed script on an engine.
pub(crate) struct Run<'a> {
    pub host: &'a Host,
    pub bundle: &'a Bundle,
    /// One tree a source.
    pub trees: &'a [AST],
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

    /// Runs `target` and `loss` on symbolic values; the node of the loss.
    pub fn loss(&self, entry: Entry) -> Result<NodeId, Diagnostic> {
        let [net, t, p] = [Record::Net, Record::Transition, Record::Params].map(Dynamic::from);
        let mut arguments = vec![net, t, p];
        if let Some(count) = entry.target {
            let y = self.call("target", arguments[3 - count..].to_vec())?;
            arguments.insert(1, self.stopped(y, count)?);
        }
        let value = self.call("loss", arguments)?;
        self.check_loss(&Operand::read(value))
            .map_err(|complaint| self.fail(self.result("loss", entry.loss), complaint))
    }

    /// The target, as a number that the loss sends no gradient into.
    fn stopped(&self, y: Dynamic, count: usize) -> Result<Dynamic, Diagnostic> {
        let at = self.result("target", count);
        let y = Operand::read(y);
        let hint = match &y {
            Operand::Other(kind) if kind == "nothing" => NOTHING,
            _ => "return one number per sample, or one per action",
        };
        self.host.with(|trace| host::stop_gradient(trace, at, &y)).map_err(|_| {
            self.fail(
                at,
                Complaint::new(format!("`target` returns {}, not a number", y.describe())).hint(hint),
            )
        })
    }

    fn check_loss(&self, value: &Operand) -> Result<NodeId, Complaint> {
        let wrong = |message: String, hint: &str| Err(Complaint::new(message).hint(hint));
        let shape = "the loss has the wrong shape:";
        match value {
            Operand::One(Value { kind: Kind::Condition | Kind::Flag, .. }) => {
                wrong("the loss is a condition, which has no gradient".into(), "return a number")
            }
            Operand::One(Value { node, .. }) => match self.host.with(|trace| trace.graph.shape(*node)) {
                Shape::Scalar => Ok(*node),
                Shape::Action => wrong(
                    format!("{shape} one number per action, and it must be one per sample"),
                    "index by the action taken, net.q[t.action], or reduce with sum(x) or mean(x)",
                ),
            },
            Operand::Steps(steps) => wrong(
                format!("{shape} {} numbers, one per step, and it must be one per sample", steps.0.len()),
                "reduce the steps with sum(x) or mean(x)",
            ),
            Operand::Int(_) | Operand::Float(_) => wrong(
                format!("the loss is {}, the same for every network", value.describe()),
                "compute it from net, such as net.q[t.action]",
            ),
            Operand::Other(kind) if kind == "nothing" => wrong("`loss` returns nothing".into(), NOTHING),
            other => wrong(
                format!("the loss is {}, not a number", other.describe()),
                "return one number per sample",
            ),
        }
    }

    fn call(&self, name: &str, arguments: Vec<Dynamic>) -> Result<Dynamic, Diagnostic> {
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
            let diagnostic = host::to_diagnostic(*error, 0, &context);
            match diagnostic.line {
                // Without a place of its own an error stands at the function that was called.
                0 => self.fail(
                    self.function(name),
                    Complaint { hint: diagnostic.hint, ..Complaint::new(diagnostic.message) },
                ),
                _ => diagnostic,
            }
        })
    }

    fn fail(&self, span: Span, complaint: Complaint) -> Diagnostic {
        host::place(&self.bundle.sources, complaint.span.unwrap_or(span), complaint.message, complaint.hint)
    }

    fn function(&self, name: &str) -> Span {
        host::place_of_function(&self.bundle.sources[0].text, name)
    }

    fn result(&self, name: &str, arguments: usize) -> Span {
        host::place_of_result(&self.trees[0], &self.bundle.sources[0].text, name, arguments)
    }
}

const NOTHING: &str = "end it with an expression; a `let` or an assignment has no value";
