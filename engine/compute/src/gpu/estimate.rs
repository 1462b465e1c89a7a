//! Which tiles suit a product on an adapter, by arithmetic alone.

use super::lower::MAX_GROUPS;
use super::split::{Product, Split};
use super::tile::{Ahead, PLAIN, TILES, Tile};
use super::{AdapterKind, AdapterReport};

/// Candidates of one product that are worth measuring.
const CANDIDATES: usize = 4;
/// What reading a vector from shared memory costs, in multiplications: a multiprocessor reads 32 lanes of them in
/// about 1.5 cycles and multiplies 4 × 32 numbers a cycle.
const VECTOR_READ: usize = 6;
/// What copying an element to shared memory costs, in multiplications: second-level caches deliver 16 floats a cycle to
/// a multiprocessor that multiplies 128.
const ELEMENT_COPY: usize = 8;
/// What adding up one part of an element costs, in multiplications: it is written and read back from far away.
const PART: usize = 64;

/// What an adapter can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Profile {
    workgroup_bytes: usize,
    workgroup_invocations: usize,
    /// Invocations that keep it busy. No adapter tells, so a product too small for a large GPU is cut into more parts
    /// than a small GPU needs, which costs that one little.
    pub(super) busy_lanes: usize,
    /// Whether there is nothing to choose: what suits a GPU does not suit a processor that plays one.
    plain: bool,
}

impl Profile {
    pub(super) fn new(report: &AdapterReport) -> Self {
        Self {
            workgroup_bytes: report.workgroup_bytes as usize,
            workgroup_invocations: report.workgroup_invocations as usize,
            busy_lanes: match report.kind {
                // 132 multiprocessors of an H200, 256 invocations with large blocks each.
                AdapterKind::Discrete | AdapterKind::Virtual | AdapterKind::Unknown => 32 * 1024,
                AdapterKind::Integrated => 4 * 1024,
                AdapterKind::Software => 16 * 1024,
            },
            plain: report.kind == AdapterKind::Software,
        }
    }

    /// As of a GPU with these limits.
    pub(super) fn with_choice(self) -> Self {
        Self { plain: false, ..self }
    }

    /// Whether a workgroup can have such a tile.
    pub(super) fn fits(&self, tile: &Tile) -> bool {
        tile.shared_bytes() <= self.workgroup_bytes && tile.lanes() <= self.workgroup_invocations
    }

    /// The tiles to take for a product, the most promising first; at least one.
    pub(super) fn candidates(&self, product: Product, split: impl Fn(&Tile) -> Split) -> Vec<Tile> {
        if self.plain {
            return vec![PLAIN];
        }
        let aheads = |tile: Tile| [Ahead::Buffers, Ahead::Registers].map(|ahead| tile.ahead(ahead));
        // Two slabs where they fit.
        let fitting = |tile| aheads(tile).into_iter().find(|tile| self.fits(tile));
        let launches = |tile: &Tile| {
            product.groups(tile, split(tile)).iter().all(|groups| *groups as usize <= MAX_GROUPS)
        };
        let mut tiles: Vec<_> = TILES.into_iter().filter_map(fitting).filter(launches).collect();
        // Among equals those that compute less beyond the edges.
        tiles.sort_by_key(|tile| {
            let split = split(tile);
            let computed = workgroups(product, tile, split) * tile.rows * tile.cols;
            (self.cost(product, tile, split), computed)
        });
        tiles.truncate(CANDIDATES);
        if tiles.is_empty() { vec![PLAIN] } else { tiles }
    }

    /// Time, in multiplications of one invocation.
    fn cost(&self, product: Product, tile: &Tile, split: Split) -> usize {
        let lanes = workgroups(product, tile, split) * tile.lanes();
        let block = tile.block_rows * tile.block_cols;
        let vectors = (tile.block_rows + tile.block_cols) / 4;
        let copies = ELEMENT_COPY * (tile.rows + tile.cols) / tile.lanes();
        let step = block + VECTOR_READ * vectors + copies;
        let parts = if split.parts == 1 { 0 } else { split.parts * product.len() * PART / self.busy_lanes };
        // Fewer invocations than keep the adapter busy take no less time.
        split.depth * step * lanes.max(self.busy_lanes) / self.busy_lanes + parts
    }
}

fn workgroups(product: Product, tile: &Tile, split: Split) -> usize {
    product.groups(tile, split).iter().map(|groups| *groups as usize).product()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(kind: AdapterKind, workgroup_bytes: u32, workgroup_invocations: u32) -> AdapterReport {
        let words = || String::from("x");
        AdapterReport {
            name: words(),
            backend: words(),
            driver: words(),
            kind,
            max_buffer_bytes: 1 << 30,
            workgroup_bytes,
            workgroup_invocations,
        }
    }

    fn candidates(profile: &Profile, rows: usize, cols: usize, depth: usize) -> Vec<Tile> {
        let product = Product { rows, cols, depth };
        profile.candidates(product, |tile| product.split(tile, profile.busy_lanes))
    }

    #[test]
    fn candidates_respect_limits_and_there_is_one() {
        for kind in [AdapterKind::Discrete, AdapterKind::Integrated, AdapterKind::Unknown] {
            for (bytes, invocations) in [(16 << 10, 128), (16 << 10, 256), (32 << 10, 256), (48 << 10, 1024)]
            {
                let profile = Profile::new(&report(kind, bytes, invocations));
                for (rows, cols, depth) in [(1, 1, 1), (32, 512, 3136), (12_800, 32, 256), (1 << 20, 64, 576)]
                {
                    let tiles = candidates(&profile, rows, cols, depth);
                    assert!(!tiles.is_empty() && tiles.iter().all(|tile| profile.fits(tile)), "{tiles:?}");
                }
            }
        }
        // More tiles of few rows than a dispatch can have.
        let tiles =
            candidates(&Profile::new(&report(AdapterKind::Integrated, 16 << 10, 256)), 2_000_000, 32, 256);
        assert!(tiles.iter().all(|tile| 2_000_000 <= tile.rows * MAX_GROUPS), "{tiles:?}");
        // Less than any adapter has.
        let tiny = Profile::new(&report(AdapterKind::Discrete, 1, 1));
        assert_eq!(candidates(&tiny, 8, 8, 8), [PLAIN]);
    }

    #[test]
    fn software_has_no_choice() {
        let profile = Profile::new(&report(AdapterKind::Software, 32 << 10, 1024));
        assert_eq!(candidates(&profile, 12_800, 64, 576), [PLAIN]);
    }

    #[test]
    fn large_products_get_large_blocks_and_narrow_ones_narrow_tiles() {
        let profile = Profile::new(&report(AdapterKind::Discrete, 48 << 10, 1024));
        let first = |rows, cols, depth| candidates(&profile, rows, cols, depth)[0];
        let large = first(1 << 20, 64, 576);
        assert_eq!([large.block_rows, large.block_cols], [8, 8]);
        assert!(first(1 << 20, 32, 256).cols <= 32);
        assert!(first(1 << 20, 6, 512).cols <= 16);
        assert!(first(8, 1 << 20, 512).rows <= 16);
    }
}
