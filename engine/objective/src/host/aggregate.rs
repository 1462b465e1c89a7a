//! Functions that bring an axis down: the actions of a value, the steps of a window, the samples of a batch.

use rhai::Dynamic;

use crate::ops::{BinaryOp, NodeId, Op, ReduceOp, Shape, Span, UnaryOp};

use super::axis::{Axis, named, over};
use super::broadcast::{list_to_steps, map, not_a_number};
use super::elementwise::extremum;
use super::operand::{Kind, Operand, Steps};
use super::trace::{Complaint, Outcome, Phase, Trace};
use super::vocabulary::Function;

pub(crate) const FUNCTIONS: &[Function] = &[
    Function {
        name: "sum",
        signatures: &["sum(x: Numbers) -> Numbers", "sum(x: Numbers, axis: Axis) -> Numbers"],
        usage: "sum(x) over the actions or the steps; sum(x, \"action\") or sum(x, \"step\") where x has both",
        doc: "Sum over an axis, which goes away. A value with one axis needs no second argument.",
        run: |trace, at, args| reduce(trace, at, Reduction::Sum, &args),
    },
    Function {
        name: "mean",
        signatures: &["mean(x: Numbers) -> Numbers", "mean(x: Numbers, axis: Axis) -> Numbers"],
        usage: "mean(x) over the actions or the steps; mean(x, \"action\") or mean(x, \"step\") where x has both",
        doc: "Mean over an axis, which goes away; every action and every step counts alike. The mean over the \
              batch is batch_mean.",
        run: |trace, at, args| reduce(trace, at, Reduction::Mean, &args),
    },
    Function {
        name: "max",
        signatures: &["max(x: Numbers) -> Numbers", "max(x: Numbers, y_or_axis: Numbers) -> Numbers"],
        usage: "max(x) over the actions or the steps, max(x, \"action\") or max(x, \"step\") where x has both, \
                max(x, y) of two",
        doc: "Maximum over an axis, which goes away; the gradient goes to the first largest. Of two: the larger \
              one, element by element; on a tie the gradient goes to the first.",
        run: |trace, at, args| match args[..] {
            [_, Operand::Text(_)] | [_] => reduce(trace, at, Reduction::Max, &args),
            _ => extremum(trace, at, BinaryOp::Max, args),
        },
    },
    Function {
        name: "min",
        signatures: &["min(x: Numbers) -> Numbers", "min(x: Numbers, y_or_axis: Numbers) -> Numbers"],
        usage: "min(x) over the actions or the steps, min(x, \"action\") or min(x, \"step\") where x has both, \
                min(x, y) of two",
        doc: "Minimum over an axis, which goes away; the gradient goes to the first smallest. Of two: the \
              smaller one, element by element; on a tie the gradient goes to the first.",
        run: |trace, at, args| match args[..] {
            [_, Operand::Text(_)] | [_] => reduce(trace, at, Reduction::Min, &args),
            _ => extremum(trace, at, BinaryOp::Min, args),
        },
    },
    Function {
        name: "batch_mean",
        signatures: &["batch_mean(x: Numbers) -> Numbers"],
        usage: "batch_mean(x), of one number per sample or one per step",
        doc: "Mean over the samples of the batch: the same number for each of them, for each step apart. \
              Gradients flow through it. Costs a pass of its own over the batch.",
        run: batch_mean,
    },
    Function {
        name: "len",
        signatures: &["len(x: Numbers) -> int"],
        usage: "len(x), the number of actions, steps or elements",
        doc: "Length as a plain number: of the step axis if x has one, else of the action axis, or of a list.",
        run: len,
    },
];

/// What is left of an axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reduction {
    Sum,
    Mean,
    Max,
    Min,
}

impl Reduction {
    fn name(self) -> &'static str {
        match self {
            Self::Sum => "sum",
            Self::Mean => "mean",
            Self::Max => "max",
            Self::Min => "min",
        }
    }

    /// Over the actions of one value.
    fn actions(self, trace: &mut Trace, x: NodeId, at: Span) -> NodeId {
        match self {
            Self::Sum => trace.graph.sum(x, at),
            Self::Mean => trace.graph.mean(x, at),
            Self::Max => trace.graph.max(x, at),
            // The graph has one ordered reduction: min x = -max(-x), exactly.
            Self::Min => {
                let negated = trace.graph.unary(UnaryOp::Neg, x, at);
                let max = trace.graph.push(Op::Reduce(ReduceOp::Max, negated), at);
                trace.graph.unary(UnaryOp::Neg, max, at)
            }
        }
    }

    /// Over the steps of a list that is not empty.
    fn steps(self, trace: &mut Trace, steps: &Steps, at: Span) -> Result<NodeId, Complaint> {
        let op = match self {
            Self::Sum | Self::Mean => BinaryOp::Add,
            Self::Max => BinaryOp::Max,
            Self::Min => BinaryOp::Min,
        };
        let mut total = steps.0[0].node;
        for step in &steps.0[1..] {
            trace.check_size()?;
            total = trace.graph.binary(op, total, step.node, at);
        }
        if self == Self::Mean {
            let count = trace.graph.constant(steps.0.len() as f64);
            total = trace.graph.div(total, count, at);
        }
        Ok(total)
    }
}

fn reduce(trace: &mut Trace, at: Span, by: Reduction, args: &[Operand]) -> Outcome {
    let name = by.name();
    let wanted = args.get(1).map(|axis| named(name, axis)).transpose()?;
    let x = list_to_steps(trace, at, &args[0])?;
    match (over(name, &x, wanted)?, &x) {
        (Axis::Step, Operand::Steps(steps)) => {
            let node = by.steps(trace, steps, at)?;
            Ok(Dynamic::from(trace.value(node, Kind::Number)))
        }
        _ => map(trace, at, name, &[x], |trace, x| by.actions(trace, x[0], at)),
    }
}

fn batch_mean(trace: &mut Trace, at: Span, args: Vec<Operand>) -> Outcome {
    if trace.phase == Phase::Behave {
        return Err(Complaint::new("batch_mean does not work in behave: it acts in one state at a time")
            .hint("leave it to target and loss"));
    }
    if args[0].plain().is_some() {
        return Ok(match args[0] {
            Operand::Int(int) => int.into(),
            _ => args[0].plain().unwrap_or_default().into(),
        });
    }
    let x = list_to_steps(trace, at, &args[0])?;
    let shape = match &x {
        Operand::One(value) => value.shape,
        Operand::Steps(steps) => steps.shape(),
        _ => Shape::Scalar,
    };
    if shape == Shape::Action {
        return Err(Complaint::new(format!("batch_mean of {}", x.describe())).hint(
            "it takes one number per sample, or one per step: index by the action or reduce over the actions first",
        ));
    }
    map(trace, at, "batch_mean", &[x], |trace, x| trace.graph.push(Op::BatchMean(x[0]), at))
}

fn len(trace: &mut Trace, _: Span, args: Vec<Operand>) -> Outcome {
    match &args[0] {
        Operand::Steps(steps) => Ok((steps.0.len() as i64).into()),
        Operand::List(items) => Ok((items.len() as i64).into()),
        Operand::Text(text) => Ok((text.chars().count() as i64).into()),
        Operand::One(value) if value.shape == Shape::Action => Ok((trace.layout.actions as i64).into()),
        Operand::One(_) | Operand::Int(_) | Operand::Float(_) => {
            Err(Complaint::new(format!("len of {}, which has no axis", args[0].describe()))
                .hint("len(net.q) is the number of actions, len(t.steps.reward) that of steps"))
        }
        other => Err(not_a_number("len", other)),
    }
}
