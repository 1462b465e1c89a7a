//! Work on many runs at once. Files on a far machine are waited for, not computed, so there may be more threads than
//! cores.

use std::sync::{Mutex, PoisonError};
use std::thread;

/// Does `work` on each item, on up to `threads` threads, for as long as it `is_wanted`.
pub(super) fn each<T: Send>(
    items: &mut [T],
    threads: usize,
    is_wanted: impl Fn() -> bool + Sync,
    work: impl Fn(&mut T) + Sync,
) {
    let threads = threads.min(items.len());
    if threads < 2 {
        return items.iter_mut().take_while(|_| is_wanted()).for_each(work);
    }
    let queue = Mutex::new(items.iter_mut());
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while is_wanted() {
                    let next = queue.lock().unwrap_or_else(PoisonError::into_inner).next();
                    let Some(item) = next else { break };
                    work(item);
                }
            });
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicBool, Ordering};

    #[test]
    fn every_item_is_worked_on_once_unless_nobody_wants_it() {
        let wanted = AtomicBool::new(true);
        let is_wanted = || wanted.load(Ordering::SeqCst);
        let mut items = vec![0; 1000];
        each(&mut items, 7, is_wanted, |item| *item += 1);
        each(&mut items[..1], 7, is_wanted, |item| *item += 1);
        assert_eq!((items[0], items.iter().sum::<i32>()), (2, 1001));
        wanted.store(false, Ordering::SeqCst);
        each(&mut items, 7, is_wanted, |item| *item += 1);
        assert_eq!(items.iter().sum::<i32>(), 1001);
    }
}
