// The objective of tests/support/dqn.rs as a script would be compiled: BATCH and OUTPUTS stand for numbers.

@group(0) @binding(0) var<uniform> uniforms: array<vec4<f32>, 16>;
@group(0) @binding(1) var<storage, read> samples: array<f32>;
@group(0) @binding(2) var<storage, read> trained: array<f32>;
@group(0) @binding(4) var<storage, read> target_next: array<f32>;
@group(0) @binding(6) var<storage, read_write> grad: array<f32>;
@group(0) @binding(7) var<storage, read_write> metrics: array<f32>;

@compute @workgroup_size(32)
fn objective(@builtin(global_invocation_id) id: vec3<u32>) {
    let i = id.x;
    if i >= BATCH {
        return;
    }
    let reward = samples[i];
    let terminated = samples[BATCH + i];
    let action = u32(samples[2u * BATCH + i]);
    var v_next = target_next[i * OUTPUTS];
    for (var j = 1u; j < OUTPUTS; j++) {
        v_next = max(v_next, target_next[i * OUTPUTS + j]);
    }
    let error = trained[i * OUTPUTS + action] - (reward + uniforms[0].x * (1.0 - terminated) * v_next);
    for (var j = 0u; j < OUTPUTS; j++) {
        grad[i * OUTPUTS + j] = select(0.0, clamp(error, -1.0, 1.0) / f32(BATCH), j == action);
    }
    for (var k = 0u; k < 16u; k++) {
        metrics[i * 16u + k] = 0.0;
    }
    metrics[i * 16u] = select(abs(error) - 0.5, 0.5 * error * error, abs(error) <= 1.0);
    metrics[i * 16u + 1u] = abs(error);
}
