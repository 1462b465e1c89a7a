// conv2d_backward_params: gradients of the weights and the bias of a valid convolution.
//
//     dw[tap, co] = sum over output pixels of x[patch(pixel, tap)] dy[pixel, co]      db[co] = sum of dy[pixel, co]
//
// x [batch, HEIGHT, WIDTH, C_IN], dy [batch, OUT_HEIGHT, OUT_WIDTH, c_out]; dw [KERNEL, KERNEL, C_IN, c_out]
// and db [c_out] in grads.
// As a product: a = x, b = dy, ROWS = KERNEL * KERNEL * C_IN + 1 (the last row is the bias), COLS = c_out,
// DEPTH = batch * OUT_HEIGHT * OUT_WIDTH. CPU twin: cpu/conv2d_backward_params.rs.
// Joined to shared/matmul.wgsl, shared/rows_of_b.wgsl, shared/store_backward_params.wgsl, shared/patch.wgsl.

alias LineOfA = u32;
const A_ALONG_DEPTH: bool = false;

fn line_of_a(row: u32) -> LineOfA {
    return select(patch_step(row), BIAS_LINE, row == ROWS - 1u);
}

fn load_a(line: LineOfA, k: u32) -> ValueOfA {
    if line == BIAS_LINE {
        return ValueOfA(1.0);
    }
    return read_a(line + patch_start(k));
}
