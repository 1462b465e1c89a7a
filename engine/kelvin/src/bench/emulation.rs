//! Emulators by themselves: how many frames they make, and what preprocessing adds.

use super::measure::{Effort, Measurement, Unit};
use super::{Bench, record};
use crate::failure::Failure;
use kelvin_env::{EnvOptions, VecEnv};
use std::time::Instant;

/// Environments a thread: enough that none waits for long at a step's end.
const ENVS_PER_THREAD: usize = 8;
/// Steps of all environments in a sample.
const STEPS: usize = 50;

/// Numbers of threads that are measured: one, two, four, … and all.
pub(super) fn threads() -> Vec<usize> {
    let all = rayon::current_num_threads();
    let mut threads: Vec<_> = (0..).map(|power| 1 << power).take_while(|threads| *threads < all).collect();
    threads.push(all);
    threads
}

/// What a run with so many threads measures.
pub(super) fn names(threads: usize) -> [String; 2] {
    let plural = if threads == 1 { "" } else { "s" };
    ["emulate", "emulate+preprocess"].map(|what| format!("{what} {threads} thread{plural}"))
}

/// Both of [`names`].
pub(super) fn measure(bench: &Bench<'_>, threads: usize) -> Result<Vec<Measurement>, Failure> {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
    let pool = pool.map_err(|error| Failure::failed(format!("no {threads} threads: {error}")))?;
    pool.install(|| {
        let options = EnvOptions { roms: bench.request.roms.clone(), ..EnvOptions::default() };
        let mut envs = VecEnv::new(&bench.request.env, &options, ENVS_PER_THREAD * threads, 1)?;
        let (mut bare, mut whole) = (Vec::new(), Vec::new());
        let start = Instant::now();
        if let Effort::Time(_) = bench.request.effort {
            steps(&mut envs, 0)?;
        }
        while bench.request.effort.goes_on(whole.len(), start) {
            let recording = record()?;
            let frames = steps(&mut envs, whole.len())?;
            let trace = recording.finish();
            let emulating = trace.totals().get("emulate").map_or(0.0, |total| total.time.as_secs_f64());
            whole.push(frames / trace.length.as_secs_f64());
            bare.push(frames * threads as f64 / emulating);
        }
        let [emulate, with_preprocessing] = names(threads);
        let bare = Measurement::of(emulate, Unit::FramesPerSecond, bare);
        let whole = Measurement::of(with_preprocessing, Unit::FramesPerSecond, whole);
        let whole = whole.bounded(Some(bare.median));
        Ok(vec![bare, whole])
    })
}

/// Plays with actions of no meaning; returns the frames.
fn steps(envs: &mut VecEnv, round: usize) -> Result<f64, Failure> {
    let count = envs.spec().actions.len();
    for step in 0..STEPS {
        // Changes often, and is another one in every environment.
        let actions: Vec<_> = (0..envs.len()).map(|env| (round + step / 3 + 7 * env) % count).collect();
        envs.step(&actions)?;
    }
    Ok((STEPS * envs.len() * envs.spec().frames_per_step) as f64)
}
