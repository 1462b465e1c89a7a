//! Which axis a function goes over.

use crate::diagnostic::did_you_mean;
use crate::ops::Shape;

use super::broadcast::not_a_number;
use super::operand::Operand;
use super::trace::Complaint;

/// An axis, as a script names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Axis {
    Action,
    Step,
}

impl Axis {
    const ALL: [Axis; 2] = [Axis::Action, Axis::Step];

    fn name(self) -> &'static str {
        match self {
            Axis::Action => "action",
            Axis::Step => "step",
        }
    }
}

/// The axis that the second argument of `function` names.
pub(crate) fn named(function: &str, argument: &Operand) -> Result<Axis, Complaint> {
    let forms = format!("write {function}(x, \"action\") or {function}(x, \"step\")");
    let Operand::Text(name) = argument else {
        return Err(Complaint::new(format!(
            "the second argument of {function} names an axis, and is {}",
            argument.describe()
        ))
        .hint(forms));
    };
    Axis::ALL.into_iter().find(|axis| axis.name() == name).ok_or_else(|| {
        let near = did_you_mean(name, Axis::ALL.map(Axis::name));
        let near = near.map(|near| format!("did you mean {near:?}? ")).unwrap_or_default();
        Complaint::new(format!("there is no axis {name:?}")).hint(format!("{near}{forms}"))
    })
}

/// The axis that `function` goes over: the one that is wanted, or the only one there is.
pub(crate) fn over(function: &str, x: &Operand, wanted: Option<Axis>) -> Result<Axis, Complaint> {
    let axes: &[Axis] = match x {
        Operand::One(value) if value.shape == Shape::Action => &[Axis::Action],
        Operand::Steps(steps) if steps.0.is_empty() => {
            return Err(Complaint::new(format!("{function} of an empty list"))
                .hint("give the list an element before: list.push(x)"));
        }
        Operand::Steps(steps) if steps.shape() == Shape::Action => &[Axis::Action, Axis::Step],
        Operand::Steps(_) => &[Axis::Step],
        Operand::One(_) | Operand::Int(_) | Operand::Float(_) => {
            return Err(Complaint::new(format!(
                "{function} of {}, which is one number already",
                x.describe()
            ))
            .hint(format!(
                "{function} goes over an axis: the actions of net.q, the steps of t.steps.reward"
            )));
        }
        other => return Err(not_a_number(function, other)),
    };
    match (wanted, axes) {
        (Some(axis), axes) if axes.contains(&axis) => Ok(axis),
        (Some(axis), [only, ..]) => Err(Complaint::new(format!(
            "{function} over the axis `{}` of {}, which has none",
            axis.name(),
            x.describe()
        ))
        .hint(format!("its axis is `{0}`: {function}(x, {0:?}), or shorter {function}(x)", only.name()))),
        (None, [only]) => Ok(*only),
        (_, _) => {
            Err(Complaint::new(format!("{function} of {}: over which axis?", x.describe())).hint(format!(
                "{function}(x, \"action\") leaves one number per step, {function}(x, \"step\") one per action"
            )))
        }
    }
}
