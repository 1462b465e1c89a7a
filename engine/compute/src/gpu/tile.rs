//! Shapes of the tiles in which workgroups compute a matrix product, and the text of `shaders/shared/matmul.wgsl` for
//! each.

use std::fmt;

/// A shape. Its sizes are constants of the text, since that is what lets a driver unroll loops and keep a block in
/// registers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Tile {
    /// Rows and columns of a workgroup's tile.
    pub(super) rows: usize,
    pub(super) cols: usize,
    /// Rows and columns of an invocation's block.
    pub(super) block_rows: usize,
    pub(super) block_cols: usize,
    /// Steps along the sums between two barriers.
    pub(super) slab: usize,
    /// What is done about the next slab while one is multiplied.
    pub(super) ahead: Ahead,
}

/// How far the copying of slabs runs ahead of their multiplication.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Ahead {
    /// Not at all, and short loops: a software driver has nothing to hide and compiles three times as fast.
    Nothing,
    /// The next slab is on its way to registers.
    Registers,
    /// The same, and shared memory holds two slabs: one barrier less.
    Buffers,
}

impl Tile {
    const fn new([rows, cols]: [usize; 2], [block_rows, block_cols]: [usize; 2], slab: usize) -> Self {
        Self { rows, cols, block_rows, block_cols, slab, ahead: Ahead::Registers }
    }

    /// Reads what `Display` writes.
    pub(super) fn named(name: &str) -> Option<Self> {
        all().find(|tile| tile.to_string() == name)
    }

    pub(super) const fn ahead(self, ahead: Ahead) -> Self {
        Self { ahead, ..self }
    }

    /// Slabs in shared memory.
    const fn buffers(&self) -> usize {
        match self.ahead {
            Ahead::Nothing | Ahead::Registers => 1,
            Ahead::Buffers => 2,
        }
    }

    /// Invocations of a workgroup.
    pub(super) const fn lanes(&self) -> usize {
        (self.rows / self.block_rows) * (self.cols / self.block_cols)
    }

    /// Shared memory of a workgroup, at most; a row of four-element vectors may have one more than it needs.
    pub(super) const fn shared_bytes(&self) -> usize {
        self.buffers() * self.slab * (self.rows + self.cols + 8) * size_of::<f32>()
    }

    /// The constants of the text.
    fn constants(&self) -> String {
        let sizes = [
            ("TILE_ROWS", self.rows),
            ("TILE_COLS", self.cols),
            ("ROW_QUADS", self.block_rows / 4),
            ("COL_QUADS", self.block_cols / 4),
            ("SLAB", self.slab),
            ("BUFFERS", self.buffers()),
        ];
        let prefetch = self.ahead != Ahead::Nothing;
        sizes.map(|(name, value)| format!("const {name}: u32 = {value}u;\n")).concat()
            + &format!("const PREFETCH: bool = {prefetch};\n")
    }
}

/// As in `64x32/8x4/16 double`.
impl fmt::Display for Tile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rows, cols, block_rows, block_cols, slab, ahead } = self;
        write!(f, "{rows}x{cols}/{block_rows}x{block_cols}/{slab}")?;
        f.write_str(match ahead {
            Ahead::Nothing => " plain",
            Ahead::Registers => "",
            Ahead::Buffers => " double",
        })
    }
}

/// Every tile there is.
pub(super) fn all() -> impl Iterator<Item = Tile> {
    let aheads = [Ahead::Nothing, Ahead::Registers, Ahead::Buffers];
    TILES.into_iter().flat_map(move |tile| aheads.map(|ahead| tile.ahead(ahead)))
}

/// Their names.
pub(crate) fn names() -> Vec<String> {
    all().map(|tile| tile.to_string()).collect()
}

/// What software drivers run.
pub(super) const PLAIN: Tile = SMALLEST.ahead(Ahead::Nothing);
/// The shape with the fewest demands: every adapter runs it.
const SMALLEST: Tile = Tile::new([32, 32], [4, 4], 16);

/// All shapes, those for narrow matrices included.
pub(super) const TILES: [Tile; 10] = [
    SMALLEST,
    Tile::new([16, 64], [4, 4], 16),
    Tile::new([64, 16], [4, 4], 16),
    Tile::new([64, 32], [4, 4], 16),
    Tile::new([64, 32], [8, 4], 16),
    Tile::new([32, 64], [4, 8], 16),
    Tile::new([64, 64], [8, 8], 16),
    Tile::new([128, 32], [8, 4], 16),
    Tile::new([128, 64], [8, 8], 16),
    Tile::new([128, 128], [8, 8], 16),
];

/// Which of a product's matrices can be read or written four elements at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Quads {
    pub(super) a: bool,
    pub(super) b: bool,
    pub(super) c: bool,
}

/// How a product is computed: what its kernel's text depends on, beside its sizes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Form {
    pub(super) tile: Tile,
    pub(super) quads: Quads,
    /// Whether the left matrix lies in memory as byte frames.
    pub(super) frames: bool,
}

/// Text of a shared file in `shaders/`.
macro_rules! shared {
    ($name:literal) => {
        include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shaders/shared/", $name, ".wgsl"))
    };
}

impl Form {
    /// What a kernel's own text is joined to.
    pub(super) fn source(&self) -> String {
        let Quads { a, b, c } = self.quads;
        let operand = |quads: bool, frames: bool, name: &str| {
            let (blocks, memory) = match (quads, frames) {
                (false, false) => (shared!("operand_elements"), [shared!("floats_elements"), ""]),
                (true, false) => (shared!("operand_quads"), [shared!("floats_quads"), ""]),
                (false, true) => {
                    (shared!("operand_elements"), [shared!("frames"), shared!("frames_elements")])
                }
                (true, true) => (shared!("operand_quads"), [shared!("frames"), shared!("frames_quads")]),
            };
            let text = [shared!("operand"), blocks, memory[0], memory[1]].concat();
            text.replace("operand", name).replace("OPERAND", &name.to_uppercase())
        };
        let output = if c { shared!("output_quads") } else { shared!("output_elements") };
        let [a, b] = [operand(a, self.frames, "a"), operand(b, false, "b")];
        [&self.tile.constants(), shared!("matmul"), &a, &b, output].concat()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shape_is_one_that_the_text_can_have() {
        for tile in TILES {
            for size in [tile.rows, tile.cols, tile.slab, tile.lanes()] {
                assert!(size.is_power_of_two() && size >= 4, "{tile}");
            }
            assert!([tile.block_rows, tile.block_cols].iter().all(|side| [4, 8].contains(side)), "{tile}");
            // An invocation copies at most one block of 4 × 4 of each operand.
            let copies = [tile.rows, tile.cols].map(|lines| lines * tile.slab / 16);
            assert!(copies.iter().all(|copies| *copies <= tile.lanes()), "{tile}: {copies:?}");
        }
    }
}
