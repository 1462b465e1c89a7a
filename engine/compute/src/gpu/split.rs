//! How a matrix product is laid over workgroups, and when its sums are cut into parts.

use super::lower::{Constants, constants};
use super::tile::Tile;
use crate::Error;

/// Shorter parts would cost more to add up than they save.
const MIN_PART: usize = 128;
/// Longest sum of one invocation. A driver of Mesa 22 stops an invocation after 65,535 turns of loops,
/// silently; a step of the sum is one turn, and every 16th one more.
const MAX_PART: usize = 32 * 1024;

/// Refuses a kernel whose invocations would add up `terms` numbers each.
pub(super) fn one_invocation(kernel: &str, terms: usize) -> Result<(), Error> {
    if terms > MAX_PART {
        let reason = format!("{kernel} would add {terms} terms in one go, more than {MAX_PART}");
        return Err(Error::Unsupported(format!("{reason}; {}", Error::LESS)));
    }
    Ok(())
}

/// The sizes of a product of a `[rows, depth]` and a `[depth, cols]` matrix.
#[derive(Clone, Copy, Debug)]
pub(super) struct Product {
    pub(super) rows: usize,
    pub(super) cols: usize,
    pub(super) depth: usize,
}

/// What lies behind each tile of a product: `planes` products side by side, their sums in `parts` parts of at
/// most `depth` terms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Split {
    pub(super) planes: usize,
    pub(super) parts: usize,
    pub(super) depth: usize,
}

impl Product {
    /// Elements of the result.
    pub(super) fn len(&self) -> usize {
        self.rows * self.cols
    }

    fn tiles(&self, tile: &Tile) -> [usize; 2] {
        [self.rows.div_ceil(tile.rows), self.cols.div_ceil(tile.cols)]
    }

    /// How to cut the sums: enough parts to keep `busy_lanes` invocations at work and each part short, and no more.
    pub(super) fn split(&self, tile: &Tile, busy_lanes: usize) -> Split {
        let [x, y] = self.tiles(tile);
        let wanted = (busy_lanes / (x * y * tile.lanes())).min(self.depth / MIN_PART);
        let parts = wanted.max(self.depth.div_ceil(MAX_PART)).max(1);
        let depth = self.depth.div_ceil(parts).next_multiple_of(tile.slab);
        // Rounding up to whole slabs may leave the last parts without work.
        Split { planes: 1, parts: self.depth.div_ceil(depth), depth }
    }

    /// Sums in one piece, for kernels that cannot add parts up.
    pub(super) fn whole(&self, planes: usize) -> Split {
        Split { planes, parts: 1, depth: self.depth }
    }

    /// The constants of `shaders/shared/matmul.wgsl`.
    pub(super) fn constants(&self, split: Split) -> Constants {
        constants([
            ("ROWS", self.rows),
            ("COLS", self.cols),
            ("DEPTH", self.depth),
            ("PLANES", split.planes),
            ("SPLITS", split.parts),
            ("SPLIT_DEPTH", split.depth),
        ])
    }

    /// Workgroups.
    pub(super) fn groups(&self, tile: &Tile, split: Split) -> [u32; 3] {
        let [x, y] = self.tiles(tile);
        // A size that does not fit becomes one that is refused.
        [x, y, split.planes * split.parts].map(|groups| u32::try_from(groups).unwrap_or(u32::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gpu::tile::PLAIN;

    #[test]
    fn parts_cover_the_sum_once_and_none_is_empty_or_too_long() {
        for rows in [1, 31, 256, 3137] {
            for depth in [1, 15, 127, 128, 255, 256, 257, 3136, 12_800, 70_000, 1_000_003] {
                let split = Product { rows, cols: 18, depth }.split(&PLAIN, 16 * 1024);
                assert!(split.depth <= MAX_PART, "{rows} {depth}: {split:?}");
                assert!(split.parts * split.depth >= depth, "{rows} {depth}: {split:?}");
                assert!((split.parts - 1) * split.depth < depth, "{rows} {depth}: {split:?}");
            }
        }
    }

    #[test]
    fn large_products_are_left_whole_and_short_ones_cut() {
        let parts = |rows, cols, depth| Product { rows, cols, depth }.split(&PLAIN, 16 * 1024).parts;
        assert_eq!(parts(12_800, 32, 256), 1);
        assert!(parts(32, 512, 3136) > 8);
        assert!(parts(257, 32, 12_800) > 16);
    }
}
