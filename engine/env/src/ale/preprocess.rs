//! From two emulator screens to the frame a learner sees: pixelwise maximum, then 84×84 by area.
//!
//! The maximum undoes the console's flicker (sprites drawn on every second frame only). Area resampling gives each
//! output pixel the mean of the input rectangle it covers. That is separable, so it is done as rows, then columns,
//! each output a short weighted sum of neighbours with weights worked out once. Plain f32 arithmetic in a fixed order:
//! the same bytes on every machine.

use std::{array, ops::Range};

use super::ffi::SCREEN_WIDTH;

/// Rows and columns of a frame.
pub(crate) const SIDE: usize = 84;

/// An output pixel is 160/84 < 2 screen pixels wide, so it touches three at most.
const COLUMN_TAPS: usize = 3;

/// The inputs that one output covers along one axis, and the share of each in it.
struct Taps {
    inputs: Range<usize>,
    weights: Vec<f32>,
}

/// The same for a column, three inputs in every case (a weight may be zero): a fixed length halves the time.
struct ColumnTaps {
    start: usize,
    weights: [f32; COLUMN_TAPS],
}

/// Turns screens of one height into frames.
pub(crate) struct Preprocessor {
    rows: Vec<Taps>,
    columns: [ColumnTaps; SIDE],
}

impl Preprocessor {
    pub(crate) fn new(height: usize) -> Self {
        let columns = taps(SCREEN_WIDTH);
        Self { rows: taps(height), columns: array::from_fn(|i| columns[i].widened()) }
    }

    /// Resamples a gray `screen`, `height · 160` bytes, into `frame`, 84 · 84 bytes.
    pub(crate) fn resample(&self, screen: &[u8], frame: &mut [u8]) {
        for (taps, out) in self.rows.iter().zip(frame.chunks_exact_mut(SIDE)) {
            let mut row = [0.0; SCREEN_WIDTH];
            let covered = screen.chunks_exact(SCREEN_WIDTH).skip(taps.inputs.start);
            for (line, &weight) in covered.zip(&taps.weights) {
                for (sum, &pixel) in row.iter_mut().zip(line) {
                    *sum += weight * f32::from(pixel);
                }
            }
            for (pixel, ColumnTaps { start, weights }) in out.iter_mut().zip(&self.columns) {
                let inputs = &row[*start..][..COLUMN_TAPS];
                *pixel = round(inputs[0] * weights[0] + inputs[1] * weights[1] + inputs[2] * weights[2]);
            }
        }
    }
}

impl Taps {
    fn widened(&self) -> ColumnTaps {
        let start = self.inputs.start.min(SCREEN_WIDTH - COLUMN_TAPS);
        let mut weights = [0.0; COLUMN_TAPS];
        weights[self.inputs.start - start..][..self.weights.len()].copy_from_slice(&self.weights);
        ColumnTaps { start, weights }
    }
}

/// The nearest byte, ties to even, for numbers from 0 to 255.4. `f32::round_ties_even` is a library call where SSE 4.1
/// is not assumed; so let an addition round: from 2²³ on, f32 has no fraction.
fn round(value: f32) -> u8 {
    (value + 8_388_608.0).to_bits() as u8
}

/// `pooled = max(pooled, other)`, pixel by pixel.
pub(crate) fn max_into(pooled: &mut [u8], other: &[u8]) {
    for (pixel, &other) in pooled.iter_mut().zip(other) {
        *pixel = (*pixel).max(other);
    }
}

/// Output `i` of `SIDE` covers the inputs from `i · scale` to `(i + 1) · scale`, the first and last of them in part.
fn taps(inputs: usize) -> Vec<Taps> {
    // Exact: in units of 1/SIDE of an input, input j spans j·SIDE..(j+1)·SIDE and output i spans i·inputs..(i+1)·inputs.
    (0..SIDE)
        .map(|i| {
            let (start, end) = (i * inputs, (i + 1) * inputs);
            let covered = start / SIDE..end.div_ceil(SIDE);
            let share = |j: usize| end.min((j + 1) * SIDE) - start.max(j * SIDE);
            let weights = covered.clone().map(|j| share(j) as f32 / inputs as f32).collect();
            Taps { inputs: covered, weights }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{Rng, SeedableRng};
    use rand_xoshiro::Xoshiro256PlusPlus;

    fn resampled(screen: &[u8], height: usize) -> Vec<u8> {
        let mut frame = vec![0; SIDE * SIDE];
        Preprocessor::new(height).resample(screen, &mut frame);
        frame
    }

    /// The definition, in f64: the mean over a rectangle, pixel parts weighted by the area inside.
    fn mean_of_rectangle(screen: &[u8], height: usize, (row, column): (usize, usize)) -> f64 {
        let overlap = |i: usize, n: usize, j: usize| {
            let (scale, j) = (n as f64 / SIDE as f64, j as f64);
            ((i as f64 + 1.0) * scale).min(j + 1.0) - (i as f64 * scale).max(j)
        };
        let (mut sum, mut area) = (0.0, 0.0);
        for y in 0..height {
            for x in 0..SCREEN_WIDTH {
                let part = overlap(row, height, y).max(0.0) * overlap(column, SCREEN_WIDTH, x).max(0.0);
                sum += part * f64::from(screen[y * SCREEN_WIDTH + x]);
                area += part;
            }
        }
        sum / area
    }

    #[test]
    fn each_pixel_is_the_mean_of_the_rectangle_it_covers() {
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(1);
        // The two heights that games have, an odd one, the frame's own, and less than that.
        for height in [210, 250, 97, 84, 30] {
            let mut screen = vec![0; SCREEN_WIDTH * height];
            rng.fill_bytes(&mut screen);
            let frame = resampled(&screen, height);
            for at in [(0, 0), (0, 83), (83, 0), (83, 83), (41, 42), (17, 63), (80, 5), (50, 82), (9, 1)] {
                let mean = mean_of_rectangle(&screen, height, at);
                let error = f64::from(frame[at.0 * SIDE + at.1]) - mean;
                // Half a gray level of rounding, and 1e-3 for a dozen f32 operations on numbers up to 255.
                assert!(error.abs() <= 0.501, "height {height} at {at:?}: off by {error}");
            }
        }
    }

    #[test]
    fn a_uniform_screen_stays_uniform_white_included() {
        for value in [0, 1, 127, 254, 255] {
            assert!(resampled(&[value; SCREEN_WIDTH * 210], 210).iter().all(|&pixel| pixel == value));
        }
    }

    #[test]
    fn rounding_is_to_the_nearest_ties_to_even() {
        for i in 0..=255_u16 * 16 {
            let value = f32::from(i) / 16.0;
            assert_eq!(round(value), value.round_ties_even() as u8, "{value}");
        }
        // White, with a sum of weights that rounding left above one.
        assert_eq!(round(255.0 * (1.0 + 1e-6)), 255);
    }

    #[test]
    fn weights_of_an_output_sum_to_one() {
        for inputs in [1, 50, 84, 160, 210, 250] {
            for taps in taps(inputs) {
                let sum: f32 = taps.weights.iter().sum();
                // A handful of f32 roundings of at most 6e-8 each.
                assert!((sum - 1.0).abs() < 1e-6, "{inputs}: {sum}");
                assert_eq!(taps.inputs.len(), taps.weights.len());
                assert!(taps.inputs.end <= inputs);
            }
        }
    }

    #[test]
    fn the_maximum_is_taken_pixel_by_pixel() {
        let mut pooled = vec![0, 9, 200];
        max_into(&mut pooled, &[5, 3, 200]);
        assert_eq!(pooled, [5, 9, 200]);
    }
}
