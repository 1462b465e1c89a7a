// Shared: where the gradient of a layer's input goes, and the derivative of the ReLU below it: with MASKED, relu is that
// ReLU's output, and the gradient is zero where relu <= 0. A NaN, which is not, lets the gradient through.

@group(0) @binding(2) var<storage, read_write> dx: array<Value>;
@group(0) @binding(3) var<storage, read> relu: array<Value>;

override MASKED: bool;

fn store_masked(at: u32, sum: Value) {
    if MASKED {
        dx[at] = select(sum, Value(), relu[at] <= Value());
    } else {
        dx[at] = sum;
    }
}
