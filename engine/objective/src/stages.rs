//! The rounds in which batch means become known.
//!
//! A mean over the batch needs its operand of every sample, so a kernel with means goes over the batch more
//! than once: stage 0 computes the means of what depends on no mean, stage 1 the means of what depends on
//! those (a variance about a mean), and so on; the last stage computes the objective. What varies between
//! samples is computed anew in each stage that needs it.

use crate::graph::Graph;
use crate::ops::{NodeId, Op};

/// Batch means of a graph and what waits for them.
#[derive(Clone, Debug)]
pub(crate) struct Stages {
    /// Stage in which a node can first be computed: batch means between it and the leaves, one inside the other.
    stage: Vec<usize>,
    varying: Vec<bool>,
    /// In the order of their slots: by the stage that computes them, then as in the graph.
    means: Vec<Mean>,
    phases: usize,
}

/// A batch mean.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mean {
    /// The node.
    pub(crate) id: NodeId,
    /// What the mean is taken of.
    pub(crate) of: NodeId,
    /// The stage that computes it.
    pub(crate) stage: usize,
}

impl Stages {
    /// The stages of what the roots need.
    pub(crate) fn new(graph: &Graph, roots: &[NodeId]) -> Self {
        let live = graph.live(roots);
        let mut stages = Stages {
            stage: vec![0; graph.len()],
            varying: vec![false; graph.len()],
            means: Vec::new(),
            phases: 0,
        };
        for id in graph.ids().filter(|id| live[id.index()]) {
            let op = graph.op(id);
            let latest = op.operands().map(|operand| stages.stage[operand.index()]).max().unwrap_or(0);
            let any_varies = op.operands().any(|operand| stages.varying[operand.index()]);
            let (stage, varies) = match *op {
                Op::Sample(_) | Op::Output(..) => (0, true),
                Op::BatchMean(of) => {
                    stages.means.push(Mean { id, of, stage: latest });
                    (latest + 1, false)
                }
                _ => (latest, any_varies),
            };
            stages.stage[id.index()] = stage;
            stages.varying[id.index()] = varies;
            stages.phases = stages.phases.max(stage);
        }
        stages.means.sort_by_key(|mean| mean.stage);
        stages
    }

    /// Stages before the last.
    pub(crate) fn phases(&self) -> usize {
        self.phases
    }

    /// All means, by slot.
    pub(crate) fn means(&self) -> &[Mean] {
        &self.means
    }

    /// The means that a stage computes, with their slots.
    pub(crate) fn means_of(&self, stage: usize) -> impl Iterator<Item = (usize, Mean)> + '_ {
        self.means.iter().copied().enumerate().filter(move |(_, mean)| mean.stage == stage)
    }

    /// Slot of a mean.
    pub(crate) fn slot(&self, id: NodeId) -> Option<usize> {
        self.means.iter().position(|mean| mean.id == id)
    }

    /// Stage in which a node can first be computed.
    pub(crate) fn stage(&self, id: NodeId) -> usize {
        self.stage[id.index()]
    }

    /// Whether a node may differ between the samples of a batch.
    pub(crate) fn varies(&self, id: NodeId) -> bool {
        self.varying[id.index()]
    }
}
