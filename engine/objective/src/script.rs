//! A script: loaded once, traced for the sizes of a run.

use std::collections::BTreeMap;
use std::path::Path;

use crate::config::ConfigValue;
use crate::diagnostic::{Diagnostic, did_you_mean};
use crate::entry::Entry;
use crate::host::{self, Host, Trace};
use crate::imports::{self, Bundle, Source};
use crate::layout::Layout;
use crate::objective::{Objective, Traced};
use crate::ops::Span;
use crate::params::{Param, ParamKind};
use crate::run::Run;

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
    entry: Entry,
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
        if let Some(problem) = bundle.problem.take() {
            return Err(problem);
        }
        let hash = bundle.hash();
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
        let loss = run.loss(self.entry)?;
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
    Ok(Loaded { entry, config: run.config()?, params })
}
