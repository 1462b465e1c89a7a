//! Convolution as a few matrix products, without a full patch matrix.
//!
//! A patch matrix (im2col) holds every input once for each tap that meets it, `(kernel / stride)²` times. Here inputs are
//! repeated along x only (Cho and Brand 2017, "MEC"): band `b` holds, for each output column, the window of `kernel` input
//! columns in the `stride` input rows from `b · stride` on. An output row is then a sum of products, one for each *fold*
//! of `stride` kernel rows:
//!
//! ```text
//! y[row] = Σ_f bands[row + f] · weight[kernel rows f · stride ..]
//! ```
//!
//! All output rows of an image are one product a fold, since their bands lie one after another, and the weights are used
//! as they lie.

use super::decode_frames::decode;
use super::matmul::Matrix;
use super::vectorized;
use crate::ConvShape;
use std::ops::Range;

/// Floats of bands that stay in a core's second-level cache beside the products' operands.
const CHUNK_FLOATS: usize = 32 * 1024;

/// The images that a convolution reads, `height · width · c_in` elements each.
#[derive(Clone, Copy)]
pub(super) enum Input<'a> {
    /// `[batch, height, width, c_in]`.
    Floats(&'a [f32]),
    /// `[batch, c_in, height, width]`.
    Frames(&'a [u8]),
}

impl<'a> Input<'a> {
    /// Some of its elements.
    fn part(self, place: Range<usize>) -> Input<'a> {
        match self {
            Self::Floats(x) => Self::Floats(&x[place]),
            Self::Frames(bytes) => Self::Frames(&bytes[place]),
        }
    }
}

/// How a convolution falls into folds and bands.
#[derive(Clone, Copy)]
pub(super) struct Bands<'a> {
    shape: &'a ConvShape,
}

/// Some kernel rows.
#[derive(Clone, Copy)]
pub(super) struct Fold {
    /// Bands between an output row and the one it meets here.
    pub(super) shift: usize,
    /// First of its taps, counted through `[kernel, kernel, c_in]`.
    pub(super) first_tap: usize,
    /// Its taps; those that a row of a band begins with.
    pub(super) taps: usize,
}

impl<'a> Bands<'a> {
    pub(super) fn new(shape: &'a ConvShape) -> Self {
        Self { shape }
    }

    /// Input rows of a band.
    fn rows(&self) -> usize {
        self.shape.stride.min(self.shape.kernel)
    }

    /// The input rows of a band. The last one may reach below the image, with rows that no fold has a tap for.
    fn input_rows(&self, band: usize) -> impl Iterator<Item = usize> + use<> {
        (band * self.shape.stride..self.shape.height).take(self.rows())
    }

    /// Floats of an input row.
    fn width(&self) -> usize {
        self.shape.width * self.shape.c_in
    }

    /// Floats of a kernel row, which are one run of the input.
    fn run(&self) -> usize {
        self.shape.kernel * self.shape.c_in
    }

    /// Floats of a band for one output column.
    pub(super) fn window(&self) -> usize {
        self.rows() * self.run()
    }

    /// Floats of a band.
    fn band(&self) -> usize {
        self.shape.out_width() * self.window()
    }

    /// Folds of the kernel.
    fn fold_count(&self) -> usize {
        self.shape.kernel.div_ceil(self.shape.stride)
    }

    /// The folds, from the first kernel row on.
    pub(super) fn folds(self) -> impl Iterator<Item = Fold> {
        let (run, stride) = (self.run(), self.shape.stride);
        (0..self.fold_count()).map(move |shift| {
            let rows = self.rows().min(self.shape.kernel - shift * stride);
            Fold { shift, first_tap: shift * stride * run, taps: rows * run }
        })
    }

    /// Output rows of one image that are worked on at a time.
    pub(super) fn rows_per_chunk(&self) -> usize {
        let most = (CHUNK_FLOATS / self.band()).saturating_sub(self.fold_count() - 1);
        let parts = self.shape.out_height().div_ceil(most.max(1));
        self.shape.out_height().div_ceil(parts)
    }

    /// Where in the bands lies what `rows` output rows meet in a fold.
    pub(super) fn met(&self, rows: usize, fold: Fold) -> Range<usize> {
        fold.shift * self.band()..(fold.shift + rows) * self.band()
    }

    /// What `rows` output rows meet in a fold: a matrix `[rows · out_width, taps]`.
    pub(super) fn meeting<'b>(&self, bands: &'b [f32], rows: usize, fold: Fold) -> Matrix<'b> {
        let met = &bands[self.met(rows, fold)];
        Matrix::strided(met, rows * self.shape.out_width(), fold.taps, self.window())
    }

    /// Floats of the bands that `rows` output rows meet.
    pub(super) fn len(&self, rows: usize) -> usize {
        (rows + self.fold_count() - 1) * self.band()
    }

    /// Floats of memory that [`Bands::gather`] needs for `rows` output rows: their bands, and an input row.
    pub(super) fn memory_len(&self, rows: usize) -> usize {
        self.len(rows) + self.width()
    }

    /// The bands that some output rows of an image meet.
    pub(super) fn gather<'b>(
        &self,
        input: Input<'_>,
        image: usize,
        rows: Range<usize>,
        memory: &'b mut [f32],
    ) -> &'b [f32] {
        let (row, bands) = memory.split_at_mut(self.width());
        let place = image * self.shape.input_len()..(image + 1) * self.shape.input_len();
        vectorized(
            #[inline(always)]
            || self.fill(input.part(place), rows.start, row, bands),
        );
        bands
    }

    #[inline(always)]
    fn fill(&self, image: Input<'_>, first: usize, decoded: &mut [f32], bands: &mut [f32]) {
        let (shape, run, window) = (self.shape, self.run(), self.window());
        for (band, bands) in (first..).zip(bands.chunks_exact_mut(self.band())) {
            for (row, y) in self.input_rows(band).enumerate() {
                let input = match image {
                    Input::Floats(image) => &image[y * self.width()..],
                    Input::Frames(image) => {
                        decode(image, shape.c_in, y * shape.width..(y + 1) * shape.width, decoded);
                        &*decoded
                    }
                };
                for (x, window) in bands.chunks_exact_mut(window).enumerate() {
                    let from = &input[x * shape.stride * shape.c_in..][..run];
                    copy_run(from, &mut window[row * run..][..run]);
                }
            }
        }
    }
}

impl Bands<'_> {
    /// Adds the bands of a whole image back onto it: the adjoint of [`Bands::gather`].
    pub(super) fn scatter_add(&self, bands: &[f32], image: &mut [f32]) {
        vectorized(
            #[inline(always)]
            || self.add(bands, image),
        );
    }

    #[inline(always)]
    fn add(&self, bands: &[f32], image: &mut [f32]) {
        let (run, step) = (self.run(), self.shape.stride * self.shape.c_in);
        for (band, bands) in bands.chunks_exact(self.band()).enumerate() {
            for (row, y) in self.input_rows(band).enumerate() {
                let to = &mut image[y * self.width()..][..self.width()];
                for (x, window) in bands.chunks_exact(self.window()).enumerate() {
                    add_run(&window[row * run..][..run], &mut to[x * step..][..run]);
                }
            }
        }
    }
}

/// Runs are short, 12 to 192 floats; fixed-size blocks keep them out of `memcpy`.
#[inline(always)]
fn copy_run(from: &[f32], to: &mut [f32]) {
    let (from_blocks, from_rest) = from.as_chunks::<16>();
    let (to_blocks, to_rest) = to.as_chunks_mut::<16>();
    for (from, to) in from_blocks.iter().zip(to_blocks) {
        *to = *from;
    }
    for (from, to) in from_rest.iter().zip(to_rest) {
        *to = *from;
    }
}

#[inline(always)]
fn add_run(from: &[f32], to: &mut [f32]) {
    for (from, to) in from.iter().zip(to) {
        *to += *from;
    }
}
