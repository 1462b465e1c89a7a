//! The derivative of a ReLU, applied to a gradient while it is in the cache.

use super::vectorized;

/// `dx[i] = 0` where `relu[i] <= 0`; `relu` is the ReLU's output, of the length of `dx`.
pub(super) fn apply(relu: &[f32], dx: &mut [f32]) {
    vectorized(
        #[inline(always)]
        || {
            for (dx, y) in dx.iter_mut().zip(relu) {
                *dx = if *y <= 0.0 { 0.0 } else { *dx };
            }
        },
    );
}
