//! Replay memory: every frame once, as bytes; stacks and windows are put together when sampled.
//!
//! Each environment writes its own ring, a *lane*, in time order. A sample is a start slot drawn uniformly over
//! all lanes; what a slot may start, and what its window holds, follows from the slots after it: rewards after
//! a termination are zero and `terminated` stays one; a window never crosses a truncation, but may end in the
//! final frame that a truncated episode left behind. A learner that is on policy takes the newest window of each lane.

mod batch;
mod lane;
mod snapshot;

pub use batch::{BatchBuffers, Drawn};
use lane::Lane;
use rand::RngExt;
use rand_xoshiro::Xoshiro256PlusPlus;
pub use snapshot::Refill;

/// Slots a lane must go on to keep after they were drawn, so that a batch can be put together once more: what
/// is about to be overwritten is not drawn.
pub const KEPT_AFTER_DRAWING: usize = 40;

/// What a slot's transition led to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum End {
    /// The next slot of the lane.
    Continues = 0,
    /// A terminal state: nothing is bootstrapped beyond it.
    Terminated = 1,
    /// A cut-off: the next slot holds the episode's final frame and starts no transition.
    Truncated = 2,
}

impl End {
    /// Whether the episode is over, one way or the other.
    pub fn is_final(self) -> bool {
        self != Self::Continues
    }
}

/// One transition, as an environment brings it.
#[derive(Clone, Copy, Debug)]
pub struct Transition<'a> {
    /// Newest frame of the observation that was acted on.
    pub frame: &'a [u8],
    /// Whether that was the first of its episode.
    pub first: bool,
    /// The action taken.
    pub action: usize,
    /// Log-probability of that action under the policy that acted.
    pub behaviour_logp: f32,
    /// The reward that followed.
    pub reward: f32,
    /// What it led to.
    pub end: End,
    /// The episode's last frame; kept where it was truncated.
    pub final_frame: &'a [u8],
}

/// Bytes a stored transition takes, for a frame of `pixels`.
pub fn bytes_per_transition(pixels: usize) -> usize {
    pixels + lane::SLOT_BYTES
}

/// The shape of what is stored and sampled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReplaySpec {
    /// Transitions kept, over all lanes.
    pub capacity: usize,
    /// Environments.
    pub lanes: usize,
    /// Bytes of a frame.
    pub pixels: usize,
    /// Frames of an observation.
    pub stack: usize,
    /// Window, agent steps.
    pub n: usize,
}

/// Uniform replay over the transitions of several environments.
pub struct Replay {
    spec: ReplaySpec,
    lanes: Vec<Lane>,
}

impl Replay {
    /// An empty memory. Pages are taken from the system as they fill.
    pub fn new(spec: ReplaySpec) -> Self {
        let slots = spec.capacity / spec.lanes;
        Self { spec, lanes: (0..spec.lanes).map(|_| Lane::new(slots, spec.pixels)).collect() }
    }

    /// Its shape.
    pub fn spec(&self) -> &ReplaySpec {
        &self.spec
    }

    /// Slots in use.
    pub fn len(&self) -> usize {
        self.lanes.iter().map(Lane::len).sum()
    }

    /// Whether nothing was stored yet.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Appends a transition of environment `lane`.
    pub fn push(&mut self, lane: usize, transition: &Transition<'_>) {
        self.lanes[lane].push(transition);
    }

    /// Cuts every lane: the transition stored last is no longer followed by the next one. Used where the
    /// environments start anew, as after a resume.
    pub fn cut(&mut self) {
        self.lanes.iter_mut().for_each(Lane::cut);
    }

    /// Fills `batch` with samples drawn uniformly, with replacement. `false` while nothing can be sampled.
    pub fn sample(&self, rng: &mut Xoshiro256PlusPlus, batch: &mut BatchBuffers) -> bool {
        let size = batch.size();
        let slots = self.len();
        batch.starts.clear();
        // Almost every slot can start a window once a lane is longer than one, so that rejection is cheap;
        // the bound only ends the search in a memory that holds none.
        let mut tries = 1000 * size;
        while batch.starts.len() < size {
            if slots == 0 || tries == 0 {
                return false;
            }
            tries -= 1;
            let (lane, age) = self.locate(rng.random_range(0..slots));
            if self.lanes[lane].can_start(age, self.spec.n, self.spec.stack) {
                batch.starts.push(Drawn { lane, serial: self.lanes[lane].serial(age) });
            }
        }
        self.gather(batch);
        true
    }

    /// Shows environment `lane`'s frame after its newest transition, which the next one will begin with: the last state
    /// of a window that ends there.
    pub fn foresee(&mut self, lane: usize, frame: &[u8]) {
        self.lanes[lane].foresee(frame);
    }

    /// Fills `batch` with the newest window of every lane, of which `taken` steps are new. Where an episode was cut off
    /// before it had a whole window, another lane's stands in; `false` if there is none.
    pub fn latest(&self, taken: &[usize], batch: &mut BatchBuffers) -> bool {
        let newest = |(lane, taken): (usize, &usize)| {
            let (lane, of) = (&self.lanes[lane], lane);
            let age =
                lane.latest(*taken, self.spec.n).filter(|age| lane.reaches_back(*age, self.spec.stack))?;
            Some(Drawn { lane: of, serial: lane.serial(age) })
        };
        let windows: Vec<Option<Drawn>> = taken.iter().enumerate().map(newest).collect();
        let Some(stand_in) = windows.iter().flatten().next() else { return false };
        batch.starts.clear();
        batch.starts.extend(windows.iter().map(|window| window.unwrap_or(*stand_in)));
        self.gather(batch);
        true
    }

    /// Fills `batch` with the samples at `drawn` once more. `false` if one of them is no longer kept.
    pub fn again(&self, drawn: &[Drawn], batch: &mut BatchBuffers) -> bool {
        let kept = |drawn: &Drawn| {
            let lane = &self.lanes[drawn.lane];
            lane.age(drawn.serial).is_some_and(|age| lane.reaches_back(age, self.spec.stack))
        };
        if drawn.len() != batch.size() || !drawn.iter().all(kept) {
            return false;
        }
        batch.starts.clear();
        batch.starts.extend_from_slice(drawn);
        self.gather(batch);
        true
    }

    /// Lane and age (0 is the oldest slot) of the `index`-th slot in use.
    fn locate(&self, mut index: usize) -> (usize, usize) {
        for (lane, slots) in self.lanes.iter().enumerate() {
            if index < slots.len() {
                return (lane, index);
            }
            index -= slots.len();
        }
        unreachable!("the caller draws below the number of slots")
    }
}

#[cfg(test)]
mod tests;
