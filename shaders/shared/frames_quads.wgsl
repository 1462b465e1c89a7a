// Shared: an operand that lies in memory as byte frames, four channels of a pixel at a time. Joined to frames.wgsl.

fn read_operand(at: u32) -> vec4<f32> {
    let byte = byte_of_operand(at);
    let plane = HEIGHT * WIDTH;
    return vec4(
        float_of_operand(byte),
        float_of_operand(byte + plane),
        float_of_operand(byte + 2u * plane),
        float_of_operand(byte + 3u * plane),
    );
}
