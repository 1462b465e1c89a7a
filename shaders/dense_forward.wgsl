// dense_forward: y = x w + b, then ReLU if asked.
//
// x [batch, inputs], w [inputs, outputs] and b [outputs] in params, y [batch, outputs].
// As a product: ROWS = batch, COLS = outputs, DEPTH = inputs. CPU twin: cpu/dense_forward.rs.
// Joined to shared/matmul.wgsl, shared/activate.wgsl, shared/store_forward.wgsl.

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> params: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

override WEIGHT: u32;

const A_ALONG_DEPTH: bool = true;
const B_ALONG_DEPTH: bool = false;

fn load_a(row: u32, k: u32) -> f32 {
    return x[row * DEPTH + k];
}

fn load_b(k: u32, col: u32) -> f32 {
    return params[WEIGHT + k * COLS + col];
}
