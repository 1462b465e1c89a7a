//! Sizes of the buffers an objective kernel works on. The crate that runs kernels decides them; this one
//! only bakes them in, and knows those that are alike in every run.

use crate::ops::{Field, Head};

/// Live parameters that a run has room for.
pub const PARAM_SLOTS: usize = 64;

/// Numbers that a run's kernel reports a sample: the loss, then the metrics.
pub const METRIC_SLOTS: usize = 16;

/// Invocations in a workgroup of a run's kernel.
pub const WORKGROUP: u32 = 32;

/// Most batch means of a kernel, those of its gradient included.
pub const STAT_SLOTS: usize = 32;

/// Most rounds in which batch means may wait for one another.
pub const MAX_PHASES: usize = 8;

/// Sizes baked into a kernel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    /// Samples in a batch; the gradient is that of the mean loss over them.
    pub batch: usize,
    /// Length of the action axis.
    pub actions: usize,
    /// Steps `n` in a sample's window; a sample has `5 n + 1` fields and `n + 1` states.
    pub window: usize,
    /// Heads of the network, in the order of their output columns.
    pub heads: Vec<Head>,
    /// Length of the uniform array of live parameters.
    pub param_slots: usize,
    /// Numbers reported a sample: the loss in slot 0, then the metrics.
    pub metric_slots: usize,
    /// Invocations in a workgroup.
    pub workgroup: u32,
}

impl Layout {
    /// The layout of a run's kernel: `batch` windows of `window` steps, `actions` actions, and a network with these
    /// heads.
    pub fn of_run(batch: usize, actions: usize, window: usize, heads: Vec<Head>) -> Self {
        Layout {
            batch,
            actions,
            window,
            heads,
            param_slots: PARAM_SLOTS,
            metric_slots: METRIC_SLOTS,
            workgroup: WORKGROUP,
        }
    }

    /// Columns of a head: `actions` or 1.
    pub fn width(&self, head: Head) -> usize {
        match head {
            Head::Q | Head::Logits => self.actions,
            Head::V => 1,
        }
    }

    /// Network outputs a sample, over all heads.
    pub fn outputs(&self) -> usize {
        self.heads.iter().map(|&head| self.width(head)).sum()
    }

    /// First output column of a head, if the network has it.
    pub fn column(&self, head: Head) -> Option<usize> {
        let position = self.heads.iter().position(|&h| h == head)?;
        Some(self.heads[..position].iter().map(|&h| self.width(h)).sum())
    }

    /// Numbers stored with a sample.
    pub fn fields(&self) -> usize {
        5 * self.window + 1
    }

    /// Row of a field in the `[fields, batch]` sample buffer: rewards, terminated flags, actions, behaviour
    /// log-probabilities, valid flags, weight.
    pub fn field(&self, field: Field) -> usize {
        match field {
            Field::Reward(step) => step,
            Field::Terminated(step) => self.window + step,
            Field::Action(step) => 2 * self.window + step,
            Field::BehaviourLogp(step) => 3 * self.window + step,
            Field::Valid(step) => 4 * self.window + step,
            Field::Weight => 5 * self.window,
        }
    }
}
