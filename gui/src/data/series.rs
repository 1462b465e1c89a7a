//! Curves of a run, decimated to what a screen can show.

use std::collections::BTreeMap;
use std::sync::Arc;

/// What a curve is drawn over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub enum XAxis {
    /// Frames trained.
    #[default]
    Frames,
    /// Optimizer steps.
    Updates,
    /// Seconds of training, over all processes that took the run up.
    WallTime,
}

/// Neighbouring points of a curve as one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bucket {
    /// Mean frames of its points.
    pub frames: f64,
    /// Mean updates of its points.
    pub updates: f64,
    /// Mean wall time of its points, seconds.
    pub wall_s: f64,
    /// The smallest value.
    pub min: f64,
    /// The mean value.
    pub mean: f64,
    /// The largest value.
    pub max: f64,
    /// How many points there are in it.
    pub count: u32,
}

impl Bucket {
    /// Where it lies on an axis.
    pub fn x(&self, axis: XAxis) -> f64 {
        match axis {
            XAxis::Frames => self.frames,
            XAxis::Updates => self.updates,
            XAxis::WallTime => self.wall_s,
        }
    }
}

/// A metric over the training; in the order of frames.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Series {
    /// Neighbouring points together; a single point each as long as there are few.
    pub buckets: Vec<Bucket>,
}

/// All metrics of a run by name: `episode_return`, `mean_return`, `eval.mean_return`, `loss`, those of the script,
/// `learning_rate`, `epsilon`, `params.tau`, `grad_norm.conv1.weight`, `weight_norm.conv1.weight`, `frames_per_s`, …
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Curves {
    /// By name.
    pub series: BTreeMap<Arc<str>, Series>,
    /// Bytes of the run's files that these curves are of; grows as the run goes on.
    pub read: u64,
    /// Whether the files have been read to their ends.
    pub complete: bool,
}
