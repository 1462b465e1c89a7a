//! Ctrl-C, SIGTERM and SIGHUP: a wish to stop, not a reason to lose anything.

use crate::failure::Failure;
use std::sync::atomic::{AtomicBool, Ordering};

static WISHED: AtomicBool = AtomicBool::new(false);

/// Exit code of a process ended by a second Ctrl-C, as a shell counts it: 128 + SIGINT.
const KILLED_BY_SIGINT: i32 = 130;

/// From here on the first signal is kept as a wish; a second one ends the process at once.
pub fn listen() -> Result<(), Failure> {
    ctrlc::set_handler(|| {
        if WISHED.swap(true, Ordering::Relaxed) {
            std::process::exit(KILLED_BY_SIGINT);
        }
    })
    .map_err(|error| Failure::failed(format!("Ctrl-C cannot be caught: {error}")))
}

/// Whether the process was asked to stop.
pub fn wished() -> bool {
    WISHED.load(Ordering::Relaxed)
}
