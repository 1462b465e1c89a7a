//! The UI's end of the readers.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};

use super::inbox::{Outlet, Token, inbox, spawn};
use super::lister::Lister;
use super::{Curves, Focus, RunId, RunInfo};

/// Something to be written into a run directory, off the UI's thread.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// Let it wait, or go on.
    Pause(bool),
    /// While it waits: one more update.
    Step,
    /// Save a checkpoint now.
    Checkpoint,
    /// End it with a checkpoint, to be resumed some day.
    Stop,
    /// Set a parameter of the script.
    SetParam(String, f64),
    /// Leave a parameter to the script again.
    ReleaseParam(String),
}

/// Something the user should be told.
#[derive(Clone, Debug, PartialEq)]
pub struct Notice {
    /// Which run it is about.
    pub run: Option<RunId>,
    /// Whether something failed.
    pub is_error: bool,
    /// In words.
    pub text: String,
}

/// What is known of the runs under a folder. Dropping it ends the readers' threads.
pub struct Store {
    root: PathBuf,
    outlet: Outlet,
    hurry: Sender<()>,
    runs: Vec<Arc<RunInfo>>,
    listed: bool,
    /// What the readers of curves found wrong, by run; the list has it as a warning.
    damage: BTreeMap<RunId, Arc<str>>,
    notices: Vec<Notice>,
    _keeper: Arc<()>,
}

impl Store {
    /// Begins to read the runs under `root`; `wake` is called from another thread when there is something new.
    pub fn open(root: PathBuf, wake: impl Fn() + Send + Sync + 'static) -> Self {
        let (inbox, outlet) = inbox(wake);
        let (keeper, token) = Token::new();
        let (hurry, hurries) = channel();
        let lister = Lister::new(root.clone(), inbox.clone(), token);
        if !spawn("monitor-list", move || lister.run(&hurries)) {
            inbox.tell(None, true, "the system has no thread left to list runs with".to_owned());
        }
        Self {
            root,
            outlet,
            hurry,
            runs: Vec::new(),
            listed: false,
            damage: BTreeMap::new(),
            notices: Vec::new(),
            _keeper: keeper,
        }
    }

    /// The folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Takes over what the readers have ready; whether anything is new. Never waits.
    pub fn poll(&mut self) -> bool {
        let Some(news) = self.outlet.take() else { return false };
        let mut is_new = !news.notices.is_empty();
        self.notices.extend(news.notices);
        if let Some(runs) = news.runs {
            self.runs = runs;
            self.listed |= news.listed;
            is_new = true;
        }
        is_new
    }

    /// Looks at all folders at once, instead of in a few seconds.
    pub fn refresh(&self) {
        // Without the thread there is nothing to hurry.
        let _ = self.hurry.send(());
    }

    /// Whether all folders have been looked at once.
    pub fn listed(&self) -> bool {
        self.listed
    }

    /// All runs, in the order of experiment, label, game and seed.
    pub fn runs(&self) -> &[Arc<RunInfo>] {
        &self.runs
    }

    /// A run.
    pub fn run(&self, id: RunId) -> Option<&Arc<RunInfo>> {
        self.runs().iter().find(|run| run.id == id)
    }

    /// Says whose curves are wanted from now on.
    pub fn plot(&mut self, runs: &[RunId]) {
        let _ = runs;
    }

    /// The curves of a run that is plotted, as far as they are read.
    pub fn curves(&self, id: RunId) -> Option<&Arc<Curves>> {
        let _ = id;
        None
    }

    /// Says which run everything is wanted of.
    pub fn focus(&mut self, run: Option<RunId>) {
        let _ = run;
    }

    /// Everything about the run in focus, as far as it is read.
    pub fn focused(&self) -> Option<&Focus> {
        None
    }

    /// Asks a run for something; what came of it is a notice if it failed.
    pub fn send(&mut self, run: RunId, command: Command) {
        let _ = (run, command);
    }

    /// What the user should be told since the last call.
    pub fn take_notices(&mut self) -> Vec<Notice> {
        std::mem::take(&mut self.notices)
    }
}
