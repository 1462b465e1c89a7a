//! `dy[i] = 0` where `y[i] <= 0`, in place; `y` is the ReLU's output.

use super::vectorized;
use rayon::prelude::*;

/// Elements a task.
const CHUNK: usize = 16 * 1024;

/// Both slices have the same length.
pub(super) fn run(y: &[f32], dy: &mut [f32]) {
    dy.par_chunks_mut(CHUNK).zip(y.par_chunks(CHUNK)).for_each(|(dy, y)| {
        vectorized(
            #[inline(always)]
            || {
                for (dy, y) in dy.iter_mut().zip(y) {
                    *dy = if *y <= 0.0 { 0.0 } else { *dy };
                }
            },
        );
    });
}
