// Shared: an operand of matmul.wgsl whose elements can be read four at a time: the matrix lies in memory in runs of
// fours, aligned, which neither DEPTH (if runs are along k) nor the lines (if they are along those) cut short. Joined to
// floats_quads.wgsl or frames_quads.wgsl.

alias ValueOfOPERAND = vec4<f32>;

fn run_of_operand(line: LineOfOPERAND, k: u32, end: u32) -> vec4<f32> {
    if k < end {
        return load_operand(line, k);
    }
    return vec4<f32>();
}

fn block_of_operand(lines: array<LineOfOPERAND, 4>, k: u32, end: u32) -> mat4x4<f32> {
    if OPERAND_ALONG_DEPTH {
        return transpose(mat4x4(
            load_operand(lines[0], k),
            load_operand(lines[1], k),
            load_operand(lines[2], k),
            load_operand(lines[3], k),
        ));
    }
    return mat4x4(
        load_operand(lines[0], k),
        run_of_operand(lines[0], k + 1u, end),
        run_of_operand(lines[0], k + 2u, end),
        run_of_operand(lines[0], k + 3u, end),
    );
}
