// conv2d_backward_params: gradients of the weights and the bias of a valid convolution.
//
//     dw[tap, co] = sum over output pixels of x[patch(pixel, tap)] dy[pixel, co]      db[co] = sum of dy[pixel, co]
//
// x [batch, HEIGHT, WIDTH, C_IN], dy [batch, OUT_HEIGHT, OUT_WIDTH, c_out]; dw [KERNEL, KERNEL, C_IN, c_out]
// and db [c_out] in grads.
// As a product: ROWS = KERNEL * KERNEL * C_IN + 1 (the last row is the bias), COLS = c_out,
// DEPTH = batch * OUT_HEIGHT * OUT_WIDTH. CPU twin: cpu/conv2d_backward_params.rs.
// Joined to shared/matmul.wgsl, shared/store_backward_params.wgsl, shared/patch.wgsl, and shared/images_floats.wgsl or
// shared/images_frames.wgsl.

@group(0) @binding(1) var<storage, read> dy: array<f32>;
@group(0) @binding(2) var<storage, read_write> grads: array<f32>;

const A_ALONG_DEPTH: bool = false;
const B_ALONG_DEPTH: bool = false;

fn load_a(row: u32, k: u32) -> f32 {
    if row == ROWS - 1u {
        return BIAS_ROW_INPUT;
    }
    return x_at(patch_start(k) + patch_step(row));
}

fn load_b(k: u32, col: u32) -> f32 {
    return dy[k * COLS + col];
}
