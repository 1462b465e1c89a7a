//! stub

mod cluster;
mod launch;
mod plan;
mod script;
pub use cluster::{Jobs, Scheduler};
pub use launch::{Launch, LaunchError, Observer, Progress, Start, State, speed};
pub use plan::{Checked, Refusal, go_on, plan};
pub use script::{BatchScript, Draft, Place, Resources, Run, USUAL_SIZE};
