//! Weight and bias gradients from `x` and `dy`.

use super::{bias, matmul::Matrix, matmul::matmul};
use crate::DenseShape;
use rayon::prelude::*;

/// Rows of the weight gradient a task.
const ROWS: usize = 128;

/// Writes `dw` and `db`.
pub(super) fn run(shape: &DenseShape, x: &[f32], dy: &[f32], dw: &mut [f32], db: &mut [f32]) {
    db.fill(0.0);
    bias::add_column_sums(dy, db);
    let x = Matrix::new(x, shape.batch, shape.inputs);
    let dy = Matrix::new(dy, shape.batch, shape.outputs);
    dw.par_chunks_mut(ROWS * shape.outputs).enumerate().for_each(|(chunk, dw)| {
        matmul(dw, false, x.columns(chunk * ROWS, dw.len() / shape.outputs).t(), dy);
    });
}
