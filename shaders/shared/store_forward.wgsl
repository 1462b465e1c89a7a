// Shared: where a forward layer's sums go. Whole sums get their bias and activation and are the output; the parts of
// split sums go to `y` as [SPLITS, ROWS, COLS], for reduce_forward.

@group(0) @binding(2) var<storage, read_write> y: array<Value>;
// The parameters once more, as values of the output.
@group(0) @binding(3) var<storage, read> bias: array<Value>;

override BIAS: u32;

fn store(split: u32, row: u32, col: u32, sum: Value) {
    if SPLITS == 1u {
        y[place(row * COLS + col)] = activate(sum + bias[place(BIAS + col)]);
    } else {
        y[place((split * ROWS + row) * COLS + col)] = sum;
    }
}
