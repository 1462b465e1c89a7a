// Shared: one invocation an element, for dispatches of more than 65,535 workgroups too. The workgroups of
// such a dispatch lie in a grid, row after row; invocations beyond the last element return at once.

const LANES: u32 = 256u;

fn linear_index(id: vec3<u32>, groups: vec3<u32>) -> u32 {
    return id.x + id.y * groups.x * LANES;
}
