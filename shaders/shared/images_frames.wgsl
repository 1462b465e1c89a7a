// Shared: the images that a convolution reads, as planar byte frames [batch, C_IN, HEIGHT, WIDTH], packed four a word,
// lowest byte first, from byte FROM on. They are addressed as if they were floats [batch, HEIGHT, WIDTH, C_IN]. Joined
// to shared/patch.wgsl.

@group(0) @binding(0) var<storage, read> frames: array<u32>;

override FROM: u32;

fn x_at(i: u32) -> f32 {
    let pixels = HEIGHT * WIDTH;
    let channel = i % C_IN;
    let pixel = i / C_IN;
    let at = FROM + ((pixel / pixels) * C_IN + channel) * pixels + pixel % pixels;
    return f32((frames[at / 4u] >> (8u * (at % 4u))) & 255u) * (1.0 / 255.0);
}
