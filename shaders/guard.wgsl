// guard: whether an update is finite, and whether it may change anything.
//
// An update is broken if a loss (column 0 of metrics [SAMPLES, WIDTH]), an element of grad [GRAD_LEN] or one of
// norms [NORMS] is not finite. guard holds whole numbers: 0 hold, 1 seen, 2 first, 3 broken, 4 skipped, 5 held;
// engine/compute/src/guard.rs says what they mean.
// One workgroup. CPU twin: cpu/guard.rs. Joined to shared/sum_lanes.wgsl.

@group(0) @binding(0) var<storage, read> metrics: array<f32>;
@group(0) @binding(1) var<storage, read> grad: array<f32>;
@group(0) @binding(2) var<storage, read> norms: array<f32>;
@group(0) @binding(3) var<storage, read_write> guard: array<f32>;

override SAMPLES: u32;
override WIDTH: u32;
override GRAD_LEN: u32;
override NORMS: u32;
// A broken update holds itself; it also holds those after it.
override SKIP: bool;
override STOP: bool;

// By the bits: drivers may assume that no float is a NaN, and make `x != x` false.
fn not_finite(value: f32) -> f32 {
    return select(0.0, 1.0, (bitcast<u32>(value) & 0x7f800000u) == 0x7f800000u);
}

@compute @workgroup_size(LANES)
fn main(@builtin(local_invocation_index) lane: u32) {
    var count = 0.0;
    for (var i = lane; i < SAMPLES; i += LANES) {
        count += not_finite(metrics[i * WIDTH]);
    }
    for (var i = lane; i < GRAD_LEN; i += LANES) {
        count += not_finite(grad[i]);
    }
    for (var i = lane; i < NORMS; i += LANES) {
        count += not_finite(norms[i]);
    }
    let broken = sum_lanes(lane, count) > 0.0;
    if lane != 0u {
        return;
    }
    guard[1] += 1.0;
    if broken {
        guard[3] += 1.0;
        if guard[2] == 0.0 {
            guard[2] = guard[1];
        }
    }
    let held = guard[0] != 0.0 || (SKIP && broken) || (STOP && guard[3] > 0.0);
    guard[5] = select(0.0, 1.0, held);
    guard[4] += guard[5];
}
