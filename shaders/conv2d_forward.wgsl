// conv2d_forward: y = x * w + b (valid convolution), then ReLU if asked.
//
// x [batch, HEIGHT, WIDTH, C_IN], w [KERNEL, KERNEL, C_IN, c_out] and b [c_out] in params,
// y [batch, OUT_HEIGHT, OUT_WIDTH, c_out].
// As a product: ROWS = batch * OUT_HEIGHT * OUT_WIDTH, COLS = c_out, DEPTH = KERNEL * KERNEL * C_IN.
// CPU twin: cpu/conv2d_forward.rs. Joined to shared/matmul.wgsl, shared/activate.wgsl,
// shared/store_forward.wgsl, shared/patch.wgsl, and shared/images_floats.wgsl or shared/images_frames.wgsl.

@group(0) @binding(1) var<storage, read> params: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

override WEIGHT: u32;

const A_ALONG_DEPTH: bool = true;
const B_ALONG_DEPTH: bool = false;

fn load_a(row: u32, k: u32) -> f32 {
    return x_at(patch_start(row) + patch_step(k));
}

fn load_b(k: u32, col: u32) -> f32 {
    return params[WEIGHT + k * COLS + col];
}
