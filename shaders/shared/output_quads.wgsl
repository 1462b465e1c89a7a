// Shared: a result of matmul.wgsl that is stored four elements at a time: COLS and every offset are multiples of four.

alias Value = vec4<f32>;

// Where the value from element `at` on lies in an array of values.
fn place(at: u32) -> u32 {
    return at / 4u;
}

fn store_row(split: u32, row: u32, col: u32, sums: vec4<f32>) {
    if row < ROWS && col < COLS {
        store(split, row, col, sums);
    }
}
