//! What a graph reads of a sample: the numbers stored with it, and the outputs of networks at the states of its
//! window.

use crate::ops::Shape;

/// A number that the replay memory stores with the sample; `d` is the step within the window.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Field {
    /// Reward of step `d`.
    Reward(usize),
    /// 1 if the state after step `d` is terminal, else 0.
    Terminated(usize),
    /// Index of the action taken at step `d`.
    Action(usize),
    /// Logarithm of the probability of that action under the policy that acted.
    BehaviourLogp(usize),
    /// 1 while no earlier step of the window terminated, so that the state of step `d` exists, else 0.
    Valid(usize),
    /// Importance weight of the sample.
    Weight,
}

impl Field {
    /// How a script reads it in a window of `window` steps: `t.reward`, or `t.steps.reward[3]`.
    pub fn script_name(self, window: usize) -> String {
        let (name, step) = match self {
            Field::Reward(step) => ("reward", step),
            Field::Terminated(step) => ("terminated", step),
            Field::Action(step) => ("action", step),
            Field::BehaviourLogp(step) => ("behaviour_logp", step),
            Field::Valid(step) => return format!("t.steps.valid[{step}]"),
            Field::Weight => return "t.weight".into(),
        };
        if window == 1 { format!("t.{name}") } else { format!("t.steps.{name}[{step}]") }
    }
}

/// Which parameters a forward pass uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Net {
    /// The parameters that are trained.
    Online,
    /// Their delayed copy.
    Target,
}

/// A forward pass of the network: its parameters, and the state of the window that it looks at. A window of
/// `n` steps has the states `0..=n`; state `n` is the bootstrap state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pass {
    /// Whose parameters.
    pub net: Net,
    /// Which state of the window.
    pub state: usize,
}

impl Pass {
    /// The online network at a state. Gradients may flow into it.
    pub const fn online(state: usize) -> Pass {
        Pass { net: Net::Online, state }
    }

    /// The target network at a state.
    pub const fn target(state: usize) -> Pass {
        Pass { net: Net::Target, state }
    }

    /// How a script reads this pass's outputs in a window of `window` steps: `net.q`, `t.next.v`, or
    /// `net.steps.logits[3]` for a state between the first and the last.
    pub fn script_name(self, head: Head, window: usize) -> String {
        let record = match self.net {
            Net::Online => "net",
            Net::Target => "t",
        };
        let head = head.name();
        match self.state {
            0 => format!("{record}.{head}"),
            state if state == window => format!("{record}.next.{head}"),
            state => format!("{record}.steps.{head}[{state}]"),
        }
    }
}

/// An output head of the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Head {
    /// Action values, `[actions]`.
    Q,
    /// Policy logits, `[actions]`.
    Logits,
    /// State value, one number.
    V,
}

impl Head {
    /// Shape of the head's output.
    pub fn shape(self) -> Shape {
        match self {
            Head::Q | Head::Logits => Shape::Action,
            Head::V => Shape::Scalar,
        }
    }

    /// How scripts write it.
    pub fn name(self) -> &'static str {
        match self {
            Head::Q => "q",
            Head::Logits => "logits",
            Head::V => "v",
        }
    }
}
