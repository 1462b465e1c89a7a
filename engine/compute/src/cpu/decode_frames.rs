//! `out[b, p, c] = bytes[b, c, p] / 255`: planar byte frames to NHWC floats, from and to any image of a buffer.

use super::vectorized;
use rayon::prelude::*;

/// `bytes: [batch, stack, pixels]`, `out: [batch, pixels, stack]`.
pub(super) fn run(bytes: &[u8], out: &mut [f32], stack: usize, pixels: usize) {
    let image = stack * pixels;
    out.par_chunks_mut(image).zip(bytes.par_chunks(image)).for_each(|(out, bytes)| {
        if stack == 4 {
            vectorized(|| decode_four(bytes, out, pixels));
        } else {
            for (channel, plane) in bytes.chunks_exact(pixels).enumerate() {
                for (out, byte) in out.iter_mut().skip(channel).step_by(stack).zip(plane) {
                    *out = f32::from(*byte) / 255.0;
                }
            }
        }
    });
}

/// The stack of Atari, written a pixel at a time so that stores are whole.
#[inline(always)]
fn decode_four(bytes: &[u8], out: &mut [f32], pixels: usize) {
    let (oldest, rest) = bytes.split_at(pixels);
    let (second, rest) = rest.split_at(pixels);
    let (third, newest) = rest.split_at(pixels);
    let (pixels, _) = out.as_chunks_mut::<4>();
    for ((((out, a), b), c), d) in pixels.iter_mut().zip(oldest).zip(second).zip(third).zip(newest) {
        *out = [a, b, c, d].map(|byte| f32::from(*byte) / 255.0);
    }
}
