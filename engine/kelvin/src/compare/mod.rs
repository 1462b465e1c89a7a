//! Whether two objectives have the same gradient: the paper's question, as a command.
//!
//! Both scripts are given the same network and the same windows, and their gradients with respect to every parameter are
//! set side by side. In expectation over the actions ([`exactly`]) an equality such as (65) holds to rounding; on
//! sampled actions ([`sampled`]) the two differ by noise, which [`sampled`] shows falling as the batch grows.
//!
//! ```text
//! scripts + network ─ Pair ─▶ windows (played, or random) ─▶ two gradients ─▶ Agreement (per tensor, per head) ─▶ verdict
//! ```

mod agreement;
mod exact;
mod pair;
mod sampled;

pub use agreement::{Agreement, Row, SAME, Verdict};
pub use exact::exactly;
pub use pair::{CompareRequest, Data, Pair};
pub use sampled::{Interval, Sampled, Size, sampled};
