//! `out[b, p, c] = bytes[b, c, p] · (1 / 255)`: planar byte frames to NHWC floats, from and to any image of a buffer.

use super::vectorized;
use rayon::prelude::*;
use std::ops::Range;

/// What a byte is multiplied with; a division would take most of the time.
const SCALE: f32 = 1.0 / 255.0;

/// `bytes: [batch, stack, pixels]`, `out: [batch, pixels, stack]`.
pub(super) fn run(bytes: &[u8], out: &mut [f32], stack: usize, pixels: usize) {
    let image = stack * pixels;
    out.par_chunks_mut(image).zip(bytes.par_chunks(image)).for_each(|(out, bytes)| {
        vectorized(
            #[inline(always)]
            || decode(bytes, stack, 0..pixels, out),
        );
    });
}

/// Some pixels of one image, `[stack, pixels]`, to `out: [pixels, stack]`.
#[inline(always)]
pub(super) fn decode(image: &[u8], stack: usize, pixels: Range<usize>, out: &mut [f32]) {
    let plane = image.len() / stack;
    let planes = || image.chunks_exact(plane).map(|plane| &plane[pixels.clone()]);
    // The stack of Atari, written a pixel at a time so that stores are whole.
    if let ([a, b, c, d], true) = (collect(planes()), stack == 4) {
        let (out, _) = out.as_chunks_mut::<4>();
        for ((((out, a), b), c), d) in out.iter_mut().zip(a).zip(b).zip(c).zip(d) {
            *out = [a, b, c, d].map(|byte| f32::from(*byte) * SCALE);
        }
        return;
    }
    for (channel, plane) in planes().enumerate() {
        for (out, byte) in out.iter_mut().skip(channel).step_by(stack).zip(plane) {
            *out = f32::from(*byte) * SCALE;
        }
    }
}

/// The first four.
fn collect<'a>(mut planes: impl Iterator<Item = &'a [u8]>) -> [&'a [u8]; 4] {
    std::array::from_fn(|_| planes.next().unwrap_or_default())
}
