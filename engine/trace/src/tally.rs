//! Where one thread's time goes, summed up while it goes on: no recording, no memory that grows.
//!
//! Cheap enough to be always on: two looks at the clock for each span that counts.

use std::cell::RefCell;
use std::time::{Duration, Instant};

thread_local! {
    static TALLY: RefCell<Option<Tally>> = const { RefCell::new(None) };
}

struct Tally {
    since: Instant,
    names: &'static [&'static str],
    /// Time by name: that of its spans without those inside them.
    times: Vec<Duration>,
    /// Time of the spans inside each span that is open.
    inside: Vec<Duration>,
}

/// Begins, or begins anew, to sum up the calling thread's spans of these names.
pub fn begin_tally(names: &'static [&'static str]) {
    let tally =
        Tally { since: Instant::now(), names, times: vec![Duration::ZERO; names.len()], inside: Vec::new() };
    TALLY.with_borrow_mut(|current| *current = Some(tally));
}

/// The shares of the time since the last call, or the beginning, by name; and begins anew. Nothing if no tally was begun
/// on this thread, or a span is open.
pub fn take_tally() -> Option<Vec<(&'static str, f64)>> {
    TALLY.with_borrow_mut(|tally| {
        let tally = tally.as_mut().filter(|tally| tally.inside.is_empty())?;
        let whole = tally.since.elapsed().as_secs_f64().max(1e-9);
        let share = |time: &Duration| time.as_secs_f64() / whole;
        let shares = tally.names.iter().copied().zip(tally.times.iter().map(share)).collect();
        (tally.since, tally.times) = (Instant::now(), vec![Duration::ZERO; tally.names.len()]);
        Some(shares)
    })
}

/// Notes that a span opens; which of the names it has, if it counts.
pub(crate) fn open(name: &str) -> Option<usize> {
    TALLY.with_borrow_mut(|tally| {
        let tally = tally.as_mut()?;
        let index = tally.names.iter().position(|known| *known == name)?;
        tally.inside.push(Duration::ZERO);
        Some(index)
    })
}

/// Notes that the span that was opened last has ended.
pub(crate) fn close(index: usize, length: Duration) {
    TALLY.with_borrow_mut(|tally| {
        // A tally that was begun since then knows nothing of it.
        let Some(tally) = tally.as_mut() else { return };
        let Some(inside) = tally.inside.pop() else { return };
        tally.times[index] += length.saturating_sub(inside);
        if let Some(outer) = tally.inside.last_mut() {
            *outer += length;
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::span;
    use std::thread::sleep;

    #[test]
    fn time_is_that_of_the_innermost_span_that_counts() {
        assert_eq!(take_tally(), None);
        begin_tally(&["outer", "inner"]);
        {
            let _outer = span("outer");
            let _between = span("not counted");
            assert_eq!(take_tally(), None);
            let _inner = span("inner");
            sleep(Duration::from_millis(30));
        }
        sleep(Duration::from_millis(10));
        let shares = take_tally().unwrap();
        let [(_, outer), (_, inner)] = shares[..] else { panic!("{shares:?}") };
        // Of some 40 ms, or more on a busy machine: 30 or more inside, and next to nothing around it.
        assert!(outer < inner && inner > 0.1 && outer + inner < 1.0, "{shares:?}");
        let after = take_tally().unwrap();
        assert!(after.iter().all(|(_, share)| *share == 0.0), "{after:?}");
    }

    #[test]
    fn other_threads_do_not_count() {
        begin_tally(&["work"]);
        std::thread::spawn(|| drop(span("work"))).join().unwrap();
        assert_eq!(take_tally().unwrap(), [("work", 0.0)]);
    }
}
