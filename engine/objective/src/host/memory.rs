//! What a script takes of the machine's memory.
//!
//! Each text, list and map has a limit of its own, and a script may hold thousands of them: together they are bounded by
//! what the process has taken since the script began.

/// Bytes that a process may grow by while a script runs: far more than the largest batch takes, and than a run that
/// trains meanwhile comes to in these seconds.
const MOST: u64 = 2 << 30;
/// Bytes of a page, at least. Where pages are larger the bound is as well.
const PAGE: u64 = 4096;

/// The bound of one script.
#[derive(Clone, Copy, Debug)]
pub struct Memory(Option<u64>);

impl Memory {
    /// Begins to count.
    pub fn now() -> Self {
        Self(resident().map(|bytes| bytes.saturating_add(MOST)))
    }

    /// Whether it is taken; never where the system does not say. Costs a few microseconds.
    pub fn is_spent(self) -> bool {
        self.0.zip(resident()).is_some_and(|(most, now)| now > most)
    }

    /// As a limit is told.
    pub fn limit() -> String {
        format!("{} GiB of memory", MOST >> 30)
    }
}

/// Bytes that this process has in memory; `None` where Linux is not there to say.
fn resident() -> Option<u64> {
    let pages = std::fs::read_to_string("/proc/self/statm").ok()?;
    Some(pages.split(' ').nth(1)?.parse::<u64>().ok()? * PAGE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_taken_is_counted() {
        let memory = Memory::now();
        assert!(!memory.is_spent());
        if let Some(bytes) = resident() {
            assert!(bytes > 100 * PAGE, "{bytes}");
            assert!(Memory(Some(bytes / 2)).is_spent());
        }
    }
}
