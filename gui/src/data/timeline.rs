//! Where a point lies on the three axes, of which a record knows one or two.
//!
//! Every record has agent steps and most have frames; updates stand in the periodic ones, wall time in `timing.jsonl`.
//! What lies between two that know is put between them in proportion. Past the last it goes on as before, and never back.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::rows::Slot;
use super::series::Point;

/// A line of `timing.jsonl`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Tick {
    /// Agent steps.
    pub agent_steps: f64,
    /// Seconds of training, over all processes.
    pub wall_s: f64,
    /// Its metrics.
    pub values: Vec<(Slot, f64)>,
}

/// Wall time by agent steps, from ticks as they come.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Clock {
    /// Wall time of the processes before this one.
    before_s: f64,
    /// What the last tick said, of its process.
    said_s: f64,
    /// The last tick passed: agent steps and wall time.
    passed: (f64, f64),
    /// Seconds an agent step, as of the last two.
    pace: f64,
    ahead: VecDeque<Tick>,
}

impl Clock {
    /// Whether there are ticks that were not passed.
    pub fn has_ahead(&self) -> bool {
        !self.ahead.is_empty()
    }

    /// Adds a tick that says `wall_s` since its process began.
    pub fn add(&mut self, agent_steps: f64, wall_s: f64, values: &[(Slot, f64)]) {
        if wall_s < self.said_s {
            // Another process took the run up.
            self.before_s += self.said_s;
        }
        self.said_s = wall_s;
        let wall_s = self.before_s + wall_s;
        self.ahead.push_back(Tick { agent_steps, wall_s, values: values.to_vec() });
    }

    /// The next tick up to `agent_steps`, which is passed with it.
    pub fn pass(&mut self, agent_steps: f64) -> Option<Tick> {
        let tick = self.ahead.pop_front_if(|tick| tick.agent_steps <= agent_steps)?;
        let (steps, wall_s) = self.passed;
        if tick.agent_steps > steps {
            self.pace = (tick.wall_s - wall_s) / (tick.agent_steps - steps);
        }
        self.passed = (tick.agent_steps, tick.wall_s);
        Some(tick)
    }

    /// The wall time at `agent_steps`, up to which all ticks are passed.
    pub fn at(&self, agent_steps: f64) -> f64 {
        let (steps, wall_s) = self.passed;
        let pace = self
            .ahead
            .front()
            .map_or(self.pace, |next| (next.wall_s - wall_s) / (next.agent_steps - steps).max(1.0));
        wall_s + pace * (agent_steps - steps).max(0.0)
    }
}

/// A record that knows how many updates there were.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Anchor {
    /// Agent steps.
    pub agent_steps: f64,
    /// Frames trained.
    pub frames: f64,
    /// Optimizer steps.
    pub updates: f64,
}

/// A value that waits for the next anchor.
#[derive(Clone, Copy, Debug)]
struct Waiting {
    slot: Slot,
    agent_steps: f64,
    frames: Option<f64>,
    wall_s: f64,
    value: f64,
}

/// Values that wait for an anchor, at most: a million take 50 MB.
const PATIENCE: usize = 1 << 20;

/// Points in the order of time, with all three of their places.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Timeline {
    last: Anchor,
    /// The one before the last.
    previous: Anchor,
    /// The highest places so far: no point lies before another that was placed earlier.
    high: (f64, f64),
    #[serde(skip)]
    waiting: Vec<Waiting>,
}

impl Timeline {
    /// What is to be saved; nothing waits when a file was read to its end.
    pub fn settled(&self) -> Self {
        Self { waiting: Vec::new(), ..*self }
    }

    /// Whether so many values wait that they are better placed without an anchor.
    pub fn is_impatient(&self) -> bool {
        self.waiting.len() >= PATIENCE
    }

    /// Adds a value; `frames` where its record says.
    pub fn add(&mut self, slot: Slot, agent_steps: f64, frames: Option<f64>, wall_s: f64, value: f64) {
        self.waiting.push(Waiting { slot, agent_steps, frames, wall_s, value });
    }

    /// Places all that wait between the last anchor and `now`.
    pub fn anchor(&mut self, now: Anchor, mut placed: impl FnMut(Slot, Point)) {
        self.place(self.last, now, 1.0, &mut placed);
        if now.agent_steps > self.last.agent_steps {
            (self.previous, self.last) = (self.last, now);
        }
    }

    /// Places all that wait, although no anchor has come.
    pub fn flush(&mut self, mut placed: impl FnMut(Slot, Point)) {
        let (from, mut to) = (self.previous, self.last);
        if to.agent_steps <= from.agent_steps {
            // Nothing is known of updates yet; frames are known by their records.
            to = Anchor { agent_steps: from.agent_steps + 1.0, ..from };
        }
        self.place(from, to, f64::INFINITY, &mut placed);
    }

    /// Places what waits on the line from one anchor to the other, and beyond it up to `limit` times its length.
    fn place(&mut self, from: Anchor, to: Anchor, limit: f64, placed: &mut impl FnMut(Slot, Point)) {
        let length = to.agent_steps - from.agent_steps;
        for Waiting { slot, agent_steps, frames, wall_s, value } in self.waiting.drain(..) {
            let way = if length > 0.0 {
                ((agent_steps - from.agent_steps) / length).clamp(0.0, limit)
            } else {
                1.0
            };
            let between = |from: f64, to: f64| if way == 1.0 { to } else { from + way * (to - from) };
            let (updates, high) = (between(from.updates, to.updates), &mut self.high);
            *high = (high.0.max(updates), high.1.max(wall_s));
            let frames = frames.unwrap_or_else(|| between(from.frames, to.frames));
            placed(slot, Point { frames, updates: high.0, wall_s: high.1, value });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wall_time_goes_on_over_processes() {
        let mut clock = Clock::default();
        for (steps, wall_s) in [(100.0, 10.0), (200.0, 30.0), (300.0, 5.0), (400.0, 6.0)] {
            clock.add(steps, wall_s, &[(0, steps)]);
        }
        assert_eq!(clock.at(50.0), 5.0);
        assert_eq!(clock.pass(250.0).map(|tick| tick.wall_s), Some(10.0));
        assert_eq!(clock.pass(250.0).map(|tick| tick.wall_s), Some(30.0));
        assert_eq!((clock.pass(250.0), clock.has_ahead()), (None, true));
        assert_eq!(clock.at(250.0), 32.5);
        while clock.pass(1e9).is_some() {}
        assert_eq!((clock.at(400.0), clock.at(500.0)), (36.0, 37.0));
    }

    #[test]
    fn points_lie_between_the_records_that_know() {
        let mut timeline = Timeline::default();
        let mut placed = Vec::new();
        let at =
            |agent_steps: f64| Anchor { agent_steps, frames: 4.0 * agent_steps, updates: agent_steps / 2.0 };
        timeline.add(0, 50.0, Some(200.0), 5.0, 1.0);
        timeline.add(1, 100.0, None, 10.0, 2.0);
        timeline.anchor(at(100.0), |slot, point| placed.push((slot, point)));
        timeline.add(0, 150.0, Some(600.0), 15.0, 3.0);
        timeline.flush(|slot, point| placed.push((slot, point)));
        // The flush assumed that updates go on as before; there were none.
        timeline.add(0, 160.0, Some(640.0), 14.0, 4.0);
        let stuck = Anchor { updates: 50.0, ..at(200.0) };
        timeline.anchor(stuck, |slot, point| placed.push((slot, point)));
        let point = |frames, updates, wall_s, value| Point { frames, updates, wall_s, value };
        assert_eq!(
            placed,
            [
                (0, point(200.0, 25.0, 5.0, 1.0)),
                (1, point(400.0, 50.0, 10.0, 2.0)),
                (0, point(600.0, 75.0, 15.0, 3.0)),
                (0, point(640.0, 75.0, 15.0, 4.0)),
            ]
        );
    }

    #[test]
    fn before_the_first_anchor_there_are_no_updates() {
        let (mut timeline, mut placed) = (Timeline::default(), Vec::new());
        timeline.add(0, 50.0, Some(200.0), 5.0, 1.0);
        timeline.flush(|_, point| placed.push(point));
        assert_eq!(placed, [Point { frames: 200.0, updates: 0.0, wall_s: 5.0, value: 1.0 }]);
    }
}
