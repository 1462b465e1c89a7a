//! What the monitor knows of the runs under a folder.
//!
//! Run directories flow in, read by threads of their own; what flows out are snapshots that the UI can look at in any
//! frame without waiting: a list of all runs, the curves of those that are plotted, and everything about the one that is
//! in focus. The one idea: **the UI says what it wants to see and never reads a file.** [`Store::poll`] takes over what the
//! readers have ready; a run that cannot be read has a warning, and every other run is as it was.

mod cache;
mod control;
mod curves;
mod event_log;
mod files;
mod focus;
mod follow;
mod heart;
mod inbox;
mod lister;
mod machine;
mod parallel;
mod plotter;
mod rows;
mod run;
mod scan;
mod series;
mod store;
mod summary;
#[cfg(test)]
#[path = "../../tests/support/synthetic.rs"]
mod synthetic;
mod timeline;

pub use run::{Focus, Live, Progress, RunId, RunInfo, RunState};
pub use series::{Bucket, Curves, Series, XAxis};
pub use store::{Command, Notice, Store};
