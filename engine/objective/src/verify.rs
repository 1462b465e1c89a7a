//! What a legal graph is. Run on the traced graph, where a violation is the script's fault and says where,
//! and again after the passes, where it is ours.

use crate::error::CompileError;
use crate::fold::fits_f32;
use crate::graph::Graph;
use crate::layout::{Layout, MAX_PHASES, STAT_SLOTS};
use crate::ops::{Field, NodeId, Op, Shape, Span};
use crate::simplify::Marks;
use crate::stages::{Mean, Stages};

/// Checks every node that the roots need:
/// - it fits the layout: parameter slots, steps and states of the window, heads;
/// - reductions and gathers read action-shaped values; indices, gradient factors and what a batch mean is taken
///   of are scalars;
/// - an index is an action of the sample, an argmax, or a whole constant below the number of actions;
/// - constants, and what is computed from constants alone, can be held by an `f32`;
/// - operands precede users, and shapes are as inferred;
/// - with [`Marks::Drop`]: no gradient marks are left, and gathers read network outputs.
pub(crate) fn verify(
    graph: &Graph,
    roots: &[NodeId],
    layout: &Layout,
    marks: Marks,
) -> Result<(), CompileError> {
    let live = graph.live(roots);
    let indices = indices(graph, layout);
    for id in graph.ids().filter(|id| live[id.index()]) {
        let op = graph.op(id);
        if op.operands().any(|operand| operand >= id) || graph.infer(op) != graph.shape(id) {
            return Err(defect(&format!("node {} ({op:?}) is out of order or of wrong shape", id.index())));
        }
        check(graph, id, layout, &indices)?;
        if marks == Marks::Drop {
            check_lowered(graph, id)?;
        }
    }
    Ok(())
}

/// Checks that the batch means fit a kernel: their number, and how often one waits for another.
pub(crate) fn verify_stages(graph: &Graph, stages: &Stages) -> Result<(), CompileError> {
    let error = |message: String, hint: &str, mean: &Mean| {
        Err(CompileError::new(message, hint, place(graph, mean.id)))
    };
    let means = stages.means();
    if means.iter().any(|mean| !stages.varies(mean.of)) {
        return Err(defect("a mean of what no sample changes was kept"));
    }
    if let Some(mean) = means.iter().find(|mean| mean.stage >= MAX_PHASES) {
        return error(
            format!(
                "batch means wait for one another {} times here, gradients included; at most {MAX_PHASES} rounds fit",
                stages.phases()
            ),
            "take means of sums instead of sums of means of means, or put stop_gradient around an inner one",
            mean,
        );
    }
    match means.get(STAT_SLOTS) {
        Some(mean) => error(
            format!("this takes {} batch means, gradients included; at most {STAT_SLOTS} fit", means.len()),
            "take one mean of a sum, mean over the steps first, or put stop_gradient around some",
            mean,
        ),
        None => Ok(()),
    }
}

/// An error that no script should be able to cause.
pub(crate) fn defect(what: &str) -> CompileError {
    CompileError::new(
        format!("internal error: {what}"),
        "this is a defect of Kelvin, not of the script; please report it together with the script",
        Span::NONE,
    )
}

fn check(graph: &Graph, id: NodeId, layout: &Layout, indices: &[bool]) -> Result<(), CompileError> {
    let error = |message: String, hint: &str| Err(CompileError::new(message, hint, place(graph, id)));
    match *graph.op(id) {
        Op::Const(bits) if !fits_f32(f64::from_bits(bits)) => error(
            format!("{:e} cannot be held by a 32-bit float", f64::from_bits(bits)),
            "kernels compute in 32 bits: sizes from 1e-38 to 3e38",
        ),
        Op::Param(slot) if slot >= layout.param_slots => error(
            format!("parameter number {} is one too many: there are {} slots", slot + 1, layout.param_slots),
            "make constants of some parameters",
        ),
        Op::Sample(
            Field::Reward(step)
            | Field::Terminated(step)
            | Field::Action(step)
            | Field::BehaviourLogp(step)
            | Field::Valid(step),
        ) if step >= layout.window => error(
            format!("step {step} is outside of the window of {} steps", layout.window),
            "steps count from 0; config().n is the window's length",
        ),
        Op::Output(pass, _) if pass.state > layout.window => error(
            format!("state {} is outside of the window of {} steps", pass.state, layout.window),
            "a window of n steps has the states 0 to n; config().n is the window's length",
        ),
        Op::Output(pass, head) if layout.column(head).is_none() => error(
            format!("the network has no head {:?}", head.name()),
            &format!(
                "add {:?} to `heads` in config() to read {}",
                head.name(),
                pass.script_name(head, layout.window)
            ),
        ),
        Op::BatchMean(x) if graph.shape(x) != Shape::Scalar => error(
            "batch_mean takes one number per sample, and was given one per action".into(),
            "index it by t.action, or reduce it with sum, mean or max",
        ),
        Op::Reduce(_, x) | Op::ArgMax(x) | Op::At(x, _) if graph.shape(x) != Shape::Action => error(
            "this needs one number per action, and was given a single number".into(),
            "reduce and index values such as net.q that have the axis `action`",
        ),
        Op::At(_, index) | Op::OneHot(index) if !indices[index.index()] => error(
            "this is not an action index".into(),
            "index by t.action, by an argmax, or by a whole number below the number of actions",
        ),
        Op::ScaleGradient(_, factor) if graph.shape(factor) != Shape::Scalar => error(
            "the factor of scale_gradient has to be a single number".into(),
            "reduce it over the actions first",
        ),
        Op::Const(_) | Op::Param(_) | Op::Sample(_) | Op::Output(..) => Ok(()),
        ref op if op.operands().all(|operand| graph.as_constant(operand).is_some()) && !is_axis(op) => error(
            "this constant expression is not a number that a 32-bit float can hold".into(),
            "look for a division by zero, a logarithm of zero, or an overflow",
        ),
        _ => Ok(()),
    }
}

fn check_lowered(graph: &Graph, id: NodeId) -> Result<(), CompileError> {
    match *graph.op(id) {
        Op::StopGradient(_) | Op::ScaleGradient(..) => {
            Err(defect("a gradient mark outlived differentiation"))
        }
        Op::At(x, _) if !matches!(graph.op(x), Op::Output(..)) => {
            Err(defect("a gather was not pushed to its leaf"))
        }
        _ => Ok(()),
    }
}

/// Operations that stay operations on constants: they make or read the action axis.
fn is_axis(op: &Op) -> bool {
    matches!(op, Op::OneHot(_))
}

/// Which values are whole numbers in `0..actions` by construction.
fn indices(graph: &Graph, layout: &Layout) -> Vec<bool> {
    let mut indices = Vec::with_capacity(graph.len());
    // Operands precede users. What is out of order is no index, and a fault that is found elsewhere.
    let known = |indices: &[bool], id: NodeId| indices.get(id.index()).copied().unwrap_or(false);
    for id in graph.ids() {
        let index = match *graph.op(id) {
            Op::Sample(Field::Action(_)) | Op::ArgMax(_) => true,
            Op::Const(bits) => {
                let value = f64::from_bits(bits);
                value.fract() == 0.0 && (0.0..layout.actions as f64).contains(&value)
            }
            Op::Select(c, a, b) => {
                graph.shape(c) == Shape::Scalar && known(&indices, a) && known(&indices, b)
            }
            Op::StopGradient(x) => known(&indices, x),
            _ => false,
        };
        indices.push(index);
    }
    indices
}

/// A node's place, or that of its first user for a constant that several lines share.
fn place(graph: &Graph, id: NodeId) -> Span {
    let own = graph.span(id);
    if !own.is_none() {
        return own;
    }
    let user = graph.ids().find(|&user| graph.op(user).operands().any(|operand| operand == id));
    user.map_or(Span::NONE, |user| graph.span(user))
}
