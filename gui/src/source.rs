//! What the UI asks of the runs, whoever answers: [`Store`] from folders, a test from memory.

use std::path::Path;
use std::sync::Arc;

use kelvin_run::Event;

use crate::data::{Command, Curves, Focus, Notice, RunId, RunInfo, Store};

/// Snapshots of runs, and a way to ask something of one. Nothing here ever waits; see [`Store`] for what each means.
pub trait Source {
    /// The folder.
    fn root(&self) -> &Path;
    /// Takes over what is ready; whether anything is new.
    fn poll(&mut self) -> bool;
    /// Whether all folders have been looked at once.
    fn listed(&self) -> bool;
    /// All runs, in the order of experiment, label, game and seed.
    fn runs(&self) -> &[Arc<RunInfo>];
    /// Says whose curves are wanted from now on.
    fn plot(&mut self, runs: &[RunId]);
    /// The curves of a run that is plotted, as far as they are read.
    fn curves(&self, id: RunId) -> Option<&Arc<Curves>>;
    /// What happened to a run that is plotted, as far as that is known.
    fn events(&self, id: RunId) -> Option<&Arc<[Event]>>;
    /// Says which run everything is wanted of.
    fn focus(&mut self, run: Option<RunId>);
    /// Everything about the run in focus, as far as it is read.
    fn focused(&self) -> Option<&Focus>;
    /// Asks a run for something.
    fn send(&mut self, run: RunId, command: Command);
    /// What the user should be told since the last call.
    fn take_notices(&mut self) -> Vec<Notice>;

    /// A run.
    fn run(&self, id: RunId) -> Option<&Arc<RunInfo>> {
        self.runs().iter().find(|run| run.id == id)
    }
}

impl Source for Store {
    fn root(&self) -> &Path {
        Store::root(self)
    }

    fn poll(&mut self) -> bool {
        Store::poll(self)
    }

    fn listed(&self) -> bool {
        Store::listed(self)
    }

    fn runs(&self) -> &[Arc<RunInfo>] {
        Store::runs(self)
    }

    fn plot(&mut self, runs: &[RunId]) {
        Store::plot(self, runs);
    }

    fn curves(&self, id: RunId) -> Option<&Arc<Curves>> {
        Store::curves(self, id)
    }

    fn events(&self, id: RunId) -> Option<&Arc<[Event]>> {
        self.focused().filter(|focus| focus.id == id).map(|focus| &focus.events)
    }

    fn focus(&mut self, run: Option<RunId>) {
        Store::focus(self, run);
    }

    fn focused(&self) -> Option<&Focus> {
        Store::focused(self)
    }

    fn send(&mut self, run: RunId, command: Command) {
        Store::send(self, run, command);
    }

    fn take_notices(&mut self) -> Vec<Notice> {
        Store::take_notices(self)
    }
}
