//! `y = x ∗ w + b`, then ReLU if asked.

use super::{bands::Bands, bands::Input, bias, matmul::Matrix, matmul::matmul, scratch::ScratchPool};
use crate::ConvShape;
use rayon::prelude::*;

/// `x` is a batch of images, `y: [batch, out_height, out_width, c_out]`.
pub(super) fn run(
    shape: &ConvShape,
    x: Input<'_>,
    weight: &[f32],
    bias: &[f32],
    y: &mut [f32],
    relu: bool,
    scratch: &ScratchPool,
) {
    let bands = Bands::new(shape);
    let row_len = shape.out_width() * shape.c_out;
    let chunk_rows = bands.rows_per_chunk();
    let weight = Matrix::new(weight, shape.kernel * shape.kernel * shape.c_in, shape.c_out);
    y.par_chunks_mut(shape.output_len()).enumerate().for_each(|(image, y)| {
        y.par_chunks_mut(chunk_rows * row_len).enumerate().for_each(|(chunk, y)| {
            let (first, rows) = (chunk * chunk_rows, y.len() / row_len);
            scratch.with(bands.memory_len(rows), |memory| {
                let met = bands.gather(x, image, first..first + rows, memory);
                for fold in bands.folds() {
                    let weight = weight.rows(fold.first_tap, fold.taps);
                    matmul(y, fold.shift > 0, bands.meeting(met, rows, fold), weight);
                }
            });
            bias::add(y, bias, relu);
        });
    });
}
