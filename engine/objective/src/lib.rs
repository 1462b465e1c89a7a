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
//! says which forward passes its leaves name ([`Reads`]). Whatever goes wrong on the way is a [`Diagnostic`]:
//! what, where, why, and what to do. All of these are plain data and may cross threads; the interpreter lives
//! within a call. [`sources_hash`] tells a running experiment that a script was saved, and [`Script::check_succession`] whether
//! it may take it up. An editor asks the same of text that is not saved yet, through [`Script::load_with`].
//!
//! Beside the kernels, a graph can be evaluated node by node ([`Traced::evaluate`]), and [`Objective::fault`]
//! finds the operation and the line that a NaN came from. A graph can be walked ([`Graph::ids`], [`Graph::op`],
//! [`Graph::shape`], [`Graph::span`]) and its nodes have names ([`Graph::name`]): what a picture of it is drawn from.
//!
//! # What a script sees
//!
//! A window has n steps and the states `s_0` to `s_n`; `s_n` is the bootstrap state.
//!
//! | value | meaning | shape |
//! |---|---|---|
//! | `t.reward`, `t.action`, `t.behaviour_logp` | the transition of a window with n = 1 | scalar |
//! | `t.steps.reward`, `.action`, `.terminated`, `.behaviour_logp`, `.valid` | for each step | `[step]` |
//! | `t.terminated` | whether the window ended in a terminal state | scalar |
//! | `t.n`, `t.weight` | length of the window (plain); importance weight of the sample | scalar |
//! | `net.q`, `.logits`, `.v` | online network at `s_0` | `[action]`; `v` scalar |
//! | `net.next.q`, … | online network at `s_n` | likewise |
//! | `net.steps.q`, … | online network at `s_0` to `s_{n-1}` | `[step, action]`; `v` `[step]` |
//! | `net.steps.next.q`, … | online network at `s_1` to `s_n` | likewise |
//! | `t.q`, `t.next.q`, `t.steps.q`, … | target network at the same states | likewise |
//! | `p.name` | a parameter: live ones are traced, whole numbers and booleans are plain | scalar |
//!
//! `target(t, p)` (or `target(net, t, p)`) returns what `loss(net, y, t, p)` receives as `y`, its gradient
//! stopped. `loss` returns one number per sample, or one per step; the kernel's gradient is that of its mean
//! over the batch, and flows into every state of `net` that no `stop_gradient` shuts off. A script that needs
//! no target leaves it out and writes `loss(net, t, p)`.
//!
//! Two axes exist, *action* and *step*, and broadcasting goes by their names.
//!
//! What else a script may define ([`Hooks`]): `metrics(net, t, p)`, and `reward(r)` for what is read as
//! rewards, both traced with the rest; `behave(net, p)`, the policy that acts ([`Script::behaviour`]);
//! `schedule(step)` and `on_eval(stats)` on plain numbers ([`Script::schedule`], [`Script::on_eval`]).
//! [`definitions`] and [`reference_tables`] describe all of it from the tables that the host works by.
//!
//! # Inside
//!
//! `host` is the Rhai side; it alone knows the interpreter. `ops`, `leaf`, `graph` and `composite` are what it
//! records. `verify`, `simplify`, `gradient` and `lower` are the passes of [`Objective::compile`], `stages`
//! the rounds that means over the batch need, `wgsl` and `cpu` its two outputs. `interpret` and `fault` read
//! the same graphs without either.
#![forbid(unsafe_code)]

mod behaviour;
mod clock;
mod composite;
mod config;
mod cpu;
mod definitions;
mod diagnostic;
mod eager;
mod entry;
mod error;
mod fault;
mod fold;
mod gradient;
mod graph;
mod hooks;
mod host;
mod imports;
mod inputs;
mod interpret;
mod layout;
mod leaf;
mod listing;
mod lower;
mod mask;
mod names;
mod objective;
mod ops;
mod params;
mod reads;
mod real;
mod run;
mod script;
mod simplify;
mod stages;
mod steer;
mod succession;
mod symbolic;
mod verify;
mod wgsl;

/// What any host of scripts needs and this crate has: for scripts that are not objectives, such as batch scripts.
pub mod hosting {
    pub use crate::diagnostic::listing;
    pub use crate::host::{Memory, on_deep_stack, syntax_error};
    pub use crate::imports::read;
}

pub use behaviour::Behaviour;
pub use clock::{Clock, EvalStats};
pub use config::ConfigValue;
pub use cpu::{CpuKernel, KernelIo};
pub use definitions::{ReferenceTables, definitions, reference_tables};
pub use diagnostic::{Diagnostic, did_you_mean};
pub use eager::{Eager, Operation, Shake};
pub use error::CompileError;
pub use fault::{Fault, FaultKind};
pub use graph::Graph;
pub use hooks::Hooks;
pub use imports::{Source, sources_hash, sources_hash_with};
pub use inputs::Inputs;
pub use interpret::Values;
pub use layout::{Layout, MAX_PHASES, METRIC_SLOTS, PARAM_SLOTS, STAT_SLOTS, WORKGROUP};
pub use objective::{Objective, Traced};
pub use ops::{BinaryOp, CmpOp, Field, Head, Net, NodeId, Op, Pass, ReduceOp, Shape, Span, UnaryOp};
pub use params::{Param, ParamKind};
pub use reads::Reads;
pub use real::Real;
pub use script::Script;
