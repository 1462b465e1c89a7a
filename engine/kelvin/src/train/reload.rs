//! The thread that watches a run's script: compiles every saved version and hands over what can run.

use crate::config::Config;
use crate::failure::Failure;
use crate::staged::{self, Staged};
use kelvin_compute::{CompiledObjective, ObjectiveCompiler};
use kelvin_objective::{ConfigValue, Script, sources_hash};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How often the files are hashed. A version is read once two looks in a row agree, so that an editor
/// caught between truncating and writing is not mistaken for an author.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// What came of a saved script.
pub enum Reload {
    /// Compiled and ready to be swapped in.
    Ready {
        /// The new script, staged.
        staged: Box<Staged>,
        /// Its kernel on the run's device.
        compiled: CompiledObjective,
        /// Time from noticing the file to a warm kernel.
        took: Duration,
    },
    /// Refused: the rendered diagnostic. The old kernel goes on.
    Refused(Failure),
}

/// What the watcher needs to judge a new version.
pub struct Watched {
    /// The script's path.
    pub path: PathBuf,
    /// The run's configuration.
    pub config: Config,
    /// Actions of the environment.
    pub actions: usize,
    /// What `config()` said in the version that runs; a new one must agree with it.
    pub script_config: BTreeMap<String, ConfigValue>,
    /// Hash of the version that runs, which need not be what the file holds by now.
    pub hash: String,
}

/// A running watcher; dropping it ends the thread.
pub struct Reloader {
    reloads: Receiver<Reload>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
    watching: bool,
}

impl Reloader {
    /// Starts watching.
    pub fn start(watched: Watched, compiler: Box<dyn ObjectiveCompiler>) -> Result<Self, Failure> {
        let (sender, reloads) = channel();
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = std::thread::Builder::new()
            .name("reload".to_owned())
            .spawn(move || watch(watched, compiler.as_ref(), &sender, &stopped))
            .map_err(|error| Failure::failed(format!("no thread for watching the script: {error}")))?;
        Ok(Self { reloads, stop, thread: Some(thread), watching: true })
    }

    /// A version that was saved since the last call.
    pub fn poll(&mut self) -> Option<Reload> {
        match self.reloads.try_recv() {
            Ok(reload) => Some(reload),
            Err(TryRecvError::Disconnected) if self.watching => {
                self.watching = false;
                let failure = Failure::failed("the script is no longer watched: its thread ended");
                Some(Reload::Refused(
                    failure.hint("stop with Ctrl-C and go on with --resume to edit it live again"),
                ))
            }
            Err(_) => None,
        }
    }
}

impl Drop for Reloader {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // A watcher that panicked has nothing left to say; the run's end does not depend on it.
            drop(thread.join());
        }
    }
}

fn watch(watched: Watched, compiler: &dyn ObjectiveCompiler, reloads: &Sender<Reload>, stop: &AtomicBool) {
    let mut seen = Some(watched.hash.clone());
    let mut unsettled = None;
    while !stop.load(Ordering::Relaxed) {
        std::thread::sleep(LOOK_EVERY);
        let now = sources_hash(&watched.path);
        if now.is_none() || now == seen {
            unsettled = None;
        } else if unsettled != now {
            unsettled = now;
        } else {
            seen = now;
            let reload = version(&watched, compiler).unwrap_or_else(Reload::Refused);
            if reloads.send(reload).is_err() {
                return;
            }
        }
    }
}

fn version(watched: &Watched, compiler: &dyn ObjectiveCompiler) -> Result<Reload, Failure> {
    let start = Instant::now();
    let script = Script::load(&watched.path)?;
    agrees(&watched.script_config, &script)?;
    let params = staged::param_values(&script, &watched.config)?;
    let staged = Staged::new(script, &staged::layout(&watched.config, watched.actions), &params)?;
    let compiled = compiler.compile(&staged.kernel())?;
    Ok(Reload::Ready { staged: Box::new(staged), compiled, took: start.elapsed() })
}

/// A new version may change everything but what the run was built on.
fn agrees(built_on: &BTreeMap<String, ConfigValue>, script: &Script) -> Result<(), Failure> {
    let (old, new) = (built_on, script.config());
    let changed: BTreeSet<&str> = (old.keys().chain(new.keys()))
        .filter(|key| old.get(*key) != new.get(*key))
        .map(String::as_str)
        .collect();
    if changed.is_empty() {
        return Ok(());
    }
    let changed = changed.into_iter().map(|key| format!("`{key}`")).collect::<Vec<_>>().join(", ");
    let diagnostic = script.diagnostic(
        format!("config() now changes {changed}, which a run cannot change while it goes on"),
        "start a new run for it; target, loss, params and metrics can be edited live",
    );
    Err(diagnostic.into())
}
