//! How long a save-to-kernel takes without the script host and the driver.

use std::time::{Duration, Instant};

use kelvin_objective::Objective;

use crate::losses::{self, Backup};
use crate::support::Data;

/// Best of many, so that a busy machine does not fail it.
fn best(times: usize, mut work: impl FnMut()) -> Duration {
    let clock = |work: &mut dyn FnMut()| {
        let start = Instant::now();
        work();
        start.elapsed()
    };
    (0..times).map(|_| clock(&mut work)).min().expect("at least one time")
}

/// Time this thread has run, where the system tells it, to some milliseconds: work of many milliseconds is
/// interrupted on a busy machine however often it is tried.
fn own_time(since: Instant) -> Duration {
    let own = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
    let nanoseconds = own.as_deref().and_then(|text| text.split_whitespace().next()?.parse().ok());
    nanoseconds.map_or_else(|| since.elapsed(), Duration::from_nanos)
}

#[test]
fn compiling_soft_kl_takes_less_than_two_milliseconds() {
    let loss = losses::value_loss("soft_kl", 32, 18, 1, Backup::SoftKl);
    let time = best(20, || {
        Objective::compile(loss.traced.clone(), &loss.layout).unwrap();
    });
    // Unoptimised builds take some twenty times as long.
    let limit = if cfg!(debug_assertions) { 100 } else { 2 };
    assert!(time < Duration::from_millis(limit), "{time:?}");
}

/// Every step of this window is differentiated into the outputs of its state.
#[test]
fn compiling_a_window_of_100_steps_takes_less_than_40_milliseconds() {
    let loss = losses::consistent_window(32, 18, 100);
    assert!(loss.traced.graph.len() > 2500);
    let times = 8;
    let since = Instant::now();
    let start = own_time(since);
    for _ in 0..times {
        Objective::compile(loss.traced.clone(), &loss.layout).unwrap();
    }
    let time = (own_time(since) - start) / times;
    // Most of it is naga's.
    let limit = if cfg!(debug_assertions) { 1000 } else { 40 };
    assert!(time < Duration::from_millis(limit), "{time:?}");
}

#[test]
fn a_sample_takes_less_than_two_microseconds() {
    let loss = losses::value_loss("soft_kl", 32, 18, 1, Backup::SoftKl);
    let objective = Objective::compile(loss.traced, &loss.layout).unwrap();
    let data = Data::random(&loss.layout, &[0.1, 0.99, 1.0], -1.0, 1.0, 1);
    let time = best(50, || {
        // Includes making the buffers of the call.
        assert!(data.run::<f32>(&objective).loss[0].is_finite());
    });
    let limit = if cfg!(debug_assertions) { 100 } else { 2 };
    assert!(time < Duration::from_micros(32 * limit), "{time:?} for 32 samples");
}
