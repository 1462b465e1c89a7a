//! `to = from`: target-network copy.

use rayon::prelude::*;

/// Elements a task.
const CHUNK: usize = 64 * 1024;

/// Both slices have the same length.
pub(super) fn run(from: &[f32], to: &mut [f32]) {
    to.par_chunks_mut(CHUNK).zip(from.par_chunks(CHUNK)).for_each(|(to, from)| to.copy_from_slice(from));
}
