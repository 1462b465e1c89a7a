//! One environment's ring of frames and transitions, in time order.

use super::{End, KEPT_AFTER_DRAWING, Transition};

/// Bytes of a slot beside its frame: reward, log-probability, action, end, place in the episode.
pub(super) const SLOT_BYTES: usize = 11;
/// `end` of a slot that holds an episode's final frame and no transition.
pub(super) const FINAL_FRAME: u8 = 3;

/// Slots are addressed by age: 0 is the oldest in use, `len() - 1` the newest.
pub(super) struct Lane {
    pub(super) pixels: usize,
    pub(super) frames: Vec<u8>,
    pub(super) rewards: Vec<f32>,
    pub(super) logps: Vec<f32>,
    pub(super) actions: Vec<u8>,
    pub(super) ends: Vec<u8>,
    /// Steps since the episode's first frame, saturating: how far back a stack may reach.
    pub(super) depths: Vec<u8>,
    pub(super) len: usize,
    /// Slots ever written; the slot of that number lies at its remainder.
    pub(super) written: u64,
}

/// What a slot stores beside its frame.
#[derive(Clone, Copy)]
pub(super) struct Outcome {
    pub reward: f32,
    pub behaviour_logp: f32,
    pub action: u8,
    pub end: End,
}

impl Lane {
    /// Room for `slots` slots, and for one beside them: what is foreseen must not overwrite the oldest.
    pub fn new(slots: usize, pixels: usize) -> Self {
        let slots = slots + 1;
        Self {
            pixels,
            frames: vec![0; slots * pixels],
            rewards: vec![0.0; slots],
            logps: vec![0.0; slots],
            actions: vec![0; slots],
            ends: vec![0; slots],
            depths: vec![0; slots],
            len: 0,
            written: 0,
        }
    }

    pub fn len(&self) -> usize {
        self.len
    }

    pub fn push(&mut self, transition: &Transition<'_>) {
        let Transition { frame, first, action, behaviour_logp, reward, end, final_frame } = *transition;
        let depth = if first { 0 } else { self.next_depth() };
        // Games have at most 18 actions.
        let step = Outcome { reward, behaviour_logp, action: action as u8, end };
        self.write(frame, depth, step, end as u8);
        if end == End::Truncated {
            let nothing = Outcome { reward: 0.0, behaviour_logp: 0.0, action: 0, end };
            self.write(final_frame, self.next_depth(), nothing, FINAL_FRAME);
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

    /// Slots written before the one of that age.
    pub fn serial(&self, age: usize) -> u64 {
        self.written - (self.len - age) as u64
    }

    /// The age of a slot by its serial number; `None` once it is overwritten.
    pub fn age(&self, serial: u64) -> Option<usize> {
        let oldest = self.written - self.len as u64;
        serial.checked_sub(oldest).map(|age| age as usize).filter(|age| *age < self.len)
    }

    /// Whether the frames of the observation at `age` are all kept.
    pub fn reaches_back(&self, age: usize, stack: usize) -> bool {
        self.reach(age, stack) <= age
    }

    /// How many frames before its newest the observation at `age` consists of.
    fn reach(&self, age: usize, stack: usize) -> usize {
        usize::from(self.depths[self.slot(age)]).min(stack - 1)
    }

    /// Whether a whole window of `n` steps starts at `age`, its frames and its bootstrap state included, and will
    /// be kept for a while.
    pub fn can_start(&self, age: usize, n: usize, stack: usize) -> bool {
        let free = self.slots() - self.len;
        if age + free < self.reach(age, stack) + KEPT_AFTER_DRAWING || !self.reaches_back(age, stack) {
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

    /// Shows the frame after the newest transition, where the next push will write it.
    pub fn foresee(&mut self, frame: &[u8]) {
        let (head, depth) = (self.head(), self.next_depth());
        self.frames[head * self.pixels..(head + 1) * self.pixels].copy_from_slice(frame);
        self.depths[head] = depth;
    }

    /// Where the newest window starts, of which `taken` steps were made since the one before it: those steps, or the
    /// last `n` before a cut-off. `None` where the episode that was cut off is shorter.
    pub fn latest(&self, taken: usize, n: usize) -> Option<usize> {
        let newest = self.len.checked_sub(1)?;
        match self.ends[self.slot(newest)] {
            FINAL_FRAME if usize::from(self.depths[self.slot(newest)]) < n => None,
            FINAL_FRAME => newest.checked_sub(n),
            _ => self.len.checked_sub(taken),
        }
    }

    /// Age of the `d`-th state of the window from `age`. After a termination there are no states, and any will
    /// do: the one that the terminal step was taken in.
    pub fn state(&self, age: usize, d: usize) -> usize {
        (age..age + d).find(|step| self.ends[self.slot(*step)] == End::Terminated as u8).unwrap_or(age + d)
    }

    pub fn outcome(&self, age: usize) -> Outcome {
        let slot = self.slot(age);
        let end = match self.ends[slot] {
            0 => End::Continues,
            1 => End::Terminated,
            _ => End::Truncated,
        };
        let (reward, behaviour_logp, action) = (self.rewards[slot], self.logps[slot], self.actions[slot]);
        Outcome { reward, behaviour_logp, action, end }
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
        (self.head() + slots - self.len + age) % slots
    }

    /// Slots that it keeps at most.
    fn slots(&self) -> usize {
        self.ends.len() - 1
    }

    /// Where the slot of that number lies, counted from the first ever written.
    pub fn place(&self, number: u64) -> usize {
        (number % self.ends.len() as u64) as usize
    }

    /// Where the next slot is written.
    fn head(&self) -> usize {
        self.place(self.written)
    }

    fn write(&mut self, frame: &[u8], depth: u8, step: Outcome, end: u8) {
        let slot = self.head();
        self.frames[slot * self.pixels..(slot + 1) * self.pixels].copy_from_slice(frame);
        self.rewards[slot] = step.reward;
        self.logps[slot] = step.behaviour_logp;
        self.actions[slot] = step.action;
        self.ends[slot] = end;
        self.depths[slot] = depth;
        self.len = (self.len + 1).min(self.slots());
        self.written += 1;
    }
}
