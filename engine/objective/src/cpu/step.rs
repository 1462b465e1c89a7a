//! What a step computes.

use crate::ops::{BinaryOp, CmpOp, ReduceOp, UnaryOp};
use crate::reads::Region;
use crate::real::{Real, binary, compare, first_maximum, is_true, maximum, number, unary};

/// What the steps read.
pub(super) struct Buffers<'a, T> {
    pub(super) batch: usize,
    pub(super) actions: usize,
    pub(super) outputs: usize,
    pub(super) uniforms: &'a [T],
    pub(super) samples: &'a [T],
    /// In the order of [`Region::ALL`].
    pub(super) regions: [&'a [T]; 3],
}

impl<T: Real> Buffers<'_, T> {
    fn output(&self, source: Source, sample: usize, k: usize) -> T {
        let row = (source.position * self.batch + sample) * self.outputs;
        self.regions[source.region.index()][row + source.column + k]
    }

    /// Whether a sample's outputs are, in the first so many states of each region.
    pub(super) fn are_finite(&self, states: [usize; 3], sample: usize) -> bool {
        self.regions.iter().zip(states).all(|(region, states)| {
            (0..states).all(|position| {
                let row = &region[(position * self.batch + sample) * self.outputs..][..self.outputs];
                row.iter().all(|x| x.to_f64().is_finite())
            })
        })
    }
}

/// Where a value lies in the scratch: element `k` at `start + k * stride`. The stride is 0 for a scalar, which
/// is how it repeats along the action axis.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub(super) start: usize,
    pub(super) stride: usize,
}

impl Place {
    pub(super) fn at(self, k: usize) -> usize {
        self.start + k * self.stride
    }
}

/// One step: what to compute, where to put it, and how many elements.
#[derive(Clone, Copy, Debug)]
pub(super) struct Step {
    pub(super) task: Task,
    pub(super) to: Place,
    pub(super) len: usize,
}

/// Where a head's outputs lie.
#[derive(Clone, Copy, Debug)]
pub(super) struct Source {
    pub(super) region: Region,
    /// Position of the state in the region.
    pub(super) position: usize,
    /// The head's first column.
    pub(super) column: usize,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Task {
    Const(f64),
    Param(usize),
    /// A row of the sample buffer.
    Sample(usize),
    /// A head's outputs.
    Load(Source),
    /// One element of a head's outputs, by index.
    Pick(Source, Place),
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

impl Step {
    pub(super) fn run<T: Real>(&self, s: &mut [T], buffers: &Buffers<'_, T>, sample: usize) {
        let to = self.to;
        let n = self.len;
        let actions = buffers.actions;
        let chosen = |s: &[T], index: Place| s[index.start].to_index().min(actions - 1);
        match self.task {
            Task::Const(value) => s[to.start] = T::from_f64(value),
            Task::Param(slot) => s[to.start] = buffers.uniforms[slot],
            Task::Sample(row) => s[to.start] = buffers.samples[row * buffers.batch + sample],
            Task::Load(source) => each(s, to, n, |_, k| buffers.output(source, sample, k)),
            Task::Pick(source, index) => s[to.start] = buffers.output(source, sample, chosen(s, index)),
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
            Task::At(x, index) => s[to.start] = s[x.at(chosen(s, index))],
            Task::OneHot(index) => {
                let chosen = chosen(s, index);
                each(s, to, n, |_, k| number(k == chosen));
            }
            Task::Reduce(ReduceOp::Sum, x) => {
                s[to.start] = (0..actions).fold(T::ZERO, |sum, k| sum + s[x.at(k)]);
            }
            Task::Reduce(ReduceOp::Max, x) => s[to.start] = maximum((0..actions).map(|k| s[x.at(k)])),
            Task::ArgMax(x) => {
                let first = first_maximum((0..actions).map(|k| s[x.at(k)]));
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
