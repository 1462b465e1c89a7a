//! Putting a batch together: the observations at the states that an objective reads, and the fields of its windows.

use super::lane::Lane;
use super::{End, Replay, ReplaySpec};
use kelvin_compute::objective::sample_fields;
use kelvin_trace::span;
use rayon::prelude::*;

/// A sample's first slot, named so that it can be found again while it is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Drawn {
    pub(super) lane: usize,
    /// Slots that the lane had written before this one.
    pub(super) serial: u64,
}

/// A batch in the layout that [`kelvin_compute::Batch`] borrows.
pub struct BatchBuffers {
    /// `[states, batch, stack, pixels]`, oldest frame first.
    pub obs: Vec<u8>,
    /// `[fields, batch]`; see [`kelvin_compute::objective`].
    pub samples: Vec<f32>,
    /// Where the samples start.
    pub starts: Vec<Drawn>,
    states: Vec<usize>,
    size: usize,
}

impl BatchBuffers {
    /// Room for `batch` samples with the observations at `states`, counted from a window's start (0 to n).
    pub fn new(spec: &ReplaySpec, states: Vec<usize>, batch: usize) -> Self {
        Self {
            obs: vec![0; states.len() * batch * spec.stack * spec.pixels],
            samples: vec![0.0; sample_fields(spec.n) * batch],
            starts: Vec::with_capacity(batch),
            states,
            size: batch,
        }
    }

    /// Samples it has room for.
    pub fn size(&self) -> usize {
        self.size
    }
}

impl Replay {
    /// Fills the buffers from the slots that `batch.starts` names, all of which are kept.
    pub(super) fn gather(&self, batch: &mut BatchBuffers) {
        let _span = span("sample");
        let BatchBuffers { obs, samples, starts, states, size } = batch;
        let (size, stack) = (*size, self.spec.stack);
        let at = |start: &Drawn| {
            let lane = &self.lanes[start.lane];
            (lane, lane.age(start.serial).expect("whoever fills `starts` checked that the slot is kept"))
        };
        obs.par_chunks_mut(stack * self.spec.pixels).enumerate().for_each(|(row, obs)| {
            let (lane, age) = at(&starts[row % size]);
            lane.stack(lane.state(age, states[row / size]), stack, obs);
        });
        for (i, start) in starts.iter().enumerate() {
            let (lane, age) = at(start);
            self.fields(lane, age, |field, value| samples[field * size + i] = value);
        }
    }

    /// Writes the fields of one window: reward, terminated, action, behaviour_logp and valid of each step, then the
    /// weight. After a termination there are no steps: their numbers are zero, save that `terminated` stays one.
    fn fields(&self, lane: &Lane, age: usize, mut write: impl FnMut(usize, f32)) {
        let n = self.spec.n;
        let mut terminated = false;
        for d in 0..n {
            let step = (!terminated).then(|| lane.outcome(age + d));
            terminated |= step.is_some_and(|step| step.end == End::Terminated);
            write(d, step.map_or(0.0, |step| step.reward));
            write(n + d, f32::from(u8::from(terminated)));
            write(2 * n + d, step.map_or(0.0, |step| f32::from(step.action)));
            write(3 * n + d, step.map_or(0.0, |step| step.behaviour_logp));
            write(4 * n + d, f32::from(u8::from(step.is_some())));
        }
        write(5 * n, 1.0);
    }
}
