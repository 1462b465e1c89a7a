//! `dx` from `dy`.

use super::{matmul::Matrix, matmul::matmul, patches, scratch::ScratchPool};
use crate::ConvShape;
use rayon::prelude::*;

/// `dy: [batch, out_height, out_width, c_out]`, `dx: [batch, height, width, c_in]`, written.
pub(super) fn run(shape: &ConvShape, dy: &[f32], weight: &[f32], dx: &mut [f32], scratch: &ScratchPool) {
    let patch = patches::patch_len(shape);
    let weight = Matrix::new(weight, patch, shape.c_out).t();
    // Receptive fields overlap inside an image, so a task takes whole images.
    let images = patches::rows_per_chunk(shape).div_ceil(shape.out_height());
    let chunks =
        dx.par_chunks_mut(images * shape.input_len()).zip(dy.par_chunks(images * shape.output_len()));
    chunks.for_each(|(dx, dy)| {
        let pixels = dy.len() / shape.c_out;
        scratch.with(pixels * patch, |cols| {
            matmul(cols, false, Matrix::new(dy, pixels, shape.c_out), weight);
            dx.fill(0.0);
            patches::scatter_add(shape, cols, dx);
        });
    });
}
