// column_means: means[j] = sum over i of rows[i, j] / COUNT.
//
// rows [COUNT, WIDTH], means [WIDTH]. One workgroup a column. CPU twin: cpu/column_means.rs.
// Joined to shared/sum_lanes.wgsl.

@group(0) @binding(0) var<storage, read> rows: array<f32>;
@group(0) @binding(1) var<storage, read_write> means: array<f32>;

override COUNT: u32;
override WIDTH: u32;

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    var sum = 0.0;
    for (var i = lane; i < COUNT; i += LANES) {
        sum += rows[i * WIDTH + group.x];
    }
    let total = sum_lanes(lane, sum);
    if lane == 0u {
        means[group.x] = total / f32(COUNT);
    }
}
