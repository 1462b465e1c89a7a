// dense_forward: y = x w + b, then ReLU if asked.
//
// x [batch, inputs], w [inputs, outputs] and b [outputs] in params, y [batch, outputs].
// As a product: a = x, b = w, ROWS = batch, COLS = outputs, DEPTH = inputs. CPU twin: cpu/dense_forward.rs.
// Joined to shared/matmul.wgsl, shared/rows_of_b.wgsl, shared/activate.wgsl, shared/store_forward.wgsl.

alias LineOfA = u32;
const A_ALONG_DEPTH: bool = true;

fn line_of_a(row: u32) -> LineOfA {
    return row * DEPTH;
}

fn load_a(line: LineOfA, k: u32) -> ValueOfA {
    return read_a(line + k);
}
