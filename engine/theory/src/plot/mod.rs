//! Pictures.
/// x
#[derive(Debug)]
pub struct PlotError;
/// x
pub fn plot() {}
