//! Weight and bias gradients from `x` and `dy`.

use super::{bands::Bands, bands::Input, bias, matmul::Matrix, matmul::matmul, reduce, scratch::ScratchPool};
use crate::ConvShape;
use rayon::prelude::*;

/// Partial sums, each over a run of the batch; added up in order, so that threads do not change the result.
const PARTS: usize = 8;

/// Floats of working memory that `partials` must have.
pub(super) fn partials_len(shape: &ConvShape) -> usize {
    PARTS.min(shape.batch) * part_len(shape)
}

/// Floats of a partial sum: `dw`, then `db`.
fn part_len(shape: &ConvShape) -> usize {
    shape.weight_len() + shape.c_out
}

/// Writes `dw` and `db`; `x` is a batch of images, `dy: [batch, out_height, out_width, c_out]`.
pub(super) fn run(
    shape: &ConvShape,
    x: Input<'_>,
    dy: &[f32],
    dw: &mut [f32],
    db: &mut [f32],
    partials: &mut [f32],
    scratch: &ScratchPool,
) {
    let images = shape.batch.div_ceil(PARTS);
    let partials = &mut partials[..shape.batch.div_ceil(images) * part_len(shape)];
    let parts = partials.par_chunks_mut(part_len(shape)).zip(dy.par_chunks(images * shape.output_len()));
    parts.enumerate().for_each(|(part, (partial, dy))| {
        partial.fill(0.0);
        let (dw, db) = partial.split_at_mut(shape.weight_len());
        for (image, dy) in (part * images..).zip(dy.chunks_exact(shape.output_len())) {
            accumulate(shape, x, image, dy, dw, db, scratch);
        }
    });
    reduce::in_order(partials, part_len(shape), 0, dw);
    reduce::in_order(partials, part_len(shape), shape.weight_len(), db);
}

/// Adds what one image gives.
fn accumulate(
    shape: &ConvShape,
    x: Input<'_>,
    image: usize,
    dy: &[f32],
    dw: &mut [f32],
    db: &mut [f32],
    scratch: &ScratchPool,
) {
    let bands = Bands::new(shape);
    let chunk_rows = bands.rows_per_chunk();
    let row_len = shape.out_width() * shape.c_out;
    bias::add_column_sums(dy, db);
    for (chunk, dy) in dy.chunks(chunk_rows * row_len).enumerate() {
        let (first, rows) = (chunk * chunk_rows, dy.len() / row_len);
        let dy = Matrix::new(dy, rows * shape.out_width(), shape.c_out);
        scratch.with(bands.memory_len(rows), |memory| {
            let met = bands.gather(x, image, first..first + rows, memory);
            for fold in bands.folds() {
                let dw = &mut dw[fold.first_tap * shape.c_out..][..fold.taps * shape.c_out];
                matmul(dw, true, bands.meeting(met, rows, fold).t(), dy);
            }
        });
    }
}
