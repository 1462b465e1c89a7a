//! An objective under test, what an evaluation of it writes, and what arithmetic alone may change of that.

use super::rounding::{Arithmetic, Rounded, in_trial};
use kelvin_objective::{
    CompileError, Head, Inputs, KernelIo, Layout, Net, Objective, Op, Pass, Real, Traced,
};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// Trials that a tolerance is measured with at first.
const TRIALS: u64 = 16;
/// Trials in all where something is beyond it: errors that happened to cancel in a few do not in many.
const MORE_TRIALS: u64 = 128;
/// The largest move that was seen, times this, is allowed.
const MARGIN: f64 = 2.0;

/// What turns a traced script into kernels: [`Objective::compile`], or what a test puts in its place.
pub type Compile = fn(Traced, &Layout) -> Result<Objective, CompileError>;

/// An objective at one shape.
pub struct Subject {
    /// As the script recorded it.
    pub traced: Traced,
    /// Its shape.
    pub layout: Layout,
    /// The static parameters that it was traced with, where they are not the defaults.
    pub statics: BTreeMap<String, f64>,
    /// As it was compiled; the evaluations are compared with this one in `f64`.
    pub objective: Arc<Objective>,
    /// By what.
    pub compile: Compile,
}

impl Subject {
    /// Compiles what was traced with these static parameters.
    pub fn new(
        traced: Traced,
        layout: &Layout,
        statics: BTreeMap<String, f64>,
        compile: Compile,
    ) -> Result<Self, CompileError> {
        let objective = Arc::new(compile(traced.clone(), layout)?);
        Ok(Self { traced, layout: layout.clone(), statics, objective, compile })
    }

    /// Another objective of the same shape, made by the same compiler.
    pub fn sibling(&self, traced: Traced) -> Result<Self, CompileError> {
        Self::new(traced, &self.layout, self.statics.clone(), self.compile)
    }

    /// The kernel on the processor, in `T`.
    pub fn run<T: Real>(&self, inputs: &Inputs<T>) -> Written {
        let (layout, reads) = (&self.layout, self.objective.reads());
        let trained = inputs.region(Net::Online, &reads.trained, layout);
        // What it must write starts as NaN, so that an element that it forgets shows.
        let mut grad = vec![T::NAN; trained.len()];
        let mut metrics = vec![T::NAN; layout.batch * layout.metric_slots];
        self.objective.cpu().run(KernelIo {
            uniforms: &inputs.uniforms,
            samples: &inputs.samples,
            trained: &trained,
            online: &inputs.region(Net::Online, &reads.online, layout),
            target: &inputs.region(Net::Target, &reads.target, layout),
            grad: &mut grad,
            metrics: &mut metrics,
        });
        let wide = |values: Vec<T>| values.into_iter().map(T::to_f64).collect::<Vec<_>>();
        Written::from_kernel(self, &wide(grad), &wide(metrics))
    }

    /// Whether the loss of a sample depends on the other samples.
    pub fn mixes_samples(&self) -> bool {
        let graph = &self.traced.graph;
        graph.ids().any(|id| matches!(graph.op(id), Op::BatchMean(_)))
    }

    /// How much is reported of a sample: the loss and the metrics.
    fn reported(&self) -> usize {
        self.traced.metrics.len() + 1
    }
}

/// What an evaluation wrote: for each sample the loss, the metrics, and the sum of what stands in unused slots, which
/// must be 0; then the gradient of the *summed* loss by every online output, `[n + 1, batch, outputs]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Written {
    /// All of it, one after another.
    pub values: Vec<f64>,
}

impl Written {
    /// From a kernel's buffers: `[trained, batch, outputs]` and `[batch, metric_slots]`.
    pub fn from_kernel(subject: &Subject, grad: &[f64], metrics: &[f64]) -> Self {
        let (layout, reported) = (&subject.layout, subject.reported());
        let mut values = Vec::new();
        for row in metrics.chunks(layout.metric_slots) {
            values.extend(&row[..reported]);
            values.push(row[reported..].iter().map(|unused| unused.abs()).sum());
        }
        let start = values.len();
        let state = layout.batch * layout.outputs();
        values.resize(start + (layout.window + 1) * state, 0.0);
        // The kernel's gradient is that of the mean.
        let batch = layout.batch as f64;
        for (&trained, grad) in subject.objective.reads().trained.iter().zip(grad.chunks(state)) {
            let to = &mut values[start + trained * state..][..state];
            to.iter_mut().zip(grad).for_each(|(to, slope)| *to = slope * batch);
        }
        Self { values }
    }

    /// From the losses and metrics of every sample, and the gradient of the mean loss by every online output.
    pub fn from_parts(subject: &Subject, losses: &[f64], metrics: &[Vec<f64>], grad: &[f64]) -> Self {
        let batch = subject.layout.batch;
        let mut values = Vec::new();
        for sample in 0..batch {
            values.push(losses[sample]);
            values.extend(metrics.iter().map(|metric| metric[sample]));
            values.push(0.0);
        }
        values.extend(grad.iter().map(|slope| slope * batch as f64));
        Self { values }
    }

    /// Position of the gradient by an online output.
    pub fn gradient(subject: &Subject, state: usize, sample: usize, output: usize) -> usize {
        let Layout { batch, .. } = subject.layout;
        batch * (subject.reported() + 1) + (state * batch + sample) * subject.layout.outputs() + output
    }

    /// Position of a sample's loss.
    pub fn loss(subject: &Subject, sample: usize) -> usize {
        sample * (subject.reported() + 1)
    }
}

/// One of the numbers that an evaluation writes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// The loss, or a metric, by name.
    Reported(String),
    /// What stands in the slots that no metric uses.
    Unused,
    /// The gradient by an online output, as a script writes that output.
    Gradient(String),
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Reported(name) => f.write_str(name),
            Self::Unused => f.write_str("unused slots"),
            Self::Gradient(output) => write!(f, "∂ {output}"),
        }
    }
}

impl What {
    /// What stands at a position of [`Written::values`], and for which sample.
    pub fn at(subject: &Subject, position: usize) -> (usize, Self) {
        let Layout { batch, window, .. } = subject.layout;
        let slots = subject.reported() + 1;
        if let Some(position) = position.checked_sub(batch * slots) {
            let outputs = subject.layout.outputs();
            let (row, output) = (position / outputs, position % outputs);
            let (state, sample) = (row / batch, row % batch);
            return (sample, Self::Gradient(output_name(&subject.layout, window, state, output)));
        }
        let what = match position % slots {
            0 => Self::Reported("loss".to_owned()),
            slot if slot < subject.reported() => Self::Reported(subject.traced.metrics[slot - 1].0.clone()),
            _ => Self::Unused,
        };
        (position / slots, what)
    }
}

fn output_name(layout: &Layout, window: usize, state: usize, output: usize) -> String {
    let mut first = 0;
    for &head in &layout.heads {
        let width = layout.width(head);
        if output < first + width {
            let name = Pass::online(state).script_name(head, window);
            return if head == Head::V { name } else { format!("{name}[{}]", output - first) };
        }
        first += width;
    }
    format!("output {output}")
}

/// How far each number may be from that of the kernel in `f64`, measured by trials.
#[derive(Clone)]
pub struct Allowed<'a> {
    subject: &'a Subject,
    inputs: &'a Inputs<f64>,
    exact: &'a Written,
    arithmetic: Arithmetic,
    trials: u64,
    moved: Vec<f64>,
}

impl<'a> Allowed<'a> {
    /// Measures what `arithmetic` explains.
    pub fn measure(
        subject: &'a Subject,
        inputs: &'a Inputs<f64>,
        exact: &'a Written,
        arithmetic: Arithmetic,
    ) -> Self {
        let moved = vec![0.0; exact.values.len()];
        let mut allowed = Self { subject, inputs, exact, arithmetic, trials: 0, moved };
        allowed.try_until(TRIALS);
        allowed
    }

    /// At a position of [`Written::values`].
    pub fn at(&self, position: usize) -> f64 {
        // What is below the least normal number may as well be 0.
        MARGIN * (self.moved[position] + self.arithmetic.least())
    }

    /// Tries more often; whether that was possible.
    pub fn look_closer(&mut self) -> bool {
        let more = self.trials < MORE_TRIALS;
        self.try_until(MORE_TRIALS);
        more
    }

    fn try_until(&mut self, trials: u64) {
        for trial in self.trials..trials {
            let written = in_trial(self.arithmetic, trial, || self.subject.run(&rounded(self.inputs)));
            for ((moved, value), exact) in self.moved.iter_mut().zip(&written.values).zip(&self.exact.values)
            {
                let distance = (value - exact).abs();
                // An arithmetic that overflows explains nothing.
                if distance.is_finite() {
                    *moved = moved.max(distance);
                }
            }
        }
        self.trials = self.trials.max(trials);
    }
}

fn rounded(inputs: &Inputs<f64>) -> Inputs<Rounded> {
    let outputs = |values: &[f64]| values.iter().map(|&value| Rounded::output(value)).collect();
    let stored = |values: &[f64]| values.iter().map(|&value| Rounded::new(value)).collect();
    Inputs {
        uniforms: stored(&inputs.uniforms),
        samples: stored(&inputs.samples),
        online: outputs(&inputs.online),
        target: outputs(&inputs.target),
    }
}
