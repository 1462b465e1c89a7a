// reduce_backward_params: the second dispatch of conv2d_backward_params and dense_backward_params when their
// sums are split. Elements before WEIGHT_LEN are the weight's gradient, the rest the bias's.
//
// parts [SPLITS, LEN]; dw and db in grads. One invocation an element. Joined to shared/linear_index.wgsl.

@group(0) @binding(0) var<storage, read> parts: array<f32>;
@group(0) @binding(1) var<storage, read_write> grads: array<f32>;

override SPLITS: u32;
override LEN: u32;
override WEIGHT: u32;
override WEIGHT_LEN: u32;
override BIAS: u32;

@compute @workgroup_size(LANES)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = linear_index(id, groups);
    if i >= LEN {
        return;
    }
    var sum = parts[i];
    for (var s = 1u; s < SPLITS; s++) {
        sum += parts[s * LEN + i];
    }
    if i < WEIGHT_LEN {
        grads[WEIGHT + i] = sum;
    } else {
        grads[BIAS + i - WEIGHT_LEN] = sum;
    }
}
