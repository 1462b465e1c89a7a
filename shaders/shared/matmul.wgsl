// Shared: a product of two matrices that need not exist in memory.
//
//     c[row, col] = sum over k of a[row, k] * b[k, col]      row < ROWS, col < COLS, k < DEPTH
//
// The kernel this text is joined to says what their elements are (load_a, load_b) and where c goes (store). For a
// convolution, load_a finds the input pixel that row and k stand for, so no patch matrix is ever written.
//
// A workgroup makes a tile of TILE_ROWS x TILE_COLS elements of c, each of its invocations a block of 4 ROW_QUADS x
// 4 COL_QUADS in registers. It walks along k in slabs of SLAB: every invocation copies at most one 4 x 4 block of a
// and one of b to shared memory (operand.wgsl), and then reads, for each k, ROW_QUADS + COL_QUADS vectors for
// 16 ROW_QUADS COL_QUADS multiplications. With PREFETCH the next slab is on its way to registers meanwhile; with two
// BUFFERS in shared memory nobody waits for those who still multiply.
//
// Dispatch: x tiles of rows, y tiles of columns, z = split * PLANES + plane. A plane is one of several products that
// differ in what load_a, load_b and store make of `plane`. A long sum is cut into SPLITS parts of SPLIT_DEPTH; each
// part goes to its own place and a second kernel adds them in order, so that short matrices still fill the device, no
// invocation loops for long, and no float is added atomically.
//
// gpu/tile.rs puts these sizes, which are powers of two, in front of the text.

override ROWS: u32;
override COLS: u32;
override DEPTH: u32;
override PLANES: u32;
override SPLITS: u32;
override SPLIT_DEPTH: u32;

const ROW_LANES: u32 = TILE_ROWS / (4u * ROW_QUADS);
const COL_LANES: u32 = TILE_COLS / (4u * COL_QUADS);
const LANES: u32 = ROW_LANES * COL_LANES;
const UNROLLED: u32 = select(1u, 4u, PREFETCH);
const A_TILE: u32 = TILE_ROWS;
const B_TILE: u32 = TILE_COLS;
const A_BINDING: u32 = 0u;
const B_BINDING: u32 = 1u;

var<private> plane: u32;

// What an invocation computes, by quads of rows and of columns: c10[i] is a row of the block's second four, in its
// first four columns. Blocks with one quad of rows or columns leave the others alone.
struct Block {
    c00: mat4x4<f32>,
    c01: mat4x4<f32>,
    c10: mat4x4<f32>,
    c11: mat4x4<f32>,
}

fn outer(a: vec4<f32>, b: vec4<f32>) -> mat4x4<f32> {
    return mat4x4(a.x * b, a.y * b, a.z * b, a.w * b);
}

// Adds the products of one k. Quads of a block lie a whole workgroup apart, so that neighbours read neighbours.
fn multiply(block: ptr<function, Block>, a_at: u32, b_at: u32) {
    let a0 = a_slab[a_at];
    let b0 = b_slab[b_at];
    (*block).c00 += outer(a0, b0);
    if COL_QUADS == 2u {
        (*block).c01 += outer(a0, b_slab[b_at + COL_LANES]);
    }
    if ROW_QUADS == 2u {
        let a1 = a_slab[a_at + ROW_LANES];
        (*block).c10 += outer(a1, b0);
        if COL_QUADS == 2u {
            (*block).c11 += outer(a1, b_slab[b_at + COL_LANES]);
        }
    }
}

fn store_quads(split: u32, row: u32, col: u32, sums: mat4x4<f32>) {
    store_row(split, row, col, sums[0]);
    store_row(split, row + 1u, col, sums[1]);
    store_row(split, row + 2u, col, sums[2]);
    store_row(split, row + 3u, col, sums[3]);
}

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    plane = group.z % PLANES;
    // Not a constant even where SPLITS is one: drivers would unroll the loop over short sums, and take ten times as
    // long to compile it.
    let split = group.z / PLANES;
    let begin = split * SPLIT_DEPTH;
    let end = min(begin + SPLIT_DEPTH, DEPTH);

    // Where the copies of a leave invocations without work, those start with b.
    let of_a = a_corner(lane);
    let of_b = b_corner((lane + LANES - A_COPIERS) % LANES);
    let a_lines = lines_of_a(group.x * TILE_ROWS + of_a.line, ROWS);
    let b_lines = lines_of_b(group.y * TILE_COLS + of_b.line, COLS);
    let row_lane = lane / COL_LANES;
    let col_lane = lane % COL_LANES;
    var block: Block;
    var buffer = 0u;
    // A turn fetches the slab of k and multiplies the one before, with PREFETCH while the other is on its way.
    for (var k = begin; k < end + SLAB; k += SLAB) {
        var next_a: mat4x4<f32>;
        var next_b: mat4x4<f32>;
        if PREFETCH {
            next_a = fetch_a(of_a, a_lines, k, end);
            next_b = fetch_b(of_b, b_lines, k, end);
        }
        if k > begin {
            for (var i = 0u; i < SLAB; i += UNROLLED) {
                let a_at = (buffer * SLAB + i) * A_PITCH + row_lane;
                let b_at = (buffer * SLAB + i) * B_PITCH + col_lane;
                multiply(&block, a_at, b_at);
                if UNROLLED == 4u {
                    multiply(&block, a_at + A_PITCH, b_at + B_PITCH);
                    multiply(&block, a_at + 2u * A_PITCH, b_at + 2u * B_PITCH);
                    multiply(&block, a_at + 3u * A_PITCH, b_at + 3u * B_PITCH);
                }
            }
        }
        if BUFFERS == 2u {
            buffer = 1u - buffer;
        } else {
            workgroupBarrier();
        }
        if !PREFETCH {
            next_a = fetch_a(of_a, a_lines, k, end);
            next_b = fetch_b(of_b, b_lines, k, end);
        }
        put_a(of_a, buffer, next_a);
        put_b(of_b, buffer, next_b);
        workgroupBarrier();
    }

    let row = group.x * TILE_ROWS + 4u * row_lane;
    let col = group.y * TILE_COLS + 4u * col_lane;
    store_quads(split, row, col, block.c00);
    if COL_QUADS == 2u {
        store_quads(split, row, col + 4u * COL_LANES, block.c01);
    }
    if ROW_QUADS == 2u {
        store_quads(split, row + 4u * ROW_LANES, col, block.c10);
        if COL_QUADS == 2u {
            store_quads(split, row + 4u * ROW_LANES, col + 4u * COL_LANES, block.c11);
        }
    }
}
