// copy: destination[..LEN] = source[..LEN]. A kernel, since a copy command would break the compute pass in
// two.
//
// One invocation an element. CPU twin: cpu/copy.rs. Joined to shared/linear_index.wgsl.

@group(0) @binding(0) var<storage, read> source: array<f32>;
@group(0) @binding(1) var<storage, read_write> destination: array<f32>;

override LEN: u32;

@compute @workgroup_size(LANES)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = linear_index(id, groups);
    if i < LEN {
        destination[i] = source[i];
    }
}
