// Shared: where a forward layer's sums go. Whole sums get their bias and activation and are the output; the
// parts of split sums go to `y` as [SPLITS, ROWS, COLS], for reduce_forward.

override BIAS: u32;

fn store(split: u32, row: u32, col: u32, sum: f32) {
    if SPLITS == 1u {
        y[row * COLS + col] = activate(sum + params[BIAS + col]);
    } else {
        y[(split * ROWS + row) * COLS + col] = sum;
    }
}
