//! Learners: what acts, remembers and updates. A learner yields ticks and does nothing else: recording,
//! drawing and stopping are the business of whoever calls [`ReplayLearner::tick`].

mod epsilon_greedy;
mod readings;
mod replay_learner;
mod seeds;

pub use epsilon_greedy::epsilon_greedy;
pub use readings::Readings;
pub use replay_learner::{LearnerState, ReplayLearner, Tick};
