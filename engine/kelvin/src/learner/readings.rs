//! What the objective reported since the last record.

use kelvin_compute::objective::METRIC_SLOTS;
use serde::{Deserialize, Serialize};

/// Sums of batch means over the updates that were read.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Readings {
    sums: [f64; METRIC_SLOTS],
    count: u64,
    /// Norms of the gradient of the last update that was read, by tensor.
    #[serde(default)]
    grad_norms: Vec<f32>,
}

impl Readings {
    /// Adds one update's batch means, and takes its gradient's norms for the newest.
    pub(super) fn add(&mut self, means: &[f32; METRIC_SLOTS], grad_norms: Vec<f32>) {
        self.grad_norms = grad_norms;
        for (sum, mean) in self.sums.iter_mut().zip(means) {
            *sum += f64::from(*mean);
        }
        self.count += 1;
    }

    /// Norms of the newest gradient, by tensor; none if nothing was read.
    pub fn grad_norms(&self) -> &[f32] {
        &self.grad_norms
    }

    /// The means, loss first; `None` if nothing was read.
    pub fn means(&self) -> Option<[f64; METRIC_SLOTS]> {
        (self.count > 0).then(|| self.sums.map(|sum| sum / self.count as f64))
    }
}
