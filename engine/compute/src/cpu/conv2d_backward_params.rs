//! Weight and bias gradients from `x` and `dy`.

use super::{bias, matmul::Matrix, matmul::matmul, patches, reduce, scratch::ScratchPool};
use crate::ConvShape;
use rayon::prelude::*;

/// Partial sums, each over a run of the batch; added up in order, so that threads do not change the result.
const PARTS: usize = 8;

/// Floats of working memory that `partials` must have.
pub(super) fn partials_len(shape: &ConvShape) -> usize {
    parts(shape) * (shape.weight_len() + shape.c_out)
}

/// Writes `dw` and `db`.
pub(super) fn run(
    shape: &ConvShape,
    x: &[f32],
    dy: &[f32],
    dw: &mut [f32],
    db: &mut [f32],
    partials: &mut [f32],
    scratch: &ScratchPool,
) {
    let rows_per_part = patches::total_rows(shape).div_ceil(parts(shape));
    let row_len = shape.out_width() * shape.c_out;
    let part_len = shape.weight_len() + shape.c_out;
    let used = patches::total_rows(shape).div_ceil(rows_per_part);
    let partials = &mut partials[..used * part_len];
    let chunks = partials.par_chunks_mut(part_len).zip(dy.par_chunks(rows_per_part * row_len)).enumerate();
    chunks.for_each(|(part, (partial, dy))| {
        let (dw, db) = partial.split_at_mut(shape.weight_len());
        accumulate(shape, x, dy, part * rows_per_part, dw, db, scratch);
    });
    reduce::in_order(partials, part_len, 0, dw);
    reduce::in_order(partials, part_len, shape.weight_len(), db);
}

fn parts(shape: &ConvShape) -> usize {
    PARTS.min(patches::total_rows(shape))
}

/// `dw = patchesᵀ dy`, `db = Σ dy` over the output rows of one part, which start at row `first` of the batch.
fn accumulate(
    shape: &ConvShape,
    x: &[f32],
    dy: &[f32],
    first: usize,
    dw: &mut [f32],
    db: &mut [f32],
    scratch: &ScratchPool,
) {
    db.fill(0.0);
    let rows = patches::rows_per_chunk(shape);
    let patch = patches::patch_len(shape);
    let row_len = shape.out_width() * shape.c_out;
    for (chunk, dy) in dy.chunks(rows * row_len).enumerate() {
        let (first, rows) = (first + chunk * rows, dy.len() / row_len);
        bias::add_column_sums(dy, db);
        let pixels = rows * shape.out_width();
        scratch.with(patches::patches_len(shape, rows), |cols| {
            patches::gather(shape, x, first..first + rows, cols);
            let cols = Matrix::new(cols, pixels, patch);
            matmul(dw, chunk > 0, cols.t(), Matrix::new(dy, pixels, shape.c_out));
        });
    }
}
