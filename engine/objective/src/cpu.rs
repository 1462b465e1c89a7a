//! The CPU kernel: a linear program over reused slots, run once a sample.
//!
//! Each node becomes a step that writes one number or `[actions]` numbers into a scratch buffer. A slot is
//! free again after the last step that reads it, so the scratch stays in the first cache level. Steps that no
//! sample changes (constants, parameters and what follows from them) run once a call.

use crate::layout::Layout;
use crate::lower::Lowered;
use crate::ops::{BinaryOp, CmpOp, NodeId, Op, Pass, ReduceOp, Shape, UnaryOp};
use crate::real::{Real, binary, compare, is_nan, is_true, number, unary};

/// Buffers of one call, in the shapes of the kernel's binding table. Passes that the objective does not read
/// may be empty.
pub struct KernelIo<'a, T> {
    /// `[param_slots]`.
    pub uniforms: &'a [T],
    /// `[fields, batch]`.
    pub samples: &'a [T],
    /// `[batch, outputs]`, online network at `s_t`.
    pub online: &'a [T],
    /// `[batch, outputs]`, online network at the bootstrap state.
    pub online_next: &'a [T],
    /// `[batch, outputs]`, target network at `s_t`.
    pub target: &'a [T],
    /// `[batch, outputs]`, target network at the bootstrap state.
    pub target_next: &'a [T],
    /// `[batch, outputs]`, every element written.
    pub grad: &'a mut [T],
    /// `[batch, metric_slots]`, every element written: loss, metrics, zeros.
    pub metrics: &'a mut [T],
}

/// The objective as a program for the CPU. Immutable: threads may share it.
#[derive(Clone, Debug)]
pub struct CpuKernel {
    actions: usize,
    outputs: usize,
    metric_slots: usize,
    scratch: usize,
    /// Steps that depend on parameters alone.
    once: Vec<Step>,
    /// Steps of every sample.
    each: Vec<Step>,
    /// Passes of which it reads something.
    passes: Vec<Pass>,
    /// Where loss and metrics are, by slot of the metrics buffer.
    reported: Vec<Place>,
    /// First output column, width and place of every head's gradient.
    grads: Vec<(usize, usize, Place)>,
}

/// Where a value lies in the scratch: element `k` at `start + k * stride`. The stride is 0 for a scalar, which
/// is how it repeats along the action axis.
#[derive(Clone, Copy, Debug)]
struct Place {
    start: usize,
    stride: usize,
}

impl Place {
    fn at(self, k: usize) -> usize {
        self.start + k * self.stride
    }
}

/// One step: what to compute, where to put it, and how many elements.
#[derive(Clone, Copy, Debug)]
struct Step {
    task: Task,
    to: Place,
    len: usize,
}

#[derive(Clone, Copy, Debug)]
enum Task {
    Const(f64),
    Param(usize),
    /// A row of the sample buffer.
    Sample(usize),
    /// A head's outputs from this column on.
    Load(Pass, usize),
    /// One element of a head's outputs: first column, index.
    Pick(Pass, usize, Place),
    Copy(Place),
    Unary(UnaryOp, Place),
    Binary(BinaryOp, Place, Place),
    Compare(CmpOp, Place, Place),
    And(Place, Place),
    Or(Place, Place),
    Not(Place),
    Select(Place, Place, Place),
    At(Place, Place),
    OneHot(Place),
    Reduce(ReduceOp, Place),
    ArgMax(Place),
}

impl CpuKernel {
    pub(crate) fn new(lowered: &Lowered, layout: &Layout) -> Self {
        let mut builder = Builder::new(lowered, layout);
        let (once, each) = builder.steps();
        let reported = std::iter::once(lowered.loss).chain(lowered.metrics.iter().map(|(_, id)| *id));
        let mut column = 0;
        let mut grads = Vec::new();
        for &(head, id) in &lowered.grads {
            grads.push((column, layout.width(head), builder.place(id)));
            column += layout.width(head);
        }
        CpuKernel {
            actions: layout.actions,
            outputs: layout.outputs(),
            metric_slots: layout.metric_slots,
            passes: lowered.passes(),
            reported: reported.map(|id| builder.place(id)).collect(),
            scratch: builder.end,
            once,
            each,
            grads,
        }
    }

    /// Computes loss, metrics and gradient of every sample; their number is `metrics.len() / metric_slots`.
    /// The loss is NaN where a pass that the objective reads has an output that is not finite.
    /// The gradient is scaled by one over the *layout's* batch, whatever their number.
    ///
    /// # Panics
    /// If a buffer that the objective reads or writes is shorter than its shape.
    pub fn run<T: Real>(&self, io: KernelIo<'_, T>) {
        let KernelIo { grad, metrics, .. } = io;
        let inputs = Inputs {
            batch: metrics.len() / self.metric_slots,
            outputs: self.outputs,
            uniforms: io.uniforms,
            samples: io.samples,
            passes: [io.online, io.online_next, io.target, io.target_next],
        };
        let mut scratch = vec![T::ZERO; self.scratch];
        for step in &self.once {
            step.run(&mut scratch, &inputs, 0, self.actions);
        }
        let rows = grad.chunks_exact_mut(self.outputs).zip(metrics.chunks_exact_mut(self.metric_slots));
        for (sample, (grad, metrics)) in rows.enumerate() {
            for step in &self.each {
                step.run(&mut scratch, &inputs, sample, self.actions);
            }
            for (column, width, place) in &self.grads {
                for k in 0..*width {
                    grad[column + k] = scratch[place.at(k)];
                }
            }
            metrics.fill(T::ZERO);
            for (slot, place) in metrics.iter_mut().zip(&self.reported) {
                *slot = scratch[place.start];
            }
            // As on the GPU: what a script makes of a broken network's outputs may look sound.
            if !self.passes.iter().all(|&pass| inputs.are_finite(pass, sample)) {
                metrics[0] = T::NAN;
            }
        }
    }
}

struct Inputs<'a, T> {
    batch: usize,
    outputs: usize,
    uniforms: &'a [T],
    samples: &'a [T],
    /// In the order of [`Pass`].
    passes: [&'a [T]; 4],
}

impl<T: Real> Inputs<'_, T> {
    fn output(&self, pass: Pass, sample: usize, column: usize) -> T {
        self.passes[pass as usize][sample * self.outputs + column]
    }

    fn are_finite(&self, pass: Pass, sample: usize) -> bool {
        let row = &self.passes[pass as usize][sample * self.outputs..][..self.outputs];
        row.iter().all(|x| x.to_f64().is_finite())
    }
}

impl Step {
    fn run<T: Real>(&self, s: &mut [T], inputs: &Inputs<'_, T>, sample: usize, actions: usize) {
        let to = self.to;
        let n = self.len;
        match self.task {
            Task::Const(value) => s[to.start] = T::from_f64(value),
            Task::Param(slot) => s[to.start] = inputs.uniforms[slot],
            Task::Sample(row) => s[to.start] = inputs.samples[row * inputs.batch + sample],
            Task::Load(pass, column) => each(s, to, n, |_, k| inputs.output(pass, sample, column + k)),
            Task::Pick(pass, column, index) => {
                let k = s[index.start].to_index().min(actions - 1);
                s[to.start] = inputs.output(pass, sample, column + k);
            }
            Task::Copy(x) => each(s, to, n, |s, k| s[x.at(k)]),
            Task::Unary(op, x) => each(s, to, n, |s, k| unary(op, s[x.at(k)])),
            Task::Binary(op, x, y) => each(s, to, n, |s, k| binary(op, s[x.at(k)], s[y.at(k)])),
            Task::Compare(op, x, y) => each(s, to, n, |s, k| number(compare(op, s[x.at(k)], s[y.at(k)]))),
            Task::And(x, y) => each(s, to, n, |s, k| number(is_true(s[x.at(k)]) && is_true(s[y.at(k)]))),
            Task::Or(x, y) => each(s, to, n, |s, k| number(is_true(s[x.at(k)]) || is_true(s[y.at(k)]))),
            Task::Not(x) => each(s, to, n, |s, k| number(!is_true(s[x.at(k)]))),
            Task::Select(c, a, b) => {
                each(s, to, n, |s, k| if is_true(s[c.at(k)]) { s[a.at(k)] } else { s[b.at(k)] });
            }
            Task::At(x, index) => {
                let k = s[index.start].to_index().min(actions - 1);
                s[to.start] = s[x.at(k)];
            }
            Task::OneHot(index) => {
                let chosen = s[index.start].to_index().min(actions - 1);
                each(s, to, n, |_, k| number(k == chosen));
            }
            Task::Reduce(ReduceOp::Sum, x) => {
                s[to.start] = (0..actions).fold(T::ZERO, |sum, k| sum + s[x.at(k)]);
            }
            Task::Reduce(ReduceOp::Max, x) => {
                s[to.start] =
                    (0..actions).fold(T::NEG_INFINITY, |max, k| binary(BinaryOp::Max, max, s[x.at(k)]));
            }
            Task::ArgMax(x) => {
                let (mut best, mut first) = (s[x.at(0)], 0);
                for k in 1..actions {
                    let value = s[x.at(k)];
                    // A NaN counts as the largest, so that the value gathered here shows the fault.
                    if value > best || (is_nan(value) && !is_nan(best)) {
                        (best, first) = (value, k);
                    }
                }
                s[to.start] = T::from_f64(first as f64);
            }
        }
    }
}

/// Elementwise: `to[k] = f(scratch, k)`. `to` may be one of the operands, since element `k` of the result
/// needs no other element of an action-shaped operand.
#[inline(always)]
fn each<T: Real>(s: &mut [T], to: Place, n: usize, f: impl Fn(&[T], usize) -> T) {
    for k in 0..n {
        s[to.at(k)] = f(s, k);
    }
}

/// Turns nodes into steps and hands out slots.
struct Builder<'a> {
    lowered: &'a Lowered,
    layout: &'a Layout,
    places: Vec<Option<Place>>,
    /// Reads of a node that are still to come; roots are never done.
    pending: Vec<usize>,
    /// Known before any sample is.
    constant: Vec<bool>,
    free: [Vec<Place>; 2],
    end: usize,
}

impl<'a> Builder<'a> {
    fn new(lowered: &'a Lowered, layout: &'a Layout) -> Self {
        let graph = &lowered.graph;
        let mut pending = vec![0; graph.len()];
        let mut constant = vec![false; graph.len()];
        for id in graph.ids() {
            let op = graph.op(id);
            for operand in reads(lowered, op) {
                pending[operand.index()] += 1;
            }
            constant[id.index()] = match op {
                Op::Const(_) | Op::Param(_) => true,
                Op::Sample(_) | Op::Output(..) => false,
                op => op.operands().all(|operand| constant[operand.index()]),
            };
        }
        for id in graph.ids().filter(|id| constant[id.index()]).chain(lowered.roots()) {
            pending[id.index()] = usize::MAX;
        }
        Builder {
            lowered,
            layout,
            places: vec![None; graph.len()],
            pending,
            constant,
            free: [Vec::new(), Vec::new()],
            end: 0,
        }
    }

    /// The steps that run once a call, and those that run once a sample. The former get their slots first and
    /// keep them.
    fn steps(&mut self) -> (Vec<Step>, Vec<Step>) {
        let read = |this: &Self, id: NodeId| this.pending[id.index()] > 0;
        let ids: Vec<NodeId> = self.lowered.graph.ids().filter(|&id| read(self, id)).collect();
        let (constant, varying): (Vec<NodeId>, Vec<NodeId>) =
            ids.into_iter().partition(|id| self.constant[id.index()]);
        let once = constant.into_iter().map(|id| self.step(id)).collect();
        let each = varying.into_iter().map(|id| self.step(id)).collect();
        (once, each)
    }

    fn step(&mut self, id: NodeId) -> Step {
        let graph = &self.lowered.graph;
        let op = graph.op(id);
        let task = self.task(op);
        for operand in reads(self.lowered, op) {
            self.release(operand);
        }
        let shape = graph.shape(id);
        let to = self.allocate(shape);
        self.places[id.index()] = Some(to);
        Step { task, to, len: self.width(shape) }
    }

    fn task(&self, op: &Op) -> Task {
        let place = |id| self.place(id);
        match *op {
            Op::Const(bits) => Task::Const(f64::from_bits(bits)),
            Op::Param(slot) => Task::Param(slot),
            Op::Sample(field) => Task::Sample(self.layout.field(field)),
            Op::Output(pass, head) => Task::Load(pass, self.layout.column(head).unwrap_or(0)),
            Op::Unary(op, x) => Task::Unary(op, place(x)),
            Op::Binary(op, x, y) => Task::Binary(op, place(x), place(y)),
            Op::Compare(op, x, y) => Task::Compare(op, place(x), place(y)),
            Op::And(x, y) => Task::And(place(x), place(y)),
            Op::Or(x, y) => Task::Or(place(x), place(y)),
            Op::Not(x) => Task::Not(place(x)),
            Op::Select(c, a, b) => Task::Select(place(c), place(a), place(b)),
            Op::At(x, i) => match *self.lowered.graph.op(x) {
                Op::Output(pass, head) => Task::Pick(pass, self.layout.column(head).unwrap_or(0), place(i)),
                _ => Task::At(place(x), place(i)),
            },
            Op::OneHot(i) => Task::OneHot(place(i)),
            Op::Reduce(op, x) => Task::Reduce(op, place(x)),
            Op::ArgMax(x) => Task::ArgMax(place(x)),
            Op::StopGradient(x) | Op::ScaleGradient(x, _) => Task::Copy(place(x)),
        }
    }

    fn place(&self, id: NodeId) -> Place {
        // Operands precede their users (verified), so they have their place by now.
        self.places[id.index()].expect("operands precede users")
    }

    fn width(&self, shape: Shape) -> usize {
        match shape {
            Shape::Scalar => 1,
            Shape::Action => self.layout.actions,
        }
    }

    fn allocate(&mut self, shape: Shape) -> Place {
        self.free[shape as usize].pop().unwrap_or_else(|| {
            let start = self.end;
            self.end += self.width(shape);
            Place { start, stride: usize::from(shape == Shape::Action) }
        })
    }

    fn release(&mut self, id: NodeId) {
        let pending = &mut self.pending[id.index()];
        if *pending == usize::MAX {
            return;
        }
        *pending -= 1;
        if *pending == 0 {
            let place = self.place(id);
            self.free[self.lowered.graph.shape(id) as usize].push(place);
        }
    }
}

/// The operands a step reads from the scratch. A gather of a network output reads the one element where it
/// lies, not the row.
fn reads(lowered: &Lowered, op: &Op) -> impl Iterator<Item = NodeId> + use<> {
    let skipped = match *op {
        Op::At(x, _) if matches!(lowered.graph.op(x), Op::Output(..)) => Some(x),
        _ => None,
    };
    op.operands().filter(move |&operand| Some(operand) != skipped)
}
