//! The one error of this crate.

/// What can go wrong between a plan and a device.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The wanted device does not exist here; says what does, and what to do.
    #[error("no such device: {0}")]
    NoDevice(String),
    /// A shape or size a device cannot run.
    #[error("the device cannot run this plan: {0}")]
    Unsupported(String),
    /// A kernel the device's compiler refuses.
    #[error("kernel {kernel} does not compile: {reason}")]
    Kernel {
        /// Which kernel.
        kernel: String,
        /// The compiler's words.
        reason: String,
    },
    /// The device is gone: reset, unplugged, or silent for too long. So is what was on it; another one may be opened.
    #[error("the device was lost: {0}")]
    Lost(String),
    /// The device is there and refused a call that it should have taken.
    #[error("the device failed: {0}")]
    Refused(String),
    /// A call that does not fit the plan (a defect of the caller).
    #[error("misuse of a plan: {0}")]
    Misuse(String),
}

impl Error {
    /// What to lower where a buffer or a dispatch is too large.
    pub(crate) const LESS: &str =
        "a smaller batch, a shorter window (n), fewer environments or narrower layers need less";
}
