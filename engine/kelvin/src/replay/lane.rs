//! One environment's ring of frames and transitions, in time order.

use super::{End, Transition};

/// Bytes of a slot beside its frame: reward, action, end, place in the episode.
pub(super) const SLOT_BYTES: usize = 7;
/// `end` of a slot that holds an episode's final frame and no transition.
const FINAL_FRAME: u8 = 3;

/// Slots are addressed by age: 0 is the oldest in use, `len() - 1` the newest.
pub(super) struct Lane {
    pub(super) pixels: usize,
    pub(super) frames: Vec<u8>,
    pub(super) rewards: Vec<f32>,
    pub(super) actions: Vec<u8>,
    pub(super) ends: Vec<u8>,
    /// Steps since the episode's first frame, saturating: how far back a stack may reach.
    pub(super) depths: Vec<u8>,
    /// Slot written next.
    pub(super) head: usize,
    pub(super) len: usize,
}

/// What a slot stores beside its frame.
#[derive(Clone, Copy)]
pub(super) struct Outcome {
    pub reward: f32,
    pub action: u8,
    pub end: End,
}

impl Lane {
    pub fn new(slots: usize, pixels: usize) -> Self {
        Self {
            pixels,
            frames: vec![0; slots * pixels],
            rewards: vec![0.0; slots],
            actions: vec![0; slots],
            ends: vec![0; slots],
            depths: vec![0; slots],
            head: 0,
            len: 0,
        }
    }

    pub fn len(&self) -> usize {
        self.len
    }

    pub fn push(&mut self, transition: &Transition<'_>) {
        let Transition { frame, first, action, reward, end, final_frame } = *transition;
        let depth = if first { 0 } else { self.next_depth() };
        self.write(frame, depth, action as u8, reward, end as u8);
        if end == End::Truncated {
            self.write(final_frame, self.next_depth(), 0, 0.0, FINAL_FRAME);
        }
    }

    /// Turns the newest slot into a final frame: its transition's next state is not in the ring.
    pub fn cut(&mut self) {
        if self.len > 0 {
            let newest = self.slot(self.len - 1);
            if self.ends[newest] == End::Continues as u8 {
                self.ends[newest] = FINAL_FRAME;
            }
        }
    }

    /// Whether a whole window of `n` steps starts at `age`, its frames and its bootstrap state included.
    pub fn can_start(&self, age: usize, n: usize, stack: usize) -> bool {
        let reach = usize::from(self.depths[self.slot(age)]).min(stack - 1);
        if reach > age {
            return false;
        }
        for step in age..age + n {
            if step >= self.len {
                return false;
            }
            match self.ends[self.slot(step)] {
                end if end == End::Terminated as u8 => return true,
                FINAL_FRAME => return false,
                _ => {}
            }
        }
        age + n < self.len
    }

    /// Age of the state that the window from `age` bootstraps from. After a termination nothing is
    /// bootstrapped, and any state will do: the last one of the episode.
    pub fn bootstrap(&self, age: usize, n: usize) -> usize {
        (age..age + n).find(|step| self.ends[self.slot(*step)] == End::Terminated as u8).unwrap_or(age + n)
    }

    pub fn outcome(&self, age: usize) -> Outcome {
        let slot = self.slot(age);
        let end = match self.ends[slot] {
            0 => End::Continues,
            1 => End::Terminated,
            _ => End::Truncated,
        };
        Outcome { reward: self.rewards[slot], action: self.actions[slot], end }
    }

    /// Writes the observation at `age`, oldest frame first; frames from before the episode are zero.
    pub fn stack(&self, age: usize, stack: usize, out: &mut [u8]) {
        let depth = usize::from(self.depths[self.slot(age)]);
        for (k, frame) in out.chunks_exact_mut(self.pixels).enumerate() {
            let back = stack - 1 - k;
            if back > depth {
                frame.fill(0);
            } else {
                let start = self.slot(age - back) * self.pixels;
                frame.copy_from_slice(&self.frames[start..start + self.pixels]);
            }
        }
    }

    fn next_depth(&self) -> u8 {
        match self.len {
            0 => 0,
            len => self.depths[self.slot(len - 1)].saturating_add(1),
        }
    }

    /// Where the slot of that age lies in the ring.
    pub fn slot(&self, age: usize) -> usize {
        let slots = self.ends.len();
        (self.head + slots - self.len + age) % slots
    }

    fn write(&mut self, frame: &[u8], depth: u8, action: u8, reward: f32, end: u8) {
        let (slot, slots) = (self.head, self.ends.len());
        self.frames[slot * self.pixels..(slot + 1) * self.pixels].copy_from_slice(frame);
        self.rewards[slot] = reward;
        self.actions[slot] = action;
        self.ends[slot] = end;
        self.depths[slot] = depth;
        self.head = (slot + 1) % slots;
        self.len = (self.len + 1).min(slots);
    }
}
