//! Which operation a NaN or an infinity came from.
//!
//! The lowered graph is replayed in `f32`. From the numbers that are broken, loss and gradient, the search goes
//! back along what had an influence on them, so that the side of a `select` that was not taken is not blamed.
//! The culprits are the broken values made of sound ones.

use std::collections::BTreeSet;

use crate::graph::Graph;
use crate::inputs::Inputs;
use crate::interpret::{Values, broadcast, evaluate};
use crate::layout::Layout;
use crate::lower::Lowered;
use crate::names::{name, operation};
use crate::ops::{BinaryOp, NodeId, Op, Pass, ReduceOp, Shape, Span};

/// Most operands of a culprit that are listed.
const LISTED: usize = 32;

/// The first operation whose result is NaN or infinite while its operands are not.
#[derive(Clone, Debug, PartialEq)]
pub struct Fault {
    /// Sample of the batch.
    pub sample: usize,
    /// Name of the node in the graph's listing and in the WGSL text, such as `x12`.
    pub node: String,
    /// What it computes, such as `log x11`.
    pub operation: String,
    /// Names and values of its operands other than constants; `x11[3]` is the value at action 3.
    pub inputs: Vec<(String, f64)>,
    /// The result.
    pub value: f64,
    /// Place in the script.
    pub span: Span,
    /// What kind of number it is.
    pub kind: FaultKind,
}

/// Where in an objective a [`Fault`] is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FaultKind {
    /// It came with the inputs.
    Input {
        /// How a script reads the number, such as `net.q[3]`, `t.reward` or `p.tau`.
        what: String,
    },
    /// In the values of loss and metrics.
    Forward,
    /// In the gradient alone.
    Gradient,
}

/// One number: a node's value for a sample, at an action (0 for a scalar). Ordered as the graph is.
type Element = (NodeId, usize, usize);

impl Lowered {
    /// See [`Objective::fault`](crate::Objective::fault).
    pub(crate) fn fault(&self, layout: &Layout, inputs: &Inputs<f32>) -> Option<Fault> {
        self.broken_output(layout, inputs).or_else(|| self.broken_node(layout, inputs))
    }

    /// The first network output that is not finite. The kernels look at all of those that are read, because
    /// what a script does with them may look sound.
    fn broken_output(&self, layout: &Layout, inputs: &Inputs<f32>) -> Option<Fault> {
        let online: BTreeSet<usize> = self.reads.trained.iter().chain(&self.reads.online).copied().collect();
        let online = online.into_iter().map(Pass::online);
        let passes: Vec<Pass> = online.chain(self.reads.target.iter().copied().map(Pass::target)).collect();
        for sample in 0..layout.batch {
            for &pass in &passes {
                let row = (pass.state * layout.batch + sample) * layout.outputs();
                for &head in &layout.heads {
                    let column = row + layout.column(head)?;
                    let values = &inputs.of(pass.net)[column..][..layout.width(head)];
                    let Some(k) = values.iter().position(|x| !x.is_finite()) else { continue };
                    let output = pass.script_name(head, layout.window);
                    let what = match head.shape() {
                        Shape::Scalar => output.clone(),
                        Shape::Action => format!("{output}[{k}]"),
                    };
                    let node = self.graph.ids().find(|&id| *self.graph.op(id) == Op::Output(pass, head));
                    return Some(Fault {
                        sample,
                        node: output,
                        operation: "network output".into(),
                        inputs: Vec::new(),
                        value: f64::from(values[k]),
                        span: node.map_or(Span::NONE, |id| self.graph.span(id)),
                        kind: FaultKind::Input { what },
                    });
                }
            }
        }
        None
    }

    fn broken_node(&self, layout: &Layout, inputs: &Inputs<f32>) -> Option<Fault> {
        let replay =
            Replay { graph: &self.graph, layout, values: evaluate(&self.graph, layout, inputs, None) };
        let grads = self.grads.iter().map(|grad| grad.adjoint);
        let roots: Vec<NodeId> = std::iter::once(self.loss).chain(grads).collect();
        let forward = self.forward();
        let first = |element: &Element| (!forward[element.0.index()], *element);
        let metrics: Vec<NodeId> = self.metrics.iter().map(|(_, id)| *id).collect();
        // A broken metric hurts nobody, and is said where nothing else is broken.
        let of = |roots: &[NodeId]| replay.culprits(roots).into_iter().min_by_key(first);
        let (id, sample, k) = of(&roots).or_else(|| of(&metrics))?;
        let kind = match *self.graph.op(id) {
            Op::Sample(field) => FaultKind::Input { what: field.script_name(layout.window) },
            Op::Param(_) => FaultKind::Input { what: name(&self.graph, id, layout.window) },
            _ if forward[id.index()] => FaultKind::Forward,
            _ => FaultKind::Gradient,
        };
        let operands = replay.operands((id, sample, k));
        let operands = operands.into_iter().filter(|(x, ..)| self.graph.as_constant(*x).is_none());
        Some(Fault {
            sample,
            node: name(&self.graph, id, layout.window),
            operation: operation(&self.graph, id, layout.window),
            inputs: operands
                .take(LISTED)
                .map(|x| (replay.label(x, sample), f64::from(replay.value(x))))
                .collect(),
            value: f64::from(replay.value((id, sample, k))),
            span: self.graph.span(id),
            kind,
        })
    }
}

/// A batch evaluated on a graph.
struct Replay<'a> {
    graph: &'a Graph,
    layout: &'a Layout,
    values: Values<f32>,
}

impl Replay<'_> {
    fn value(&self, (id, sample, k): Element) -> f32 {
        broadcast(self.values.get(id, sample), k)
    }

    fn is_broken(&self, element: Element) -> bool {
        !self.value(element).is_finite()
    }

    fn elements(&self, id: NodeId, sample: usize) -> impl Iterator<Item = Element> + use<> {
        (0..self.values.get(id, sample).len()).map(move |k| (id, sample, k))
    }

    /// The broken numbers that made the roots broken and are made of sound ones.
    fn culprits(&self, roots: &[NodeId]) -> BTreeSet<Element> {
        let samples = 0..self.layout.batch;
        let elements =
            samples.flat_map(|sample| roots.iter().flat_map(move |&root| self.elements(root, sample)));
        let mut pending: Vec<Element> = elements.filter(|&element| self.is_broken(element)).collect();
        let mut seen: BTreeSet<Element> = pending.iter().copied().collect();
        let mut culprits = BTreeSet::new();
        while let Some(element) = pending.pop() {
            let mut causes = self.operands(element);
            causes.retain(|&cause| self.is_broken(cause));
            if causes.is_empty() {
                culprits.insert(element);
            }
            pending.extend(causes.into_iter().filter(|&cause| seen.insert(cause)));
        }
        culprits
    }

    /// The operands that a number was made of, without those that were not chosen.
    fn operands(&self, (id, sample, k): Element) -> Vec<Element> {
        let result = self.value((id, sample, k));
        let at = |x: NodeId| (x, sample, if self.graph.shape(x) == Shape::Scalar { 0 } else { k });
        // A maximum that is broken is one of its operands.
        let same = |x: &Element| self.value(*x).to_bits() == result.to_bits() || self.value(*x).is_nan();
        match *self.graph.op(id) {
            Op::Select(c, x, y) => {
                let condition = at(c);
                vec![condition, at(if self.value(condition) != 0.0 { x } else { y })]
            }
            Op::At(x, index) => {
                let chosen = (self.value(at(index)) as usize).min(self.layout.actions - 1);
                vec![(x, sample, chosen), at(index)]
            }
            Op::Reduce(ReduceOp::Max, x) if !result.is_finite() => {
                self.elements(x, sample).filter(same).collect()
            }
            Op::Binary(BinaryOp::Min | BinaryOp::Max, x, y) if !result.is_finite() => {
                [at(x), at(y)].into_iter().filter(same).collect()
            }
            Op::Reduce(_, x) | Op::ArgMax(x) => self.elements(x, sample).collect(),
            Op::BatchMean(x) => (0..self.layout.batch).map(|sample| (x, sample, 0)).collect(),
            ref op => op.operands().map(at).collect(),
        }
    }

    /// How a report names a number.
    fn label(&self, (id, sample, k): Element, of_sample: usize) -> String {
        let mut label = name(self.graph, id, self.layout.window);
        if self.graph.shape(id) == Shape::Action {
            label = format!("{label}[{k}]");
        }
        if sample == of_sample { label } else { format!("{label} of sample {sample}") }
    }
}
