//! A script: loaded once, traced for the sizes of a run.

use std::collections::BTreeMap;
use std::path::Path;

use crate::behaviour::Behaviour;
use crate::clock::{Clock, EvalStats};
use crate::config::ConfigValue;
use crate::diagnostic::{Diagnostic, did_you_mean};
use crate::entry::Entry;
use crate::error::CompileError;
use crate::hooks::{Hook, Hooks};
use crate::host::{self, Host, Phase, Trace};
use crate::imports::{self, Bundle, Source};
use crate::layout::Layout;
use crate::objective::{Objective, Traced};
use crate::ops::Span;
use crate::params::{Param, ParamKind};
use crate::run::Run;
use crate::steer;

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
    pub(crate) bundle: Bundle,
    hash: String,
    config: BTreeMap<String, ConfigValue>,
    params: Vec<Param>,
    pub(crate) entry: Entry,
}

impl Script {
    /// Reads a script and its imports, parses them, evaluates `config()` and `params()`, and tries `schedule`
    /// and `on_eval` with made-up numbers.
    ///
    /// # Errors
    /// A file that cannot be read, an import that cannot be followed, text that does not parse, a missing or
    /// misshapen function, whatever goes wrong in `config()` and `params()`, and what would go wrong in
    /// `schedule` and `on_eval` whatever the numbers. The functions on traced values do not run before
    /// [`Script::trace`] and [`Script::behaviour`].
    pub fn load(path: &Path) -> Result<Self, Diagnostic> {
        Self::from_bundle(imports::gather(path)?)
    }

    /// [`Script::load`] of a text that is not saved yet, as if `path` held it: what an editor checks while somebody
    /// types. Imports are read from beside `path`, whether or not there is a file at `path` itself.
    ///
    /// # Errors
    /// As [`Script::load`].
    pub fn load_with(path: &Path, text: &str) -> Result<Self, Diagnostic> {
        imports::check_size(path, text.len())?;
        Self::from_bundle(imports::gather_with(path, text.to_owned()))
    }

    fn from_bundle(mut bundle: Bundle) -> Result<Self, Diagnostic> {
        if let Some(problem) = bundle.problem.take() {
            return Err(problem);
        }
        let hash = bundle.hash();
        let path = &bundle.sources[0].path;
        let loaded = on_deep_stack(path, || evaluate(&bundle))??;
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        Ok(Self { name, bundle, hash, config: loaded.config, params: loaded.params, entry: loaded.entry })
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

    /// Which optional functions the script has.
    pub fn hooks(&self) -> Hooks {
        self.entry.hooks()
    }

    /// Runs `reward`, `target`, `loss` and `metrics` once, on symbolic values.
    ///
    /// `statics` replaces the defaults of static parameters by name; booleans are 0 and 1.
    ///
    /// # Errors
    /// Anything the script does that one kernel for all samples cannot do, an override that its parameter
    /// does not allow, and a loss that is not one number per sample or step.
    pub fn trace(&self, layout: &Layout, statics: &BTreeMap<String, f64>) -> Result<Traced, Diagnostic> {
        self.check_statics(layout, statics)?;
        on_deep_stack(self.path(), || self.trace_here(layout, statics))?
    }

    /// [`Script::trace`], then [`Objective::compile`]: to kernels for the GPU and the CPU.
    ///
    /// # Errors
    /// As [`Script::trace`]; further a loss that no gradient reaches the network from, and more batch means
    /// than a kernel computes.
    pub fn compile(&self, layout: &Layout, statics: &BTreeMap<String, f64>) -> Result<Objective, Diagnostic> {
        self.compile_traced(self.trace(layout, statics)?, layout)
    }

    /// [`Objective::compile`] for what [`Script::trace`] of this script left, its errors placed in the script.
    ///
    /// # Errors
    /// As [`Script::compile`], tracing aside.
    pub fn compile_traced(&self, traced: Traced, layout: &Layout) -> Result<Objective, Diagnostic> {
        Objective::compile(traced, layout).map_err(|error| self.uncompiled(error, Hook::Loss))
    }

    /// The policy that acts, if the script has `behave`: run once on the symbolic outputs of one state, and
    /// compiled for the CPU. `statics` as for [`Script::trace`].
    ///
    /// # Errors
    /// As [`Script::compile`], and a result that is not one probability per action.
    pub fn behaviour(
        &self,
        layout: &Layout,
        statics: &BTreeMap<String, f64>,
    ) -> Result<Option<Behaviour>, Diagnostic> {
        if !self.entry.behave {
            return Ok(None);
        }
        self.check_statics(layout, statics)?;
        let (graph, policy) = on_deep_stack(self.path(), || {
            let trace = Trace::new(Phase::Behave, layout.clone(), self.params.clone(), statics.clone());
            let mut host = Host::new(trace);
            let trees = host::compile(&mut host, &self.bundle)?;
            let policy = Run { host: &host, bundle: &self.bundle, trees: &trees }.behave()?;
            Ok::<_, Diagnostic>((host.finish().graph, policy))
        })??;
        let compiled = Behaviour::compile(&graph, policy, layout);
        compiled.map(Some).map_err(|error| self.uncompiled(error, Hook::Behave))
    }

    /// Whether `schedule` or `on_eval` may set `name` to `value`: a live parameter or a setting of the run, within its
    /// range.
    pub fn may_set(&self, name: &str, value: f64) -> bool {
        steer::check(name, value, &self.params).is_ok()
    }

    /// What `schedule` sets at this time: values by name, of live parameters, `learning_rate` and `epsilon`,
    /// all within their ranges. Nothing if the script has no `schedule`.
    ///
    /// # Errors
    /// Whatever goes wrong in it, and a name or a value that cannot be set.
    pub fn schedule(&self, clock: &Clock) -> Result<BTreeMap<String, f64>, Diagnostic> {
        match self.entry.schedule {
            true => self.steer(Hook::Schedule, EvalStats { clock: *clock, ..EvalStats::default() }),
            false => Ok(BTreeMap::new()),
        }
    }

    /// What `on_eval` sets after an evaluation, as [`Script::schedule`].
    ///
    /// # Errors
    /// As [`Script::schedule`].
    pub fn on_eval(&self, stats: &EvalStats) -> Result<BTreeMap<String, f64>, Diagnostic> {
        match self.entry.on_eval {
            true => self.steer(Hook::OnEval, stats.clone()),
            false => Ok(BTreeMap::new()),
        }
    }

    fn steer(&self, hook: Hook, stats: EvalStats) -> Result<BTreeMap<String, f64>, Diagnostic> {
        on_deep_stack(self.path(), || {
            let mut host = Host::new(Trace::for_steering(self.params.clone(), stats));
            let trees = host::compile(&mut host, &self.bundle)?;
            let run = Run { host: &host, bundle: &self.bundle, trees: &trees };
            Ok(run.steer(hook, &self.params)?)
        })?
    }

    /// An error about what `config()` returned, placed at its definition.
    pub fn diagnostic(&self, message: impl Into<String>, hint: impl Into<String>) -> Diagnostic {
        self.diagnostic_at("config", message, hint)
    }

    /// An error about what one of the script's functions does, placed at its definition.
    pub fn diagnostic_at(
        &self,
        function: &str,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) -> Diagnostic {
        host::place(self.sources(), self.function(function), message.into(), Some(hint.into()))
    }

    /// An error about one key of `config()`, placed where it is written; at the function's definition where it
    /// is not written out.
    pub fn diagnostic_of_key(
        &self,
        key: &str,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) -> Diagnostic {
        let place = host::place_of_key(&self.sources()[0].text, "config", key);
        let place = place.unwrap_or_else(|| self.function("config"));
        host::place(self.sources(), place, message.into(), Some(hint.into()))
    }

    /// An error of a pass, at its own place or the function it came from.
    fn uncompiled(&self, error: CompileError, hook: Hook) -> Diagnostic {
        let span = error.span.unwrap_or_else(|| self.function(hook.name()));
        host::place(self.sources(), span, error.message, Some(error.hint))
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
        let trace = Trace::new(Phase::Trace, layout.clone(), self.params.clone(), statics.clone());
        let mut host = Host::new(trace);
        let trees = host::compile(&mut host, &self.bundle)?;
        let run = Run { host: &host, bundle: &self.bundle, trees: &trees };
        let loss = run.loss(self.entry)?;
        let Trace { graph, metrics, .. } = host.finish();
        Ok(Traced { graph, loss, metrics })
    }
}

pub(crate) fn on_deep_stack<T: Send>(path: &Path, f: impl FnOnce() -> T + Send) -> Result<T, Diagnostic> {
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
    entry: Entry,
    config: BTreeMap<String, ConfigValue>,
    params: Vec<Param>,
}

fn evaluate(bundle: &Bundle) -> Result<Loaded, Diagnostic> {
    let mut host = Host::new(Trace::for_load());
    let trees = host::compile(&mut host, bundle)?;
    let run = Run { host: &host, bundle, trees: &trees };
    let entry = run.entry()?;
    let params = if entry.params { run.params()? } else { Vec::new() };
    let config = run.config()?;
    for (hook, there) in [(Hook::Schedule, entry.schedule), (Hook::OnEval, entry.on_eval)] {
        if there {
            run.try_steering(hook, &params)?;
        }
    }
    Ok(Loaded { entry, config, params })
}
