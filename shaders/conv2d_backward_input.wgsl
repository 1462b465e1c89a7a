// conv2d_backward_input: gradient of a valid convolution's input.
//
//     dx[b, y, x, ci] = sum over (ky, kx, co) with (y - ky, x - kx) a multiple of STRIDE
//                       of dy[b, (y - ky) / STRIDE, (x - kx) / STRIDE, co] w[ky, kx, ci, co]
//
// dy [batch, OUT_HEIGHT, OUT_WIDTH, c_out], w [KERNEL, KERNEL, c_in, C_OUT] in params,
// dx and relu [batch, HEIGHT, WIDTH, c_in].
// With a stride, most taps of a pixel fall between outputs. Pixels (STRIDE i + py, STRIDE j + px) of one phase
// (py, px) use the same taps, ky = STRIDE ty + py and kx = STRIDE tx + px, and these meet output
// (i - ty, j - tx): so each phase is one product without gaps, over TAPS * TAPS * C_OUT terms instead of
// KERNEL * KERNEL * C_OUT.
// As a product: a = dy, b = w, planes = STRIDE * STRIDE phases, ROWS = batch * PHASE_HEIGHT * PHASE_WIDTH, COLS = c_in,
// DEPTH = TAPS * TAPS * C_OUT, never split. CPU twin: cpu/conv2d_backward_input.rs.
// Joined to shared/matmul.wgsl, shared/store_backward_input.wgsl.

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

// Tap (ty, tx) and channel of k, which counts through [TAPS, TAPS, C_OUT].
fn tap_of(k: u32) -> vec3<u32> {
    let tap = k / C_OUT;
    return vec3(tap / TAPS, tap % TAPS, k % C_OUT);
}

// Image, i and j of a row.
fn pixel_of(row: u32) -> vec3<u32> {
    return vec3(row / (PHASE_WIDTH * PHASE_HEIGHT), (row / PHASE_WIDTH) % PHASE_HEIGHT, row % PHASE_WIDTH);
}

// Where output (i, j) of the image begins, even if there is none, and i and j.
alias LineOfA = vec3<u32>;
const A_ALONG_DEPTH: bool = true;

fn line_of_a(row: u32) -> LineOfA {
    let pixel = pixel_of(row);
    return vec3(((pixel.x * OUT_HEIGHT + pixel.y) * OUT_WIDTH + pixel.z) * C_OUT, pixel.y, pixel.z);
}

fn load_a(line: LineOfA, k: u32) -> ValueOfA {
    let tap = tap_of(k);
    // An output above or left of the image wraps to a huge number and fails the test with those below and right.
    if line.y - tap.x >= OUT_HEIGHT || line.z - tap.y >= OUT_WIDTH {
        return ValueOfA();
    }
    return read_a(line.x - (tap.x * OUT_WIDTH + tap.y) * C_OUT + tap.z);
}

alias LineOfB = u32;
const B_ALONG_DEPTH: bool = true;

fn line_of_b(col: u32) -> LineOfB {
    return WEIGHT + col * C_OUT;
}

fn load_b(line: LineOfB, k: u32) -> ValueOfB {
    let tap = tap_of(k);
    let ky = tap.x * STRIDE + plane / STRIDE;
    let kx = tap.y * STRIDE + plane % STRIDE;
    if ky >= KERNEL || kx >= KERNEL {
        return ValueOfB();
    }
    return read_b(line + (ky * KERNEL + kx) * COLS * C_OUT + tap.z);
}

fn store(split: u32, row: u32, col: u32, sum: Value) {
    let pixel = pixel_of(row);
    let py = pixel.y * STRIDE + plane / STRIDE;
    let px = pixel.z * STRIDE + plane % STRIDE;
    if py < HEIGHT && px < WIDTH {
        store_masked(place(((pixel.x * HEIGHT + py) * WIDTH + px) * COLS + col), sum);
    }
}
