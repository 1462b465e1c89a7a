//! Where an adjoint is zero because a `select` made it so.
//!
//! Adjoints are selects and sums of selects, nested as the choices of the script are. [`Masks`] knows of each
//! whether some samples were zeroed, how many nodes a factor would have to pass on its way to the numbers
//! inside, and, as a condition of one node, which samples were not.

use std::collections::HashMap;

use crate::graph::Graph;
use crate::ops::{BinaryOp, NodeId, Op, Span};

/// The samples (and actions) for which an adjoint is not zeroed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Support {
    Everywhere,
    Nowhere,
    /// Where this condition holds.
    Where(NodeId),
}

/// What is known of the nodes of one growing graph.
#[derive(Default)]
pub(crate) struct Masks {
    masked: Vec<bool>,
    spread: Vec<u32>,
    /// Of masked selects and sums.
    supports: HashMap<NodeId, Support>,
}

impl Masks {
    /// Whether an adjoint is zero by selection for some samples.
    pub(crate) fn masked(&mut self, graph: &Graph, g: NodeId) -> bool {
        self.survey(graph);
        self.masked[g.index()]
    }

    /// Selects and sums between an adjoint and the numbers in it, each counted once for every path.
    pub(crate) fn spread(&mut self, graph: &Graph, g: NodeId) -> u32 {
        self.survey(graph);
        self.spread[g.index()]
    }

    /// Takes note of the nodes pushed since the last time; operands precede users.
    fn survey(&mut self, graph: &Graph) {
        for id in graph.ids().skip(self.masked.len()) {
            let sides = |a: NodeId, b: NodeId| (self.masked[a.index()], self.masked[b.index()]);
            let paths = |a: NodeId, b: NodeId| {
                self.spread[a.index()].saturating_add(self.spread[b.index()]).saturating_add(1)
            };
            let (masked, spread) = match *graph.op(id) {
                Op::Const(bits) => (f64::from_bits(bits) == 0.0, 0),
                Op::Select(_, a, b) => (matches!(sides(a, b), (true, _) | (_, true)), paths(a, b)),
                Op::Binary(BinaryOp::Add, a, b) if sides(a, b) == (true, true) => (true, paths(a, b)),
                _ => (false, 0),
            };
            self.masked.push(masked);
            self.spread.push(spread);
        }
    }

    /// Where an adjoint is not zeroed. Not by recursion: choices may be nested as deep as a script is long.
    pub(crate) fn support(&mut self, graph: &mut Graph, g: NodeId, span: Span) -> Support {
        let mut pending = vec![g];
        while let Some(&id) = pending.last() {
            if self.known(graph, id).is_some() {
                pending.pop();
                continue;
            }
            // What is masked and no zero is a select or a sum.
            let (choice, a, b) = match *graph.op(id) {
                Op::Select(c, a, b) => (Some(c), a, b),
                Op::Binary(_, a, b) => (None, a, b),
                _ => return Support::Everywhere,
            };
            match (self.known(graph, a), self.known(graph, b)) {
                (Some(a), Some(b)) => {
                    let support = match choice {
                        Some(c) => either(graph, c, a, b, span),
                        None => union(graph, a, b, span),
                    };
                    self.supports.insert(id, support);
                }
                (a_known, b_known) => {
                    pending.extend(a_known.is_none().then_some(a));
                    pending.extend(b_known.is_none().then_some(b));
                }
            }
        }
        self.known(graph, g).unwrap_or(Support::Everywhere)
    }

    fn known(&mut self, graph: &Graph, id: NodeId) -> Option<Support> {
        if graph.as_constant(id) == Some(0.0) {
            return Some(Support::Nowhere);
        }
        if !self.masked(graph, id) {
            return Some(Support::Everywhere);
        }
        self.supports.get(&id).copied()
    }
}

/// The support of `select(c, a, b)`.
fn either(graph: &mut Graph, c: NodeId, a: Support, b: Support, span: Span) -> Support {
    if a == b {
        return a;
    }
    let not = graph.push(Op::Not(c), span);
    let (if_true, if_false) = (within(graph, c, a, span), within(graph, not, b, span));
    union(graph, if_true, if_false, span)
}

/// Where both a condition and a support hold.
fn within(graph: &mut Graph, c: NodeId, support: Support, span: Span) -> Support {
    match support {
        Support::Everywhere => Support::Where(c),
        Support::Nowhere => Support::Nowhere,
        Support::Where(d) => Support::Where(graph.push(Op::And(c, d), span)),
    }
}

fn union(graph: &mut Graph, a: Support, b: Support, span: Span) -> Support {
    match (a, b) {
        (Support::Nowhere, other) | (other, Support::Nowhere) => other,
        (Support::Everywhere, _) | (_, Support::Everywhere) => Support::Everywhere,
        (Support::Where(c), Support::Where(d)) if c == d => a,
        (Support::Where(c), Support::Where(d)) => Support::Where(graph.push(Op::Or(c, d), span)),
    }
}
