//! `dx` from `dy`, zero where a ReLU below is.

use super::{matmul::Matrix, matmul::matmul, patches, relu_mask, scratch::ScratchPool};
use crate::ConvShape;
use rayon::prelude::*;

/// `dy: [batch, out_height, out_width, c_out]`, `dx: [batch, height, width, c_in]`, written; `relu` is like `dx`.
pub(super) fn run(
    shape: &ConvShape,
    dy: &[f32],
    weight: &[f32],
    relu: Option<&[f32]>,
    dx: &mut [f32],
    scratch: &ScratchPool,
) {
    let patch = patches::patch_len(shape);
    let weight = Matrix::new(weight, patch, shape.c_out).t();
    // Receptive fields overlap inside an image, so a task takes whole images.
    let images = patches::rows_per_chunk(shape).div_ceil(shape.out_height());
    let (inputs, outputs) = (images * shape.input_len(), images * shape.output_len());
    dx.par_chunks_mut(inputs).zip(dy.par_chunks(outputs)).enumerate().for_each(|(chunk, (dx, dy))| {
        let pixels = dy.len() / shape.c_out;
        scratch.with(pixels * patch, |cols| {
            matmul(cols, false, Matrix::new(dy, pixels, shape.c_out), weight);
            dx.fill(0.0);
            patches::scatter_add(shape, cols, dx);
        });
        if let Some(relu) = relu {
            relu_mask::apply(&relu[chunk * inputs..], dx);
        }
    });
}
