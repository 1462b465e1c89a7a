// Shared: a product of two matrices that need not exist in memory.
//
//     c[row, col] = sum over k of a[row, k] * b[k, col]      row < ROWS, col < COLS, k < DEPTH
//
// The kernel this text is joined to says what their elements are (load_a, load_b) and where c goes (store).
// For a convolution, load_a finds the input pixel that row and k stand for, so no patch matrix is ever
// written.
//
// A workgroup makes a tile of 32 x 32 elements of c, each of its 64 invocations a block of 4 x 4 in
// registers. The workgroup walks along k in slabs of 16: it copies 32 x 16 elements of a and of b to shared
// memory, four a load, and every invocation then reads one vec4 of each per step of k for 16 multiplications.
//
// Dispatch: x tiles of rows, y tiles of columns, z = split * PLANES + plane. A plane is one of several
// products that differ in what load_a, load_b and store make of `plane`. A long sum is cut into SPLITS parts
// of SPLIT_DEPTH; each part goes to its own place and a second kernel adds them in order, so that short
// matrices still fill the device, no invocation loops for long, and no float is added atomically.

override ROWS: u32;
override COLS: u32;
override DEPTH: u32;
override PLANES: u32;
override SPLITS: u32;
override SPLIT_DEPTH: u32;

const TILE: u32 = 32u;
const QUADS: u32 = 8u;
const SLAB: u32 = 16u;
// One vec4 more than a row needs, so that invocations that store down a column hit different memory banks.
const PITCH: u32 = 9u;
const LANES: u32 = 64u;

var<workgroup> a_slab: array<vec4<f32>, SLAB * PITCH>;
var<workgroup> b_slab: array<vec4<f32>, SLAB * PITCH>;

var<private> plane: u32;

fn a_or_zero(row: u32, k: u32, end: u32) -> f32 {
    if row < ROWS && k < end {
        return load_a(row, k);
    }
    return 0.0;
}

fn b_or_zero(k: u32, col: u32, end: u32) -> f32 {
    if col < COLS && k < end {
        return load_b(k, col);
    }
    return 0.0;
}

// The place in a slab (k, quad) that an invocation fills: neighbours along k or along the quads, whichever
// way the matrix lies in memory.
fn slab_place(i: u32, along_depth: bool) -> vec2<u32> {
    if along_depth {
        return vec2(i % SLAB, i / SLAB);
    }
    return vec2(i / QUADS, i % QUADS);
}

fn fill_slabs(i: u32, first_row: u32, first_col: u32, first_k: u32, end: u32) {
    let a_place = slab_place(i, A_ALONG_DEPTH);
    let row = first_row + 4u * a_place.y;
    let a_k = first_k + a_place.x;
    a_slab[a_place.x * PITCH + a_place.y] = vec4(
        a_or_zero(row, a_k, end),
        a_or_zero(row + 1u, a_k, end),
        a_or_zero(row + 2u, a_k, end),
        a_or_zero(row + 3u, a_k, end),
    );
    let b_place = slab_place(i, B_ALONG_DEPTH);
    let col = first_col + 4u * b_place.y;
    let b_k = first_k + b_place.x;
    b_slab[b_place.x * PITCH + b_place.y] = vec4(
        b_or_zero(b_k, col, end),
        b_or_zero(b_k, col + 1u, end),
        b_or_zero(b_k, col + 2u, end),
        b_or_zero(b_k, col + 3u, end),
    );
}

fn store_row(split: u32, row: u32, col: u32, sums: vec4<f32>) {
    if row >= ROWS {
        return;
    }
    if col < COLS {
        store(split, row, col, sums.x);
    }
    if col + 1u < COLS {
        store(split, row, col + 1u, sums.y);
    }
    if col + 2u < COLS {
        store(split, row, col + 2u, sums.z);
    }
    if col + 3u < COLS {
        store(split, row, col + 3u, sums.w);
    }
}

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    plane = group.z % PLANES;
    // Not a constant even where SPLITS is one: drivers would unroll the loop over short sums, and take ten
    // times as long to compile it.
    let split = group.z / PLANES;
    let begin = split * SPLIT_DEPTH;
    let end = min(begin + SPLIT_DEPTH, DEPTH);
    let first_row = group.x * TILE;
    let first_col = group.y * TILE;
    let row_quad = lane / QUADS;
    let col_quad = lane % QUADS;

    var c0 = vec4(0.0);
    var c1 = vec4(0.0);
    var c2 = vec4(0.0);
    var c3 = vec4(0.0);
    for (var first_k = begin; first_k < end; first_k += SLAB) {
        fill_slabs(lane, first_row, first_col, first_k, end);
        fill_slabs(lane + LANES, first_row, first_col, first_k, end);
        workgroupBarrier();
        for (var k = 0u; k < SLAB; k++) {
            let a = a_slab[k * PITCH + row_quad];
            let b = b_slab[k * PITCH + col_quad];
            c0 += a.x * b;
            c1 += a.y * b;
            c2 += a.z * b;
            c3 += a.w * b;
        }
        workgroupBarrier();
    }

    let row = first_row + 4u * row_quad;
    let col = first_col + 4u * col_quad;
    store_row(split, row, col, c0);
    store_row(split, row + 1u, col, c1);
    store_row(split, row + 2u, col, c2);
    store_row(split, row + 3u, col, c3);
}
