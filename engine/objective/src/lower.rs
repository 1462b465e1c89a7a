//! The passes in their order: verify, simplify, differentiate, simplify again, verify.

use std::collections::{BTreeMap, BTreeSet};

use crate::error::CompileError;
use crate::gradient::{gradient, nothing_to_learn};
use crate::graph::Graph;
use crate::layout::Layout;
use crate::objective::Traced;
use crate::ops::{Head, Net, NodeId, Op, Shape, Span};
use crate::reads::Reads;
use crate::simplify::{Marks, simplify};
use crate::stages::Stages;
use crate::verify::{verify, verify_stages};

/// A differentiated objective, ready for the emitters.
#[derive(Clone, Debug)]
pub(crate) struct Lowered {
    pub(crate) graph: Graph,
    pub(crate) loss: NodeId,
    pub(crate) metrics: Vec<(String, NodeId)>,
    pub(crate) reads: Reads,
    pub(crate) stages: Stages,
    /// For every trained state and head, in the order of the gradient's rows and columns. The adjoint may be
    /// of smaller shape than the head.
    pub(crate) grads: Vec<Gradient>,
}

/// The gradient with respect to one head of the online network at one state.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Gradient {
    /// Position among the trained states.
    pub(crate) position: usize,
    pub(crate) head: Head,
    pub(crate) adjoint: NodeId,
}

impl Lowered {
    /// Everything a kernel writes.
    pub(crate) fn roots(&self) -> Vec<NodeId> {
        let metrics = self.metrics.iter().map(|(_, id)| *id);
        let grads = self.grads.iter().map(|grad| grad.adjoint);
        std::iter::once(self.loss).chain(metrics).chain(grads).collect()
    }

    /// Which nodes loss and metrics need; the rest belong to the gradient alone.
    pub(crate) fn forward(&self) -> Vec<bool> {
        let metrics = self.metrics.iter().map(|(_, id)| *id);
        self.graph.live(&std::iter::once(self.loss).chain(metrics).collect::<Vec<_>>())
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

    let adjoints = gradient(&mut graph, values[0], layout.batch)?;
    let zero = graph.constant(0.0);
    let roots = values.iter().copied().chain(adjoints.iter().map(|(.., id)| *id)).chain([zero]);
    let roots: Vec<NodeId> = roots.collect();
    verify(&graph, &roots, layout, Marks::Keep)?;

    let (graph, roots) = simplify(&graph, &roots, Marks::Drop)?;
    verify(&graph, &roots, layout, Marks::Drop)?;
    let stages = Stages::new(&graph, &roots);
    verify_stages(&graph, &stages)?;

    let (values, rest) = roots.split_at(values.len());
    // One more of them: the zero.
    let zero = rest[adjoints.len()];
    let adjoints: BTreeMap<(usize, usize), NodeId> = adjoints
        .iter()
        .zip(rest)
        .filter(|&(_, &id)| graph.as_constant(id) != Some(0.0))
        .filter_map(|(&(state, head, _), &id)| Some(((state, layout.column(head)?), id)))
        .collect();
    let reads = reads(&graph, adjoints.keys().map(|&(state, _)| state));
    if reads.trained.is_empty() {
        return Err(nothing_to_learn(&layout.heads, loss_span));
    }
    let mut grads = Vec::new();
    for (position, &state) in reads.trained.iter().enumerate() {
        for &head in &layout.heads {
            let adjoint = layout.column(head).and_then(|column| adjoints.get(&(state, column)));
            grads.push(Gradient { position, head, adjoint: adjoint.copied().unwrap_or(zero) });
        }
    }
    Ok(Lowered {
        loss: values[0],
        metrics: names.into_iter().zip(values[1..].iter().copied()).collect(),
        reads,
        stages,
        grads,
        graph,
    })
}

/// The passes that the leaves of a graph name; gradients go to the online network at the `trained` states.
fn reads(graph: &Graph, trained: impl Iterator<Item = usize>) -> Reads {
    let mut all = BTreeSet::new();
    for id in graph.ids() {
        if let Op::Output(pass, _) = *graph.op(id) {
            all.insert(pass);
        }
    }
    let states = |net: Net| all.iter().filter(move |pass| pass.net == net).map(|pass| pass.state);
    let trained: BTreeSet<usize> = trained.collect();
    Reads {
        online: states(Net::Online).filter(|state| !trained.contains(state)).collect(),
        target: states(Net::Target).collect(),
        trained: trained.into_iter().collect(),
    }
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
