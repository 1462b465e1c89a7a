// rmsprop: one step of RMSProp (Tieleman and Hinton 2012) as TensorFlow 1 has it, epsilon inside the root.
//
//     square = DECAY square + (1 - DECAY) g g
//     params -= learning_rate g / sqrt(square + EPSILON)
//
// params, grads, square [LEN]; hyper holds learning_rate first. Nothing changes if guard[5], which guard.wgsl wrote,
// is not zero. One invocation an element. CPU twin: cpu/rmsprop.rs. Joined to shared/linear_index.wgsl.

@group(0) @binding(0) var<storage, read> grads: array<f32>;
@group(0) @binding(1) var<storage, read> hyper: array<f32>;
@group(0) @binding(2) var<storage, read> guard: array<f32>;
@group(0) @binding(3) var<storage, read_write> params: array<f32>;
@group(0) @binding(4) var<storage, read_write> square: array<f32>;

override LEN: u32;
override DECAY: f32;
override EPSILON: f32;

@compute @workgroup_size(LANES)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = linear_index(id, groups);
    if i >= LEN || guard[5] != 0.0 {
        return;
    }
    let g = grads[i];
    let mean = DECAY * square[i] + (1.0 - DECAY) * (g * g);
    square[i] = mean;
    params[i] -= hyper[0] * g / sqrt(mean + EPSILON);
}
