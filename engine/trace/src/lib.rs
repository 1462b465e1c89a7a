//! Who did what, when: spans for profiles.
//!
//! Code that is worth a place in a profile opens a [`span`]; it ends when dropped. While nobody listens, that costs a
//! load and a branch. A [`Recording`] collects the spans of all threads, and of devices with a clock of their own
//! ([`device_span`]); what it ends in, a [`Trace`], is summed up by name or written for Perfetto.
//!
//! There is one recording at a time in a process. Beside it, a thread may sum its own spans up by name as they end
//! ([`begin_tally`]), which costs little enough to be always on.
#![forbid(unsafe_code)]

mod chrome;
mod tally;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

pub use tally::{begin_tally, take_tally};

/// Spans of a recording, at most; later ones are counted and dropped. 100 MB, and more than a viewer likes.
const MOST_SPANS: usize = 2_000_000;

static RECORDING: AtomicBool = AtomicBool::new(false);
static COLLECTED: Mutex<Collected> =
    Mutex::new(Collected { since: None, spans: Vec::new(), threads: Vec::new(), dropped: 0 });
static THREADS: AtomicU32 = AtomicU32::new(0);

thread_local! {
    static THREAD: u32 = THREADS.fetch_add(1, Relaxed);
}

/// What a span lies on: one line of a viewer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Track {
    /// A thread, by a number of its own.
    Thread(u32),
    /// The device that kernels are submitted to.
    Device,
}

/// Something that took time.
#[derive(Clone, Debug, PartialEq)]
pub struct SpanRecord {
    /// What was done.
    pub name: Cow<'static, str>,
    /// Where.
    pub track: Track,
    /// When it began.
    pub start: Instant,
    /// How long it took.
    pub length: Duration,
}

struct Collected {
    /// When the recording began that goes on.
    since: Option<Instant>,
    spans: Vec<SpanRecord>,
    /// Names of threads that have spans.
    threads: Vec<(u32, String)>,
    dropped: usize,
}

/// An open span; dropping it ends it.
#[must_use = "a span ends when it is dropped"]
pub struct Span(Option<Open>);

struct Open {
    start: Instant,
    /// Its name, for a recording.
    recorded: Option<Cow<'static, str>>,
    /// Its place in the thread's tally.
    tallied: Option<usize>,
}

/// Whether anybody records: for work that only a profile needs.
pub fn recording() -> bool {
    RECORDING.load(Relaxed)
}

/// Opens a span on the calling thread.
pub fn span(name: &'static str) -> Span {
    let (recorded, tallied) = (recording().then(|| name.into()), tally::open(name));
    let counts = recorded.is_some() || tallied.is_some();
    Span(counts.then(|| Open { start: Instant::now(), recorded, tallied }))
}

/// The same for recordings alone, with a name that is made only if somebody records.
pub fn span_with(name: impl FnOnce() -> String) -> Span {
    Span(recording().then(|| Open { start: Instant::now(), recorded: Some(name().into()), tallied: None }))
}

/// Notes what a device did, by its own clock.
pub fn device_span(name: impl Into<Cow<'static, str>>, start: Instant, length: Duration) {
    if recording() {
        collected().add(SpanRecord { name: name.into(), track: Track::Device, start, length });
    }
}

impl Drop for Span {
    fn drop(&mut self) {
        let Some(Open { start, recorded, tallied }) = self.0.take() else { return };
        let length = start.elapsed();
        if let Some(index) = tallied {
            tally::close(index, length);
        }
        let Some(name) = recorded else { return };
        let thread = THREAD.with(|thread| *thread);
        let mut collected = collected();
        if collected.threads.iter().all(|(known, _)| *known != thread) {
            let name = thread::current().name().map_or_else(|| format!("worker {thread}"), str::to_owned);
            collected.threads.push((thread, name));
        }
        collected.add(SpanRecord { name, track: Track::Thread(thread), start, length });
    }
}

impl Collected {
    fn add(&mut self, span: SpanRecord) {
        // One that was open when its recording ended belongs to none.
        if self.since.is_none_or(|since| span.start < since) {
            return;
        }
        if self.spans.len() < MOST_SPANS { self.spans.push(span) } else { self.dropped += 1 }
    }
}

fn collected() -> MutexGuard<'static, Collected> {
    // A panic elsewhere leaves whole spans behind.
    COLLECTED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A recording that goes on.
#[derive(Debug)]
pub struct Recording {
    start: Instant,
}

impl Recording {
    /// Begins one; `None` while another goes on.
    pub fn start() -> Option<Self> {
        let mut collected = collected();
        if RECORDING.swap(true, Relaxed) {
            return None;
        }
        let start = Instant::now();
        (collected.since, collected.spans, collected.dropped) = (Some(start), Vec::new(), 0);
        Some(Self { start })
    }

    /// How long it has lasted.
    pub fn elapsed(&self) -> Duration {
        self.start.elapsed()
    }

    /// Ends it.
    pub fn finish(self) -> Trace {
        let length = self.start.elapsed();
        let (spans, threads, dropped) = {
            let mut collected = collected();
            (std::mem::take(&mut collected.spans), collected.threads.clone(), collected.dropped)
        };
        Trace { start: self.start, length, spans, threads, dropped }
    }
}

impl Drop for Recording {
    fn drop(&mut self) {
        let mut collected = collected();
        RECORDING.store(false, Relaxed);
        (collected.since, collected.spans) = (None, Vec::new());
    }
}

/// What was recorded.
#[derive(Clone, Debug)]
pub struct Trace {
    /// When the recording began.
    pub start: Instant,
    /// How long it lasted.
    pub length: Duration,
    /// All spans, in the order of their ends on each track.
    pub spans: Vec<SpanRecord>,
    threads: Vec<(u32, String)>,
    /// Spans that had no room.
    pub dropped: usize,
}

/// What the spans of one name come to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Total {
    /// Spans.
    pub count: usize,
    /// All of them together.
    pub time: Duration,
}

impl Trace {
    /// The time of one track by what it was spent on, of the names that count: that of a span without those inside it.
    pub fn exclusive(&self, track: Track, counts: impl Fn(&str) -> bool) -> BTreeMap<&str, Duration> {
        let counted = |span: &&SpanRecord| span.track == track && counts(&span.name);
        let mut spans: Vec<_> = self.spans.iter().filter(counted).collect();
        // An outer span begins first, or lasts longer.
        spans.sort_by(|a, b| a.start.cmp(&b.start).then(b.length.cmp(&a.length)));
        let mut exclusive = BTreeMap::<&str, Duration>::new();
        let mut open: Vec<&SpanRecord> = Vec::new();
        for span in spans {
            while open.last().is_some_and(|outer| outer.start + outer.length <= span.start) {
                open.pop();
            }
            if let Some(outer) = open.last() {
                let time = exclusive.entry(&outer.name).or_default();
                *time = time.saturating_sub(span.length);
            }
            *exclusive.entry(&span.name).or_default() += span.length;
            open.push(span);
        }
        exclusive
    }

    /// The track that has a span of this name, if any has.
    pub fn track_of(&self, name: &str) -> Option<Track> {
        self.spans.iter().find(|span| span.name == name).map(|span| span.track)
    }

    /// Spans by name, those of all tracks together.
    pub fn totals(&self) -> BTreeMap<&str, Total> {
        let mut totals = BTreeMap::<&str, Total>::new();
        for span in &self.spans {
            let total = totals.entry(&span.name).or_default();
            total.count += 1;
            total.time += span.length;
        }
        totals
    }
}
