//! The L2 norm of each range of a gradient; then scales those that are above a bound.

use super::vectorized;
use rayon::prelude::*;
use std::ops::Range;

/// Elements of a partial sum, which is `f32`; partial sums are added in `f64`.
const CHUNK: usize = 4096;
/// Interleaved sums of a chunk, so that the compiler may use vectors.
const LANES: usize = 64;

/// Floats of working memory for ranges of at most `len` elements.
pub(super) fn partials_len(len: usize) -> usize {
    len.div_ceil(CHUNK)
}

/// Writes the norms as they were before each range was clipped by itself.
pub(super) fn run(
    grads: &mut [f32],
    ranges: &[Range<usize>],
    max_norm: Option<f32>,
    norms: &mut [f32],
    partials: &mut [f32],
) {
    for (range, norm) in ranges.iter().zip(norms) {
        let grads = &mut grads[range.clone()];
        *norm = squares(grads, partials).sqrt() as f32;
        if let Some(max_norm) = max_norm
            && *norm > max_norm
        {
            let scale = max_norm / *norm;
            grads.par_chunks_mut(CHUNK).for_each(|grads| {
                vectorized(
                    #[inline(always)]
                    || {
                        for grad in grads {
                            *grad *= scale;
                        }
                    },
                );
            });
        }
    }
}

/// Sum of squares, in an order fixed by the length.
fn squares(values: &[f32], partials: &mut [f32]) -> f64 {
    let partials = &mut partials[..partials_len(values.len())];
    partials.par_iter_mut().zip(values.par_chunks(CHUNK)).for_each(|(sum, values)| {
        *sum = vectorized(
            #[inline(always)]
            || chunk_squares(values),
        )
    });
    partials.iter().map(|sum| f64::from(*sum)).sum()
}

#[inline(always)]
fn chunk_squares(values: &[f32]) -> f32 {
    let mut lanes = [0.0f32; LANES];
    let (blocks, rest) = values.as_chunks::<LANES>();
    for block in blocks {
        for (lane, value) in lanes.iter_mut().zip(block) {
            *lane += value * value;
        }
    }
    lanes.iter().sum::<f32>() + rest.iter().map(|value| value * value).sum::<f32>()
}
