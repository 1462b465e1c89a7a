// clip_norm, second dispatch: scales each range of the gradients so that its L2 norm is at most MAX_NORM.
//
// Every workgroup adds up the squares of its chunk's range again, in the same order as the others: cheaper
// than a dispatch more. Chunks as in clip_norm_squares. CPU twin: cpu/clip_norm.rs. Joined to
// shared/sum_lanes.wgsl.

@group(0) @binding(0) var<storage, read> chunks: array<vec4<u32>>;
@group(0) @binding(1) var<storage, read> squares: array<f32>;
@group(0) @binding(2) var<storage, read_write> grads: array<f32>;

override MAX_NORM: f32;

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let chunk = chunks[group.x];
    var sum = 0.0;
    for (var c = lane; c < chunk.w; c += LANES) {
        sum += squares[chunk.z + c];
    }
    let norm = sqrt(sum_lanes(lane, sum));
    if norm > MAX_NORM {
        let scale = MAX_NORM / norm;
        for (var i = chunk.x + lane; i < chunk.y; i += LANES) {
            grads[i] *= scale;
        }
    }
}
