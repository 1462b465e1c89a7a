//! Looking at what the device reported: metrics, and updates whose numbers were not finite.
//!
//! Each look waits for the device, so that updates are looked at a few at a time. What a batch was computed with,
//! parameters, target network and objective, does not change before it was looked at: whoever changes that looks
//! first. So a broken update can be put together again as it was.

use super::agent::Learner;
use crate::config::OnNan;
use crate::failure::Failure;
use kelvin_compute::{Batch, Faults, Outputs, Reads, Report};
use kelvin_objective::{Fault, Inputs};

/// Updates between two readings of the objective's metrics.
pub(super) const READ_EVERY: u64 = 8;
/// Ticks after which an update is looked at in any case: a tick takes up to two slots of each lane of the memory, which
/// keeps what was drawn for [`KEPT_AFTER_DRAWING`](crate::replay::KEPT_AFTER_DRAWING) slots.
pub(super) const LOOK_AFTER_TICKS: usize = 16;

/// Updates whose numbers were not finite.
#[derive(Clone, Debug)]
pub struct Broken {
    /// Which, and how many.
    pub faults: Faults,
    /// The first of them, put together once more as it was unless weights have changed since; none if its transitions
    /// are no longer in memory.
    pub evidence: Option<Evidence>,
    /// Updates, from the first of them on, that changed the weights all the same.
    pub since: u64,
    /// Norms of the last gradient, by tensor.
    pub grad_norms: Vec<(String, f32)>,
}

/// A broken update, put together once more.
#[derive(Clone, Debug)]
pub struct Evidence {
    /// Observations `[states, batch, stack, height, width]`.
    pub obs: Vec<u8>,
    /// The states of the observations.
    pub states: Vec<usize>,
    /// `[fields, batch]`; see [`kelvin_compute::objective`].
    pub samples: Vec<f32>,
    /// The networks' outputs.
    pub outputs: Outputs,
    /// The live parameters.
    pub uniforms: Vec<f32>,
    /// The first node that is not finite, if the objective has one on this batch.
    pub fault: Option<Fault>,
}

impl Evidence {
    /// The largest size of an output of the networks; infinite if one is not finite.
    pub fn largest_output(&self) -> f32 {
        let Outputs { trained, online, target } = &self.outputs;
        let all = [trained, online, target].into_iter().flatten();
        all.fold(0.0, |largest: f32, y| if y.is_finite() { largest.max(y.abs()) } else { f32::INFINITY })
    }
}

impl Learner {
    /// Looks at the updates that nobody has looked at yet. What is about to change anything that they depend on must
    /// do this first.
    pub(super) fn look(&mut self) -> Result<(), Failure> {
        if self.pending.is_empty() {
            return Ok(());
        }
        let report = self.model.report()?;
        self.judge(&report)
    }

    /// The same, and takes the metrics of the last update for the record.
    pub(super) fn look_and_read(&mut self) -> Result<(), Failure> {
        let report = self.model.report()?;
        let worth_recording = match self.config.on_nan {
            // The last update was not made.
            OnNan::Stop => report.faults.is_none(),
            OnNan::Skip => report.means[0].is_finite(),
            OnNan::Continue => true,
        };
        if worth_recording {
            self.state.readings.add(&report.means, report.grad_norms.clone());
        }
        self.judge(&report)
    }

    fn judge(&mut self, report: &Report) -> Result<(), Failure> {
        if let Some(faults) = report.faults {
            if let Some(earlier) = &mut self.broken {
                // Nobody has asked since: what they came to is told as one.
                earlier.faults.broken += faults.broken;
                earlier.faults.skipped += faults.skipped;
                earlier.since = self.state.updates.0 - (earlier.faults.first - 1) - earlier.faults.skipped;
            } else {
                let made = self.state.updates.0 - (faults.first - 1);
                let evidence = self.examine(faults.first)?;
                let names = self.model.grad_norm_names().iter().cloned();
                self.broken = Some(Broken {
                    faults,
                    evidence,
                    since: made - faults.skipped,
                    grad_norms: names.zip(report.grad_norms.iter().copied()).collect(),
                });
            }
            // Where broken updates stop everything, those that changed nothing were not made.
            self.state.updates.0 = self.model.updates();
        }
        self.pending.clear();
        Ok(())
    }

    /// Looks at everything that was computed so far, so that [`take_broken`](Self::take_broken) knows.
    pub fn settle(&mut self) -> Result<(), Failure> {
        self.look()
    }

    /// The broken updates that were found since the last call.
    pub fn take_broken(&mut self) -> Option<Broken> {
        self.broken.take()
    }

    /// Puts an update together again and looks for what broke it: at once, for target network, parameters and
    /// objective may change with the next tick.
    fn examine(&mut self, update: u64) -> Result<Option<Evidence>, Failure> {
        if !self.replay.again(self.pending.get(update).unwrap_or_default(), &mut self.batch) {
            return Ok(None);
        }
        let (obs, samples) = (self.batch.obs.clone(), self.batch.samples.clone());
        let outputs = self.model.outputs(&Batch { obs: &obs, samples: &samples })?;
        let uniforms = self.staged.uniforms(&self.values);
        let reads = self.staged.reads();
        let rows = self.config.batch * self.config.outputs(self.env().actions.len());
        let inputs = inputs(&reads, self.config.n, rows, &uniforms, &samples, &outputs);
        let fault = self.staged.objective().fault(&inputs);
        let states = reads.states();
        Ok(Some(Evidence { obs, states, samples, outputs, uniforms, fault }))
    }
}

/// The outputs at the states that were read, each in the place of its state; zero elsewhere.
fn inputs(
    reads: &Reads,
    n: usize,
    rows: usize,
    uniforms: &[f32],
    samples: &[f32],
    outputs: &Outputs,
) -> Inputs<f32> {
    let spread = |regions: &[(&[usize], &[f32])]| {
        let mut all = vec![0.0; (n + 1) * rows];
        for (states, region) in regions {
            for (state, row) in states.iter().zip(region.chunks_exact(rows)) {
                all[state * rows..(state + 1) * rows].copy_from_slice(row);
            }
        }
        all
    };
    Inputs {
        uniforms: uniforms.to_vec(),
        samples: samples.to_vec(),
        online: spread(&[(&reads.trained, &outputs.trained), (&reads.online, &outputs.online)]),
        target: spread(&[(&reads.target, &outputs.target)]),
    }
}
