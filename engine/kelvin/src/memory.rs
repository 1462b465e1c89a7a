//! How much memory a run may take.

use sysinfo::{MemoryRefreshKind, RefreshKind, System};

/// Bytes this process could still take: what the system has free, or less where a control group says so.
/// None where the system does not say.
pub fn available_bytes() -> Option<u64> {
    let memory = RefreshKind::nothing().with_memory(MemoryRefreshKind::everything());
    let system = System::new_with_specifics(memory).ok()?;
    let free = system.available_memory().min(address_space());
    // Not the group's own figure of what is free: it counts the page cache as taken.
    let in_group = |limits: sysinfo::CGroupLimits| limits.total_memory.saturating_sub(limits.rss);
    Some(system.cgroup_limits().map_or(free, |limits| free.min(in_group(limits))))
}

/// Bytes of addresses that the process may still take, where it has a limit (`ulimit -v`).
fn address_space() -> u64 {
    #[cfg(target_os = "linux")]
    {
        let limit = rustix::process::getrlimit(rustix::process::Resource::As).current;
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let taken = status.lines().find_map(|line| line.strip_prefix("VmSize:"));
        let taken = taken.and_then(|text| text.trim().strip_suffix("kB")?.trim().parse::<u64>().ok());
        if let (Some(limit), Some(taken)) = (limit, taken) {
            return limit.saturating_sub(taken * 1024);
        }
    }
    u64::MAX
}

/// The free memory as a person reads it.
pub fn available() -> String {
    available_bytes().map_or("unknown".to_owned(), readable)
}

/// Bytes as a person reads them.
pub fn readable(bytes: u64) -> String {
    match bytes {
        0..1_000_000 => format!("{:.0} kB", bytes as f64 / 1e3),
        1_000_000..1_000_000_000 => format!("{:.0} MB", bytes as f64 / 1e6),
        _ => format!("{:.1} GB", bytes as f64 / 1e9),
    }
}
