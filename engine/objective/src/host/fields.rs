//! The fields of the records: one table that reads them, lists them and answers for unknown ones.

use crate::ops::{Field, Head, Net, Shape};

use super::operand::Kind;
use super::records::Record;

/// A field of a record, beside network outputs and parameters.
pub(crate) struct FieldInfo {
    pub record: Record,
    pub name: &'static str,
    /// Its axes, for the reference: `scalar`, `[step]`, `plain`, …
    pub shape: &'static str,
    pub doc: &'static str,
    pub read: Read,
}

/// How a field is read.
#[derive(Clone, Copy)]
pub(crate) enum Read {
    /// A stored number of the first step.
    First(fn(usize) -> Field, Kind),
    /// A stored number of the last step.
    Last(fn(usize) -> Field, Kind),
    /// A stored number of each step.
    Each(fn(usize) -> Field, Kind),
    /// The importance weight.
    Weight,
    /// The window's length.
    Window,
    /// A record within the record.
    Inner(Record),
    /// A plain number of `step` or `stats`.
    Steering(Steering),
}

/// What a number of `step` or `stats` is taken from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Steering {
    Frames,
    AgentSteps,
    Updates,
    Progress,
    Episodes,
    MeanReturn,
    StdReturn,
    BestReturn,
}

const fn field(
    record: Record,
    name: &'static str,
    shape: &'static str,
    read: Read,
    doc: &'static str,
) -> FieldInfo {
    FieldInfo { record, name, shape, doc, read }
}

/// Every field that is there whatever heads the network has.
pub(crate) const FIELDS: &[FieldInfo] = {
    use Record::{EvalStats, Net, NetSteps, Step, Transition, TransitionSteps};
    &[
        field(
            Transition,
            "reward",
            "scalar",
            Read::First(Field::Reward, Kind::Number),
            "Reward of the step, as reward() makes it if the script has one. Only where n = 1: a window has t.steps.reward.",
        ),
        field(
            Transition,
            "action",
            "scalar",
            Read::First(Field::Action, Kind::Action),
            "Action taken in s_0, to index by.",
        ),
        field(
            Transition,
            "terminated",
            "scalar",
            Read::Last(Field::Terminated, Kind::Flag),
            "1 if the window ended in a terminal state, else 0; a truncated episode has not terminated.",
        ),
        field(
            Transition,
            "weight",
            "scalar",
            Read::Weight,
            "Importance weight of the sample; 1 where samples are drawn uniformly. The loss is not weighted by itself.",
        ),
        field(
            Transition,
            "behaviour_logp",
            "scalar",
            Read::First(Field::BehaviourLogp, Kind::Number),
            "Logarithm of the probability that the policy which acted gave to t.action.",
        ),
        field(Transition, "n", "plain", Read::Window, "Length of the window, n of config()."),
        field(
            Transition,
            "steps",
            "record",
            Read::Inner(TransitionSteps),
            "The same per step of the window.",
        ),
        field(
            Transition,
            "next",
            "record",
            Read::Inner(Record::TransitionNext),
            "The target network at the bootstrap state s_n.",
        ),
        field(
            TransitionSteps,
            "reward",
            "[step]",
            Read::Each(Field::Reward, Kind::Number),
            "Reward of each step; 0 after a termination.",
        ),
        field(
            TransitionSteps,
            "action",
            "[step]",
            Read::Each(Field::Action, Kind::Action),
            "Action taken at each step, to index by.",
        ),
        field(
            TransitionSteps,
            "terminated",
            "[step]",
            Read::Each(Field::Terminated, Kind::Flag),
            "1 from the step on that reached a terminal state.",
        ),
        field(
            TransitionSteps,
            "behaviour_logp",
            "[step]",
            Read::Each(Field::BehaviourLogp, Kind::Number),
            "Logarithm of the probability that the policy which acted gave to each action.",
        ),
        field(
            TransitionSteps,
            "valid",
            "[step]",
            Read::Each(Field::Valid, Kind::Flag),
            "1 while no earlier step of the window terminated, so that the step was really taken; else 0.",
        ),
        field(
            TransitionSteps,
            "next",
            "record",
            Read::Inner(Record::TransitionStepsNext),
            "The target network after each step, at s_1 to s_n.",
        ),
        field(
            Net,
            "steps",
            "record",
            Read::Inner(NetSteps),
            "The online network per step, at s_0 to s_{n-1}.",
        ),
        field(
            Net,
            "next",
            "record",
            Read::Inner(Record::NetNext),
            "The online network at the bootstrap state s_n.",
        ),
        field(
            NetSteps,
            "next",
            "record",
            Read::Inner(Record::NetStepsNext),
            "The online network after each step, at s_1 to s_n.",
        ),
        field(
            Step,
            "frames",
            "plain",
            Read::Steering(Steering::Frames),
            "Frames of the emulators so far, a whole number.",
        ),
        field(
            Step,
            "agent_steps",
            "plain",
            Read::Steering(Steering::AgentSteps),
            "Actions chosen so far, over all environments, a whole number.",
        ),
        field(
            Step,
            "updates",
            "plain",
            Read::Steering(Steering::Updates),
            "Updates of the network so far, a whole number.",
        ),
        field(
            Step,
            "progress",
            "plain",
            Read::Steering(Steering::Progress),
            "Fraction of the run that is done, 0 to 1.",
        ),
        field(
            EvalStats,
            "episodes",
            "plain",
            Read::Steering(Steering::Episodes),
            "Episodes of this evaluation, a whole number.",
        ),
        field(EvalStats, "mean_return", "plain", Read::Steering(Steering::MeanReturn), "Their mean return."),
        field(
            EvalStats,
            "std_return",
            "plain",
            Read::Steering(Steering::StdReturn),
            "Standard deviation of their returns.",
        ),
        field(
            EvalStats,
            "best_return",
            "plain",
            Read::Steering(Steering::BestReturn),
            "Largest mean return of all evaluations so far, this one included.",
        ),
        field(EvalStats, "frames", "plain", Read::Steering(Steering::Frames), "As step.frames."),
        field(
            EvalStats,
            "agent_steps",
            "plain",
            Read::Steering(Steering::AgentSteps),
            "As step.agent_steps.",
        ),
        field(EvalStats, "updates", "plain", Read::Steering(Steering::Updates), "As step.updates."),
        field(EvalStats, "progress", "plain", Read::Steering(Steering::Progress), "As step.progress."),
        field(
            EvalStats,
            "params",
            "record",
            Read::Inner(Record::CurrentParams),
            "Values of the parameters now: stats.params.tau.",
        ),
    ]
};

/// The heads a network may have, with their meaning.
pub(crate) const HEADS: &[(Head, &str)] = &[
    (Head::Q, "action values"),
    (Head::Logits, "preferences, of which softmax makes a policy"),
    (Head::V, "the state's value"),
];

/// The records that hold network outputs: whose, and at which state or states.
pub(crate) const OUTPUTS: &[(Record, Net, &str)] = &[
    (Record::Net, Net::Online, "s_0"),
    (Record::NetNext, Net::Online, "the bootstrap state s_n"),
    (Record::NetSteps, Net::Online, "s_0 to s_{n-1}"),
    (Record::NetStepsNext, Net::Online, "s_1 to s_n"),
    (Record::Transition, Net::Target, "s_0"),
    (Record::TransitionNext, Net::Target, "the bootstrap state s_n"),
    (Record::TransitionSteps, Net::Target, "s_0 to s_{n-1}"),
    (Record::TransitionStepsNext, Net::Target, "s_1 to s_n"),
];

/// Shape of a head in a record of network outputs, for the reference.
pub(crate) fn output_shape(record: Record, head: Head) -> &'static str {
    match (record.is_per_step(), head.shape()) {
        (false, Shape::Scalar) => "scalar",
        (false, Shape::Action) => "[action]",
        (true, Shape::Scalar) => "[step]",
        (true, Shape::Action) => "[step, action]",
    }
}

/// Names that other libraries give to what is here, and what to write instead.
const ELSEWHERE: &[(&str, &str)] = &[
    ("done", "t.terminated; a truncated episode has not terminated"),
    ("terminal", "t.terminated"),
    ("truncated", "nothing: windows never cross a truncation, and the state after it is bootstrapped from"),
    ("valid", "t.steps.valid; the first step is always valid"),
    ("logp", "t.behaviour_logp"),
    ("log_prob", "t.behaviour_logp"),
    ("obs", "the network's outputs: a script sees no observations"),
    ("state", "the network's outputs: a script sees no observations"),
    ("next_obs", "t.next.q and its like: a script sees no observations"),
    ("next_state", "t.next.q and its like: a script sees no observations"),
    ("pi", "softmax(net.logits), or softmax(net.q / p.tau)"),
    ("policy", "softmax(net.logits), or softmax(net.q / p.tau)"),
    ("probs", "softmax(net.logits), or softmax(net.q / p.tau)"),
    ("log_pi", "log_softmax(net.logits), or log_softmax(net.q / p.tau)"),
    ("value", "net.v"),
    ("advantage", "net.q - net.v, or a return minus net.v"),
    ("step", "t.steps, the steps of the window"),
    ("gamma", "p.gamma, a parameter that params() declares"),
];

/// What to write instead of a field that belongs elsewhere: another record's, or another library's.
pub(crate) fn elsewhere(record: Record, name: &str) -> Option<String> {
    let word = ELSEWHERE.iter().find(|(word, _)| *word == name).map(|(_, instead)| (*instead).to_owned());
    let other = || {
        let reachable =
            |field: &&FieldInfo| field.record != record && field.record.is_steering() == record.is_steering();
        let field = FIELDS.iter().filter(reachable).find(|field| field.name == name)?;
        Some(format!("{}.{name}", field.record.name()))
    };
    word.or_else(other)
}
