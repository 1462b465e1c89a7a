// Shared: the images that a convolution reads, x [batch, HEIGHT, WIDTH, C_IN].

@group(0) @binding(0) var<storage, read> x: array<f32>;

fn x_at(i: u32) -> f32 {
    return x[i];
}
