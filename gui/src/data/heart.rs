//! Whether a run lives, from a number that changes as long as it does.
//!
//! Clocks of two machines disagree, so none is asked: what counts is the time, by our own clock, since *we* saw the
//! number change. Only at the first look there is nothing to compare with; the age of the file then stands in for it.

use std::time::{Duration, Instant};

/// A beat that stands still for longer tells of a run that hangs, was killed or is out of reach. A run writes one a
/// second; disks of clusters may hold it back for a few.
pub const STALLED_AFTER: Duration = Duration::from_secs(10);
/// The same where the system says that there is no such process, which it may say of one in another container.
const GONE_AFTER: Duration = Duration::from_millis(2500);

/// A number that changes as long as a run lives.
#[derive(Clone, Debug)]
pub(super) struct Heart {
    beat: u64,
    since: Instant,
    /// How old the beat was at the first look, as far as can be told; nothing once it has changed.
    guess: Option<Duration>,
}

impl Heart {
    /// The first look at it.
    pub fn new(beat: u64, age: Duration, now: Instant) -> Self {
        Self { beat, since: now, guess: Some(age) }
    }

    /// Another look at it.
    pub fn look(&mut self, beat: u64, now: Instant) {
        if beat != self.beat {
            *self = Self { beat, since: now, guess: None };
        }
    }

    /// How long it has been still.
    pub fn silence(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.since) + self.guess.unwrap_or_default()
    }

    /// Whether it beats; `is_gone` where there is no such process on this machine, `patience` for what may be still
    /// for longer than [`STALLED_AFTER`].
    pub fn beats(&self, is_gone: bool, patience: Duration, now: Instant) -> bool {
        match (is_gone, self.guess) {
            (true, Some(_)) => false,
            (true, None) => self.silence(now) <= GONE_AFTER,
            (false, _) => self.silence(now) <= patience,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_beat_that_changes_is_alive_whatever_the_clocks_say() {
        let start = Instant::now();
        // An hour old by the file's time: a guess that the next beat corrects.
        let mut heart = Heart::new(7, 3600 * SECOND, start);
        assert!(!heart.beats(false, STALLED_AFTER, start));
        heart.look(8, start + SECOND);
        assert!(heart.beats(false, STALLED_AFTER, start + SECOND));
        assert_eq!(heart.silence(start + 3 * SECOND), 2 * SECOND);
        // A resumed run counts from the start again.
        heart.look(1, start + 30 * SECOND);
        assert!(heart.beats(false, STALLED_AFTER, start + 40 * SECOND));
        assert!(!heart.beats(false, STALLED_AFTER, start + 41 * SECOND));
    }

    #[test]
    fn a_beat_that_stands_still_is_dead_after_ten_seconds() {
        let start = Instant::now();
        let mut heart = Heart::new(7, SECOND, start);
        for second in 0..30 {
            let now = start + second * SECOND;
            heart.look(7, now);
            assert_eq!(heart.beats(false, STALLED_AFTER, now), second <= 9, "{second}");
        }
    }

    #[test]
    fn a_process_that_is_gone_is_dead_sooner_unless_it_beats() {
        let start = Instant::now();
        let mut heart = Heart::new(7, Duration::ZERO, start);
        assert!(heart.beats(false, STALLED_AFTER, start) && !heart.beats(true, STALLED_AFTER, start));
        // It is in a container of the same name.
        heart.look(8, start + SECOND);
        assert!(heart.beats(true, STALLED_AFTER, start + 2 * SECOND));
        assert!(!heart.beats(true, STALLED_AFTER, start + 4 * SECOND));
    }
}
