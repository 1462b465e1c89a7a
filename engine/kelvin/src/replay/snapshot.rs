//! Replay memory to and from bytes, a stretch of a lane at a time. What was written of a lane does not change any more, save
//! for its newest slot ([`Replay::cut`]): a checkpoint need not write again what an earlier one did.

use super::lane::{FINAL_FRAME, Lane, SLOT_BYTES};
use super::{Replay, ReplaySpec};
use std::ops::Range;

/// Slots that a lane may ever have had: numbers beyond would run over while it is played on.
const MOST_SLOTS: u64 = 1 << 60;

impl ReplaySpec {
    /// Bytes of a slot in a snapshot.
    pub fn slot_bytes(&self) -> usize {
        SLOT_BYTES + self.pixels
    }
}

impl Replay {
    /// Numbers of the slots that each lane keeps, counted from its first ever.
    pub fn kept(&self) -> Vec<Range<u64>> {
        (0..self.lanes.len()).map(|lane| self.kept_of(lane)).collect()
    }

    /// Those of one lane.
    pub fn kept_of(&self, lane: usize) -> Range<u64> {
        let lane = &self.lanes[lane];
        lane.written - lane.len as u64..lane.written
    }

    /// Appends the slots of a lane with these numbers, all of which are kept, as [`slot_bytes`](ReplaySpec::slot_bytes)
    /// each.
    pub fn write_slots(&self, lane: usize, numbers: Range<u64>, bytes: &mut Vec<u8>) {
        let lane = &self.lanes[lane];
        bytes.reserve((numbers.end - numbers.start) as usize * self.spec.slot_bytes());
        for slot in numbers.map(|number| lane.place(number)) {
            bytes.extend_from_slice(&lane.rewards[slot].to_le_bytes());
            bytes.extend_from_slice(&lane.logps[slot].to_le_bytes());
            bytes.extend_from_slice(&[lane.actions[slot], lane.ends[slot], lane.depths[slot]]);
            bytes.extend_from_slice(&lane.frames[slot * lane.pixels..(slot + 1) * lane.pixels]);
        }
    }

    /// Begins to fill an empty memory with slots of these numbers, for an environment of so many `actions`.
    ///
    /// # Errors
    /// Another number of lanes, or more slots than they have.
    pub fn refill(&mut self, kept: &[Range<u64>], actions: usize) -> Result<Refill<'_>, String> {
        let slots = self.spec.capacity / self.spec.lanes;
        let fits = |kept: &Range<u64>| {
            kept.start <= kept.end && kept.end - kept.start <= slots as u64 && kept.end <= MOST_SLOTS
        };
        if kept.len() != self.lanes.len() || !kept.iter().all(fits) {
            return Err("it was saved with another shape".to_owned());
        }
        for (lane, kept) in self.lanes.iter_mut().zip(kept) {
            *lane = Lane::new(slots, self.spec.pixels);
            (lane.written, lane.len) = (kept.end, (kept.end - kept.start) as usize);
        }
        Ok(Refill { next: kept.iter().map(|kept| kept.start).collect(), replay: self, actions })
    }
}

/// A memory that is being filled from a snapshot.
pub struct Refill<'a> {
    replay: &'a mut Replay,
    /// Number of the slot that each lane lacks next.
    next: Vec<u64>,
    actions: usize,
}

impl Refill<'_> {
    /// Takes the slots of a lane from number `first` on, as [`Replay::write_slots`] does; those that the lane no longer
    /// keeps are passed over. Stretches come in their order.
    ///
    /// # Errors
    /// A stretch out of its order, or bytes that are no slots.
    pub fn take(&mut self, lane: usize, first: u64, bytes: &[u8]) -> Result<(), String> {
        let slot_bytes = self.replay.spec.slot_bytes();
        let Some((lane, next)) = self.replay.lanes.get_mut(lane).zip(self.next.get_mut(lane)) else {
            return Err("there is no such lane".to_owned());
        };
        if first > *next || !bytes.len().is_multiple_of(slot_bytes) {
            return Err(format!("slots from {next} on are missing"));
        }
        for (number, bytes) in (first..).zip(bytes.chunks_exact(slot_bytes)) {
            if number != *next {
                continue;
            }
            if number == lane.written {
                return Err("there is more than the memory keeps".to_owned());
            }
            let slot = lane.place(number);
            let first = lane.written - lane.len as u64;
            let deepest = match number.checked_sub(1).filter(|before| *before >= first) {
                Some(before) => lane.depths[lane.place(before)].saturating_add(1),
                None => u8::MAX,
            };
            let (head, frame) = bytes.split_at(SLOT_BYTES);
            let number = |at: usize| f32::from_le_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
            (lane.rewards[slot], lane.logps[slot]) = (number(0), number(4));
            [lane.actions[slot], lane.ends[slot], lane.depths[slot]] = [head[8], head[9], head[10]];
            if usize::from(head[8]) >= self.actions || head[9] > FINAL_FRAME || head[10] > deepest {
                return Err("there is no such transition".to_owned());
            }
            lane.frames[slot * lane.pixels..(slot + 1) * lane.pixels].copy_from_slice(frame);
            *next += 1;
        }
        Ok(())
    }

    /// Ends it.
    ///
    /// # Errors
    /// Slots that never came.
    pub fn finish(self) -> Result<(), String> {
        match self.replay.lanes.iter().zip(&self.next).find(|(lane, next)| lane.written != **next) {
            Some((_, next)) => Err(format!("slots from {next} on are missing")),
            None => Ok(()),
        }
    }
}
