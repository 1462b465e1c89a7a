//! Where readers leave what is new and the UI takes it.
//!
//! Each thing has one place and the newest is in it: a UI that looks rarely finds as much as one that looks often, and
//! nothing piles up behind a window that is not drawn.

use std::collections::BTreeMap;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::thread;
use std::time::Duration;

use kelvin_run::Event;

use super::{Curves, Focus, Notice, RunId, RunInfo};

/// Least time between two wakes of the UI.
const WAKE_EVERY: Duration = Duration::from_millis(33);

/// What is new.
#[derive(Default)]
pub(super) struct News {
    /// The list of all runs.
    pub runs: Option<Vec<Arc<RunInfo>>>,
    /// Whether that list has every run in it.
    pub listed: bool,
    /// Curves by run.
    pub curves: BTreeMap<RunId, Arc<Curves>>,
    /// Events by run.
    pub events: BTreeMap<RunId, Arc<[Event]>>,
    /// What the readers of curves found wrong, by run; nothing where it is sound again.
    pub damage: BTreeMap<RunId, Option<Arc<str>>>,
    /// The run in focus.
    pub focus: Option<Focus>,
    /// Notices, oldest first.
    pub notices: Vec<Notice>,
}

/// The readers' end.
#[derive(Clone)]
pub(super) struct Inbox {
    news: Arc<Mutex<News>>,
    bell: SyncSender<()>,
}

/// The UI's end.
pub(super) struct Outlet(Arc<Mutex<News>>);

/// An inbox; `wake` is called from a thread of its own when there is something new, at most every [`WAKE_EVERY`].
pub(super) fn inbox(wake: impl Fn() + Send + 'static) -> (Inbox, Outlet) {
    let news = Arc::new(Mutex::new(News::default()));
    // One place: a ring while a ring is pending is the same ring.
    let (bell, rings) = sync_channel(1);
    spawn("monitor-wake", move || ring(&rings, wake));
    (Inbox { news: Arc::clone(&news), bell }, Outlet(news))
}

fn ring(rings: &Receiver<()>, wake: impl Fn()) {
    while rings.recv().is_ok() {
        wake();
        thread::sleep(WAKE_EVERY);
    }
}

/// A thread that ends by itself. One that the system refuses leaves its part of the monitor empty.
pub(super) fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> bool {
    thread::Builder::new().name(name.to_owned()).spawn(work).is_ok()
}

impl Inbox {
    /// Leaves something new.
    pub fn put(&self, put: impl FnOnce(&mut News)) {
        put(&mut self.news.lock().unwrap_or_else(PoisonError::into_inner));
        // Full: it rings already. Gone: nobody listens.
        let _ = self.bell.try_send(());
    }

    /// Leaves a notice.
    pub fn tell(&self, run: Option<RunId>, is_error: bool, text: String) {
        let text = brief(&text);
        self.put(|news| news.notices.push(Notice { run, is_error, text }));
    }
}

impl Outlet {
    /// Takes all that is new. Never waits: where a reader is just putting something down, it rings again afterwards.
    pub fn take(&self) -> Option<News> {
        let mut news = self.0.try_lock().ok()?;
        Some(std::mem::take(&mut *news))
    }
}

/// Characters of what a file made somebody say: it may repeat what stands in it, of any length.
const LONGEST: usize = 600;

/// As much of a text as somebody reads.
pub(super) fn brief(text: &str) -> String {
    format!("{text:.LONGEST$}")
}

/// Tells threads whether somebody still wants what they do.
#[derive(Clone)]
pub(super) struct Token(Weak<()>);

impl Token {
    /// A token, and what keeps it wanted.
    pub fn new() -> (Arc<()>, Self) {
        let keeper = Arc::new(());
        let token = Self(Arc::downgrade(&keeper));
        (keeper, token)
    }

    /// Whether its keeper is still there.
    pub fn is_wanted(&self) -> bool {
        self.0.strong_count() > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::time::Instant;

    #[test]
    fn many_news_are_few_wakes_and_the_last_is_not_lost() {
        let wakes = Arc::new(AtomicU32::new(0));
        let counted = Arc::clone(&wakes);
        let (inbox, outlet) = inbox(move || {
            counted.fetch_add(1, Ordering::SeqCst);
        });
        for _ in 0..10_000 {
            inbox.tell(None, false, "new".to_owned());
        }
        let start = Instant::now();
        let mut taken = 0;
        // On a busy machine all may be taken before the first wake.
        while (taken < 10_000 || wakes.load(Ordering::SeqCst) == 0)
            && start.elapsed() < Duration::from_secs(20)
        {
            thread::sleep(Duration::from_millis(1));
            taken += outlet.take().map_or(0, |news| news.notices.len());
        }
        assert_eq!(taken, 10_000);
        let before = wakes.load(Ordering::SeqCst);
        assert!((1..1000).contains(&before), "{before}");
        // A ring after a pause is heard.
        thread::sleep(2 * WAKE_EVERY);
        let before = wakes.load(Ordering::SeqCst);
        inbox.tell(None, false, "new".to_owned());
        while wakes.load(Ordering::SeqCst) == before && start.elapsed() < Duration::from_secs(20) {
            thread::sleep(Duration::from_millis(1));
        }
        assert_eq!(wakes.load(Ordering::SeqCst), before + 1);
    }
}
