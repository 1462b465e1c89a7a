//! Whether an update is finite, and whether it may change anything.

use crate::guard::{BROKEN, FIRST, HELD, HOLD, SEEN, SKIPPED};
use crate::objective::METRIC_SLOTS;
use crate::{OnFault, guard};

/// `metrics: [samples, METRIC_SLOTS]`; `state` is laid out as in [`crate::guard`].
pub(super) fn run(metrics: &[f32], grad: &[f32], norms: &[f32], state: &mut [f32], on_fault: OnFault) {
    let losses = metrics.iter().step_by(METRIC_SLOTS);
    let broken = losses.chain(grad).chain(norms).any(|value| !value.is_finite());
    let state = &mut state[..guard::LEN];
    state[SEEN] += 1.0;
    if broken {
        state[BROKEN] += 1.0;
        if state[FIRST] == 0.0 {
            state[FIRST] = state[SEEN];
        }
    }
    let held = state[HOLD] != 0.0
        || match on_fault {
            OnFault::Stop => state[BROKEN] > 0.0,
            OnFault::Skip => broken,
            OnFault::Continue => false,
        };
    state[HELD] = f32::from(u8::from(held));
    state[SKIPPED] += state[HELD];
}
