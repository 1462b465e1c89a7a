// Shared: the images that a convolution reads, as planar byte frames [batch, C_IN, HEIGHT, WIDTH], packed four a word,
// lowest byte first, from byte FROM on. They are addressed as if they were floats [batch, HEIGHT, WIDTH, C_IN]. Joined
// to patch.wgsl.

@group(0) @binding(OPERAND_BINDING) var<storage, read> operand: array<u32>;

override FROM: u32;

// The byte of an element, as if it were a float.
fn byte_of_operand(at: u32) -> u32 {
    let pixel = at / C_IN;
    return FROM + ((pixel / (HEIGHT * WIDTH)) * C_IN + at % C_IN) * (HEIGHT * WIDTH) + pixel % (HEIGHT * WIDTH);
}

fn float_of_operand(byte: u32) -> f32 {
    return f32((operand[byte / 4u] >> (8u * (byte % 4u))) & 255u) * (1.0 / 255.0);
}
