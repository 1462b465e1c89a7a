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
