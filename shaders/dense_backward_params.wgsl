// dense_backward_params: dw = xᵀ dy, db = column sums of dy.
//
// x [batch, inputs], dy [batch, outputs]; dw [inputs, outputs] and db [outputs] in grads.
// As a product: a = x, b = dy, ROWS = inputs + 1 (the last row is the bias), COLS = outputs, DEPTH = batch.
// CPU twin: cpu/dense_backward_params.rs. Joined to shared/matmul.wgsl, shared/rows_of_b.wgsl,
// shared/store_backward_params.wgsl.

alias LineOfA = u32;
const A_ALONG_DEPTH: bool = false;

fn line_of_a(row: u32) -> LineOfA {
    return select(row, BIAS_LINE, row == ROWS - 1u);
}

fn load_a(line: LineOfA, k: u32) -> ValueOfA {
    if line == BIAS_LINE {
        return ValueOfA(1.0);
    }
    return read_a(line + k * (ROWS - 1u));
}
