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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replay::BatchBuffers;
    use crate::replay::{End, Replay, ReplaySpec, Transition};
    use rand::SeedableRng;

    #[test]
    fn batches_are_found_by_the_number_of_their_update() {
        let spec = ReplaySpec { capacity: 200, lanes: 1, pixels: 1, stack: 1, n: 1 };
        let mut replay = Replay::new(spec);
        for step in 0..60 {
            let (frame, final_frame) = (&[step as u8], &[0]);
            let (first, end) = (step == 0, End::Continues);
            let transition =
                Transition { frame, first, action: 0, behaviour_logp: 0.0, reward: 0.0, end, final_frame };
            replay.push(0, &transition);
        }
        let mut rng = rand_xoshiro::Xoshiro256PlusPlus::seed_from_u64(1);
        let mut batch = BatchBuffers::new(&spec, vec![0], 3);
        let mut pending = Pending::new(4, 3);
        assert_eq!(pending.tick(), 0);
        let batches: Vec<Vec<Drawn>> = (11..14)
            .map(|update| {
                assert!(replay.sample(&mut rng, &mut batch));
                pending.push(update, &batch.starts);
                batch.starts.clone()
            })
            .collect();
        for (update, drawn) in (11..14).zip(&batches) {
            assert_eq!(pending.get(update), Some(&drawn[..]));
        }
        assert_eq!((pending.get(10), pending.get(14)), (None, None));
        assert_eq!((pending.tick(), pending.tick()), (1, 2));
        pending.clear();
        assert!(pending.is_empty() && pending.get(11).is_none() && pending.tick() == 0);
    }
}
