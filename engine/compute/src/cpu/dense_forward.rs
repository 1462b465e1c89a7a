//! `y = x w + b`, then ReLU if asked.

use super::{bias, columns, matmul::Matrix, matmul::matmul};
use crate::DenseShape;
use rayon::prelude::*;

/// Rows a task where the layer is too narrow to be split by columns.
const ROWS: usize = 32;

/// `x: [batch, inputs]`, `y: [batch, outputs]`; `panels` holds at least `batch · outputs` floats.
pub(super) fn run(
    shape: &DenseShape,
    x: &[f32],
    weight: &[f32],
    bias: &[f32],
    y: &mut [f32],
    relu: bool,
    panels: &mut [f32],
) {
    let weight = Matrix::new(weight, shape.inputs, shape.outputs);
    if shape.outputs <= columns::WIDTH {
        let rows = x.par_chunks(ROWS * shape.inputs).zip(y.par_chunks_mut(ROWS * shape.outputs));
        rows.for_each(|(x, y)| {
            let x = Matrix::new(x, y.len() / shape.outputs, shape.inputs);
            matmul(y, false, x, weight);
            bias::add(y, bias, relu);
        });
        return;
    }
    let x = Matrix::new(x, shape.batch, shape.inputs);
    columns::compute(shape.batch, shape.outputs, y, panels, |first, width, panel| {
        matmul(panel, false, x, weight.columns(first, width));
        bias::add(panel, &bias[first..first + width], relu);
    });
}
