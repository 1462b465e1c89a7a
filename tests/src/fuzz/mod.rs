//! Input that nobody wrote: made up from a seed, broken on purpose, and handed to everything that reads it.
//!
//! What flows in is a seed. A [`Target`] makes a case of it, a short text that a person can read and shorten, and hands
//! what the text says to the code that such input reaches: [`scripts`], [`batches`], [`settings`], run directories
//! ([`runs`]), [`checkpoints`] and [`roms`]. What flows out is how it ended, or a [`Finding`](finding::Finding): a panic, a
//! hang, memory without bound, an error that helps nobody. [`damage`] breaks texts, [`edits`] files of all kinds, and
//! [`shrink`] makes the case that shows a fault small. The program `fuzz` does this for hours; `tests/fuzz.rs` does it
//! again with what was found, which is in `tests/fuzz/TARGET/`.
//!
//! **The one idea: a case is its text.** Those of folders are lists of edits of a run that is made on the spot, so that a
//! case has a few lines, outlives changes of formats, and says by itself what is wrong with the files.

pub mod batches;
pub mod checkpoints;
pub mod damage;
pub mod edits;
pub mod escape;
pub mod finding;
mod json;
pub mod roms;
mod run;
pub mod runs;
pub mod scripts;
pub mod settings;
pub mod shrink;
mod values;

use finding::Finding;
use rand::SeedableRng;
use rand_xoshiro::Xoshiro256PlusPlus;

/// The source of all chance here.
pub type Random = Xoshiro256PlusPlus;

/// Something that is fed with input that nobody wrote.
pub trait Target: Sync {
    /// What it is called, as its folder of cases is.
    fn name(&self) -> &'static str;

    /// Address space that a process needs for it at most, in KiB.
    fn memory_kib(&self) -> u64 {
        4 << 20
    }

    /// Makes up a case.
    fn case(&self, random: &mut Random) -> String;

    /// Feeds it with a case, and says in a word how that ended.
    ///
    /// # Errors
    /// What is wrong with Kelvin, if something is.
    fn judge(&self, case: &str) -> Result<&'static str, Finding>;

    /// A smaller case for which `shows` holds as well.
    fn shrink(&self, case: &str, shows: &mut dyn FnMut(&str) -> bool) -> String {
        shrink::text(case, shows)
    }
}

/// All of them.
pub const TARGETS: [&dyn Target; 6] = [
    &scripts::Scripts,
    &batches::Batches,
    &settings::Settings,
    &runs::Runs,
    &checkpoints::Checkpoints,
    &roms::Roms,
];

/// The target of that name.
pub fn target(name: &str) -> Option<&'static dyn Target> {
    TARGETS.into_iter().find(|target| target.name() == name)
}

/// What decides the case with this number.
pub fn random(seed: u64, number: u64) -> Random {
    Random::seed_from_u64(seed ^ number.wrapping_mul(0x9e37_79b9_7f4a_7c15))
}

/// One of several.
fn pick<T: Copy>(random: &mut Random, of: &[T]) -> T {
    of[rand::RngExt::random_range(random, 0..of.len())]
}
