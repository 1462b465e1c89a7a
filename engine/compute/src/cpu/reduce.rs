//! Adding partial results up in a fixed order.

use super::vectorized;
use rayon::prelude::*;

/// Elements a task.
const CHUNK: usize = 4096;

/// `out[j] = Σ_p partials[p · stride + offset + j]`, from the first part to the last.
pub(super) fn in_order(partials: &[f32], stride: usize, offset: usize, out: &mut [f32]) {
    out.par_chunks_mut(CHUNK).enumerate().for_each(|(chunk, out)| {
        let at = offset + chunk * CHUNK;
        out.copy_from_slice(&partials[at..at + out.len()]);
        for part in partials.chunks_exact(stride).skip(1) {
            vectorized(
                #[inline(always)]
                || {
                    for (out, value) in out.iter_mut().zip(&part[at..]) {
                        *out += value;
                    }
                },
            );
        }
    });
}
