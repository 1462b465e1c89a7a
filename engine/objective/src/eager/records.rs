//! The records `t`, `net` and `p`, filled with the numbers of one batch.

use super::evaluation::Evaluation;
use super::value::{Item, Value};

/// Whose outputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Network {
    Online,
    Target,
}

/// Which states of the window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum States {
    First,
    Last,
    /// The state that each step starts from.
    Before,
    /// The state that each step leads to.
    After,
}

/// A record; its fields are made when they are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Record {
    /// Outputs of a network. `t` and `t.steps` hold the stored numbers besides.
    Outputs(Network, States),
    /// The parameters.
    Params,
}

impl Record {
    pub const NET: Self = Self::Outputs(Network::Online, States::First);
    pub const TRANSITION: Self = Self::Outputs(Network::Target, States::First);

    /// Reads `record.name`: another record, or an item.
    pub fn field(self, evaluation: &Evaluation, name: &str) -> Result<Result<Item, Self>, String> {
        let Self::Outputs(network, states) = self else { return evaluation.param(name).map(Ok) };
        let window = evaluation.layout.window;
        let item = match (network, states, name) {
            (_, States::First, "next") => return Ok(Err(Self::Outputs(network, States::Last))),
            (_, States::First, "steps") => return Ok(Err(Self::Outputs(network, States::Before))),
            (_, States::Before, "next") => return Ok(Err(Self::Outputs(network, States::After))),
            (Network::Target, States::First, "n") => Item::Int(window as i64),
            (Network::Target, States::First, "reward" | "action" | "behaviour_logp" | "weight") => {
                Item::One(evaluation.stored(name, 0)?)
            }
            // A window that ends in a terminal state keeps the flag up to its last step.
            (Network::Target, States::First, "terminated") => Item::One(evaluation.stored(name, window - 1)?),
            (
                Network::Target,
                States::Before,
                "reward" | "action" | "behaviour_logp" | "terminated" | "valid",
            ) => {
                Item::Steps((0..window).map(|step| evaluation.stored(name, step)).collect::<Result<_, _>>()?)
            }
            (_, States::First, _) => Item::One(evaluation.output(network, 0, name)?),
            (_, States::Last, _) => Item::One(evaluation.output(network, window, name)?),
            (_, States::Before | States::After, _) => {
                let first = usize::from(states == States::After);
                let steps = (first..first + window).map(|state| evaluation.output(network, state, name));
                Item::Steps(steps.collect::<Result<_, _>>()?)
            }
        };
        Ok(Ok(item))
    }
}

/// `x[index]`
pub(super) fn element(of: &Item, index: &Item) -> Result<Item, String> {
    match (of, index) {
        // A step of a list, or an action of a value.
        (Item::Steps(steps), Item::Int(step)) => {
            let step = usize::try_from(*step).ok().and_then(|step| steps.get(step));
            Ok(Item::One(step.ok_or("there is no such step")?.clone()))
        }
        (Item::One(value), Item::Int(action)) => Ok(Item::One(value.element(&Value::known(*action as f64)))),
        _ => super::value::each(&[of.clone(), index.clone()], |x| Ok(x[0].element(&x[1]))),
    }
}
