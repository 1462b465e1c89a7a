//! What crosses crates is tested here.
//!
//! Each crate tests itself; what flows **in** here is the whole program, and what flows **out** is whether its promises
//! hold: that one script means the same number on every device (`tests/objectives.rs`), that a mistake costs an
//! error message and nothing else (`tests/command_line.rs`), that a seed fixes every bit (`tests/determinism.rs`), that
//! objectives learn (`tests/learning.rs`, `tests/evaluation.rs`), that a script may be edited and a run killed while
//! it trains (`tests/hot_reload.rs`, `tests/interruption.rs`) and loses nothing (`tests/resume.rs`), that a batch ends well whatever is killed
//! (`tests/batch.rs`), and on real schedulers too (`tests/clusters.rs`, on demand).
//!
//! **The one idea:** the tests use what a user has, the command and the run directory, and the few public seams where a
//! second opinion can be had: the objective in `f64`, and the exact solution of a finite problem.
//!
//! What a machine lacks (an adapter, a ROM) turns into *visibly* ignored trials: [`suite`].
#![forbid(unsafe_code)]

pub mod batches;
pub mod command;
pub mod cuts;
pub mod exact;
pub mod fuzz;
#[cfg(unix)]
pub mod hyperqueue;
pub mod inject;
pub mod records;
pub mod running;
pub mod scripts;
pub mod slurm;
pub mod suite;
