//! Convolution as matrix product: rows of a patch matrix are the receptive fields of output pixels.
//!
//! A chunk is a run of *output rows*, counted over the whole batch (`image · out_height + y`), so small
//! images share a product and large ones are split. Chunk borders depend on shapes alone.

use super::vectorized;
use crate::ConvShape;
use std::ops::Range;

/// Floats of a patch matrix that stay in a core's second-level cache beside the product's operands.
const CHUNK_FLOATS: usize = 64 * 1024;

/// Elements of one receptive field: the columns of a patch matrix.
pub(super) fn patch_len(shape: &ConvShape) -> usize {
    shape.kernel * shape.kernel * shape.c_in
}

/// Output rows over the whole batch.
pub(super) fn total_rows(shape: &ConvShape) -> usize {
    shape.batch * shape.out_height()
}

/// Output rows a chunk.
pub(super) fn rows_per_chunk(shape: &ConvShape) -> usize {
    (CHUNK_FLOATS / (shape.out_width() * patch_len(shape))).clamp(1, total_rows(shape))
}

/// Floats of the patch matrix of `rows` output rows.
pub(super) fn patches_len(shape: &ConvShape, rows: usize) -> usize {
    rows * shape.out_width() * patch_len(shape)
}

/// Gathers the patch matrix `[rows.len() · out_width, kernel · kernel · c_in]` of some output rows.
pub(super) fn gather(shape: &ConvShape, x: &[f32], rows: Range<usize>, patches: &mut [f32]) {
    vectorized(|| gather_rows(shape, x, rows, patches));
}

#[inline(always)]
fn gather_rows(shape: &ConvShape, x: &[f32], rows: Range<usize>, patches: &mut [f32]) {
    let run = shape.kernel * shape.c_in;
    let step = shape.stride * shape.c_in;
    let width = shape.width * shape.c_in;
    let row_len = shape.out_width() * patch_len(shape);
    for (row, patches) in rows.zip(patches.chunks_exact_mut(row_len)) {
        let (image, y) = (row / shape.out_height(), row % shape.out_height());
        let top = image * shape.input_len() + y * shape.stride * width;
        for (x_out, patch) in patches.chunks_exact_mut(patch_len(shape)).enumerate() {
            let corner = top + x_out * step;
            for (ky, to) in patch.chunks_exact_mut(run).enumerate() {
                let from = corner + ky * width;
                copy_run(&x[from..from + run], to);
            }
        }
    }
}

/// Adds a patch matrix of whole images back onto them: the adjoint of [`gather`].
pub(super) fn scatter_add(shape: &ConvShape, patches: &[f32], images: &mut [f32]) {
    vectorized(|| scatter_add_images(shape, patches, images));
}

#[inline(always)]
fn scatter_add_images(shape: &ConvShape, patches: &[f32], images: &mut [f32]) {
    let run = shape.kernel * shape.c_in;
    let step = shape.stride * shape.c_in;
    let width = shape.width * shape.c_in;
    let row_len = shape.out_width() * patch_len(shape);
    let image_len = shape.out_height() * row_len;
    for (patches, image) in patches.chunks_exact(image_len).zip(images.chunks_exact_mut(shape.input_len())) {
        for (y, patches) in patches.chunks_exact(row_len).enumerate() {
            for (x_out, patch) in patches.chunks_exact(patch_len(shape)).enumerate() {
                let corner = y * shape.stride * width + x_out * step;
                for (ky, from) in patch.chunks_exact(run).enumerate() {
                    let at = corner + ky * width;
                    add_run(from, &mut image[at..at + run]);
                }
            }
        }
    }
}

/// Runs are short, 32 to 192 floats; fixed-size blocks keep them out of `memcpy`.
#[inline(always)]
fn copy_run(from: &[f32], to: &mut [f32]) {
    let (from_blocks, from_rest) = from.as_chunks::<16>();
    let (to_blocks, to_rest) = to.as_chunks_mut::<16>();
    for (from, to) in from_blocks.iter().zip(to_blocks) {
        *to = *from;
    }
    for (from, to) in from_rest.iter().zip(to_rest) {
        *to = *from;
    }
}

#[inline(always)]
fn add_run(from: &[f32], to: &mut [f32]) {
    for (from, to) in from.iter().zip(to) {
        *to += *from;
    }
}
