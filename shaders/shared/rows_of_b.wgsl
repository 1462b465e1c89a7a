// Shared: the right operand of matmul.wgsl as a matrix [DEPTH, COLS] that lies in memory row after row, from
// element FIRST_OF_B on.

override FIRST_OF_B: u32;

alias LineOfB = u32;
const B_ALONG_DEPTH: bool = false;

fn line_of_b(col: u32) -> LineOfB {
    return FIRST_OF_B + col;
}

fn load_b(line: LineOfB, k: u32) -> ValueOfB {
    return read_b(line + k * COLS);
}
