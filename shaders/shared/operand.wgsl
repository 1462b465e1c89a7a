// Shared: how a workgroup of matmul.wgsl copies one operand to its shared memory. The text is joined twice: `operand`
// stands for a, whose lines are the rows of c, and for b, whose lines are the columns of c.
//
// A slab holds SLAB k of OPERAND_TILE lines, four lines a vector, k after k. An invocation copies a block of 4 k x
// 4 lines. load_operand, of the kernel, is given what line_of_operand made of a line, so that what belongs to the line
// is computed once and not for every slab.

// One vector more than a row needs where invocations side by side store down a column, so that they hit different
// memory banks.
const OPERAND_PITCH: u32 = OPERAND_TILE / 4u + u32(OPERAND_ALONG_DEPTH);
// Invocations that copy.
const OPERAND_COPIERS: u32 = OPERAND_TILE * SLAB / 16u;

var<workgroup> operand_slab: array<vec4<f32>, BUFFERS * SLAB * OPERAND_PITCH>;

// The first of the lines and k that an invocation copies, counted from the tile's and the slab's.
struct CornerOfOPERAND {
    line: u32,
    k: u32,
    copies: bool,
}

// Neighbours along k or along the lines, whichever way the matrix lies in memory.
fn operand_corner(i: u32) -> CornerOfOPERAND {
    if OPERAND_ALONG_DEPTH {
        return CornerOfOPERAND(4u * (i / (SLAB / 4u)), 4u * (i % (SLAB / 4u)), i < OPERAND_COPIERS);
    }
    return CornerOfOPERAND(4u * (i % (OPERAND_TILE / 4u)), 4u * (i / (OPERAND_TILE / 4u)), i < OPERAND_COPIERS);
}

// Lines beyond the last are the last: what they add up is never stored.
fn lines_of_operand(first: u32, count: u32) -> array<LineOfOPERAND, 4> {
    let last = count - 1u;
    return array(
        line_of_operand(min(first, last)),
        line_of_operand(min(first + 1u, last)),
        line_of_operand(min(first + 2u, last)),
        line_of_operand(min(first + 3u, last)),
    );
}

// The block of the slab that begins at first_k, by k and line, with zeros for k from `end` on.
fn fetch_operand(
    corner: CornerOfOPERAND,
    lines: array<LineOfOPERAND, 4>,
    first_k: u32,
    end: u32,
) -> mat4x4<f32> {
    let k = first_k + corner.k;
    if !corner.copies || k >= end {
        return mat4x4<f32>();
    }
    return block_of_operand(lines, k, end);
}

fn put_operand(corner: CornerOfOPERAND, buffer: u32, block: mat4x4<f32>) {
    if !corner.copies {
        return;
    }
    let at = (buffer * SLAB + corner.k) * OPERAND_PITCH + corner.line / 4u;
    operand_slab[at] = block[0];
    operand_slab[at + OPERAND_PITCH] = block[1];
    operand_slab[at + 2u * OPERAND_PITCH] = block[2];
    operand_slab[at + 3u * OPERAND_PITCH] = block[3];
}
