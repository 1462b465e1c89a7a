// Shared: a result of matmul.wgsl that is stored one element at a time, whatever the sizes.

alias Value = f32;

fn place(at: u32) -> u32 {
    return at;
}

fn store_row(split: u32, row: u32, col: u32, sums: vec4<f32>) {
    if row >= ROWS {
        return;
    }
    if col < COLS {
        store(split, row, col, sums.x);
    }
    if col + 1u < COLS {
        store(split, row, col + 1u, sums.y);
    }
    if col + 2u < COLS {
        store(split, row, col + 2u, sums.z);
    }
    if col + 3u < COLS {
        store(split, row, col + 3u, sums.w);
    }
}
