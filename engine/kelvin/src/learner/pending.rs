//! The batches of the updates that nobody has looked at yet, kept so that a broken one can be put together again.

use crate::replay::Drawn;

/// Start slots of the last updates' batches, oldest first.
pub(super) struct Pending {
    drawn: Vec<Drawn>,
    batch: usize,
    /// Number of the oldest update here, counted from 1.
    first: u64,
    /// Ticks since it was made.
    ticks: usize,
}

impl Pending {
    /// Room for the batches of `updates` updates.
    pub fn new(updates: u64, batch: usize) -> Self {
        Self { drawn: Vec::with_capacity(updates as usize * batch), batch, first: 0, ticks: 0 }
    }

    /// Notes what update number `update` was computed from.
    pub fn push(&mut self, update: u64, drawn: &[Drawn]) {
        if self.drawn.is_empty() {
            (self.first, self.ticks) = (update, 0);
        }
        self.drawn.extend_from_slice(drawn);
    }

    /// Counts a tick; how many have passed since the oldest update here.
    pub fn tick(&mut self) -> usize {
        self.ticks += 1;
        if self.drawn.is_empty() { 0 } else { self.ticks }
    }

    /// What update number `update` was computed from, if it is here.
    pub fn get(&self, update: u64) -> Option<&[Drawn]> {
        let from = update.checked_sub(self.first)? as usize * self.batch;
        self.drawn.get(from..from + self.batch)
    }

    /// Whether there are any.
    pub fn is_empty(&self) -> bool {
        self.drawn.is_empty()
    }

    /// Forgets them: somebody looked.
    pub fn clear(&mut self) {
        self.drawn.clear();
    }
}
