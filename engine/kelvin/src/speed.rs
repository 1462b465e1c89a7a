//! How fast a run is, over the last few seconds.

use crate::units::{Frames, Updates};
use std::time::{Duration, Instant};

/// Time over which speed is averaged.
const WINDOW: Duration = Duration::from_secs(5);

/// Frames and updates a second, over the last few seconds.
pub(crate) struct Speed {
    since: Instant,
    at: (Frames, Updates),
    /// Frames a second.
    pub frames: f64,
    /// Updates a second.
    pub updates: f64,
    /// Whether the time averaged over lies after the first update. Before it frames come an order of magnitude
    /// faster, which says nothing about the rest.
    pub learning: bool,
}

impl Speed {
    /// From here on.
    pub fn new(frames: Frames, updates: Updates) -> Self {
        Self { since: Instant::now(), at: (frames, updates), frames: 0.0, updates: 0.0, learning: false }
    }

    /// Takes a look.
    pub fn observe(&mut self, frames: Frames, updates: Updates) {
        let elapsed = self.since.elapsed();
        let (frames_before, updates_before) = self.at;
        self.frames = (frames.0 - frames_before.0) as f64 / elapsed.as_secs_f64().max(1e-9);
        self.updates = (updates.0 - updates_before.0) as f64 / elapsed.as_secs_f64().max(1e-9);
        self.learning = updates_before > Updates(0);
        let first_update = updates_before == Updates(0) && updates > Updates(0);
        if elapsed > WINDOW || first_update {
            (self.since, self.at) = (Instant::now(), (frames, updates));
        }
    }
}
