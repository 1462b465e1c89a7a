//! How a device says that it is gone, and how one that is gone is left behind.
//!
//! It has three ways to say so: wgpu's callback; a poll that fails; and silence, which is a kernel that hangs or a
//! driver that does. The first reason is kept, and every later call returns it: a device that was lost never comes back,
//! whoever wants one opens another.

use super::context::Context;
use crate::{Cost, Error, Plan};
use std::any::Any;
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, MutexGuard, Once, OnceLock, PoisonError, mpsc};
use std::thread;
use std::time::{Duration, Instant};

/// Longest silence of a GPU beyond the time that its work may take.
const OF_GPUS: Duration = Duration::from_secs(10);
/// The same of a driver that runs on the processor: it compiles a kernel when it is first launched, and shares the cores
/// with whatever else runs.
const OF_SOFTWARE: Duration = Duration::from_secs(120);
/// Floating-point operations a second that any GPU exceeds, the slowest by ten times.
const SLOWEST_GPU: f64 = 1e10;
/// The same of a driver on two cores that it has to share.
const SLOWEST_SOFTWARE: f64 = 2e8;
/// A wait is cut into pieces of this length: wgpu keeps a lock meanwhile that whoever destroys a buffer waits for.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Name of the thread that waits in the place of whoever lost a device.
const ABANDONED: &str = "lost device";

/// What is known of a device's health. wgpu's callbacks share it.
#[derive(Debug, Default)]
pub(super) struct Health {
    /// Why it is gone.
    lost: OnceLock<String>,
    /// The first error of a call that could not return it.
    refused: OnceLock<String>,
    /// Submissions that have run: the sign that it lives.
    finished: AtomicU64,
    /// Longest time without that sign, milliseconds.
    patience: AtomicU64,
    /// The same where a test has set it; 0 where none has.
    set_patience: AtomicU64,
}

impl Health {
    /// Watches over a device that was just opened.
    pub(super) fn watch(device: &wgpu::Device) -> Arc<Self> {
        let health = Arc::<Self>::default();
        let told = Arc::clone(&health);
        device.set_device_lost_callback(move |reason, message| {
            told.lose(match (reason, message.trim()) {
                (wgpu::DeviceLostReason::Destroyed, "") => "it was destroyed",
                (_, "") => "its driver gives no reason",
                (_, message) => message,
            });
        });
        let told = Arc::clone(&health);
        device.on_uncaptured_error(Arc::new(move |error: wgpu::Error| {
            told.refused.get_or_init(|| error.to_string());
        }));
        health
    }

    fn lose(&self, reason: &str) {
        self.lost.get_or_init(|| reason.to_owned());
    }

    /// Whether the device is gone.
    pub(super) fn is_lost(&self) -> bool {
        self.lost.get().is_some()
    }

    /// Why it is gone, as an error.
    pub(super) fn check_lost(&self) -> Result<(), Error> {
        self.lost.get().map_or(Ok(()), |reason| Err(Error::Lost(reason.clone())))
    }

    fn patience(&self) -> Duration {
        let set = self.set_patience.load(Ordering::Relaxed);
        Duration::from_millis(if set > 0 { set } else { self.patience.load(Ordering::Relaxed) })
    }
}

impl Context {
    /// Waits longer from here on, as long as the slowest device would need for one launch of everything in the plan.
    pub(super) fn expect(&self, plan: &Plan) {
        let (least, slowest) =
            if self.software { (OF_SOFTWARE, SLOWEST_SOFTWARE) } else { (OF_GPUS, SLOWEST_GPU) };
        let ops = plan.programs.iter().flat_map(|(_, ops)| ops);
        let work = ops.map(|op| op.cost()).sum::<Cost>().flops as f64 / slowest;
        let patience = least.as_millis() as u64 + (1e3 * work) as u64;
        self.health.patience.fetch_max(patience, Ordering::Relaxed);
    }

    /// Calls silence of this length a loss, whatever there is to do.
    pub(super) fn set_patience(&self, patience: Duration) {
        self.health.set_patience.store((patience.as_millis() as u64).max(1), Ordering::Relaxed);
    }

    /// What was found wrong since the last call, as the error of the present one.
    pub(super) fn check(&self) -> Result<(), Error> {
        self.health.check_lost()?;
        let Some(reason) = self.health.refused.get() else { return Ok(()) };
        // Nothing works on a device that is gone, and it may not have said yet that it is.
        self.ask()?;
        Err(Error::Refused(reason.clone()))
    }

    /// Lets the device say that it is gone, if it is.
    pub(super) fn ask(&self) -> Result<(), Error> {
        self.poll(wgpu::PollType::Poll)?;
        self.health.check_lost()
    }

    /// Submits what was recorded.
    pub(super) fn submit(&self, encoder: wgpu::CommandEncoder) -> Result<wgpu::SubmissionIndex, Error> {
        // A driver that hangs may not come back from the next call.
        self.check()?;
        // Mesa's llvmpipe takes a second submission when it is done with the first, and nobody could give up on that wait.
        if self.software
            && let Some(before) = self.last().take()
        {
            self.wait(&before)?;
        }
        let submission = self.queue().submit([encoder.finish()]);
        *self.last() = Some(submission.clone());
        let health = Arc::clone(&self.health);
        self.queue().on_submitted_work_done(move || {
            health.finished.fetch_add(1, Ordering::Relaxed);
        });
        Ok(submission)
    }

    fn last(&self) -> MutexGuard<'_, Option<wgpu::SubmissionIndex>> {
        // A panic elsewhere leaves a whole value behind.
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until a submission has run. Others may run before it: only a device that finishes none of them for longer
    /// than its work can take is lost.
    pub(super) fn wait(&self, submission: &wgpu::SubmissionIndex) -> Result<(), Error> {
        self.check()?;
        let (patience, finished) = (self.health.patience(), &self.health.finished);
        let (mut since, mut seen) = (Instant::now(), finished.load(Ordering::Relaxed));
        let timeout = Some(LOOK_EVERY.min(patience));
        loop {
            let wait = wgpu::PollType::Wait { submission_index: Some(submission.clone()), timeout };
            if self.poll(wait)? {
                return self.check();
            }
            // Another thread may have heard of it.
            self.check()?;
            let now = finished.load(Ordering::Relaxed);
            if now != seen {
                (since, seen) = (Instant::now(), now);
            } else if since.elapsed() >= patience {
                return self.is_silent(patience);
            }
        }
    }

    /// Gives a device up that has said nothing for so long.
    pub(super) fn is_silent(&self, patience: Duration) -> Result<(), Error> {
        let seconds = patience.as_secs_f64();
        self.health.lose(&format!("no answer for {seconds} s: a kernel hangs, or the driver does"));
        self.health.check_lost()
    }

    /// How long a result that is due may take to arrive.
    pub(super) fn patience(&self) -> Duration {
        self.health.patience()
    }

    /// False if the time was up before what was waited for.
    fn poll(&self, poll: wgpu::PollType) -> Result<bool, Error> {
        match caught(|| self.device.poll(poll)) {
            Ok(Ok(_)) => Ok(true),
            Ok(Err(wgpu::PollError::Timeout)) => Ok(false),
            // There is no such submission, since a device that is gone did not take it. It says better why.
            Ok(Err(other)) => {
                self.ask()?;
                self.health.lose(&other.to_string());
                self.health.check_lost().map(|()| false)
            }
            // wgpu's answer to a driver that says in a wait that the device is lost; the callback has come before it.
            Err(message) => {
                self.health.lose(&message);
                self.health.check_lost().map(|()| false)
            }
        }
    }
}

/// Drops the queue of a lost device without waiting for it. wgpu waits until a queue that it drops is idle, and one that
/// hangs never is; so does a thread that ends with the process.
pub(super) fn abandon(queue: wgpu::Queue) {
    let (give, taken) = mpsc::channel();
    // What wgpu has to say about the end of a lost device is of no use to anybody.
    let wait = move || drop(caught(|| drop(taken.recv())));
    let waits = thread::Builder::new().name(ABANDONED.to_owned()).spawn(wait).is_ok();
    // Without a thread it stays in memory, which is better than to wait.
    let kept = if waits { give.send(queue).err().map(|unsent| unsent.0) } else { Some(queue) };
    std::mem::forget(kept);
}

thread_local! {
    /// Whether a panic of this thread is going to be caught, and is no news.
    static CAUGHT: Cell<bool> = const { Cell::new(false) };
}

/// What `call` returns, or the message that it panics with, which is not printed.
fn caught<T>(call: impl FnOnce() -> T) -> Result<T, String> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let print = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            if !CAUGHT.get() {
                print(panic);
            }
        }));
    });
    CAUGHT.set(true);
    // What it leaves half done belongs to a device that nobody uses any more.
    let result = catch_unwind(AssertUnwindSafe(call));
    CAUGHT.set(false);
    result.map_err(|panic| message(panic.as_ref()))
}

fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or(panic.downcast_ref::<&str>().copied()).unwrap_or("wgpu gave up").trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_of_wgpu_is_a_message() {
        let lost = "Error in Device::poll: lost";
        assert_eq!(caught(|| 3), Ok(3));
        assert_eq!(caught(|| -> u8 { panic!("{lost}") }), Err(lost.to_owned()));
        assert_eq!(caught(|| -> u8 { panic!("plain") }), Err("plain".to_owned()));
        assert!(!CAUGHT.get(), "panics that nobody catches are told");
    }

    #[test]
    fn the_first_reason_stays() {
        let health = Health::default();
        assert!(health.check_lost().is_ok() && !health.is_lost());
        health.lose("it was destroyed");
        health.lose("everything fails");
        assert!(matches!(health.check_lost(), Err(Error::Lost(reason)) if reason == "it was destroyed"));
    }
}
