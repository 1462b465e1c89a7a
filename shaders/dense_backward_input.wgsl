// dense_backward_input: dx = dy wᵀ.
//
// dy [batch, outputs], w [inputs, outputs] in params, dx and relu [batch, inputs].
// As a product: a = dy, b = wᵀ, ROWS = batch, COLS = inputs, DEPTH = outputs, never split. CPU twin:
// cpu/dense_backward_input.rs. Joined to shared/matmul.wgsl, shared/store_backward_input.wgsl.

override WEIGHT: u32;

alias LineOfA = u32;
const A_ALONG_DEPTH: bool = true;

fn line_of_a(row: u32) -> LineOfA {
    return row * DEPTH;
}

fn load_a(line: LineOfA, k: u32) -> ValueOfA {
    return read_a(line + k);
}

alias LineOfB = u32;
const B_ALONG_DEPTH: bool = true;

fn line_of_b(col: u32) -> LineOfB {
    return WEIGHT + col * DEPTH;
}

fn load_b(line: LineOfB, k: u32) -> ValueOfB {
    return read_b(line + k);
}

fn store(split: u32, row: u32, col: u32, sum: Value) {
    store_masked(place(row * COLS + col), sum);
}
