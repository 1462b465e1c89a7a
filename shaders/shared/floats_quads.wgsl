// Shared: an operand that lies in memory as floats, four at a time.

@group(0) @binding(OPERAND_BINDING) var<storage, read> operand: array<vec4<f32>>;

// Four elements from `at` on.
fn read_operand(at: u32) -> vec4<f32> {
    return operand[at / 4u];
}
