// decode_frames: planar byte frames to NHWC floats, out[b, p, c] = bytes[b, c, p] * (1 / 255).
//
// bytes [BATCH, STACK, PIXELS] packed four a word, lowest byte first, from byte FROM on; out [BATCH, PIXELS, STACK]
// from element TO on. One invocation an element of out. CPU twin: cpu/decode_frames.rs. Joined to
// shared/linear_index.wgsl.

@group(0) @binding(0) var<storage, read> bytes: array<u32>;
@group(0) @binding(1) var<storage, read_write> out: array<f32>;

override FROM: u32;
override TO: u32;
override BATCH: u32;
override STACK: u32;
override PIXELS: u32;

@compute @workgroup_size(LANES)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = linear_index(id, groups);
    if i >= BATCH * PIXELS * STACK {
        return;
    }
    let c = i % STACK;
    let pixel = i / STACK;
    let at = FROM + ((pixel / PIXELS) * STACK + c) * PIXELS + pixel % PIXELS;
    let byte = (bytes[at / 4u] >> (8u * (at % 4u))) & 255u;
    out[TO + i] = f32(byte) * (1.0 / 255.0);
}
