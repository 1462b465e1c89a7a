//! What becomes of an update whose numbers are not finite.
//!
//! After the backward pass, and before parameters change, [`Op::Guard`](crate::Op) looks at the losses, the
//! gradient of the outputs and the gradient norms. If any of them is not finite the update is *broken*, and
//! the guard's buffer, which [`Op::Adam`](crate::Op) reads, says whether it may still change something. So
//! nothing waits for the host, which looks at the counts when it likes.

/// What a broken update does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum OnFault {
    /// Neither it nor any after it changes anything until [`Model::report`](crate::Model::report) is called.
    #[default]
    Stop,
    /// It changes nothing; those after it do.
    Skip,
    /// It is counted, and changes what it changes.
    Continue,
}

/// The broken updates between two calls of [`Model::report`](crate::Model::report). Exact for up to 2²⁴ updates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Faults {
    /// The first broken update: the value that [`Model::updates`](crate::Model::updates) had after it.
    pub first: u64,
    /// Updates that were broken.
    pub broken: u64,
    /// Updates that changed nothing.
    pub skipped: u64,
}

/// Elements of the guard's buffer. They are whole numbers, and counts go from when it was last zeroed.
pub const LEN: usize = 6;
/// Not zero: the host wants nothing to change, whatever the numbers. Only the host writes it.
pub const HOLD: usize = 0;
/// Updates that were looked at.
pub const SEEN: usize = 1;
/// Value of [`SEEN`] at the first broken update; 0 if there was none.
pub const FIRST: usize = 2;
/// Updates that were broken.
pub const BROKEN: usize = 3;
/// Updates that changed nothing.
pub const SKIPPED: usize = 4;
/// 1 if the present update must change nothing, else 0.
pub const HELD: usize = 5;
