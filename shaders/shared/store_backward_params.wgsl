// Shared: where the sums of parameter gradients go. The last row is the bias: a weight whose input is always
// one. The parts of split sums go to `grads` as [SPLITS, ROWS, COLS], for reduce_backward_params.

override WEIGHT: u32;
override BIAS: u32;

const BIAS_ROW_INPUT: f32 = 1.0;

fn store(split: u32, row: u32, col: u32, sum: f32) {
    if SPLITS != 1u {
        grads[(split * ROWS + row) * COLS + col] = sum;
    } else if row == ROWS - 1u {
        grads[BIAS + col] = sum;
    } else {
        grads[WEIGHT + row * COLS + col] = sum;
    }
}
