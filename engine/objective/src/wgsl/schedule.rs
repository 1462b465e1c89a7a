//! When each scalar of an entry point is known: which reductions share a loop over the actions, and which
//! scalars stand between two loops.

use crate::graph::Graph;
use crate::lower::Lowered;
use crate::ops::{NodeId, Op, Shape};

/// Levels of one stage. A reduction is one level above what it reduces; everything else is at the level of its
/// highest operand. So level 0 needs no loop, and all reductions of a level fit into one.
pub(super) struct Schedule {
    /// Scalars other than constants and reductions, by level.
    scalars: Vec<Vec<NodeId>>,
    reductions: Vec<Vec<NodeId>>,
    uses: Vec<usize>,
    in_loop: Vec<bool>,
    /// Counts of [`Schedule::uses_in_loop`], all zero between calls.
    counts: Vec<usize>,
}

impl Schedule {
    pub(super) fn new(lowered: &Lowered, stage: usize) -> Self {
        let graph = &lowered.graph;
        let count = graph.len();
        let last = stage == lowered.stages.phases();
        let roots = match last {
            true => lowered.roots(),
            false => lowered.stages.means_of(stage).map(|(_, mean)| mean.of).collect(),
        };
        let mut uses = vec![0; count];
        let mut in_loop = vec![false; count];
        for root in roots {
            uses[root.index()] += 1;
        }
        for grad in lowered.grads.iter().filter(|grad| last && grad.head.shape() == Shape::Action) {
            in_loop[grad.adjoint.index()] = true;
        }
        // Users come after their operands, so a node without uses when it is met has none in this stage.
        for id in graph.ids().rev().filter(|id| !is_leaf(graph, *id)) {
            if uses[id.index()] == 0 {
                continue;
            }
            let op = graph.op(id);
            let looped = is_reduction(op) || graph.shape(id) == Shape::Action;
            for operand in op.operands() {
                uses[operand.index()] += 1;
                in_loop[operand.index()] |= looped;
            }
        }
        let mut schedule =
            Schedule { scalars: vec![], reductions: vec![], uses, in_loop, counts: vec![0; count] };
        let mut level = vec![0; count];
        for id in graph.ids().filter(|&id| schedule.uses[id.index()] > 0) {
            let op = graph.op(id);
            let reduction = is_reduction(op);
            if !is_leaf(graph, id) {
                let highest = op.operands().map(|operand| level[operand.index()]).max().unwrap_or(0);
                level[id.index()] = highest + usize::from(reduction);
            }
            let level = level[id.index()];
            if schedule.scalars.len() <= level {
                schedule.scalars.resize_with(level + 1, Vec::new);
                schedule.reductions.resize_with(level + 1, Vec::new);
            }
            if reduction {
                schedule.reductions[level].push(id);
            } else if graph.shape(id) == Shape::Scalar && graph.as_constant(id).is_none() {
                schedule.scalars[level].push(id);
            }
        }
        schedule
    }

    pub(super) fn levels(&self) -> usize {
        self.scalars.len()
    }

    /// Scalars other than constants and reductions, to be asked for once.
    pub(super) fn take_scalars(&mut self, level: usize) -> Vec<NodeId> {
        self.scalars.get_mut(level).map(std::mem::take).unwrap_or_default()
    }

    /// To be asked for once.
    pub(super) fn take_reductions(&mut self, level: usize) -> Vec<NodeId> {
        self.reductions.get_mut(level).map(std::mem::take).unwrap_or_default()
    }

    /// How often a value is read, as an operand or by the stage's writes.
    pub(super) fn uses(&self, id: NodeId) -> usize {
        self.uses[id.index()]
    }

    /// Whether a value is read for every action.
    pub(super) fn in_loop(&self, id: NodeId) -> bool {
        self.in_loop[id.index()]
    }

    /// The action-shaped values that one loop computes for `reads`, in order, and how often each is read.
    pub(super) fn uses_in_loop(&mut self, graph: &Graph, reads: &[(NodeId, usize)]) -> Vec<(NodeId, usize)> {
        let mut found = Vec::new();
        let mut pending: Vec<(NodeId, usize)> = reads.to_vec();
        while let Some((id, times)) = pending.pop() {
            if graph.shape(id) != Shape::Action {
                continue;
            }
            if self.counts[id.index()] == 0 {
                found.push(id);
                pending.extend(graph.op(id).operands().map(|operand| (operand, 1)));
            }
            self.counts[id.index()] += times;
        }
        found.sort_unstable();
        found.into_iter().map(|id| (id, std::mem::take(&mut self.counts[id.index()]))).collect()
    }
}

fn is_reduction(op: &Op) -> bool {
    matches!(op, Op::Reduce(..) | Op::ArgMax(_))
}

/// A batch mean is known when the stage begins.
fn is_leaf(graph: &Graph, id: NodeId) -> bool {
    matches!(graph.op(id), Op::BatchMean(_))
}
