//! The most memory this process has had, where the system keeps count (Linux does).

use std::fs;

/// Begins to count anew.
pub(super) fn forget_peak() {
    // Where that is not allowed the peak is that of the process, which is still true.
    drop(fs::write("/proc/self/clear_refs", "5"));
}

/// Resident bytes at their most.
pub(super) fn peak_bytes() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(1024 * kib)
}
