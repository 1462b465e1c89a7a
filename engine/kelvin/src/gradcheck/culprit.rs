//! Which node of the graph, and so which line of the script, two evaluations begin to differ at.
//!
//! Every node in turn is made the loss, in the order of the graph, so that what a node is computed from has been
//! looked at before it. The first one that differs, in its value or in its gradient, is the one responsible.

use super::evaluation::{Evaluation, compare};
use super::subject::{Subject, What};
use super::tally::Worst;
use super::with_case;
use crate::failure::Failure;
use kelvin_objective::{
    BinaryOp, FaultKind, Field, Graph, Inputs, NodeId, Op, Pass, ReduceOp, Shape, Span, Traced,
};

/// The first thing that differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Culprit {
    /// What it is and how it differs.
    pub message: String,
    /// Where the script asks for it; [`Span::NONE`] if nowhere in particular.
    pub span: Span,
}

/// Looks for the node at which `evaluation` begins to differ from the reference on this batch. `None` if no node by
/// itself does.
pub fn by_nodes(
    evaluation: &dyn Evaluation,
    subject: &Subject,
    inputs: &Inputs<f32>,
) -> Result<Option<Culprit>, Failure> {
    let traced = &subject.traced;
    let roots: Vec<NodeId> =
        std::iter::once(traced.loss).chain(traced.metrics.iter().map(|(_, id)| *id)).collect();
    let live = traced.graph.live(&roots);
    for id in traced.graph.ids().filter(|id| live[id.index()]) {
        if matches!(traced.graph.op(id), Op::Const(_)) {
            continue;
        }
        for part in parts(subject, id) {
            if let Some(worst) = difference(evaluation, &part, inputs)? {
                let operation = traced.graph.operation(id, subject.layout.window);
                let message = describe(&operation, part.of, &worst);
                return Ok(Some(Culprit { message, span: traced.graph.span(id) }));
            }
        }
    }
    Ok(None)
}

/// The operation that made a number of the reference NaN or infinite.
pub(super) fn of_fault(subject: &Subject, inputs: &Inputs<f32>) -> Option<Culprit> {
    let fault = subject.objective.fault(inputs)?;
    let from: Vec<String> =
        fault.inputs.iter().map(|(name, value)| format!("{name} = {value:.6e}")).collect();
    let gradient = if fault.kind == FaultKind::Gradient { " in the gradient" } else { "" };
    let message = format!("`{}`{gradient} is {} for {}", fault.operation, fault.value, from.join(", "));
    Some(Culprit { message, span: fault.span })
}

/// One number of a node, made an objective of its own.
pub(super) struct Part {
    /// Which one.
    pub(super) of: PartOf,
    /// With the number as the loss. What no gradient reaches cannot be one.
    pub(super) pure: Option<Subject>,
    /// With the number as the first metric, and as the loss the number and [`anchor`] added.
    pub(super) anchored: Subject,
}

/// Which number of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PartOf {
    /// The only one.
    Whole,
    /// That of the action taken at the first step.
    ActionTaken,
    /// The sum over the actions.
    Sum,
}

/// The objectives that have nothing but this node in them. One number per action is looked at twice: at the action
/// taken, since a sum may be the same whatever its parts are; and summed, since the action taken is one of many.
pub(super) fn parts(subject: &Subject, id: NodeId) -> Vec<Part> {
    let mut graph = subject.traced.graph.clone();
    let span = graph.span(id);
    let scalars = match graph.shape(id) {
        Shape::Scalar => vec![(PartOf::Whole, id)],
        Shape::Action => {
            let action = graph.push(Op::Sample(Field::Action(0)), span);
            vec![
                (PartOf::ActionTaken, graph.push(Op::At(id, action), span)),
                (PartOf::Sum, graph.push(Op::Reduce(ReduceOp::Sum, id), span)),
            ]
        }
    };
    let part = |(of, scalar)| {
        let mut with_anchor = graph.clone();
        let anchor = anchor(&mut with_anchor, subject);
        let both = with_anchor.push(Op::Binary(BinaryOp::Add, scalar, anchor), Span::NONE);
        let compiled = |traced| subject.sibling(traced).ok();
        let metrics = vec![("value".to_owned(), scalar)];
        Some(Part {
            of,
            pure: compiled(Traced { graph: graph.clone(), loss: scalar, metrics: vec![] }),
            anchored: compiled(Traced { graph: with_anchor, loss: both, metrics })?,
        })
    };
    scalars.into_iter().filter_map(part).collect()
}

/// A loss that there always is: the outputs of the first head at the first state that is trained, summed.
fn anchor(graph: &mut Graph, subject: &Subject) -> NodeId {
    let output =
        graph.push(Op::Output(Pass::online(anchor_state(subject)), subject.layout.heads[0]), Span::NONE);
    match graph.shape(output) {
        Shape::Scalar => output,
        Shape::Action => graph.push(Op::Reduce(ReduceOp::Sum, output), Span::NONE),
    }
}

/// The state of [`anchor`]. Its gradient is 1 by the first columns there, and 0 elsewhere.
pub(super) fn anchor_state(subject: &Subject) -> usize {
    subject.objective.reads().trained.first().copied().unwrap_or(0)
}

fn difference(
    evaluation: &dyn Evaluation,
    part: &Part,
    inputs: &Inputs<f32>,
) -> Result<Option<Worst>, Failure> {
    // A wrong compiler may find that there is nothing to learn where there is.
    let pure = part.pure.as_ref().and_then(|subject| Some((subject, evaluation.prepare(subject).ok()?)));
    let (subject, mut prepared) = match pure {
        Some(pure) => pure,
        None => (&part.anchored, evaluation.prepare(&part.anchored)?),
    };
    with_case(subject, inputs, |case| {
        let readings = prepared(case)?;
        let tally = compare(case, evaluation.arithmetic(), &readings);
        Ok(tally.worst.filter(|_| tally.differing > 0))
    })
}

fn describe(operation: &str, of: PartOf, worst: &Worst) -> String {
    let of = match of {
        PartOf::Whole => "",
        PartOf::ActionTaken => " at the action taken",
        PartOf::Sum => ", summed over the actions,",
    };
    let number = match &worst.what {
        What::Gradient(output) => format!("the gradient of `{operation}`{of} by {output}"),
        What::Reported(_) | What::Unused => format!("`{operation}`{of}"),
    };
    let Worst { value, exact, allowed, .. } = worst;
    format!("{number} is {value:.6e}; the kernel in f64 has {exact:.6e} ± {allowed:.1e}")
}
