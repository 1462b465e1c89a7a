// reduce_forward: the second dispatch of conv2d_forward and dense_forward when their sums are split.
//
//     y[i] = relu?(sum over s of parts[s, i] + b[i mod COLS])
//
// parts [SPLITS, LEN], b [COLS] in params, y [LEN]. One invocation an element. Joined to
// shared/linear_index.wgsl, shared/activate.wgsl.

@group(0) @binding(0) var<storage, read> parts: array<f32>;
@group(0) @binding(1) var<storage, read> params: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

alias Value = f32;

override SPLITS: u32;
override LEN: u32;
override COLS: u32;
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
    y[i] = activate(sum + params[BIAS + i % COLS]);
}
