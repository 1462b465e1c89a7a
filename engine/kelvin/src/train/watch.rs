//! The thread that watches the two files that steer a run, its script and `control.toml`, and hands over what can run.

use super::control::Asks;
use super::version::Workshop;
use crate::failure::Failure;
use crate::learner::Swap;
use crate::params::Values;
use kelvin_objective::sources_hash;
use kelvin_run::RunDir;
use std::collections::VecDeque;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};
use std::thread::JoinHandle;
use std::time::Duration;

/// How often the files are looked at.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// Time after which a file that has changed is looked at again.
const SETTLED_AFTER: Duration = Duration::from_millis(15);
/// Looks in a row that must agree on a new content before it is believed, so that an editor caught in the middle of
/// writing is not mistaken for an author.
const SETTLED: u32 = 2;
/// The same where the content is nothing at all: many editors truncate a file before they write it.
const SETTLED_EMPTY: u32 = 30;

/// A file that steers a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The objective and its imports.
    Script,
    /// Values of parameters, set by hand.
    Control,
}

/// What came of an edit.
pub enum Change {
    /// Compiled, warm, and ready to be swapped in.
    Swap {
        /// The version.
        swap: Box<Swap>,
        /// What was edited.
        edited: Source,
        /// Time from noticing the edit to a warm kernel.
        took: Duration,
    },
    /// `control.toml` now says this, and nothing needs to be traced again.
    Control(Values),
    /// `control.toml` asks the run for something else than before.
    Asked {
        /// What it asked for before.
        before: Asks,
        /// What it asks for now.
        now: Asks,
    },
    /// A mistake: what ran goes on.
    Refused {
        /// Where the mistake is.
        edited: Source,
        /// The rendered diagnostic.
        failure: Failure,
    },
}

/// A running watcher; dropping it ends the thread.
pub struct Watcher {
    /// What was edited while nobody trained.
    first: VecDeque<Change>,
    changes: Receiver<Change>,
    /// Whether a change that was handed over asks for the run's end.
    stop_is_asked: Arc<AtomicBool>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
    watching: bool,
    asks: Asks,
}

impl Watcher {
    /// Takes a look at the script that `workshop` knows and the control file of `dir`, and watches them from here on.
    /// So what was edited before a run goes on is in force from its first update on; so is what was asked of it since
    /// `heard`, where there is somebody who heard that.
    pub fn start(mut workshop: Workshop, dir: RunDir, heard: Option<Asks>) -> Result<Self, Failure> {
        let running = workshop.script().hash().to_owned();
        let hash = sources_hash(workshop.path()).unwrap_or(running.clone());
        let text = dir.read_control().map_err(|error| error.to_string());
        let (asks, first) = workshop.first_look(hash != running, text.clone(), heard);
        let looks = (Looks::new(hash), Looks::new(text));
        let (sender, changes) = channel();
        let stop = Arc::new(AtomicBool::new(false));
        let stop_is_asked = Arc::new(AtomicBool::new(false));
        let flags = (Arc::clone(&stop), Arc::clone(&stop_is_asked));
        let thread = std::thread::Builder::new()
            .name("watch".to_owned())
            .spawn(move || watch(workshop, looks, &dir, &sender, (&flags.0, &flags.1)))
            .map_err(|error| Failure::failed(format!("no thread for watching the script: {error}")))?;
        let first = first.into();
        Ok(Self { first, changes, stop_is_asked, stop, thread: Some(thread), watching: true, asks })
    }

    /// Whether somebody asks for the run's end, taken over by [`Watcher::poll`] or not.
    pub fn stop_is_asked(&self) -> bool {
        self.stop_is_asked.load(Ordering::Acquire)
    }

    /// What came of an edit since the last call.
    pub fn poll(&mut self) -> Option<Change> {
        let change = self.first.pop_front().map_or_else(|| self.changes.try_recv(), Ok);
        if let Ok(Change::Asked { now, .. }) = &change {
            self.asks = *now;
        }
        match change {
            Ok(change) => Some(change),
            Err(TryRecvError::Disconnected) if self.watching => {
                self.watching = false;
                let failure = Failure::failed("the script is no longer watched: its thread ended")
                    .hint("stop with Ctrl-C and go on with --resume to edit it live again");
                Some(Change::Refused { edited: Source::Script, failure })
            }
            Err(_) => None,
        }
    }

    /// What `control.toml` had asked for when it was polled last.
    pub fn asks(&self) -> Asks {
        self.asks
    }

    /// Ends it without waiting: its thread may be with a device that does not answer. It changes nothing but itself.
    pub fn abandon(mut self) {
        self.thread = None;
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // A watcher that panicked has nothing left to say; the run's end does not depend on it.
            drop(thread.join());
        }
    }
}

/// What the control file held, or why it cannot be read.
type Control = Result<Option<String>, String>;

fn watch(
    mut workshop: Workshop,
    (mut script, mut control): (Looks<String>, Looks<Control>),
    dir: &RunDir,
    changes: &Sender<Change>,
    (stop, stop_is_asked): (&AtomicBool, &AtomicBool),
) {
    while !stop.load(Ordering::Relaxed) {
        let unsettled = script.unsettled() || control.unsettled();
        std::thread::sleep(if unsettled { SETTLED_AFTER } else { LOOK_EVERY });
        let mut said = Vec::new();
        // A script that cannot be read, or is empty, is one that an editor is about to write.
        let hash = sources_hash(workshop.path()).filter(|_| !is_empty(workshop.path()));
        if hash.is_some_and(|hash| script.settles(hash, SETTLED)) {
            said.extend(workshop.script_saved());
        }
        let text = dir.read_control().map_err(|error| error.to_string());
        // An empty one may be meant so.
        let looks = if matches!(&text, Ok(Some(text)) if text.is_empty()) { SETTLED_EMPTY } else { SETTLED };
        if control.settles(text, looks) {
            said.extend(workshop.control_saved(control.seen.clone()));
        }
        for change in said {
            let asks = matches!(&change, Change::Asked { before, now } if before.stop != now.stop);
            if changes.send(change).is_err() {
                return;
            }
            // Who hears of it finds the change.
            stop_is_asked.fetch_or(asks, Ordering::Release);
        }
    }
}

fn is_empty(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|about| about.len() == 0)
}

/// Looks at something that changes now and then.
struct Looks<T> {
    /// What was believed last.
    seen: T,
    /// Something else, and how many looks in a row found it.
    new: Option<(T, u32)>,
}

impl<T: PartialEq> Looks<T> {
    fn new(seen: T) -> Self {
        Self { seen, new: None }
    }

    fn unsettled(&self) -> bool {
        self.new.is_some()
    }

    /// Takes a look; true if with it `wanted` looks in a row agree on something new.
    fn settles(&mut self, now: T, wanted: u32) -> bool {
        if self.seen == now {
            self.new = None;
            return false;
        }
        let agreed = match self.new.take() {
            Some((new, agreed)) if new == now => agreed + 1,
            _ => 1,
        };
        if agreed < wanted {
            self.new = Some((now, agreed));
            return false;
        }
        self.seen = now;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_believed_when_it_is_seen_twice_and_told_once() {
        let mut looks = Looks::new(1);
        let seen = [1, 2, 2, 2, 3, 2, 3, 4, 4, 1, 1, 1].map(|now| looks.settles(now, SETTLED));
        let told: Vec<usize> = (0..12).filter(|at| seen[*at]).collect();
        assert_eq!(told, [2, 8, 10]);
        assert!(!looks.unsettled());
        looks.settles(9, SETTLED);
        assert!(looks.unsettled());
    }
}
