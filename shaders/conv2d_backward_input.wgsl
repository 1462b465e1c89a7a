// conv2d_backward_input: gradient of a valid convolution's input.
//
//     dx[b, y, x, ci] = sum over (ky, kx, co) with (y - ky, x - kx) a multiple of STRIDE
//                       of dy[b, (y - ky) / STRIDE, (x - kx) / STRIDE, co] w[ky, kx, ci, co]
//
// dy [batch, OUT_HEIGHT, OUT_WIDTH, c_out], w [KERNEL, KERNEL, c_in, C_OUT] in params,
// dx [batch, HEIGHT, WIDTH, c_in].
// With a stride, most taps of a pixel fall between outputs. Pixels (STRIDE i + py, STRIDE j + px) of one phase
// (py, px) use the same taps, ky = STRIDE ty + py and kx = STRIDE tx + px, and these meet output
// (i - ty, j - tx): so each phase is one product without gaps, over TAPS * TAPS * C_OUT terms instead of
// KERNEL * KERNEL * C_OUT.
// As a product: planes = STRIDE * STRIDE phases, ROWS = batch * PHASE_HEIGHT * PHASE_WIDTH, COLS = c_in,
// DEPTH = TAPS * TAPS * C_OUT, never split. CPU twin: cpu/conv2d_backward_input.rs.
// Joined to shared/matmul.wgsl.

@group(0) @binding(0) var<storage, read> dy: array<f32>;
@group(0) @binding(1) var<storage, read> params: array<f32>;
@group(0) @binding(2) var<storage, read_write> dx: array<f32>;

override WEIGHT: u32;
override HEIGHT: u32;
override WIDTH: u32;
override C_OUT: u32;
override KERNEL: u32;
override STRIDE: u32;
override OUT_HEIGHT: u32;
override OUT_WIDTH: u32;
// ceil(KERNEL / STRIDE), ceil(HEIGHT / STRIDE), ceil(WIDTH / STRIDE).
override TAPS: u32;
override PHASE_HEIGHT: u32;
override PHASE_WIDTH: u32;

const A_ALONG_DEPTH: bool = true;
const B_ALONG_DEPTH: bool = true;

// Tap (ty, tx) and channel of k, which counts through [TAPS, TAPS, C_OUT].
fn tap_of(k: u32) -> vec3<u32> {
    let tap = k / C_OUT;
    return vec3(tap / TAPS, tap % TAPS, k % C_OUT);
}

fn load_a(row: u32, k: u32) -> f32 {
    let tap = tap_of(k);
    let j = row % PHASE_WIDTH;
    let i = (row / PHASE_WIDTH) % PHASE_HEIGHT;
    let image = row / (PHASE_WIDTH * PHASE_HEIGHT);
    // An output above or left of the image wraps to a huge number and fails the test with those below and
    // right.
    let out_y = i - tap.x;
    let out_x = j - tap.y;
    if out_y >= OUT_HEIGHT || out_x >= OUT_WIDTH {
        return 0.0;
    }
    return dy[((image * OUT_HEIGHT + out_y) * OUT_WIDTH + out_x) * C_OUT + tap.z];
}

fn load_b(k: u32, col: u32) -> f32 {
    let tap = tap_of(k);
    let ky = tap.x * STRIDE + plane / STRIDE;
    let kx = tap.y * STRIDE + plane % STRIDE;
    if ky >= KERNEL || kx >= KERNEL {
        return 0.0;
    }
    return params[WEIGHT + ((ky * KERNEL + kx) * COLS + col) * C_OUT + tap.z];
}

fn store(split: u32, row: u32, col: u32, sum: f32) {
    let px = (row % PHASE_WIDTH) * STRIDE + plane % STRIDE;
    let py = ((row / PHASE_WIDTH) % PHASE_HEIGHT) * STRIDE + plane / STRIDE;
    let image = row / (PHASE_WIDTH * PHASE_HEIGHT);
    if py < HEIGHT && px < WIDTH {
        dx[((image * HEIGHT + py) * WIDTH + px) * COLS + col] = sum;
    }
}
