// adam: one step of Adam (Kingma and Ba 2015), epsilon outside the root.
//
//     m = BETA1 m + (1 - BETA1) g      v = BETA2 v + (1 - BETA2) g g
//     params -= learning_rate (m m_correction) / (sqrt(v v_correction) + EPSILON)
//
// params, grads, m, v [LEN]; hyper holds learning_rate, m_correction, v_correction. Nothing changes if guard[5],
// which guard.wgsl wrote, is not zero. One invocation an element. CPU twin: cpu/adam.rs. Joined to
// shared/linear_index.wgsl.

@group(0) @binding(0) var<storage, read> grads: array<f32>;
@group(0) @binding(1) var<storage, read> hyper: array<f32>;
@group(0) @binding(2) var<storage, read> guard: array<f32>;
@group(0) @binding(3) var<storage, read_write> params: array<f32>;
@group(0) @binding(4) var<storage, read_write> m: array<f32>;
@group(0) @binding(5) var<storage, read_write> v: array<f32>;

override LEN: u32;
override BETA1: f32;
override BETA2: f32;
override EPSILON: f32;

@compute @workgroup_size(LANES)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = linear_index(id, groups);
    if i >= LEN || guard[5] != 0.0 {
        return;
    }
    let g = grads[i];
    let first = BETA1 * m[i] + (1.0 - BETA1) * g;
    let second = BETA2 * v[i] + (1.0 - BETA2) * (g * g);
    m[i] = first;
    v[i] = second;
    params[i] -= hyper[0] * (first * hyper[1]) / (sqrt(second * hyper[2]) + EPSILON);
}
