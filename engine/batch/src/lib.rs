//! Batches: from one script to many runs, and from many runs to processes that end well.
//!
//! Two things must be kept apart:
//!
//! * **The script says what belongs together.** It runs once and returns runs: combinations of objectives, environments,
//!   seeds and settings, and how they become a figure. It is plain Rhai, without files, clocks or chance, so the
//!   same text gives the same list for ever.
//! * **The plan is what is done.** It is data, [`Experiment`](kelvin_run::Experiment), written down before anything
//!   starts and never changed by a later edit of the script: only grown. A task is its place in that list.
//!
//! ```text
//! figure2.rhai ──draft──▶ Draft ──plan──▶ Experiment ──Launch::run──▶ processes, each in its run directory
//!                         runs with       tasks with   ──Scheduler──▶ a job array of a cluster
//!                         their places    folders
//! ```
//!
//! What a run needs to exist (its objective, environment and settings) is looked at by whoever knows those, through the
//! function that [`plan`] is given; a mistake comes back as a key and a value, and leaves as a
//! [`Diagnostic`](kelvin_objective::Diagnostic) with line, column and hint in the batch script.
//!
//! [`Launch`] keeps nothing: a task is done when its run directory says so. So the launcher and its processes may be
//! killed at any moment, several launchers may share an experiment, and a cluster's jobs are launchers of one task.
//! [`Scheduler`] writes the job array, and schedules nothing.
#![forbid(unsafe_code)]

mod cluster;
mod launch;
mod plan;
mod script;

pub use cluster::{Jobs, Scheduler};
pub use launch::{Launch, LaunchError, Observer, Progress, Start, State, speed};
pub use plan::{Checked, Refusal, go_on, plan};
pub use script::{BatchScript, Draft, Place, Run, USUAL_SIZE};
