//! The graph half of the crate, without scripts: objectives built node by node, their gradients against
//! finite differences, `f32` against `f64`, against formulas written by hand, and the texts for the GPU.

mod cost;
mod differences;
mod errors;
mod faults;
mod gradients;
mod growth;
mod losses;
mod means;
mod precision;
mod random;
mod support;
mod text;
mod ties;
mod windows;
