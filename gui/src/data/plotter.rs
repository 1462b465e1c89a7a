//! The thread that reads the curves of the runs that are plotted.
//!
//! Runs are read at the same time and in turns of a few megabytes, so that all curves grow together and a run that is no
//! longer wanted is let go of soon.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use super::cache::Cache;
use super::curves::Reader;
use super::event_log::EventLog;
use super::inbox::{Inbox, Token, brief};
use super::series::MOST;
use super::{RunId, parallel};

/// How often files that were read to their ends are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Bytes of metrics of a turn.
const TURN: u64 = 4 << 20;
/// The same where there are so many runs that their series must be coarser than they are read: no more of them at once
/// than there are threads.
const LONG_TURN: u64 = 64 << 20;
/// Runs whose series may all have as many buckets as there can be.
const FINE: usize = 64;
/// Buckets that a series has, however many runs there are.
const LEAST: usize = 128;
/// Bytes read since the last time a run was saved, from which on it is worth it.
const WORTH: u64 = 1 << 20;
/// The same where nothing comes any more just now: a live run is not saved every second.
const WORTH_LIVE: u64 = 16 << 20;

/// Runs to be plotted, and the number of the wish; a later wish makes void what an earlier said.
pub(super) struct Wish {
    pub number: u64,
    pub runs: Vec<(RunId, Arc<Path>)>,
}

pub(super) struct Plotter {
    inbox: Inbox,
    token: Token,
    cache: Option<Cache>,
    /// The number of the newest wish, which may not have arrived yet.
    newest: Arc<AtomicU64>,
    plots: BTreeMap<RunId, Plot>,
}

/// A run that is plotted.
struct Plot {
    id: RunId,
    path: Arc<Path>,
    reader: Option<Reader>,
    events: EventLog,
    is_new: bool,
    /// Bytes of the run's files that the cache has.
    saved: u64,
    /// Buckets of a series where they had to be folded for the number of runs.
    folded: Option<usize>,
    told: Option<Arc<str>>,
    /// Whether the last turn failed; it is tried again, but not at once.
    has_failed: bool,
}

impl Plotter {
    pub fn new(inbox: Inbox, token: Token, cache: Option<Cache>, newest: Arc<AtomicU64>) -> Self {
        Self { inbox, token, cache, newest, plots: BTreeMap::new() }
    }

    /// Reads what is wished for until nobody wants it.
    pub fn run(mut self, wishes: &Receiver<Wish>) {
        if let Some(cache) = &self.cache {
            cache.prune();
        }
        let mut current = 0;
        loop {
            let wait = if self.plots.values().all(Plot::is_at_end) { LOOK_EVERY } else { Duration::ZERO };
            match wishes.recv_timeout(wait) {
                Ok(wish) => {
                    current = wish.number;
                    self.wish(wish);
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            self.turn(current);
        }
    }

    fn wish(&mut self, wish: Wish) {
        let mut before = std::mem::take(&mut self.plots);
        for (id, path) in wish.runs {
            let plot = before.remove(&id).unwrap_or_else(|| Plot {
                id,
                events: EventLog::new(&path),
                path,
                reader: None,
                is_new: true,
                saved: 0,
                folded: None,
                told: None,
                has_failed: false,
            });
            self.plots.insert(id, plot);
        }
        let mut rest: Vec<Plot> = before.into_values().collect();
        parallel::each(
            &mut rest,
            threads(),
            || self.token.is_wanted(),
            |plot| plot.save(self.cache.as_ref(), WORTH),
        );
    }

    fn turn(&mut self, current: u64) {
        let Self { inbox, token, cache, newest, plots } = self;
        let is_wanted = || token.is_wanted() && newest.load(Ordering::Relaxed) == current;
        let mut plots: Vec<&mut Plot> = plots.values_mut().collect();
        let room = room(plots.len());
        parallel::each(&mut plots, threads(), is_wanted, |plot| plot.turn(room, inbox, cache.as_ref()));
    }
}

/// Reading curves is work, not waiting; on a machine of one core there may still be a file that is waited for.
fn threads() -> usize {
    thread::available_parallelism().map_or(2, |cores| cores.get().clamp(2, 8))
}

/// Buckets of a series that there is room for with so many runs, so that memory is bounded.
fn room(runs: usize) -> usize {
    (FINE * MOST / runs.max(FINE)).next_power_of_two().clamp(LEAST, MOST)
}

impl Plot {
    fn is_at_end(&self) -> bool {
        self.has_failed || self.reader.as_ref().is_some_and(|reader| reader.curves().complete)
    }

    fn turn(&mut self, room: usize, inbox: &Inbox, cache: Option<&Cache>) {
        if self.folded.is_some_and(|folded| folded < room) {
            // There are fewer runs now: what was folded is read again, or is in the cache.
            (self.reader, self.folded) = (None, None);
        }
        let reader = self.reader.get_or_insert_with(|| {
            let reader = Reader::new(&self.path, cache.and_then(|cache| cache.load(&self.path)));
            self.saved = reader.curves().read;
            reader
        });
        let turn = if room < MOST { LONG_TURN } else { TURN };
        let (advanced, events) = (reader.advance(turn), self.events.advance());
        self.has_failed = advanced.is_err();
        // The first time right away, since nobody knows how long the monitor stays open.
        let worth = if self.saved == 0 || room < MOST { WORTH } else { WORTH_LIVE };
        self.save(cache, worth);
        let has_folded = self.fold(room);
        let Some(reader) = &self.reader else { return };
        let (curves, id) = (Arc::clone(reader.curves()), self.id);
        let problem = match (&advanced, &events) {
            (Err(error), _) => Some(format!("its curves cannot be read: {error}")),
            (_, Err(error)) => Some(format!("events.jsonl cannot be read: {error}")),
            _ => reader.damage(),
        };
        let (problem, is_new) =
            (problem.map(|problem| Arc::from(brief(&problem))), std::mem::take(&mut self.is_new));
        let has_curves = is_new || has_folded || advanced.unwrap_or(false);
        let has_events = is_new || events.unwrap_or(false);
        let has_problem = problem != self.told;
        if has_curves || has_events || has_problem {
            self.told = problem;
            inbox.put(|news| {
                if has_curves {
                    news.curves.insert(id, curves);
                }
                if has_events {
                    news.events.insert(id, Arc::clone(self.events.events()));
                }
                if has_problem {
                    news.damage.insert(id, self.told.clone());
                }
            });
        }
    }

    /// Makes the series coarser, once they are read, where there is no room for more; whether it did.
    fn fold(&mut self, room: usize) -> bool {
        let is_finer = room < self.folded.unwrap_or(MOST);
        match &mut self.reader {
            Some(reader) if is_finer && reader.curves().complete => {
                reader.fold(room);
                self.folded = Some(room);
                true
            }
            _ => false,
        }
    }

    fn save(&mut self, cache: Option<&Cache>, worth: u64) {
        let (Some(cache), Some(reader), false) = (cache, &self.reader, self.has_failed) else { return };
        let read = reader.curves().read;
        if self.folded.is_none() && reader.curves().complete && read.abs_diff(self.saved) >= worth {
            cache.save(&self.path, &reader.saved());
            self.saved = read;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::inbox::{News, inbox};
    use crate::data::synthetic::{Kind, Synthetic};

    #[test]
    fn many_runs_are_coarse_and_few_are_fine_again() {
        assert_eq!([1, 64, 65, 128, 1000, 100_000].map(room), [2048, 2048, 2048, 1024, 256, 128]);
        let folder = tempfile::tempdir().unwrap();
        let path: Arc<Path> = folder.path().join("run").into();
        Synthetic::new(1, 6000, Kind::Done).write(&path).unwrap();
        let cache = Cache::new(folder.path().join("cache"));
        let (inbox, outlet) = inbox(|| {});
        let (_keeper, token) = Token::new();
        let mut plotter = Plotter::new(inbox.clone(), token, Some(cache.clone()), Arc::default());
        plotter.wish(Wish { number: 0, runs: vec![(RunId(0), Arc::clone(&path))] });
        let plot = plotter.plots.get_mut(&RunId(0)).unwrap();
        let mut turn = |room| {
            plot.turn(room, &inbox, Some(&cache));
            let News { curves, .. } = outlet.take().unwrap();
            curves.get(&RunId(0)).map(|curves| curves.series["loss"].buckets.len())
        };
        assert_eq!(turn(128), Some(3000 / 32 + 1));
        assert_eq!(turn(128), None);
        // What is in the cache is as fine as can be.
        let saved = cache.load(&path).unwrap();
        assert_eq!(Reader::new(&path, Some(saved)).curves().series["loss"].buckets.len(), 1500);
        assert_eq!(turn(2048), Some(1500));
        assert_eq!(turn(1024), Some(750));
        assert_eq!(turn(2048), Some(1500));
    }
}
