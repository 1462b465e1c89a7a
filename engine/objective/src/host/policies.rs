//! Functions over the actions that soft values and policies are made of. Of values per step they take each
//! step apart.

use crate::ops::{NodeId, Op, Shape, Span};

use super::broadcast::{list_to_steps, map, map_values, not_a_number};
use super::operand::{Kind, Operand, Steps, Value};
use super::trace::{Complaint, Outcome, Trace};
use super::vocabulary::Function;

pub(crate) const FUNCTIONS: &[Function] = &[
    Function {
        name: "logsumexp",
        signatures: &["logsumexp(x: Actions) -> Numbers"],
        usage: "logsumexp(x), over the actions",
        doc: "log Σ_a exp(x_a), safe for large x. tau * logsumexp(q / tau) is the soft value with an entropy \
              bonus (Schulman et al. 2017, eq. 29).",
        run: |trace, at, args| {
            over_actions(trace, at, "logsumexp", &args[0], |trace, x| {
                (trace.graph.log_sum_exp(x, at), Kind::Number)
            })
        },
    },
    Function {
        name: "logmeanexp",
        signatures: &["logmeanexp(x: Actions) -> Numbers"],
        usage: "logmeanexp(x), over the actions",
        doc: "log (1/|A|) Σ_a exp(x_a), safe for large x. tau * logmeanexp(q / tau) is the soft value with a KL \
              penalty against the uniform policy (Schulman et al. 2017, eq. 29).",
        run: |trace, at, args| {
            over_actions(trace, at, "logmeanexp", &args[0], |trace, x| {
                (trace.graph.log_mean_exp(x, at), Kind::Number)
            })
        },
    },
    Function {
        name: "softmax",
        signatures: &["softmax(x: Actions) -> Policy"],
        usage: "softmax(x), over the actions",
        doc: "Probabilities exp(x_a) / Σ_b exp(x_b) of the actions, a policy: softmax(net.logits), \
              softmax(net.q / p.tau).",
        run: |trace, at, args| {
            over_actions(trace, at, "softmax", &args[0], |trace, x| {
                (trace.graph.softmax(x, at), Kind::Probabilities(x))
            })
        },
    },
    Function {
        name: "log_softmax",
        signatures: &["log_softmax(x: Actions) -> Policy"],
        usage: "log_softmax(x), over the actions",
        doc: "Logarithms of the probabilities, x_a - log Σ_b exp(x_b), with all digits where softmax(x) is \
              nearly 0.",
        run: |trace, at, args| {
            over_actions(trace, at, "log_softmax", &args[0], |trace, x| {
                (trace.graph.log_softmax(x, at), Kind::LogProbabilities(x))
            })
        },
    },
    Function {
        name: "entropy",
        signatures: &["entropy(policy: Policy) -> Numbers"],
        usage: "entropy(softmax(x)), in nats",
        doc: "Entropy -Σ_a π_a log π_a of a policy, in nats; from 0 to log|A|.",
        run: |trace, at, args| {
            let logits = logits("entropy", &args[0])?;
            map(trace, at, "entropy", &[logits], |trace, x| trace.graph.entropy_of_logits(x[0], at))
        },
    },
    Function {
        name: "kl",
        signatures: &["kl(policy: Policy) -> Numbers", "kl(policy: Policy, reference: Policy) -> Numbers"],
        usage: "kl(softmax(x), softmax(y)), or kl(softmax(x)) against the uniform policy, in nats",
        doc: "Divergence Σ_a π_a log(π_a / ρ_a) of a policy from a reference, in nats; without a second \
              argument from the uniform policy, which is log|A| - entropy(policy).",
        run: kl,
    },
    Function {
        name: "argmax",
        signatures: &["argmax(x: Actions) -> Action"],
        usage: "argmax(x), the action with the largest x",
        doc: "The action with the largest x, the first of them on a tie. No gradient flows through it.",
        run: |trace, at, args| {
            over_actions(trace, at, "argmax", &args[0], |trace, x| {
                (trace.graph.push(Op::ArgMax(x), at), Kind::Action)
            })
        },
    },
];

/// Applies `f` to a value with one number per action, or to that of each step.
fn over_actions(
    trace: &mut Trace,
    at: Span,
    name: &str,
    operand: &Operand,
    mut f: impl FnMut(&mut Trace, NodeId) -> (NodeId, Kind),
) -> Outcome {
    let x = list_to_steps(trace, at, operand)?;
    let example = "give it one number per action, such as net.q, t.next.q or net.steps.logits";
    match &x {
        Operand::One(Value { shape: Shape::Action, .. }) => {}
        Operand::Steps(steps) if steps.shape() == Shape::Action => {}
        Operand::Steps(_) => {
            return Err(Complaint::new(format!("{name} goes over the actions, and this is a list of steps"))
                .hint(example));
        }
        Operand::One(_) | Operand::Int(_) | Operand::Float(_) => {
            return Err(Complaint::new(format!("{name} of {}, which is one number already", x.describe()))
                .hint(format!("{name} goes over the actions: {example}")));
        }
        other => return Err(not_a_number(name, other)),
    }
    map_values(trace, at, name, &[x], |trace, x| f(trace, x[0].node))
}

fn kl(trace: &mut Trace, at: Span, args: Vec<Operand>) -> Outcome {
    let policy = logits("kl", &args[0])?;
    match args.get(1) {
        Some(reference) => {
            let reference = logits("kl", reference)?;
            map(trace, at, "kl", &[policy, reference], |trace, x| trace.graph.kl_of_logits(x[0], x[1], at))
        }
        None => map(trace, at, "kl", &[policy], |trace, x| {
            let entropy = trace.graph.entropy_of_logits(x[0], at);
            let log_actions = trace.graph.constant((trace.layout.actions as f64).ln());
            trace.graph.sub(log_actions, entropy, at)
        }),
    }
}

/// The logits of a policy, of each step where there are steps. The functions of policies go back to them:
/// through the probabilities, digits would be lost where one of them is nearly 0.
fn logits(name: &str, operand: &Operand) -> Result<Operand, Complaint> {
    let of = |value: &Value| match value.kind {
        Kind::Probabilities(node) | Kind::LogProbabilities(node) => {
            Some(Value { node, shape: Shape::Action, kind: Kind::Number })
        }
        _ => None,
    };
    let logits = match operand {
        Operand::One(value) => of(value).map(Operand::One),
        Operand::Steps(steps) if !steps.0.is_empty() => {
            steps.0.iter().map(of).collect::<Option<Steps>>().map(Operand::Steps)
        }
        _ => None,
    };
    logits.ok_or_else(|| {
        Complaint::new(format!("{name} needs a policy, found {}", operand.describe())).hint(format!(
            "make one of preferences: {name}(softmax(net.q / p.tau)), {name}(softmax(net.logits))"
        ))
    })
}
