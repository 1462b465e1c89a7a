//! Splitting a row-major result by columns: each task fills a panel of its own, then rows are put together.

use rayon::prelude::*;

/// Columns a panel of [`compute`].
pub(super) const WIDTH: usize = 64;
/// Columns a panel of [`compute_transposed`].
const TRANSPOSED_WIDTH: usize = 128;

/// Fills `out: [rows, cols]` from panels `[rows, width]` that `fill(first_column, width, panel)` computes.
pub(super) fn compute(
    rows: usize,
    cols: usize,
    out: &mut [f32],
    panels: &mut [f32],
    fill: impl Fn(usize, usize, &mut [f32]) + Sync,
) {
    let panels = fill_all(rows, &mut panels[..rows * cols], WIDTH, fill);
    out.par_chunks_mut(cols).enumerate().for_each(|(row, out)| {
        for (out, panel) in out.chunks_mut(WIDTH).zip(panels.chunks(rows * WIDTH)) {
            let width = out.len();
            out.copy_from_slice(&panel[row * width..(row + 1) * width]);
        }
    });
}

/// As [`compute`], with panels that are transposed, `[width, rows]`.
pub(super) fn compute_transposed(
    rows: usize,
    cols: usize,
    out: &mut [f32],
    panels: &mut [f32],
    fill: impl Fn(usize, usize, &mut [f32]) + Sync,
) {
    let columns = fill_all(rows, &mut panels[..rows * cols], TRANSPOSED_WIDTH, fill);
    out.par_chunks_mut(cols).enumerate().for_each(|(row, out)| {
        for (out, column) in out.iter_mut().zip(columns.chunks_exact(rows)) {
            *out = column[row];
        }
    });
}

fn fill_all(
    rows: usize,
    panels: &mut [f32],
    width: usize,
    fill: impl Fn(usize, usize, &mut [f32]) + Sync,
) -> &[f32] {
    panels.par_chunks_mut(rows * width).enumerate().for_each(|(panel, values)| {
        fill(panel * width, values.len() / rows, values);
    });
    panels
}
