//! Learners: what acts, remembers and updates. A learner yields ticks and does nothing else: recording,
//! drawing and stopping are the business of whoever calls [`ReplayLearner::tick`].

mod live;
mod look;
mod pending;
mod policy;
mod readings;
mod replay_learner;
mod seeds;
mod state;

pub use live::{Runnable, Swap};
pub use look::{Broken, Evidence};
pub use policy::{Choice, Policy, Unsampled};
pub use readings::Readings;
pub use replay_learner::{ReplayLearner, Tick};
pub use state::{Evaluations, LearnerState};
