// Shared: an operand that lies in memory as floats, an element at a time.

@group(0) @binding(OPERAND_BINDING) var<storage, read> operand: array<f32>;

fn read_operand(at: u32) -> f32 {
    return operand[at];
}
