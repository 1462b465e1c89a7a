// conv2d_forward: y = x * w + b (valid convolution), then ReLU if asked.
//
// x [batch, HEIGHT, WIDTH, C_IN], w [KERNEL, KERNEL, C_IN, c_out] and b [c_out] in params,
// y [batch, OUT_HEIGHT, OUT_WIDTH, c_out].
// As a product: a = x, b = w, ROWS = batch * OUT_HEIGHT * OUT_WIDTH, COLS = c_out, DEPTH = KERNEL * KERNEL * C_IN.
// CPU twin: cpu/conv2d_forward.rs. Joined to shared/matmul.wgsl, shared/rows_of_b.wgsl, shared/activate.wgsl,
// shared/store_forward.wgsl, shared/patch.wgsl.

alias LineOfA = u32;
const A_ALONG_DEPTH: bool = true;

fn line_of_a(row: u32) -> LineOfA {
    return patch_start(row);
}

fn load_a(line: LineOfA, k: u32) -> ValueOfA {
    return read_a(line + patch_step(k));
}
