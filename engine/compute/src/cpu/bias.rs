//! What every layer does around its product: the bias and the ReLU forwards, column sums backwards.

use super::vectorized;

/// Adds `bias` to every row of `y`, then applies the ReLU if asked.
pub(super) fn add(y: &mut [f32], bias: &[f32], relu: bool) {
    // Not `max`, which would turn a NaN into zero and hide where it came from.
    let rectify = |sum: f32| if sum < 0.0 { 0.0 } else { sum };
    vectorized(
        #[inline(always)]
        || {
            for row in y.chunks_exact_mut(bias.len()) {
                for (y, b) in row.iter_mut().zip(bias) {
                    let sum = *y + b;
                    *y = if relu { rectify(sum) } else { sum };
                }
            }
        },
    );
}

/// Columns whose sums stay in registers while rows stream by.
const BLOCK: usize = 32;

/// `sums[j] += Σ_i rows[i, j]`.
pub(super) fn add_column_sums(rows: &[f32], sums: &mut [f32]) {
    vectorized(
        #[inline(always)]
        || {
            let cols = sums.len();
            let (blocks, rest) = sums.as_chunks_mut::<BLOCK>();
            let rest_start = cols - rest.len();
            for (block, sums) in blocks.iter_mut().enumerate() {
                let mut held = *sums;
                for row in rows.chunks_exact(cols) {
                    let (values, _) = row[block * BLOCK..].as_chunks::<BLOCK>();
                    for (sum, value) in held.iter_mut().zip(&values[0]) {
                        *sum += value;
                    }
                }
                *sums = held;
            }
            for row in rows.chunks_exact(cols) {
                for (sum, value) in rest.iter_mut().zip(&row[rest_start..]) {
                    *sum += value;
                }
            }
        },
    );
}
