//! `dx` from `dy`, zero where a ReLU below is.

use super::{bands::Bands, matmul::Matrix, matmul::matmul_strided, relu_mask, scratch::ScratchPool};
use crate::ConvShape;
use rayon::prelude::*;

/// Writes `dx: [batch, height, width, c_in]`; `dy: [batch, out_height, out_width, c_out]`, `relu` is like `dx`, and
/// `transposed` has room for the weights.
pub(super) fn run(
    shape: &ConvShape,
    dy: &[f32],
    weight: &[f32],
    relu: Option<&[f32]>,
    dx: &mut [f32],
    transposed: &mut [f32],
    scratch: &ScratchPool,
) {
    let bands = Bands::new(shape);
    let taps = shape.weight_len() / shape.c_out;
    // Else each of the products would repack all of them.
    let transposed = &mut transposed[..shape.weight_len()];
    transposed.par_chunks_mut(taps).enumerate().for_each(|(c_out, row)| {
        for (tap, weights) in row.iter_mut().zip(weight.chunks_exact(shape.c_out)) {
            *tap = weights[c_out];
        }
    });
    let weight = Matrix::new(transposed, shape.c_out, taps);
    let images = dx.par_chunks_mut(shape.input_len()).zip(dy.par_chunks(shape.output_len()));
    images.enumerate().for_each(|(image, (dx, dy))| {
        let pixels = shape.out_height() * shape.out_width();
        let dy = Matrix::new(dy, pixels, shape.c_out);
        scratch.with(bands.len(shape.out_height()), |grads| {
            // Those that the first fold does not meet.
            grads[pixels * bands.window()..].fill(0.0);
            for fold in bands.folds() {
                let met = &mut grads[bands.met(shape.out_height(), fold)];
                let weight = weight.columns(fold.first_tap, fold.taps);
                matmul_strided(met, bands.window(), fold.shift > 0, dy, weight);
            }
            dx.fill(0.0);
            bands.scatter_add(grads, dx);
        });
        if let Some(relu) = relu {
            relu_mask::apply(&relu[image * shape.input_len()..], dx);
        }
    });
}
