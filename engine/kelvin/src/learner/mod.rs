//! The learner: what acts, remembers and updates. It yields ticks and does nothing else: recording, drawing and
//! stopping are the business of whoever calls [`Learner::tick`].

mod acting;
mod agent;
mod learning;
mod live;
mod look;
mod norms;
mod pending;
mod policy;
mod readings;
mod reference;
mod rollout;
mod seeds;
mod state;
mod view;

pub use agent::{Learner, Tick};
pub use live::{Runnable, Swap};
pub use look::{Broken, Evidence};
pub use norms::Norms;
pub use policy::{Choice, Policy, Unsampled};
pub use readings::Readings;
pub use rollout::rollout_slots;
pub use state::{Evaluations, LearnerState};
pub use view::SHOWN;
