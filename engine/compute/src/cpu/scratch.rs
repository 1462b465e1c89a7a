//! Working memory of the kernels, made at first use and kept for the life of an executor.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// A stack of buffers. A task takes the one returned last, which is likely still in the cache of its core;
/// there are never more of them than tasks that ran at the same time.
#[derive(Default)]
pub(super) struct ScratchPool {
    free: Mutex<Vec<Vec<f32>>>,
}

impl ScratchPool {
    /// Lends `len` floats, of unspecified content, to `work`.
    pub(super) fn with<R>(&self, len: usize, work: impl FnOnce(&mut [f32]) -> R) -> R {
        let taken = self.lock().pop();
        let mut buffer = taken.unwrap_or_default();
        if buffer.len() < len {
            buffer.resize(len, 0.0);
        }
        let result = work(&mut buffer[..len]);
        self.lock().push(buffer);
        result
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Vec<f32>>> {
        // The stack is whole even if a push panicked.
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
