//! A script: loaded once, traced for the sizes of a run.

use std::collections::BTreeMap;
use std::path::Path;

use rhai::{AST, CallFnOptions, Dynamic, Map, Scope};

use crate::config::ConfigValue;
use crate::diagnostic::{Diagnostic, did_you_mean};
use crate::host::{self, Complaint, Context, Host, Kind, Operand, ParamSpec, Record, Trace, Value};
use crate::imports::{self, Bundle, Source};
use crate::layout::Layout;
use crate::objective::{Objective, Traced};
use crate::ops::{Op, Shape, Span};
use crate::params::{Param, ParamKind, order};

/// Functions that a script may define for itself in later versions; accepting them now would ignore them.
const NOT_YET: [&str; 5] = ["metrics", "behave", "reward", "schedule", "on_eval"];

/// A loaded script: its texts, its choices and its parameters, as plain data.
///
/// ```no_run
/// # fn main() -> Result<(), kelvin_objective::Diagnostic> {
/// # let layout: kelvin_objective::Layout = unimplemented!();
/// let script = kelvin_objective::Script::load("scripts/soft_kl.rhai".as_ref())?;
/// let objective = script.compile(&layout, &Default::default())?;
/// println!("{}", objective.wgsl());
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct Script {
    name: String,
    bundle: Bundle,
    hash: String,
    config: BTreeMap<String, ConfigValue>,
    params: Vec<Param>,
    has_target: bool,
}

impl Script {
    /// Reads a script and its imports, parses them, and evaluates `config()` and `params()`.
    ///
    /// # Errors
    /// A file that cannot be read, an import that cannot be followed, text that does not parse, a missing or
    /// misshapen function, and whatever goes wrong in `config()` and `params()`. `target` and `loss` do not
    /// run before [`Script::trace`].
    pub fn load(path: &Path) -> Result<Self, Diagnostic> {
        let mut bundle = imports::gather(path)?;
        // A syntax error of the script itself is the more useful report where both are wrong.
        let problem = bundle.problem.take();
        let hash = bundle.hash();
        if let Some(problem) = problem {
            return Err(problem);
        }
        let loaded = on_deep_stack(path, || evaluate(&bundle))??;
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        Ok(Self {
            name,
            bundle,
            hash,
            config: loaded.config,
            params: loaded.params,
            has_target: loaded.has_target,
        })
    }

    /// Where the script was loaded from.
    pub fn path(&self) -> &Path {
        &self.bundle.sources[0].path
    }

    /// The file's name without its extension.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The script, then its imports; [`Span::file`] counts along this list.
    pub fn sources(&self) -> &[Source] {
        &self.bundle.sources
    }

    /// blake3 in hexadecimal over all sources. Two scripts with one hash compile to one objective.
    pub fn hash(&self) -> &str {
        &self.hash
    }

    /// What `config()` returned. Keys and values are checked by the program that trains; where one is wrong,
    /// [`Script::diagnostic`] places the error.
    pub fn config(&self) -> &BTreeMap<String, ConfigValue> {
        &self.config
    }

    /// The parameters, in the order in which the script declares them.
    pub fn params(&self) -> &[Param] {
        &self.params
    }

    /// Runs `target` and `loss` once, on symbolic values.
    ///
    /// `statics` replaces the defaults of static parameters by name; booleans are 0 and 1.
    ///
    /// # Errors
    /// Anything the script does that one kernel for all samples cannot do, an override that its parameter
    /// does not allow, and a loss that is not one number per sample.
    pub fn trace(&self, layout: &Layout, statics: &BTreeMap<String, f64>) -> Result<Traced, Diagnostic> {
        self.check_statics(layout, statics)?;
        on_deep_stack(self.path(), || self.trace_here(layout, statics))?
    }

    /// [`Script::trace`], then [`Objective::compile`]: to kernels for the GPU and the CPU.
    ///
    /// # Errors
    /// As [`Script::trace`]; further a loss that no gradient reaches the network from, and one whose gradient
    /// flows where none may.
    pub fn compile(&self, layout: &Layout, statics: &BTreeMap<String, f64>) -> Result<Objective, Diagnostic> {
        let traced = self.trace(layout, statics)?;
        Objective::compile(traced, layout).map_err(|error| {
            let span = error.span.unwrap_or_else(|| self.function("loss"));
            host::place(self.sources(), span, error.message, Some(error.hint))
        })
    }

    /// An error about what `config()` returned, placed at its definition.
    pub fn diagnostic(&self, message: impl Into<String>, hint: impl Into<String>) -> Diagnostic {
        host::place(self.sources(), self.function("config"), message.into(), Some(hint.into()))
    }

    fn function(&self, name: &str) -> Span {
        host::place_of_function(&self.sources()[0].text, name)
    }

    fn check_statics(&self, layout: &Layout, statics: &BTreeMap<String, f64>) -> Result<(), Diagnostic> {
        for (name, &value) in statics {
            let place = |span, message: String, hint: String| {
                Err(host::place(self.sources(), span, message, Some(hint)))
            };
            let Some(param) = self.params.iter().find(|param| param.name == *name) else {
                let near = did_you_mean(name, self.params.iter().map(|param| param.name.as_str()));
                let hint = near.map_or("params() declares what can be set".into(), |near| {
                    format!("did you mean {near}?")
                });
                return place(self.function("params"), format!("there is no parameter `{name}`"), hint);
            };
            if let Err(message) = param.check(value) {
                return place(param.span, message, "the value was set from outside the script".into());
            }
        }
        let live = self.params.iter().filter(|param| matches!(param.kind, ParamKind::Live { .. })).count();
        if live > layout.param_slots {
            let message =
                format!("{live} live parameters, and the kernel has room for {}", layout.param_slots);
            return Err(host::place(self.sources(), self.function("params"), message, None));
        }
        Ok(())
    }

    fn trace_here(&self, layout: &Layout, statics: &BTreeMap<String, f64>) -> Result<Traced, Diagnostic> {
        let trace = Trace::for_trace(layout.clone(), self.params.clone(), statics.clone());
        let mut host = Host::new(trace);
        let trees = host::compile(&mut host, &self.bundle)?;
        let run = Run { host: &host, bundle: &self.bundle, trees: &trees };
        let loss = run.loss(self.has_target)?;
        let Trace { graph, metrics, .. } = host.finish();
        Ok(Traced { graph, loss, metrics })
    }
}

fn on_deep_stack<T: Send>(path: &Path, f: impl FnOnce() -> T + Send) -> Result<T, Diagnostic> {
    host::on_deep_stack(f).map_err(|message| {
        Diagnostic::about_file(
            path,
            message,
            "this is a fault of Kelvin; please report it together with the script",
        )
    })
}

/// What loading finds out by running `config()` and `params()`.
struct Loaded {
    config: BTreeMap<String, ConfigValue>,
    params: Vec<Param>,
    has_target: bool,
}

fn evaluate(bundle: &Bundle) -> Result<Loaded, Diagnostic> {
    let mut host = Host::new(Trace::for_load());
    let trees = host::compile(&mut host, bundle)?;
    let run = Run { host: &host, bundle, trees: &trees };
    let has_target = run.check_functions()?;
    Ok(Loaded { config: run.config()?, params: run.params()?, has_target })
}

/// A parsed script on an engine.
struct Run<'a> {
    host: &'a Host,
    bundle: &'a Bundle,
    trees: &'a [AST],
}

impl Run<'_> {
    /// Which functions there are, and with how many arguments. Returns whether there is a target.
    fn check_functions(&self) -> Result<bool, Diagnostic> {
        let arguments = |name: &str| {
            self.trees[0]
                .iter_functions()
                .find(|function| function.name == name)
                .map(|function| function.params.len())
        };
        let fail = |name: &str, message: &str, hint: &str| {
            Err(self.fail(self.function(name), Complaint::new(message).hint(hint)))
        };
        for name in NOT_YET {
            if arguments(name).is_some() {
                return fail(
                    name,
                    &format!("`{name}` is not called in this version"),
                    "rename it if it is a helper of yours",
                );
            }
        }
        let target = arguments("target");
        match arguments("config") {
            None => {
                let hint = "add fn config() { #{ learner: \"replay\", n: 1, heads: [\"q\"] } }";
                return fail("config", "this script has no function `config()`", hint);
            }
            Some(0) => {}
            Some(_) => return fail("config", "`config` takes no arguments", "write fn config() { #{ … } }"),
        }
        if arguments("params").is_some_and(|arguments| arguments > 0) {
            return fail("params", "`params` takes no arguments", "write fn params() { #{ … } }");
        }
        if target.is_some_and(|arguments| arguments != 2) {
            return fail(
                "target",
                "`target` takes the transition and the parameters",
                "write fn target(t, p) { … }",
            );
        }
        match (arguments("loss"), target) {
            (None, _) => {
                let names: Vec<String> = self.trees[0].iter_functions().map(|f| f.name.to_owned()).collect();
                let hint = match did_you_mean("loss", names.iter().map(String::as_str)) {
                    Some(near) => format!("did you mean `{near}` to be called `loss`?"),
                    None => "add fn loss(net, y, t, p) { … }, or fn loss(net, t, p) without a target".into(),
                };
                fail("loss", "this script has no function `loss`", &hint)
            }
            (Some(4), Some(_)) | (Some(3), None) => Ok(target.is_some()),
            (Some(4), None) => fail(
                "loss",
                "`loss(net, y, t, p)` asks for a target y, and there is no function `target`",
                "add fn target(t, p) { … }, or write fn loss(net, t, p)",
            ),
            (Some(3), Some(_)) => fail(
                "loss",
                "`loss(net, t, p)` would leave the result of `target` unused",
                "write fn loss(net, y, t, p)",
            ),
            (Some(_), _) => fail(
                "loss",
                "`loss` takes the network, the target, the transition and the parameters",
                "write fn loss(net, y, t, p), or fn loss(net, t, p) without a target",
            ),
        }
    }

    fn config(&self) -> Result<BTreeMap<String, ConfigValue>, Diagnostic> {
        let map =
            self.call_for_map("config", "fn config() { #{ learner: \"replay\", n: 1, heads: [\"q\"] } }")?;
        ConfigValue::read_map(map, "")
            .map_err(|message| self.fail(self.function("config"), Complaint::new(message)))
    }

    fn params(&self) -> Result<Vec<Param>, Diagnostic> {
        if !self.trees[0].iter_functions().any(|function| function.name == "params") {
            return Ok(Vec::new());
        }
        let place = self.function("params");
        let map = self
            .call_for_map("params", "fn params() { #{ tau: param(0.1, 0.001, 10.0, \"temperature\") } }")?;
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
        let complaint =
            Complaint::new(format!("{name}() returns {}, not a map", Operand::read(value).describe()));
        Err(self.fail(self.result(name, 0), complaint.hint(format!("write {example}"))))
    }

    /// Runs `target` and `loss`; the node of the loss.
    fn loss(&self, has_target: bool) -> Result<crate::ops::NodeId, Diagnostic> {
        let [net, t, p] = [Record::Net, Record::Transition, Record::Params].map(Dynamic::from);
        let mut arguments = vec![net, t.clone(), p.clone()];
        if has_target {
            let y = self.call("target", vec![t, p])?;
            arguments.insert(1, self.stopped(y)?);
        }
        let count = arguments.len();
        let value = Operand::read(self.call("loss", arguments)?);
        let wrong = |message: String, hint: &str| {
            Err(self.fail(self.result("loss", count), Complaint::new(message).hint(hint)))
        };
        match value {
            Operand::One(Value { kind: Kind::Condition | Kind::Flag, .. }) => {
                wrong("the loss is a condition, which has no gradient".into(), "return a number")
            }
            Operand::One(Value { node, .. }) => match self.host.with(|trace| trace.graph.shape(node)) {
                Shape::Scalar => Ok(node),
                Shape::Action => wrong(
                    "the loss has the wrong shape: one number per action, and it must be one per sample"
                        .into(),
                    "index by the action taken, net.q[t.action], or reduce with sum(x) or mean(x)",
                ),
            },
            Operand::Steps(steps) => wrong(
                format!(
                    "the loss has the wrong shape: {} numbers, one per step, and it must be one per sample",
                    steps.0.len()
                ),
                "reduce the steps with sum(x) or mean(x)",
            ),
            number @ (Operand::Int(_) | Operand::Float(_)) => wrong(
                format!("the loss is {}, the same for every network", number.describe()),
                "compute it from net, such as net.q[t.action]",
            ),
            Operand::Other(kind) if kind == "nothing" => {
                wrong("`loss` returns nothing".into(), "end it with the value, without a `;` after it")
            }
            other => wrong(
                format!("the loss is {}, not a number", other.describe()),
                "return one number per sample",
            ),
        }
    }

    /// The target, as a number that the loss cannot send a gradient into.
    fn stopped(&self, y: Dynamic) -> Result<Dynamic, Diagnostic> {
        let at = self.result("target", 2);
        match Operand::read(y.clone()) {
            Operand::One(value) => Ok(self
                .host
                .with(|trace| Dynamic::from(trace.push(Op::StopGradient(value.node), Kind::Number, at)))),
            Operand::Steps(steps) => Ok(self.host.with(|trace| {
                let stop = |value: Value| trace.push(Op::StopGradient(value.node), Kind::Number, at);
                let steps: Vec<Value> = steps.into_iter().map(stop).collect();
                Dynamic::from(crate::host::Steps(steps.into()))
            })),
            Operand::Int(_) | Operand::Float(_) => Ok(y),
            other => {
                let complaint =
                    Complaint::new(format!("`target` returns {}, not a number", other.describe()));
                Err(self.fail(at, complaint.hint("end it with the value, without a `;` after it")))
            }
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
        result.map_err(|error| host::to_diagnostic(error, 0, &context))
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
