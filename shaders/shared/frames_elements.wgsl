// Shared: an operand that lies in memory as byte frames, an element at a time. Joined to frames.wgsl.

fn read_operand(at: u32) -> f32 {
    return float_of_operand(byte_of_operand(at));
}
