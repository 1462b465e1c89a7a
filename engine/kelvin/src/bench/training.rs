//! Whole training, as `kelvin train` does it, and where its time goes.

use super::measure::{Measurement, Unit};
use super::updates::{A2C, DQN, Workload, scratch_folder};
use super::{Bench, record};
use crate::console::Console;
use crate::failure::Failure;
use crate::train::{Session, TrainRequest};
use crate::units::Frames;
use kelvin_trace::Trace;
use std::time::{Duration, Instant};

/// Updates before anything is measured.
const WARM_UP: u64 = 40;
/// Time of a sample: a few dozen updates.
const SAMPLE: Duration = Duration::from_millis(400);
/// Time that is recorded: a profile has no room for hours.
const RECORDED: Duration = Duration::from_secs(2);

/// What is trained with.
pub(super) struct Kind {
    work: Workload,
    sets: &'static [(&'static str, &'static str)],
}

/// The learner from replay as it learns, and the one from rollouts.
pub(super) const KINDS: [Kind; 2] = [
    Kind { work: DQN, sets: &[("learning_starts", "1000"), ("replay_capacity", "50000")] },
    Kind { work: A2C, sets: &[] },
];

impl Kind {
    /// The name of its measurement.
    pub(super) fn name(&self) -> String {
        format!("train {}", self.work.name)
    }
}

/// What a profile calls the phases of a tick. Those that begin with the first are inside it.
const PHASES: [&str; 10] =
    ["tick", "act", "choose", "step", "store", "sample", "update", "upload", "wait", "record"];

/// Frames a second while it learns.
pub(super) fn measure(bench: &Bench<'_>, kind: &Kind) -> Result<Measurement, Failure> {
    let folder = scratch_folder()?;
    let request = TrainRequest {
        script: Some(kind.work.write(folder.path())?),
        env: Some(bench.request.env.clone()),
        device: Some(bench.request.device.clone()),
        frames: Some(Frames(1_000_000_000)),
        out: Some(folder.path().join("run")),
        sets: kind.sets.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect(),
        roms: bench.request.roms.clone(),
        ..TrainRequest::default()
    };
    let mut console = Console::new(true);
    let mut session = Session::open(&request, &console)?;
    while session.learner().state().updates.0 < WARM_UP {
        session.step(&mut console)?;
    }
    let (start, mut samples) = (Instant::now(), Vec::new());
    while bench.request.effort.goes_on(samples.len(), start) {
        let (seconds, counts) = run(&mut session, &mut console)?;
        samples.push(counts.frames / seconds);
    }
    let recording = record()?;
    let mut counts = Counts::default();
    while recording.elapsed() < RECORDED {
        counts = counts + run(&mut session, &mut console)?.1;
    }
    let trace = recording.finish();
    let bound = least_seconds(bench, &session, &trace, &counts).map(|seconds| counts.frames / seconds);
    let measured = Measurement::of(kind.name(), Unit::FramesPerSecond, samples).bounded(bound);
    Ok(Measurement { phases: phases(&trace), ..measured })
}

/// What was done in some time.
#[derive(Clone, Copy, Default)]
struct Counts {
    frames: f64,
    steps: f64,
    updates: f64,
}

impl std::ops::Add for Counts {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            frames: self.frames + other.frames,
            steps: self.steps + other.steps,
            updates: self.updates + other.updates,
        }
    }
}

/// Trains for a sample's time; the seconds it took.
fn run(session: &mut Session, console: &mut Console) -> Result<(f64, Counts), Failure> {
    let counts = |session: &Session| {
        let (learner, state) = (session.learner(), session.learner().state());
        [learner.frames().0, state.agent_steps.0, state.updates.0].map(|count| count as f64)
    };
    let (start, before) = (Instant::now(), counts(session));
    while start.elapsed() < SAMPLE {
        session.step(console)?;
    }
    let (seconds, after) = (start.elapsed().as_secs_f64(), counts(session));
    let [frames, steps, updates] = [0, 1, 2].map(|i| after[i] - before[i]);
    Ok((seconds, Counts { frames, steps, updates }))
}

/// Seconds in which the same work could be done: the emulators on all threads without a pause, then the arithmetic of
/// acting and of the updates at the device's best rate.
fn least_seconds(bench: &Bench<'_>, session: &Session, trace: &Trace, counts: &Counts) -> Option<f64> {
    let emulating = trace.totals().get("emulate").map_or(0.0, |total| total.time.as_secs_f64());
    let model = session.learner().model();
    let acts = counts.steps / model.spec().act_batch as f64;
    let [act, update] = [model.act_cost(), model.update_cost()].map(|cost| bench.least_seconds(cost));
    let arithmetic = act? * acts + update? * counts.updates;
    Some(emulating / rayon::current_num_threads() as f64 + arithmetic)
}

/// Shares of the time by phase. Stepping is told apart by what the threads did in it.
fn phases(trace: &Trace) -> Vec<(String, f64)> {
    let Some(track) = trace.track_of("tick") else { return vec![] };
    let all = trace.length.as_secs_f64();
    let times = trace.exclusive(track, |name| PHASES.contains(&name));
    let share = |name: &str| times.get(name).map_or(0.0, |time| time.as_secs_f64() / all);
    let threads = rayon::current_num_threads() as f64;
    let totals = trace.totals();
    let on_threads =
        |name: &str| totals.get(name).map_or(0.0, |total| total.time.as_secs_f64() / threads / all);
    let (emulate, preprocess) = (on_threads("emulate"), on_threads("preprocess"));
    [
        ("emulate", emulate),
        ("preprocess", preprocess),
        ("rest of stepping", (share("step") - emulate - preprocess).max(0.0)),
        ("act", share("act")),
        ("sample", share("sample")),
        ("upload", share("upload")),
        ("update", share("update")),
        ("wait", share("wait")),
        ("bookkeeping", ["tick", "choose", "store", "record"].map(share).iter().sum()),
    ]
    .map(|(name, share)| (name.to_owned(), share))
    .into()
}
