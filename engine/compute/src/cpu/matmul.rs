//! Safe matrix products over slices: the one door to the `gemm` crate.
//!
//! Every product runs on the calling thread. The kernels split their work over rayon themselves, at places
//! that depend on shapes alone, so results do not depend on the number of threads.

/// A view of a row-major matrix, or of its transpose.
#[derive(Clone, Copy)]
pub(super) struct Matrix<'a> {
    data: &'a [f32],
    rows: usize,
    cols: usize,
    row_stride: usize,
    col_stride: usize,
}

impl<'a> Matrix<'a> {
    /// `rows × cols`, row-major, at the start of `data`.
    pub(super) fn new(data: &'a [f32], rows: usize, cols: usize) -> Self {
        Self { data, rows, cols, row_stride: cols, col_stride: 1 }
    }

    /// `rows × cols`, row-major, with `row_stride` floats from one row to the next.
    pub(super) fn strided(data: &'a [f32], rows: usize, cols: usize, row_stride: usize) -> Self {
        Self { data, rows, cols, row_stride, col_stride: 1 }
    }

    /// Columns `first .. first + cols`.
    pub(super) fn columns(self, first: usize, cols: usize) -> Self {
        assert!(first + cols <= self.cols, "columns outside of a matrix");
        Self { data: &self.data[(first * self.col_stride).min(self.data.len())..], cols, ..self }
    }

    /// Rows `first .. first + rows`.
    pub(super) fn rows(self, first: usize, rows: usize) -> Self {
        self.t().columns(first, rows).t()
    }

    /// The transpose, without a copy.
    pub(super) fn t(self) -> Self {
        Self {
            data: self.data,
            rows: self.cols,
            cols: self.rows,
            row_stride: self.col_stride,
            col_stride: self.row_stride,
        }
    }

    fn in_bounds(&self) -> bool {
        let last = (self.rows.max(1) - 1) * self.row_stride + (self.cols.max(1) - 1) * self.col_stride;
        self.rows == 0 || self.cols == 0 || last < self.data.len()
    }
}

/// Products here are of chunks that fit into caches, and operands lie as the crate's kernels like them: packing them
/// first would cost up to a tenth of the product's time. The setting is the process's.
pub(super) fn leave_operands_in_place() {
    gemm::set_lhs_packing_threshold_single_thread(36);
}

/// `out = a b`, or `out += a b` if `accumulate`; `out` is row-major `[a.rows, b.cols]`.
pub(super) fn matmul(out: &mut [f32], accumulate: bool, a: Matrix<'_>, b: Matrix<'_>) {
    matmul_strided(out, b.cols, accumulate, a, b);
}

/// The same with `row_stride` floats from one row of `out` to the next.
pub(super) fn matmul_strided(
    out: &mut [f32],
    row_stride: usize,
    accumulate: bool,
    a: Matrix<'_>,
    b: Matrix<'_>,
) {
    assert_eq!(a.cols, b.rows, "inner dimensions of a product differ");
    assert!(b.cols <= row_stride && out.len() == a.rows * row_stride, "output of a product");
    assert!(a.in_bounds() && b.in_bounds(), "operand of a product is too short");
    let (m, k, n) = (a.rows, a.cols, b.cols);
    // SAFETY: `out` has m·row_stride elements and is written at i·row_stride + j only, with i < m and j < n, which is
    // at most row_stride; the largest index read from either operand was checked above to lie inside its slice. `&mut`
    // keeps `out` apart from both operands.
    #[expect(unsafe_code, reason = "products take pointers")]
    unsafe {
        gemm::gemm(
            m,
            n,
            k,
            out.as_mut_ptr(),
            1,
            row_stride as isize,
            accumulate,
            a.data.as_ptr(),
            a.col_stride as isize,
            a.row_stride as isize,
            b.data.as_ptr(),
            b.col_stride as isize,
            b.row_stride as isize,
            1.0,
            1.0,
            false,
            false,
            false,
            gemm::Parallelism::None,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::panic::catch_unwind;

    /// Whole numbers, small enough for sums of their products to be exact in any order.
    fn numbers(len: usize, seed: usize) -> Vec<f32> {
        (0..len).map(|i| ((i * 7 + seed * 3) % 11) as f32 - 5.0).collect()
    }

    /// A matrix in a slice that ends with its last element, so that a read beyond it is one beyond an allocation.
    fn exact(rows: usize, cols: usize, row_stride: usize, seed: usize) -> Box<[f32]> {
        numbers((rows - 1) * row_stride + cols, seed).into_boxed_slice()
    }

    fn at(data: &[f32], row_stride: usize, row: usize, col: usize) -> f32 {
        data[row * row_stride + col]
    }

    #[test]
    fn products_of_views_are_those_by_hand() {
        for (m, k, n) in [(1, 1, 1), (1, 5, 3), (3, 1, 4), (2, 3, 1), (4, 4, 4), (5, 9, 17), (17, 3, 33)] {
            for (gap, transposed, accumulate) in [(0, false, false), (2, false, true), (3, true, false)] {
                let (rows, cols) = if transposed { (k, m) } else { (m, k) };
                let a = exact(rows, cols, cols + gap, 1);
                let b = exact(k, n, n + gap, 2);
                let left = Matrix::strided(&a, rows, cols, cols + gap);
                let left = if transposed { left.t() } else { left };
                let before = numbers(m * (n + gap), 3);
                let mut out = before.clone();
                matmul_strided(&mut out, n + gap, accumulate, left, Matrix::strided(&b, k, n, n + gap));
                for (i, row) in out.chunks(n + gap).enumerate() {
                    for (j, found) in row.iter().enumerate() {
                        let start = before[i * (n + gap) + j];
                        let of_a = |l| if transposed { at(&a, m + gap, l, i) } else { at(&a, k + gap, i, l) };
                        let sum: f32 = (0..k).map(|l| of_a(l) * at(&b, n + gap, l, j.min(n - 1))).sum();
                        let product = if accumulate { start + sum } else { sum };
                        let expected = if j < n { product } else { start };
                        assert_eq!(*found, expected, "{m}×{k}×{n}, gap {gap}, at {i}, {j}");
                    }
                }
            }
        }
    }

    #[test]
    fn what_lies_outside_of_a_slice_is_refused() {
        let short = |len: usize, out: usize, cols: usize| {
            let data = numbers(len, 1);
            let mut product = vec![0.0; out];
            matmul(&mut product, false, Matrix::new(&data, 2, 3), Matrix::new(&data, cols, 2));
        };
        short(6, 4, 3);
        for (len, out, cols) in [(5, 4, 3), (6, 3, 3), (6, 5, 3), (6, 4, 2)] {
            assert!(catch_unwind(|| short(len, out, cols)).is_err(), "{len} {out} {cols}");
        }
        let data = numbers(6, 1);
        assert!(catch_unwind(|| Matrix::new(&data, 2, 3).columns(1, 3)).is_err());
        assert!(catch_unwind(|| Matrix::new(&data, 2, 3).rows(2, 1)).is_err());
    }
}
