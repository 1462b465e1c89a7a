//! Replay memory: every frame once, as bytes; stacks and windows are put together when sampled.
//!
//! Each environment writes its own ring, a *lane*, in time order. A sample is a start slot drawn uniformly over
//! all lanes; what a slot may start, and what its window holds, follows from the slots after it: rewards after
//! a termination are zero and `terminated` stays one; a window never crosses a truncation, but may end in the
//! final frame that a truncated episode left behind.

mod lane;
mod snapshot;

use kelvin_compute::objective::sample_fields;
use lane::Lane;
use rand::RngExt;
use rand_xoshiro::Xoshiro256PlusPlus;
use rayon::prelude::*;

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

/// One transition, as an environment brings it.
#[derive(Clone, Copy, Debug)]
pub struct Transition<'a> {
    /// Newest frame of the observation that was acted on.
    pub frame: &'a [u8],
    /// Whether that was the first of its episode.
    pub first: bool,
    /// The action taken.
    pub action: usize,
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

/// A batch in the layout that [`kelvin_compute::Batch`] borrows.
pub struct BatchBuffers {
    /// `[batch, stack, pixels]`, oldest frame first.
    pub obs: Vec<u8>,
    /// Observations at the bootstrap states, same shape.
    pub next_obs: Vec<u8>,
    /// `[fields, batch]`; see [`kelvin_compute::objective`].
    pub samples: Vec<f32>,
    size: usize,
    starts: Vec<(usize, usize)>,
}

impl BatchBuffers {
    /// Room for `batch` samples.
    pub fn new(spec: &ReplaySpec, batch: usize) -> Self {
        let obs = vec![0; batch * spec.stack * spec.pixels];
        Self {
            next_obs: obs.clone(),
            obs,
            samples: vec![0.0; sample_fields(spec.n) * batch],
            size: batch,
            starts: Vec::with_capacity(batch),
        }
    }
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
        let size = batch.size;
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
            let start = self.locate(rng.random_range(0..slots));
            if self.lanes[start.0].can_start(start.1, self.spec.n, self.spec.stack) {
                batch.starts.push(start);
            }
        }
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

    fn gather(&self, batch: &mut BatchBuffers) {
        let ReplaySpec { pixels, stack, n, .. } = self.spec;
        let (size, obs_len) = (batch.starts.len(), stack * pixels);
        batch
            .obs
            .par_chunks_mut(obs_len)
            .zip(batch.next_obs.par_chunks_mut(obs_len))
            .zip(&batch.starts)
            .for_each(|((obs, next_obs), &(lane, age))| {
                let lane = &self.lanes[lane];
                lane.stack(age, stack, obs);
                lane.stack(lane.bootstrap(age, n), stack, next_obs);
            });
        for (i, &(lane, age)) in batch.starts.iter().enumerate() {
            let lane = &self.lanes[lane];
            let mut terminated = false;
            for d in 0..n {
                let step = (!terminated).then(|| lane.outcome(age + d));
                terminated |= step.is_some_and(|step| step.end == End::Terminated);
                batch.samples[d * size + i] = step.map_or(0.0, |step| step.reward);
                batch.samples[(n + d) * size + i] = f32::from(u8::from(terminated));
                batch.samples[(2 * n + d) * size + i] = step.map_or(0.0, |step| f32::from(step.action));
            }
            batch.samples[3 * n * size + i] = 1.0;
        }
    }
}

#[cfg(test)]
mod tests;
