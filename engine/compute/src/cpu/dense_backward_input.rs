//! `dx` from `dy`, zero where a ReLU below is.

use super::{columns, matmul::Matrix, matmul::matmul, relu_mask};
use crate::DenseShape;
use rayon::prelude::*;

/// `dy: [batch, outputs]`, `dx: [batch, inputs]`, written; `relu` is like `dx`; `panels` holds at least
/// `batch · inputs` floats.
pub(super) fn run(
    shape: &DenseShape,
    dy: &[f32],
    weight: &[f32],
    relu: Option<&[f32]>,
    dx: &mut [f32],
    panels: &mut [f32],
) {
    let weight = Matrix::new(weight, shape.inputs, shape.outputs);
    let dy = Matrix::new(dy, shape.batch, shape.outputs).t();
    // Transposed, because then the product reads the weights as they lie; else it would repack all of them.
    columns::compute_transposed(shape.batch, shape.inputs, dx, panels, |first, width, panel| {
        matmul(panel, false, weight.rows(first, width), dy);
    });
    if let Some(relu) = relu {
        let rows = dx.par_chunks_mut(shape.inputs).zip(relu.par_chunks(shape.inputs));
        rows.for_each(|(dx, relu)| relu_mask::apply(relu, dx));
    }
}
