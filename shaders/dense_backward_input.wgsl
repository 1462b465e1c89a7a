// dense_backward_input: dx = dy wᵀ.
//
// dy [batch, outputs], w [inputs, outputs] in params, dx [batch, inputs].
// As a product: ROWS = batch, COLS = inputs, DEPTH = outputs, never split. CPU twin:
// cpu/dense_backward_input.rs. Joined to shared/matmul.wgsl.

@group(0) @binding(0) var<storage, read> dy: array<f32>;
@group(0) @binding(1) var<storage, read> params: array<f32>;
@group(0) @binding(2) var<storage, read_write> dx: array<f32>;

override WEIGHT: u32;

const A_ALONG_DEPTH: bool = true;
const B_ALONG_DEPTH: bool = true;

fn load_a(row: u32, k: u32) -> f32 {
    return dy[row * DEPTH + k];
}

fn load_b(k: u32, col: u32) -> f32 {
    return params[WEIGHT + col * DEPTH + k];
}

fn store(split: u32, row: u32, col: u32, sum: f32) {
    dx[row * COLS + col] = sum;
}
