//! `dx` from `dy`.

use super::{columns, matmul::Matrix, matmul::matmul};
use crate::DenseShape;

/// `dy: [batch, outputs]`, `dx: [batch, inputs]`, written; `panels` holds at least `batch · inputs` floats.
pub(super) fn run(shape: &DenseShape, dy: &[f32], weight: &[f32], dx: &mut [f32], panels: &mut [f32]) {
    let weight = Matrix::new(weight, shape.inputs, shape.outputs);
    let dy = Matrix::new(dy, shape.batch, shape.outputs).t();
    // Transposed, because then the product reads the weights as they lie; else it would repack all of them.
    columns::compute_transposed(shape.batch, shape.inputs, dx, panels, |first, width, panel| {
        matmul(panel, false, weight.rows(first, width), dy);
    });
}
