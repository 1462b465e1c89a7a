//! Placeholder.

mod composite;
mod config;
mod cpu;
mod diagnostic;
mod error;
mod fold;
mod gradient;
mod graph;
mod host;
mod imports;
mod layout;
mod listing;
mod lower;
mod objective;
mod ops;
mod params;
mod real;
mod script;
mod simplify;
mod verify;
mod wgsl;

pub use config::ConfigValue;
pub use cpu::{CpuKernel, KernelIo};
pub use diagnostic::Diagnostic;
pub use error::CompileError;
pub use graph::Graph;
pub use imports::{Source, sources_hash};
pub use layout::Layout;
pub use objective::{Objective, Reads, Traced};
pub use ops::{BinaryOp, CmpOp, Field, Head, NodeId, Op, Pass, ReduceOp, Shape, Span, UnaryOp};
pub use params::{Param, ParamKind};
pub use real::Real;
pub use script::Script;
