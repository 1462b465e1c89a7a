// Shared: where the sums of parameter gradients go. The last row is the bias: a weight whose input is always one. The
// parts of split sums go to `grads` as [SPLITS, ROWS, COLS], for reduce_backward_params.

@group(0) @binding(2) var<storage, read_write> grads: array<Value>;

override WEIGHT: u32;
override BIAS: u32;

// In place of what line_of_a makes of the bias's row.
const BIAS_LINE: u32 = 0xffffffffu;

fn store(split: u32, row: u32, col: u32, sum: Value) {
    if SPLITS != 1u {
        grads[place((split * ROWS + row) * COLS + col)] = sum;
    } else if row == ROWS - 1u {
        grads[place(BIAS + col)] = sum;
    } else {
        grads[place(WEIGHT + row * COLS + col)] = sum;
    }
}
