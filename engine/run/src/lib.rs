//! The run directory: everything a run says, and everything needed to take it up again, as files.
//!
//! What flows in are configuration, script sources, records and states, each already turned into text, JSON or bytes
//! by those who know what they mean; what flows out is the same, on any machine that sees the folder, while the run
//! goes on or years later. Nothing here knows what learning is.
//!
//! ```text
//! runs/<name>/
//!   config.toml       the resolved configuration; its presence makes a folder a run
//!   objective/        every version of the script that ran, and from which update on      → [`ObjectiveVersion`]
//!   metrics.jsonl     append-only records, one a line                                     → [`Record`]
//!   timing.jsonl      the same, for what differs between two runs of one seed: speed, time → [`TimingRecord`]
//!   events.jsonl      the same, for what happened: swaps, checkpoints, faults             → [`Event`]
//!   checkpoints/      whole states to go on from                                          → [`CheckpointWriter`], [`Checkpoint`]
//!   origin/           the checkpoint that a fork started from; reference/ the network of `--reference` → [`Borrowed`]
//!   live/             latest values, rewritten in place                                   → [`Status`], [`AgentView`], [`Picture`]
//!   control.toml      what somebody outside asks of the run while it goes on; never written here
//!   faults/           what is kept of updates whose numbers were not finite
//!   lock              held by the process that trains here                                → [`RunLock`]
//!   DONE              written last
//! ```
//!
//! Runs that belong together lie below one folder, whose plan is `experiment.json`                 → [`Experiment`].
//!
//! The one idea: **a reader never sees a half-written thing.** What is small is written under another name and renamed
//! over the old; a checkpoint is a folder treated the same way, with a manifest of hashes in it; what grows is made of
//! lines, and a last line without its end is no line. So a run may be killed at any instant, and a monitor, a report or
//! the next process may look at any other, without a word between them.
#![forbid(unsafe_code)]

mod checkpoint;
mod control;
mod dir;
mod durable;
mod error;
mod experiment;
mod faults;
mod history;
mod identity;
mod lines;
mod live;
mod lock;
mod name;
mod objectives;
mod plain;
mod records;
mod resources;
mod seal;
mod tensors;
mod text;

pub use checkpoint::{
    Borrowed, Checkpoint, CheckpointFile, CheckpointWriter, Damage, Latest, Segments, Tensor,
};
pub use dir::RunDir;
pub use durable::write_file;
pub use error::RunError;
pub use experiment::{Experiment, Figure, PlanLock, ReferenceLine, Returns, Task};
pub use history::{DamagedLine, History};
pub use lines::{JsonLines, MAX_BYTES as MAX_RECORDS, Mark};
pub use live::{Activity, AgentView, Compared, Picture, ReferenceView, Status};
pub use lock::RunLock;
pub use objectives::ObjectiveVersion;
pub use plain::{open_own, open_plain, open_within, read_plain};
pub use records::{EpisodeRecord, EvalRecord, Event, Record, TimingRecord, TrainRecord};
pub use resources::Resources;
pub use tensors::Elements;
pub use text::{grouped, quoted};
