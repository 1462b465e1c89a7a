// clip_norm, second dispatch: norms[r] = L2 norm of range r of the gradients; then, if CLIP, scales the range so
// that its norm is at most MAX_NORM.
//
// Every workgroup adds up the squares of its chunk's range again, in the same order as the others: cheaper
// than a dispatch more. Chunks as in clip_norm_squares. CPU twin: cpu/clip_norm.rs. Joined to
// shared/sum_lanes.wgsl, shared/clip_chunk.wgsl.

@group(0) @binding(0) var<storage, read> chunks: array<Chunk>;
@group(0) @binding(1) var<storage, read> squares: array<f32>;
@group(0) @binding(2) var<storage, read_write> grads: array<f32>;
@group(0) @binding(3) var<storage, read_write> norms: array<f32>;

override CLIP: bool;
override MAX_NORM: f32;

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let chunk = chunks[group.x];
    var sum = 0.0;
    for (var c = lane; c < chunk.chunks; c += LANES) {
        sum += squares[chunk.first_chunk + c];
    }
    let norm = sqrt(sum_lanes(lane, sum));
    if lane == 0u && group.x == chunk.first_chunk {
        norms[chunk.range] = norm;
    }
    if CLIP && norm > MAX_NORM {
        let scale = MAX_NORM / norm;
        for (var i = chunk.begin + lane; i < chunk.end; i += LANES) {
            grads[i] *= scale;
        }
    }
}
