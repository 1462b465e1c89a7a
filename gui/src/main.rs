//! The monitor's program.
fn main() {}
