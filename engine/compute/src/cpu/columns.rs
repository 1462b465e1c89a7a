//! Splitting a row-major result by columns: each task fills a panel of its own, then rows are put together.

use super::vectorized;
use rayon::prelude::*;

/// Columns a panel of [`compute`].
pub(super) const WIDTH: usize = 64;
/// Columns a panel of [`compute_transposed`].
const TRANSPOSED_WIDTH: usize = 256;

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
    out.par_chunks_mut(TILE * cols).enumerate().for_each(|(tile, out)| {
        vectorized(
            #[inline(always)]
            || transpose(columns, rows, tile * TILE, out, cols),
        );
    });
}

/// Side of a square that is transposed at a time: a cache line of floats.
const TILE: usize = 16;

/// Writes up to `TILE` rows of `out: [_, cols]`, from row `first` on, from `columns: [cols, rows]`.
#[inline(always)]
fn transpose(columns: &[f32], rows: usize, first: usize, out: &mut [f32], cols: usize) {
    let height = out.len() / cols;
    for left in (0..cols).step_by(TILE) {
        let width = TILE.min(cols - left);
        let mut tile = [[0.0; TILE]; TILE];
        for (values, column) in tile.iter_mut().zip(columns[left * rows..].chunks_exact(rows).take(width)) {
            values[..height].copy_from_slice(&column[first..first + height]);
        }
        for (row, out) in out.chunks_exact_mut(cols).enumerate() {
            for (out, values) in out[left..left + width].iter_mut().zip(&tile) {
                *out = values[row];
            }
        }
    }
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
