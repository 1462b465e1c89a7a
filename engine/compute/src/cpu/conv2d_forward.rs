//! `y = x ∗ w + b`, then ReLU if asked.

use super::{bias, matmul::Matrix, matmul::matmul, patches, scratch::ScratchPool};
use crate::ConvShape;
use rayon::prelude::*;

/// `x: [batch, height, width, c_in]`, `y: [batch, out_height, out_width, c_out]`.
pub(super) fn run(
    shape: &ConvShape,
    x: &[f32],
    weight: &[f32],
    bias: &[f32],
    y: &mut [f32],
    relu: bool,
    scratch: &ScratchPool,
) {
    let rows = patches::rows_per_chunk(shape);
    let row_len = shape.out_width() * shape.c_out;
    let patch = patches::patch_len(shape);
    let weight = Matrix::new(weight, patch, shape.c_out);
    y.par_chunks_mut(rows * row_len).enumerate().for_each(|(chunk, y)| {
        let (first, rows) = (chunk * rows, y.len() / row_len);
        scratch.with(patches::patches_len(shape, rows), |cols| {
            patches::gather(shape, x, first..first + rows, cols);
            let cols = Matrix::new(cols, rows * shape.out_width(), patch);
            matmul(y, false, cols, weight);
        });
        bias::add(y, bias, relu);
    });
}
