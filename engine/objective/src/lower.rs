//! The passes in their order: verify, simplify, differentiate, simplify again, verify.

use crate::error::CompileError;
use crate::gradient::{gradient, nothing_to_learn};
use crate::graph::Graph;
use crate::layout::Layout;
use crate::objective::{Reads, Traced};
use crate::ops::{Head, NodeId, Op, Pass, Shape, Span};
use crate::simplify::{Marks, simplify};
use crate::verify::verify;

/// A differentiated objective, ready for the emitters.
#[derive(Clone, Debug)]
pub(crate) struct Lowered {
    pub(crate) graph: Graph,
    pub(crate) loss: NodeId,
    pub(crate) metrics: Vec<(String, NodeId)>,
    /// In the layout's order of heads; the adjoint may be of smaller shape than the head.
    pub(crate) grads: Vec<(Head, NodeId)>,
}

impl Lowered {
    /// Everything a kernel writes.
    pub(crate) fn roots(&self) -> Vec<NodeId> {
        let metrics = self.metrics.iter().map(|(_, id)| *id);
        let grads = self.grads.iter().map(|(_, id)| *id);
        std::iter::once(self.loss).chain(metrics).chain(grads).collect()
    }

    /// The forward passes that are left after simplification.
    pub(crate) fn passes(&self) -> Vec<Pass> {
        let read = |pass: &Pass| {
            self.graph.ids().any(|id| matches!(*self.graph.op(id), Op::Output(p, _) if p == *pass))
        };
        [Pass::Online, Pass::OnlineNext, Pass::Target, Pass::TargetNext].into_iter().filter(read).collect()
    }

    /// Those beside the online network at `s_t`.
    pub(crate) fn reads(&self) -> Reads {
        let passes = self.passes();
        Reads {
            online_next: passes.contains(&Pass::OnlineNext),
            target: passes.contains(&Pass::Target),
            target_next: passes.contains(&Pass::TargetNext),
        }
    }
}

/// From a traced graph to its differentiated and simplified form.
pub(crate) fn lower(traced: Traced, layout: &Layout) -> Result<Lowered, CompileError> {
    check_layout(&traced, layout)?;
    let names: Vec<String> = traced.metrics.iter().map(|(name, _)| name.clone()).collect();
    let mut values: Vec<NodeId> = vec![traced.loss];
    values.extend(traced.metrics.iter().map(|(_, id)| *id));
    verify(&traced.graph, &values, layout, Marks::Keep)?;
    check_outputs(&traced, layout)?;
    let loss_span = traced.graph.span(traced.loss);

    let (mut graph, values) = simplify(&traced.graph, &values, Marks::Keep)?;
    verify(&graph, &values, layout, Marks::Keep)?;

    let grads = gradient(&mut graph, values[0], &layout.heads, layout.batch)?;
    let roots: Vec<NodeId> = values.iter().copied().chain(grads.iter().map(|(_, id)| *id)).collect();
    let (graph, roots) = simplify(&graph, &roots, Marks::Drop)?;
    verify(&graph, &roots, layout, Marks::Drop)?;

    let (values, adjoints) = roots.split_at(values.len());
    if adjoints.iter().all(|&adjoint| graph.as_constant(adjoint) == Some(0.0)) {
        return Err(nothing_to_learn(&layout.heads, loss_span));
    }
    Ok(Lowered {
        loss: values[0],
        metrics: names.into_iter().zip(values[1..].iter().copied()).collect(),
        grads: layout.heads.iter().copied().zip(adjoints.iter().copied()).collect(),
        graph,
    })
}

fn check_layout(traced: &Traced, layout: &Layout) -> Result<(), CompileError> {
    let error = |message: String| {
        Err(CompileError::new(message, "give the objective the sizes of the run that it is for", Span::NONE))
    };
    let sizes =
        [layout.batch, layout.actions, layout.heads.len(), layout.metric_slots, layout.workgroup as usize];
    if sizes.contains(&0) {
        return error(format!("an objective needs sizes of at least 1: {layout:?}"));
    }
    if traced.graph.actions() != layout.actions {
        return error(format!(
            "the script was traced for {} actions, the run has {}",
            traced.graph.actions(),
            layout.actions
        ));
    }
    Ok(())
}

fn check_outputs(traced: &Traced, layout: &Layout) -> Result<(), CompileError> {
    let graph = &traced.graph;
    if graph.shape(traced.loss) != Shape::Scalar {
        return Err(CompileError::new(
            "the loss has one number per action; it must be a single number per sample",
            "index it by t.action, or reduce it with sum, mean or max",
            graph.span(traced.loss),
        ));
    }
    if let Some((name, id)) = traced.metrics.iter().find(|(_, id)| graph.shape(*id) != Shape::Scalar) {
        return Err(CompileError::new(
            format!("metric {name:?} has one number per action; it must be a single number per sample"),
            "index it by t.action, or reduce it with sum, mean or max",
            graph.span(*id),
        ));
    }
    if let Some((name, id)) = traced.metrics.get(layout.metric_slots.saturating_sub(1)) {
        return Err(CompileError::new(
            format!("metric {name:?} is one too many: there are {} beside the loss", layout.metric_slots - 1),
            "report fewer metrics",
            graph.span(*id),
        ));
    }
    Ok(())
}
