// Shared: an operand of matmul.wgsl whose elements are read one at a time, whatever the sizes. Joined to
// floats_elements.wgsl or frames_elements.wgsl.

alias ValueOfOPERAND = f32;

fn elements_of_operand(lines: array<LineOfOPERAND, 4>, k: u32, end: u32) -> vec4<f32> {
    if k < end {
        return vec4(
            load_operand(lines[0], k),
            load_operand(lines[1], k),
            load_operand(lines[2], k),
            load_operand(lines[3], k),
        );
    }
    return vec4<f32>();
}

fn block_of_operand(lines: array<LineOfOPERAND, 4>, k: u32, end: u32) -> mat4x4<f32> {
    return mat4x4(
        elements_of_operand(lines, k, end),
        elements_of_operand(lines, k + 1u, end),
        elements_of_operand(lines, k + 2u, end),
        elements_of_operand(lines, k + 3u, end),
    );
}
