//! The monitor: runs seen, compared and steered through their folders.

pub mod data;
