// Shared: where the inputs of a valid convolution lie in x [batch, HEIGHT, WIDTH, C_IN]. The input of output
// pixel `pixel` at tap `tap` is x[patch_start(pixel) + patch_step(tap)].

override HEIGHT: u32;
override WIDTH: u32;
override C_IN: u32;
override KERNEL: u32;
override STRIDE: u32;
override OUT_HEIGHT: u32;
override OUT_WIDTH: u32;

// pixel counts through [batch, OUT_HEIGHT, OUT_WIDTH].
fn patch_start(pixel: u32) -> u32 {
    let out_x = pixel % OUT_WIDTH;
    let out_y = (pixel / OUT_WIDTH) % OUT_HEIGHT;
    let image = pixel / (OUT_WIDTH * OUT_HEIGHT);
    return ((image * HEIGHT + out_y * STRIDE) * WIDTH + out_x * STRIDE) * C_IN;
}

// tap counts through [KERNEL, KERNEL, C_IN]; a row of taps is contiguous in x.
fn patch_step(tap: u32) -> u32 {
    let row = KERNEL * C_IN;
    return (tap / row) * (WIDTH * C_IN) + tap % row;
}
