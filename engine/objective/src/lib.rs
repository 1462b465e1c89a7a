//! Objectives: from a script of twenty lines to one kernel.
//!
//! A researcher writes the *target* and the *loss* of an algorithm in Rhai. Two things must be kept apart
//! from the first line on:
//!
//! * **The script runs once, on symbols.** `net.q[t.action] - y` computes no number. It writes down that
//!   there is a subtraction, of these two things, on line 19. Loops and plain `if`s happen now and are gone
//!   afterwards; `1.0 / 2` is 0.5 now and a constant afterwards.
//! * **What it wrote down is evaluated for every sample**, thousands of times a second, without the script:
//!   differentiated, fused into one kernel, and run on the GPU, or as the same graph on the CPU.
//!
//! So writing an objective in a script costs nothing per step, and everything that depends on a sample must
//! be an operation of the graph. A choice between samples is `select(condition, a, b)`. An `if` on a traced
//! value would take one branch for all samples, and is refused with its place, like everything else that
//! tracing cannot see: the worst fault this crate could have is a wrong branch taken in silence.
//!
//! # What flows in, what flows out
//!
//! ```text
//! script.rhai ──load──▶ Script ──trace──▶ Traced ──compile──▶ Objective ──▶ WGSL text   (GPU)
//! its imports           config()          graph,              gradients,    CpuKernel   (CPU, f32 or f64)
//!                       params()          loss, metrics       checks        passes it needs
//! ```
//!
//! [`Script::load`] reads the files and evaluates the choices and parameters. [`Script::trace`] runs `target`
//! and `loss` once for the sizes of a [`Layout`]. [`Objective::compile`] turns the [`Graph`] into kernels and
//! says which forward passes its leaves name. Whatever goes wrong on the way is a [`Diagnostic`]: what,
//! where, why, and what to do. All of these are plain data and may cross threads; the interpreter lives
//! within a call. [`sources_hash`] tells a running experiment that a script was saved.
//!
//! # What a script sees
//!
//! | value | meaning | per sample |
//! |---|---|---|
//! | `t.reward`, `t.action`, `t.terminated` | the transition of a window with n = 1 | one number |
//! | `t.steps.reward`, `.action`, `.terminated` | the same for each of n steps | a list of n |
//! | `t.terminated` | with n > 1: whether the window ended in a terminal state | one number |
//! | `t.n`, `t.weight` | length of the window (plain); importance weight of the sample | one number |
//! | `t.next.q`, `.logits`, `.v` | target network at the bootstrap state `s_{t+n}` | one per action; `v` one |
//! | `t.q`, … | target network at `s_t` | likewise |
//! | `net.q`, … | online network at `s_t`: where gradients flow | likewise |
//! | `net.next.q`, … | online network at `s_{t+n}`, without gradient | likewise |
//! | `p.name` | a parameter: live ones are traced, whole numbers and booleans are plain | one number |
//!
//! `target(t, p)` (or `target(net, t, p)`) returns what `loss(net, y, t, p)` receives as `y`, its gradient
//! stopped. `loss` returns one number per sample; the kernel's gradient is that of its mean over the batch. A
//! script that needs no target leaves it out and writes `loss(net, t, p)`.
//!
//! Two axes exist, *action* and *step*. Scalars go along with either; the two never meet in one expression.
//!
//! # Inside
//!
//! `host` is the Rhai side; it alone knows the interpreter. `ops`, `graph` and `composite` are what it
//! records. `verify`, `simplify`, `gradient` and `lower` are the passes of [`Objective::compile`], `wgsl` and
//! `cpu` its two outputs.

mod composite;
mod config;
mod cpu;
mod diagnostic;
mod entry;
mod error;
mod fold;
mod gradient;
mod graph;
mod host;
mod imports;
mod layout;
mod listing;
mod lower;
mod mask;
mod objective;
mod ops;
mod params;
mod real;
mod run;
mod script;
mod simplify;
mod verify;
mod wgsl;

pub use config::ConfigValue;
pub use cpu::{CpuKernel, KernelIo};
pub use diagnostic::{Diagnostic, did_you_mean};
pub use error::CompileError;
pub use graph::Graph;
pub use imports::{Source, sources_hash};
pub use layout::Layout;
pub use objective::{Objective, Reads, Traced};
pub use ops::{BinaryOp, CmpOp, Field, Head, NodeId, Op, Pass, ReduceOp, Shape, Span, UnaryOp};
pub use params::{Param, ParamKind};
pub use real::Real;
pub use script::Script;
