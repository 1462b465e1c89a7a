//! Ctrl-C, SIGTERM, a terminal that goes away and a scheduler's SIGUSR1: a wish to stop, not a reason to lose anything.

use crate::failure::Failure;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGUSR1};
use signal_hook::iterator::Signals;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

static WISHED: OnceLock<Instant> = OnceLock::new();
/// A scheduler said that the time is nearly up. What follows is its first word to end, not a second wish.
static WARNED: AtomicBool = AtomicBool::new(false);

/// Signals that follow the first within this time are the same wish: `timeout` and schedulers signal a
/// process and its group.
const SAME_WISH: Duration = Duration::from_secs(1);
/// Exit code of a process ended by a second Ctrl-C, as a shell counts it: 128 + SIGINT.
const KILLED_BY_SIGINT: i32 = 130;

/// From here on the first signal is kept as a wish; a later one ends the process at once. To say it again changes nothing.
pub fn listen() -> Result<(), Failure> {
    static LISTENS: Mutex<bool> = Mutex::new(false);
    let mut listens = LISTENS.lock().unwrap_or_else(PoisonError::into_inner);
    if *listens {
        return Ok(());
    }
    let failed = |error| Failure::failed(format!("Ctrl-C cannot be caught: {error}"));
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGUSR1]).map_err(failed)?;
    if !hangup_is_ignored() {
        signals.add_signal(SIGHUP).map_err(failed)?;
    }
    let listener = move || {
        for signal in signals.forever() {
            if signal == SIGUSR1 {
                WARNED.store(true, Ordering::Relaxed);
            } else if WISHED.get_or_init(Instant::now).elapsed() > SAME_WISH {
                std::process::exit(KILLED_BY_SIGINT);
            }
        }
    };
    std::thread::Builder::new().name("signals".to_owned()).spawn(listener).map_err(failed)?;
    *listens = true;
    Ok(())
}

/// Whether whoever started the process, as `nohup` does, asked that it outlive its terminal. Where the system
/// does not say, SIGHUP is left as it was found.
fn hangup_is_ignored() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let ignored = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    ignored.is_none_or(|ignored| ignored & (1 << (SIGHUP - 1)) != 0)
}

/// Whether the process was asked to stop.
pub fn wished() -> bool {
    WISHED.get().is_some() || WARNED.load(Ordering::Relaxed)
}
