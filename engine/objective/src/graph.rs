//! The arena that a script's one run fills: nodes made once, found again by their content.
//!
//! [`Graph::push`] returns the existing node when the same operation on the same operands was pushed before,
//! so common subexpressions are shared by construction; operations on constants alone are computed on the
//! spot. Operands always precede their users, which makes arena order an evaluation order.

use std::collections::HashMap;
use std::sync::Arc;

use crate::error::CompileError;
use crate::fold::fold;
use crate::ops::{NodeId, Op, Shape, Span};

/// Nodes a graph may have, as a script records it and after each pass. A path-consistency loss over 100 steps
/// has some 2,000, and 4,000 with its gradient.
pub(crate) const MAX_NODES: usize = 100_000;

/// Expression graph of one sample's loss. Build it with [`Graph::push`] and the composites
/// ([`Graph::log_sum_exp`], [`Graph::huber`], …), hand it to [`Objective::compile`](crate::Objective::compile).
#[derive(Clone, Debug)]
pub struct Graph {
    actions: usize,
    /// Names of the live parameters, by slot.
    params: Arc<[String]>,
    nodes: Vec<Node>,
    known: HashMap<Op, NodeId>,
}

#[derive(Clone, Debug)]
struct Node {
    op: Op,
    shape: Shape,
    span: Span,
}

impl Graph {
    /// An empty graph for an environment with this many actions.
    pub fn new(actions: usize) -> Self {
        Graph { actions, params: Arc::default(), nodes: Vec::new(), known: HashMap::new() }
    }

    /// The graph with names for the live parameters, by slot: what listings, kernels and reports call them.
    pub(crate) fn with_params(self, names: impl IntoIterator<Item = String>) -> Self {
        Graph { params: names.into_iter().collect(), ..self }
    }

    /// An empty graph for the same environment and parameters.
    pub(crate) fn emptied(&self) -> Self {
        Graph { params: self.params.clone(), ..Self::new(self.actions) }
    }

    /// Name of the live parameter in a slot, where it is known.
    pub(crate) fn param(&self, slot: usize) -> Option<&str> {
        self.params.get(slot).map(String::as_str)
    }

    /// Length of the action axis.
    pub fn actions(&self) -> usize {
        self.actions
    }

    /// Number of nodes.
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Whether nothing has been pushed.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// All nodes in arena order, operands before users.
    pub fn ids(&self) -> impl DoubleEndedIterator<Item = NodeId> + ExactSizeIterator + use<> {
        (0..self.nodes.len() as u32).map(NodeId)
    }

    /// A number that belongs to no line of a script.
    pub fn constant(&mut self, value: f64) -> NodeId {
        self.push(Op::constant(value), Span::NONE)
    }

    /// The node for `op`: an existing one if the same was pushed before, a constant if all operands are
    /// constants and the result fits an `f32`, else a new one. A node keeps the first place it was seen at.
    ///
    /// Illegal combinations (a reduction of a scalar, an action-shaped index) are accepted here and refused
    /// with their place by [`Objective::compile`](crate::Objective::compile).
    pub fn push(&mut self, op: Op, span: Span) -> NodeId {
        let op = fold(self, &op).map_or(op, Op::constant);
        if let Some(&id) = self.known.get(&op) {
            let node = &mut self.nodes[id.index()];
            if node.span.is_none() {
                node.span = span;
            }
            return id;
        }
        let id = NodeId(self.nodes.len() as u32);
        self.nodes.push(Node { op, shape: self.infer(&op), span });
        self.known.insert(op, id);
        id
    }

    /// Shape of a node's value.
    pub fn shape(&self, id: NodeId) -> Shape {
        self.nodes[id.index()].shape
    }

    /// A node's operation.
    pub fn op(&self, id: NodeId) -> &Op {
        &self.nodes[id.index()].op
    }

    /// Where the script first asked for this node.
    pub fn span(&self, id: NodeId) -> Span {
        self.nodes[id.index()].span
    }

    /// What listings call a node: a constant's value, a network output or a parameter as a script writes it, else `x11`.
    /// `window` is the length of the window it is for.
    pub fn name(&self, id: NodeId, window: usize) -> String {
        crate::names::name(self, id, window)
    }

    /// What a node computes, as listings write it: `log x11`. `window` is the length of the window it is for.
    pub fn operation(&self, id: NodeId, window: usize) -> String {
        crate::names::operation(self, id, window)
    }

    /// The same in a script's notation, leaves as a script reads them: `net.q[t.action] - x9`.
    pub fn formula(&self, id: NodeId, window: usize) -> String {
        crate::names::formula(self, id, window)
    }

    /// The number, if the node is a constant.
    pub fn as_constant(&self, id: NodeId) -> Option<f64> {
        self.op(id).as_constant()
    }

    /// Which nodes the roots need, indexed by arena position.
    pub fn live(&self, roots: &[NodeId]) -> Vec<bool> {
        let mut live = vec![false; self.len()];
        for root in roots {
            live[root.index()] = true;
        }
        for id in self.ids().rev() {
            if live[id.index()] {
                for operand in self.op(id).operands() {
                    live[operand.index()] = true;
                }
            }
        }
        live
    }

    /// Refuses to grow without bound: what a saved script costs is paid by a running experiment.
    pub(crate) fn check_size(&self, span: Span) -> Result<(), CompileError> {
        if self.len() <= MAX_NODES {
            return Ok(());
        }
        Err(CompileError::new(
            format!("this script and its gradient take more than {MAX_NODES} operations"),
            "is there a loop of very many rounds? Every round is recorded and differentiated anew",
            span,
        ))
    }

    pub(crate) fn infer(&self, op: &Op) -> Shape {
        match *op {
            Op::Const(_) | Op::Param(_) | Op::Sample(_) => Shape::Scalar,
            Op::Output(_, head) => head.shape(),
            Op::At(..) | Op::Reduce(..) | Op::ArgMax(_) | Op::BatchMean(_) => Shape::Scalar,
            Op::OneHot(_) => Shape::Action,
            Op::Unary(_, x) | Op::Not(x) | Op::StopGradient(x) | Op::ScaleGradient(x, _) => self.shape(x),
            Op::Binary(_, a, b) | Op::Compare(_, a, b) | Op::And(a, b) | Op::Or(a, b) => {
                self.shape(a).broadcast(self.shape(b))
            }
            Op::Select(c, a, b) => self.shape(c).broadcast(self.shape(a)).broadcast(self.shape(b)),
        }
    }
}
