//! How ranges of a gradient are cut for the two dispatches of clip_norm: a workgroup for each chunk.

use super::lower::LANES;
use std::ops::Range;

/// Elements of a gradient that one workgroup squares and scales when clipping.
const CLIP_CHUNK: usize = 16 * LANES;
/// Words of a `Chunk` of `shaders/shared/clip_chunk.wgsl`.
pub(super) const CHUNK_WORDS: usize = 5;

/// The chunks of all ranges, as `shaders/shared/clip_chunk.wgsl` lays them out.
pub(super) fn clip_chunks(ranges: &[Range<usize>]) -> Vec<u32> {
    let mut table = Vec::new();
    for (index, range) in ranges.iter().enumerate() {
        let first = table.len() / CHUNK_WORDS;
        let count = range.len().div_ceil(CLIP_CHUNK);
        for begin in range.clone().step_by(CLIP_CHUNK) {
            let end = (begin + CLIP_CHUNK).min(range.end);
            table.extend([begin, end, index, first, count].map(|number| number as u32));
        }
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_cover_each_range_and_stay_inside_it() {
        let ranges = [0..1, 1..CLIP_CHUNK + 2, 9000..9000 + CLIP_CHUNK];
        let table = clip_chunks(&ranges);
        let expected = [[0, 1, 0, 0, 1], [1, 4097, 1, 1, 2], [4097, 4098, 1, 1, 2], [9000, 13096, 2, 3, 1]];
        assert_eq!(table, expected.concat());
    }
}
