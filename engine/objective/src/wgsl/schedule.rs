//! When each scalar of a kernel is known: which reductions share a loop over the actions, and which scalars
//! stand between two loops.

use crate::graph::Graph;
use crate::lower::Lowered;
use crate::ops::{NodeId, Op, Shape};

/// Levels of a graph. A reduction is one level above what it reduces; everything else is at the level of its
/// highest operand. So level 0 needs no loop, and all reductions of a level fit into one.
pub(super) struct Schedule {
    level: Vec<usize>,
    scalar: Vec<bool>,
    reduction: Vec<bool>,
    uses: Vec<usize>,
    in_loop: Vec<bool>,
}

impl Schedule {
    pub(super) fn new(lowered: &Lowered) -> Self {
        let graph = &lowered.graph;
        let count = graph.len();
        let mut schedule = Schedule {
            level: vec![0; count],
            scalar: vec![false; count],
            reduction: vec![false; count],
            uses: vec![0; count],
            in_loop: vec![false; count],
        };
        for id in graph.ids() {
            let op = graph.op(id);
            let reduction = matches!(op, Op::Reduce(..) | Op::ArgMax(_));
            let highest = op.operands().map(|operand| schedule.level[operand.index()]).max().unwrap_or(0);
            schedule.level[id.index()] = highest + usize::from(reduction);
            schedule.reduction[id.index()] = reduction;
            schedule.scalar[id.index()] = graph.shape(id) == Shape::Scalar && !reduction;
            for operand in op.operands() {
                schedule.uses[operand.index()] += 1;
                schedule.in_loop[operand.index()] |= reduction || graph.shape(id) == Shape::Action;
            }
        }
        for root in lowered.roots() {
            schedule.uses[root.index()] += 1;
        }
        for &(head, adjoint) in &lowered.grads {
            schedule.in_loop[adjoint.index()] |= head.shape() == Shape::Action;
        }
        for id in graph.ids().filter(|&id| graph.as_constant(id).is_some()) {
            schedule.scalar[id.index()] = false;
        }
        schedule
    }

    pub(super) fn levels(&self) -> usize {
        self.level.iter().max().map_or(1, |highest| highest + 1)
    }

    /// Scalars other than constants and reductions.
    pub(super) fn scalars(&self, level: usize) -> Vec<NodeId> {
        self.at(level, &self.scalar)
    }

    pub(super) fn reductions(&self, level: usize) -> Vec<NodeId> {
        self.at(level, &self.reduction)
    }

    fn at(&self, level: usize, wanted: &[bool]) -> Vec<NodeId> {
        let ids = (0..self.level.len()).filter(|&k| wanted[k] && self.level[k] == level);
        ids.map(|k| NodeId(k as u32)).collect()
    }

    /// How often a value is read, as an operand or by the kernel's writes.
    pub(super) fn uses(&self, id: NodeId) -> usize {
        self.uses[id.index()]
    }

    /// Whether a value is read for every action.
    pub(super) fn in_loop(&self, id: NodeId) -> bool {
        self.in_loop[id.index()]
    }

    /// The action-shaped values that one loop computes for `reads`, in order, and how often each is read.
    pub(super) fn uses_in_loop(&self, graph: &Graph, reads: &[NodeId]) -> Vec<(NodeId, usize)> {
        let mut uses = vec![0; graph.len()];
        for read in reads {
            uses[read.index()] += 1;
        }
        for id in graph.ids().rev() {
            if uses[id.index()] > 0 && graph.shape(id) == Shape::Action {
                for operand in graph.op(id).operands() {
                    uses[operand.index()] += 1;
                }
            }
        }
        let action = |id: &NodeId| graph.shape(*id) == Shape::Action && uses[id.index()] > 0;
        graph.ids().filter(action).map(|id| (id, uses[id.index()])).collect()
    }
}
