//! A graph evaluated node by node, as it stands: no passes, no slots, no kernel.
//!
//! The kernels are tested against this, finite differences are taken of it, and the place of a fault is found
//! with it.

use crate::graph::Graph;
use crate::inputs::Inputs;
use crate::layout::Layout;
use crate::objective::Traced;
use crate::ops::{NodeId, Op, ReduceOp, Shape};
use crate::real::{Real, binary, compare, first_maximum, is_true, maximum, number, unary};

/// The values of every node of a graph, for every sample of a batch.
#[derive(Clone, Debug)]
pub struct Values<T> {
    values: Vec<T>,
    /// Where each node's `[batch, width]` begins, and its width.
    columns: Vec<(usize, usize)>,
}

impl<T> Values<T> {
    /// One number, or one per action.
    ///
    /// # Panics
    /// If the node or the sample is not one of those that were evaluated.
    pub fn get(&self, id: NodeId, sample: usize) -> &[T] {
        let (start, width) = self.columns[id.index()];
        &self.values[start + sample * width..][..width]
    }
}

impl Traced {
    /// Evaluates every node for every sample of a batch.
    ///
    /// Where gradients stop, a value and its gradient belong to different functions, so a finite difference
    /// of the values would see what the gradient does not. With `frozen`, the values at the point where the
    /// gradient is taken, `stop_gradient(x)` keeps the frozen value of `x`, and `scale_gradient(x, k)` moves
    /// away from it by `k` times as much as `x` does: then the two belong together.
    ///
    /// # Panics
    /// If the graph is not legal for the layout, which [`Objective::compile`](crate::Objective::compile)
    /// refuses, or if an input that it reads is shorter than its shape.
    pub fn evaluate<T: Real>(
        &self,
        layout: &Layout,
        inputs: &Inputs<T>,
        frozen: Option<&Values<T>>,
    ) -> Values<T> {
        evaluate(&self.graph, layout, inputs, frozen)
    }
}

/// See [`Traced::evaluate`].
pub(crate) fn evaluate<T: Real>(
    graph: &Graph,
    layout: &Layout,
    inputs: &Inputs<T>,
    frozen: Option<&Values<T>>,
) -> Values<T> {
    let mut columns = Vec::with_capacity(graph.len());
    let mut size = 0;
    for id in graph.ids() {
        let width = match graph.shape(id) {
            Shape::Scalar => 1,
            Shape::Action => layout.actions,
        };
        columns.push((size, width));
        size += layout.batch * width;
    }
    let values = Values { values: Vec::with_capacity(size), columns };
    let mut evaluation = Evaluation { layout, inputs, frozen, values };
    for id in graph.ids() {
        let (_, width) = evaluation.values.columns[id.index()];
        if let Op::BatchMean(x) = *graph.op(id) {
            let mean = evaluation.mean(x);
            evaluation.values.values.extend(std::iter::repeat_n(mean, layout.batch));
            continue;
        }
        for sample in 0..layout.batch {
            for k in 0..width {
                let value = evaluation.element(graph.op(id), sample, k);
                evaluation.values.values.push(value);
            }
        }
    }
    evaluation.values
}

struct Evaluation<'a, T> {
    layout: &'a Layout,
    inputs: &'a Inputs<T>,
    frozen: Option<&'a Values<T>>,
    /// Of the nodes so far; operands precede users.
    values: Values<T>,
}

impl<T: Real> Evaluation<'_, T> {
    fn mean(&self, x: NodeId) -> T {
        let sum = (0..self.layout.batch).fold(T::ZERO, |sum, sample| sum + self.values.get(x, sample)[0]);
        sum / T::from_f64(self.layout.batch as f64)
    }

    /// Element `k` of an operation's result.
    fn element(&self, op: &Op, sample: usize, k: usize) -> T {
        let layout = self.layout;
        let row = |id: NodeId| self.values.get(id, sample);
        let of = |id: NodeId| broadcast(row(id), k);
        let truth = |id: NodeId| is_true(of(id));
        let index = |id: NodeId| row(id)[0].to_index().min(layout.actions - 1);
        match *op {
            Op::Const(bits) => T::from_f64(f64::from_bits(bits)),
            Op::Param(slot) => self.inputs.uniforms[slot],
            Op::Sample(field) => self.inputs.samples[layout.field(field) * layout.batch + sample],
            Op::Output(pass, head) => {
                // A head that the network does not have is refused before this.
                let column = layout.column(head).unwrap_or(0);
                let outputs = self.inputs.of(pass.net);
                outputs[(pass.state * layout.batch + sample) * layout.outputs() + column + k]
            }
            Op::Unary(op, x) => unary(op, of(x)),
            Op::Binary(op, x, y) => binary(op, of(x), of(y)),
            Op::Compare(op, x, y) => number(compare(op, of(x), of(y))),
            Op::And(x, y) => number(truth(x) && truth(y)),
            Op::Or(x, y) => number(truth(x) || truth(y)),
            Op::Not(x) => number(!truth(x)),
            Op::Select(c, x, y) => of(if truth(c) { x } else { y }),
            Op::At(x, i) => row(x)[index(i)],
            Op::OneHot(i) => number(k == index(i)),
            Op::Reduce(ReduceOp::Sum, x) => row(x).iter().fold(T::ZERO, |sum, &x| sum + x),
            Op::Reduce(ReduceOp::Max, x) => maximum(row(x).iter().copied()),
            Op::ArgMax(x) => T::from_f64(first_maximum(row(x).iter().copied()) as f64),
            // By the batch, see `mean`; every sample has the same.
            Op::BatchMean(x) => self.mean(x),
            Op::StopGradient(x) => match self.frozen {
                Some(frozen) => broadcast(frozen.get(x, sample), k),
                None => of(x),
            },
            Op::ScaleGradient(x, factor) => match self.frozen {
                Some(frozen) => {
                    let (at, factor) = (broadcast(frozen.get(x, sample), k), frozen.get(factor, sample)[0]);
                    at + factor * (of(x) - at)
                }
                None => of(x),
            },
        }
    }
}

/// Element `k` of a row; a scalar repeats along the action axis.
pub(crate) fn broadcast<T: Copy>(row: &[T], k: usize) -> T {
    if row.len() == 1 { row[0] } else { row[k] }
}
