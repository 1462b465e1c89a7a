// clip_norm, first dispatch: squares[c] = sum of squares of chunk c of the gradients.
//
// Each range to clip is cut into chunks, of one workgroup each. CPU twin: cpu/clip_norm.rs. Joined to
// shared/sum_lanes.wgsl, shared/clip_chunk.wgsl.

@group(0) @binding(0) var<storage, read> chunks: array<Chunk>;
@group(0) @binding(1) var<storage, read> grads: array<f32>;
@group(0) @binding(2) var<storage, read_write> squares: array<f32>;

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let chunk = chunks[group.x];
    var sum = 0.0;
    for (var i = chunk.begin + lane; i < chunk.end; i += LANES) {
        sum += grads[i] * grads[i];
    }
    let total = sum_lanes(lane, sum);
    if lane == 0u {
        squares[group.x] = total;
    }
}
