//! What becomes of an edit: a new version of the objective, staged, compiled and warmed up away from the training
//! thread; or values; or a diagnostic.

use super::control::{self, Asks, Control};
use super::steering;
use super::watch::{Change, Source};
use crate::config::Config;
use crate::failure::Failure;
use crate::learner::{Learner, Policy, Runnable, Swap};
use crate::params::{self, Steered, Values};
use crate::staged::{self, Staged};
use kelvin_compute::{Device, Model, ModelSpec, ObjectiveCompiler, Reads};
use kelvin_objective::{Layout, Script};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

/// Makes versions for one run. Knows what runs, or will once the learner has taken what was handed over: changes are
/// taken in their order, and none that was handed over is refused.
pub struct Workshop {
    config: Config,
    actions: usize,
    device: Arc<dyn Device>,
    /// What the model is made from; another one takes over only from its like.
    model: ModelSpec,
    /// Compiles for the model that runs.
    compiler: Box<dyn ObjectiveCompiler>,
    /// The version that runs, which need not be what the file holds by now.
    staged: Staged,
    /// What `control.toml` said of parameters when it was last right.
    control: Values,
    /// What it asked the run for.
    asks: Asks,
    path: PathBuf,
    control_path: PathBuf,
    /// What `control.toml` holds, or why it cannot be read.
    control_text: Result<Option<String>, String>,
    /// Whether there is a mistake in it.
    control_refused: bool,
}

/// What came of a look at `control.toml`.
struct Read {
    /// The values, if they are right.
    params: Option<Values>,
    /// What is asked for, if that is right.
    asks: Option<Asks>,
    /// What is wrong.
    complaint: Option<Failure>,
}

impl Workshop {
    /// A workshop for what `learner` runs on `device`, and for the control file at `control_path`.
    pub fn new(config: &Config, device: Arc<dyn Device>, learner: &Learner, control_path: PathBuf) -> Self {
        Self {
            actions: learner.env().actions.len(),
            device,
            model: learner.model().spec().clone(),
            compiler: learner.compiler(),
            staged: learner.staged().clone(),
            control: learner.state().steered.control.clone(),
            asks: Asks::default(),
            path: PathBuf::from(&config.script),
            config: config.clone(),
            control_path,
            control_text: Ok(None),
            control_refused: false,
        }
    }

    /// The script's path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The version that runs.
    pub fn script(&self) -> &Script {
        &self.staged.script
    }

    /// What was edited while nobody trained: the control file holds `text`, and the script may differ. Also what had been
    /// asked of the run by then: the requests that somebody heard, or where nobody did, those that the file holds.
    pub fn first_look(
        &mut self,
        script_differs: bool,
        text: Result<Option<String>, String>,
        heard: Option<Asks>,
    ) -> (Asks, Vec<Change>) {
        // Known ahead of the script, which it may have been written for.
        self.control_text = text.clone();
        let asks = self.read_control(&self.staged.script).asks.unwrap_or_default();
        // What stands there from before is no request; that the run waits is.
        let before = Asks { pause: false, ..heard.unwrap_or(asks) };
        self.asks = before;
        let mut changes = if script_differs { self.script_saved() } else { Vec::new() };
        if changes.iter().any(|change| matches!(change, Change::Swap { .. })) {
            changes.extend(self.asked(asks));
        } else {
            changes.extend(self.control_saved(text));
        }
        (before, changes)
    }

    /// The script was saved.
    pub fn script_saved(&mut self) -> Vec<Change> {
        let start = Instant::now();
        let edited = Source::Script;
        let refused = |edited, failure| Change::Refused { edited, failure };
        let script = match Script::load(&self.path) {
            Ok(script) => script,
            Err(diagnostic) => return vec![refused(edited, diagnostic.into())],
        };
        // A name that this version does not know any more is told, and does not keep it from running.
        let Read { params, complaint, .. } = self.read_control(&script);
        let control = params.unwrap_or_else(|| {
            let known = |name: &String| script.params().iter().any(|param| param.name == *name);
            let kept = self.control.iter().filter(|(name, _)| known(name));
            kept.map(|(name, value)| (name.clone(), *value)).collect()
        });
        let may = script.check_succession(&self.staged.script).map_err(Failure::from);
        match may.and_then(|()| self.version(script, control)) {
            Err(failure) => vec![refused(edited, failure)],
            Ok(swap) => {
                self.control_refused = complaint.is_some();
                let swap = Change::Swap { swap: Box::new(swap), edited, took: start.elapsed() };
                let complaint = complaint.map(|failure| refused(Source::Control, failure));
                std::iter::once(swap).chain(complaint).collect()
            }
        }
    }

    /// `control.toml` was saved, or taken away.
    pub fn control_saved(&mut self, text: Result<Option<String>, String>) -> Vec<Change> {
        let edited = Source::Control;
        self.control_text = text;
        let Read { params, asks, mut complaint } = self.read_control(&self.staged.script);
        let change = params.and_then(|params| match self.params_change(params) {
            Ok(change) => change,
            Err(failure) => {
                complaint = Some(failure);
                None
            }
        });
        let asked = asks.and_then(|asks| self.asked(asks));
        let was_refused = std::mem::replace(&mut self.control_refused, complaint.is_some());
        let mut changes: Vec<Change> = change.into_iter().chain(asked).collect();
        changes.extend(complaint.map(|failure| Change::Refused { edited, failure }));
        if changes.is_empty() && was_refused {
            // Whoever was told of a mistake is told that it is gone.
            changes.push(Change::Control(self.control.clone()));
        }
        changes
    }

    fn asked(&mut self, now: Asks) -> Option<Change> {
        let before = std::mem::replace(&mut self.asks, now);
        (before != now).then_some(Change::Asked { before, now })
    }

    /// What it means that `control.toml` says this of parameters; nothing if it is what it said before.
    pub fn params_change(&mut self, control: Values) -> Result<Option<Change>, Failure> {
        let start = Instant::now();
        if control == self.control {
            return Ok(None);
        }
        let statics = |control: &Values| -> Result<Values, Failure> {
            let steered = Steered { control: control.clone(), ..Steered::default() };
            let values = params::values(&self.staged.script, &self.config, &steered)?;
            Ok(params::statics(&self.staged.script, &values))
        };
        if statics(&control)? == statics(&self.control)? {
            self.control = control.clone();
            return Ok(Some(Change::Control(control)));
        }
        let swap = Box::new(self.version(self.staged.script.clone(), control)?);
        Ok(Some(Change::Swap { swap, edited: Source::Control, took: start.elapsed() }))
    }

    fn read_control(&self, script: &Script) -> Read {
        let text = match &self.control_text {
            Ok(text) => text.as_deref().unwrap_or(""),
            Err(reason) => {
                return Read { params: None, asks: None, complaint: Some(Failure::failed(reason)) };
            }
        };
        let Control { params, asks, mistakes } = control::parse(&self.control_path, text, script.params());
        let all: Vec<String> = mistakes.iter().map(ToString::to_string).collect();
        Read { params, asks, complaint: (!all.is_empty()).then(|| Failure::rendered(all.join("\n"))) }
    }

    /// Stages, compiles and warms up; from here on this version counts as the one that runs.
    pub fn version(&mut self, script: Script, control: Values) -> Result<Swap, Failure> {
        let steered = Steered { control: control.clone(), ..Steered::default() };
        let layout = staged::layout(&self.config, self.actions);
        let staged = stage(script, &layout, &self.config, &steered)?;
        // Whether it says how to act.
        Policy::new(&self.config, &staged, self.actions)?;
        let reads = staged.reads();
        let runnable = if reads == self.staged.reads() {
            Runnable::Kernel(self.compiler.compile(&staged.kernel())?)
        } else {
            let model = self.model(&staged, reads)?;
            self.compiler = model.compiler();
            Runnable::Model(Box::new(model))
        };
        self.staged = staged.clone();
        self.control.clone_from(&control);
        Ok(Swap { staged, runnable, control })
    }

    /// A model of its own for a version that reads other states than the one before it.
    fn model(&self, staged: &Staged, reads: Reads) -> Result<Model, Failure> {
        let (device, kernel) = (self.device.as_ref(), staged.kernel());
        let spec = ModelSpec { reads: reads.clone(), ..self.model.clone() };
        aside(|| {
            let mut model = Model::blank(device, spec)?;
            let compiled = model.compiler().compile(&kernel)?;
            model.set_objective(&reads, compiled)?;
            model.warm()?;
            Ok(model)
        })
    }
}

/// Does what has parallel parts on a thread of its own: in the pool that the training uses, they would stand in its way.
fn aside<T: Send>(work: impl FnOnce() -> Result<T, Failure> + Send) -> Result<T, Failure> {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).thread_name(|_| "warm".to_owned()).build();
    pool.map_err(|error| Failure::failed(format!("no thread for warming the script up: {error}")))?
        .install(work)
}

/// Stages a script with the values that hold for its parameters, once what it says about them is found sound.
pub(crate) fn stage(
    script: Script,
    layout: &Layout,
    config: &Config,
    steered: &Steered,
) -> Result<Staged, Failure> {
    let values = params::values(&script, config, steered)?;
    steering::try_out(&script)?;
    Staged::new(script, layout, &values)
}
