// Shared: the sum of one number from each invocation of a workgroup, the same number in all of them. A fixed
// tree, so the same inputs give the same bits.

const LANES: u32 = 256u;

var<workgroup> lane_sums: array<f32, LANES>;

fn sum_lanes(lane: u32, value: f32) -> f32 {
    lane_sums[lane] = value;
    workgroupBarrier();
    for (var half = LANES / 2u; half > 0u; half = half / 2u) {
        if lane < half {
            lane_sums[lane] = lane_sums[lane] + lane_sums[lane + half];
        }
        workgroupBarrier();
    }
    return lane_sums[0];
}
