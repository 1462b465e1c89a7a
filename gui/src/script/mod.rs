//! The script of the run in focus: edited, checked while it is typed, compared, and seen as a kernel and as a graph.
//!
//! What flows in are the paths of a run and what it was built on ([`ScriptContext`]); what flows out is one thing, the file
//! of its script, written in one step when somebody applies an edit. The run notices by itself. The one idea: **a frame
//! only draws.** A thread reads, checks with the run's own compiler, and writes; its news are taken in between frames, and
//! until they come, what was known stays on the screen.
//!
//! ```text
//! keys ──▶ Document ──text──▶ worker ──▶ Script::load_with ──▶ trace ──▶ compile
//!             ▲   │                                │              │         │
//!   file ─────┘   └──Apply──▶ file             mistakes        drawing    WGSL
//! ```
//!
//! `tokens`, `places`, `typing`, `find` and `diff` are plain functions of texts; `files` and `document` know what is on the
//! disk and what is not yet; `check` and `worker` ask the compiler; `galley`, `code`, `bars`, `compare` and `graph` draw, and
//! `session` and `panel` hold it together. [`FocusedScript`] is the panel for those who have a snapshot of the run in focus;
//! [`ScriptPanel`] the same for everybody else.

mod bars;
mod check;
mod code;
mod colors;
mod compare;
mod diff;
mod document;
mod files;
mod find;
mod focus;
mod galley;
mod graph;
mod head;
mod panel;
mod places;
mod session;
mod shape;
mod status;
mod tokens;
mod typing;
mod worker;

use std::path::Path;

use kelvin_run::{Event, ObjectiveVersion};

pub use focus::FocusedScript;
pub use panel::{KEYS, ScriptPanel, Tab, Unsaved};
pub use session::Objection;
pub use shape::Shape;

/// What the panel is told in each frame about the run in focus. Nothing of it is read from a disk here.
#[derive(Clone, Copy)]
pub struct ScriptContext<'a> {
    /// What the run is called.
    pub run_name: &'a str,
    /// Its folder.
    pub run_dir: &'a Path,
    /// The file of its script, as `config.toml` names it. Whether there is one on this machine is found out here.
    pub script: Option<&'a Path>,
    /// Whether a process trains that takes an edit up.
    pub lives: bool,
    /// How many other runs that live have the same script.
    pub shared_by: usize,
    /// The versions that ran, oldest first; the last is in force.
    pub versions: &'a [ObjectiveVersion],
    /// What the script is compiled for, or why that is not known.
    pub shape: Result<&'a Shape, &'a str>,
    /// What happened, oldest first: what the run says of an edit is among it.
    pub events: &'a [Event],
}

/// What the panel did, for the window to say or to act on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ScriptAction {
    /// A script was written; runs that live take it up.
    Applied {
        /// The file.
        path: std::path::PathBuf,
    },
    /// Something could not be done, in words for the user. The panel shows it too, until it is done.
    Failed(String),
}
