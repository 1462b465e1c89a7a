//! Kelvin: learners, and the command that runs them.
//!
//! What flows in are a script and a command line; what flows out is a run directory. The one idea: **a
//! learner yields, observers observe.** [`learner::Learner::tick`] steps the environments once and
//! makes the updates that are due; recording, progress, reloading and stopping surround it in [`train`] and
//! never reach into it, so that what a run computes follows from its configuration, seed and edits alone.
//!
//! One transition, front to back: `kelvin_env` steps an emulator → [`replay`] keeps the frame → a batch of
//! windows is put together → `kelvin_compute` runs the forward passes that the objective reads, the
//! objective ([`staged`]: the script, compiled by `kelvin_objective`), the backward pass and Adam → the
//! metrics go to `kelvin_run`'s directory.
#![forbid(unsafe_code)]

pub mod batch;
pub mod bench;
pub mod cli;
pub mod compare;
pub mod config;
pub mod console;
pub mod evaluate;
pub mod export;
pub mod failure;
mod failures;
pub mod gradcheck;
pub mod learner;
mod memory;
pub mod monitor;
pub mod params;
pub mod protocol;
pub mod replay;
pub mod schedule;
mod speed;
pub mod staged;
pub mod train;
pub mod units;

/// Which Kelvin this is, as `kelvin --version` says and every run records: its version, and the commit that it was built
/// from where that is known (`0.1.0+1a2b3c4d5e6f`, with `.changed` if what was built is in no commit).
pub const VERSION: &str = env!("KELVIN_VERSION");
