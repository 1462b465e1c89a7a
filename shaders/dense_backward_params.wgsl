// dense_backward_params: dw = xᵀ dy, db = column sums of dy.
//
// x [batch, inputs], dy [batch, outputs]; dw [inputs, outputs] and db [outputs] in grads.
// As a product: ROWS = inputs + 1 (the last row is the bias), COLS = outputs, DEPTH = batch.
// CPU twin: cpu/dense_backward_params.rs. Joined to shared/matmul.wgsl, shared/store_backward_params.wgsl.

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> dy: array<f32>;
@group(0) @binding(2) var<storage, read_write> grads: array<f32>;

const A_ALONG_DEPTH: bool = false;
const B_ALONG_DEPTH: bool = false;

fn load_a(row: u32, k: u32) -> f32 {
    if row == ROWS - 1u {
        return BIAS_ROW_INPUT;
    }
    return x[k * (ROWS - 1u) + row];
}

fn load_b(k: u32, col: u32) -> f32 {
    return dy[k * COLS + col];
}
