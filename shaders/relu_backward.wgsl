// relu_backward: dy[i] = 0 where y[i] <= 0, in place; y is the ReLU's output.
//
// y [LEN], dy [LEN]. One invocation an element. CPU twin: cpu/relu_backward.rs. Joined to
// shared/linear_index.wgsl.

@group(0) @binding(0) var<storage, read> y: array<f32>;
@group(0) @binding(1) var<storage, read_write> dy: array<f32>;

override LEN: u32;

@compute @workgroup_size(LANES)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = linear_index(id, groups);
    if i < LEN && y[i] <= 0.0 {
        dy[i] = 0.0;
    }
}
