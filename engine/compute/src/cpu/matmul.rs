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

/// `out = a b`, or `out += a b` if `accumulate`; `out` is row-major `[a.rows, b.cols]`.
pub(super) fn matmul(out: &mut [f32], accumulate: bool, a: Matrix<'_>, b: Matrix<'_>) {
    assert_eq!(a.cols, b.rows, "inner dimensions of a product differ");
    assert_eq!(out.len(), a.rows * b.cols, "output length of a product");
    assert!(a.in_bounds() && b.in_bounds(), "operand of a product is too short");
    let (m, k, n) = (a.rows, a.cols, b.cols);
    // SAFETY: `out` has m·n elements and is written at i·n + j only; the largest index read from either
    // operand was checked above to lie inside its slice. `&mut` keeps `out` apart from both operands.
    #[allow(unsafe_code)]
    unsafe {
        gemm::gemm(
            m,
            n,
            k,
            out.as_mut_ptr(),
            1,
            n as isize,
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
