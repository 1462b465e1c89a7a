//! Writes checkpoints while the training goes on. What a checkpoint is made of is copied between two ticks; a thread of its
//! own compresses it, brings it to the disk and makes it a checkpoint.
//!
//! Most of a memory is written long before a checkpoint needs it: each stretch of a lane as soon as it is full, into a
//! [segment](Segments) that all checkpoints share. A checkpoint itself holds the slots since then.

use super::checkpoint::{Cut, Snapshot, compress};
use crate::failure::Failure;
use crate::learner::Learner;
use crate::replay::Replay;
use crate::units::{AgentSteps, Updates};
use kelvin_run::{JsonLines, RunDir, Segments};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// What may wait to be written, until the training does: segments of some 8 MB each at most.
const WAITING: usize = 32;

/// Writes checkpoints of one run.
pub(super) struct Keeper {
    cut: Cut,
    ahead: bool,
    /// Slots of each lane that are in segments.
    written: Vec<u64>,
    jobs: Option<SyncSender<Job>>,
    outcomes: Receiver<Result<Kept, Failure>>,
    thread: Option<JoinHandle<()>>,
    /// Checkpoints of which nothing was heard yet.
    expected: usize,
}

/// A checkpoint that is on the disk.
#[derive(Debug)]
pub(super) struct Kept {
    /// Of when it is.
    pub updates: Updates,
    /// The same, in agent steps.
    pub agent_steps: AgentSteps,
    /// Time for which the training waited.
    pub pause: Duration,
    /// Time until it was on the disk.
    pub took: Duration,
}

enum Job {
    Segment { lane: usize, first: u64, slots: Vec<u8>, kept_from: u64 },
    Checkpoint { snapshot: Box<Snapshot>, records: Vec<JsonLines>, start: Instant, pause: Duration },
}

impl Keeper {
    /// A keeper for the run of such a learner, some of whose memory may be in `segments` already. `ahead` to write them ahead
    /// of checkpoints, if there will be any.
    pub fn start(dir: RunDir, segments: Segments, learner: &Learner, ahead: bool) -> Result<Self, Failure> {
        let memory = learner.replay();
        let cut = Cut::of(memory.spec(), learner.is_on_policy());
        let mut written = cut.written(memory.spec().lanes, segments.names());
        // What is no longer kept needs no segment, whatever a checkpoint says.
        written.iter_mut().zip(memory.kept()).for_each(|(written, kept)| *written = kept.start.max(*written));
        let (jobs, inbox) = sync_channel(WAITING);
        let (outbox, outcomes) = sync_channel(WAITING);
        let writer = Writer { dir, segments, cut };
        let thread = std::thread::Builder::new()
            .name("keeper".to_owned())
            .spawn(move || writer.run(&inbox, &outbox))
            .map_err(|error| Failure::failed(format!("no thread for writing checkpoints: {error}")))?;
        Ok(Self { cut, ahead, written, jobs: Some(jobs), outcomes, thread: Some(thread), expected: 0 })
    }

    /// Hands on what filled a segment since the last call.
    pub fn follow(&mut self, memory: &Replay) -> Result<(), Failure> {
        let lanes = if self.ahead { self.written.len() } else { 0 };
        for lane in 0..lanes {
            let kept = memory.kept_of(lane);
            while let Some(next) = self.cut.next(self.written[lane], &kept) {
                self.written[lane] = next.end;
                let (first, kept_from, mut slots) = (next.start, kept.start, Vec::new());
                memory.write_slots(lane, next, &mut slots);
                self.send(Job::Segment { lane, first, slots, kept_from })?;
            }
        }
        Ok(())
    }

    /// Slots of each lane that are in segments.
    pub fn written(&self) -> &[u64] {
        &self.written
    }

    /// Has a checkpoint written of what was taken since `start`, once `records` are on the disk.
    pub fn keep(
        &mut self,
        snapshot: Snapshot,
        records: Vec<JsonLines>,
        start: Instant,
    ) -> Result<(), Failure> {
        let snapshot = Box::new(snapshot);
        self.expected += 1;
        self.send(Job::Checkpoint { snapshot, records, start, pause: start.elapsed() })
    }

    /// A checkpoint that was written since the last call, or why one could not be.
    pub fn poll(&mut self) -> Result<Option<Kept>, Failure> {
        self.heard(self.outcomes.try_recv().ok())
    }

    /// The same, and waits for it; none once all are told.
    pub fn wait(&mut self) -> Result<Option<Kept>, Failure> {
        if self.expected == 0 {
            return Ok(None);
        }
        let outcome = self.outcomes.recv().unwrap_or_else(|_| Err(ended()));
        self.heard(Some(outcome))
    }

    fn heard(&mut self, outcome: Option<Result<Kept, Failure>>) -> Result<Option<Kept>, Failure> {
        let kept = outcome.transpose()?;
        self.expected -= usize::from(kept.is_some());
        Ok(kept)
    }

    /// Fails with what the thread failed with, if it did.
    fn send(&mut self, job: Job) -> Result<(), Failure> {
        let sent = self.jobs.as_ref().is_some_and(|jobs| jobs.send(job).is_ok());
        if sent {
            return Ok(());
        }
        let failed = self.outcomes.try_iter().find_map(Result::err);
        Err(failed.unwrap_or_else(ended))
    }
}

fn ended() -> Failure {
    Failure::failed("checkpoints can no longer be written: the thread that did ended")
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            // Whoever wanted to know how it ended has waited.
            drop(thread.join());
        }
    }
}

/// The thread's side.
struct Writer {
    dir: RunDir,
    segments: Segments,
    cut: Cut,
}

impl Writer {
    /// Ends with the first job that fails: what comes after it would lack what it was about.
    fn run(mut self, jobs: &Receiver<Job>, outcomes: &SyncSender<Result<Kept, Failure>>) {
        while let Ok(job) = jobs.recv() {
            let outcome = self.carry_out(job);
            let failed = outcome.is_err();
            if let Some(outcome) = outcome.transpose() {
                drop(outcomes.send(outcome));
            }
            if failed {
                return;
            }
        }
    }

    fn carry_out(&mut self, job: Job) -> Result<Option<Kept>, Failure> {
        match job {
            Job::Segment { lane, first, slots, kept_from } => {
                self.segments.write(&Cut::name(lane, first), &compress(&slots)?)?;
                let cut = self.cut;
                let is_kept = |name: &str| {
                    cut.read_name(name).is_some_and(|(other, slots)| other != lane || slots.end > kept_from)
                };
                self.segments.retain(is_kept)?;
                Ok(None)
            }
            Job::Checkpoint { snapshot, records, start, pause } => {
                // A run resumed from it goes on from what was recorded up to it.
                records.iter().try_for_each(JsonLines::sync)?;
                snapshot.write(&self.dir, &mut self.segments)?;
                let state = &snapshot.saved.learner;
                let (updates, agent_steps) = (state.updates, state.agent_steps);
                Ok(Some(Kept { updates, agent_steps, pause, took: start.elapsed() }))
            }
        }
    }
}
