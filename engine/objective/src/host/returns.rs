//! Returns over the steps of a window, from the last step backwards.

use rhai::Dynamic;

use crate::ops::{Shape, Span};

use super::broadcast::{list_to_steps, scalar};
use super::operand::{Kind, Operand, Steps};
use super::trace::{Complaint, Outcome, Trace};
use super::vocabulary::Function;

pub(crate) const FUNCTIONS: &[Function] = &[
    Function {
        name: "discounted_return",
        signatures: &["discounted_return(reward: Steps, gamma: Number) -> Number"],
        usage: "discounted_return(t.steps.reward, p.gamma)",
        doc: "Σ_d gamma^d reward_d over the window, without a bootstrap: add gamma ** t.n * (1 - t.terminated) \
              times the value of the state after it.",
        run: discounted_return,
    },
    Function {
        name: "lambda_return",
        signatures: &[
            "lambda_return(reward: Steps, terminated: Steps, v_next: Steps, gamma: Number, lambda: Number) -> Steps",
        ],
        usage: "lambda_return(t.steps.reward, t.steps.terminated, v_next, p.gamma, p.lambda)",
        doc: "One return per step: G_d = reward_d + gamma (1 - terminated_d) ((1 - lambda) v_next_d + lambda \
              G_{d+1}), where G_n is the last v_next. lambda 0 is one-step, lambda 1 the return to the end of \
              the window (Schulman et al. 2017, eq. 42, 43; Sutton and Barto, 12.1). v_next holds the values of \
              s_1 to s_n, such as t.steps.next.v.",
        run: lambda_return,
    },
];

/// `Σ_d γ^d r_d`.
fn discounted_return(trace: &mut Trace, at: Span, args: Vec<Operand>) -> Outcome {
    let hint = "it takes one number per step: discounted_return(t.steps.reward, p.gamma)";
    let steps = per_step(trace, at, &args[0], "discounted_return of", hint)?;
    let gamma = scalar(trace, at, "the discount", &args[1])?.node;
    let mut rest = steps.into_iter().rev();
    let last = rest.next().expect("per_step() lets no empty list through").node;
    let node = rest.try_fold(last, |later, step| {
        trace.check_size()?;
        let discounted = trace.graph.mul(gamma, later, at);
        Ok::<_, Complaint>(trace.graph.add(step.node, discounted, at))
    })?;
    Ok(Dynamic::from(trace.value(node, Kind::Number)))
}

fn lambda_return(trace: &mut Trace, at: Span, args: Vec<Operand>) -> Outcome {
    let hint =
        "write lambda_return(t.steps.reward, t.steps.terminated, v_next, p.gamma, p.lambda), all per step";
    let list = |trace: &mut Trace, arg: usize, name: &str| {
        per_step(trace, at, &args[arg], &format!("lambda_return with {name} from"), hint)
    };
    let reward = list(trace, 0, "rewards")?;
    let terminated = list(trace, 1, "terminated flags")?;
    let v_next = list(trace, 2, "next values")?;
    let length = reward.0.len();
    for (list, name) in [(&terminated, "terminated flags"), (&v_next, "next values")] {
        if list.0.len() != length {
            let found = list.0.len();
            return Err(
                Complaint::new(format!("lambda_return of {length} rewards and {found} {name}")).hint(hint)
            );
        }
    }
    let gamma = scalar(trace, at, "the discount", &args[3])?.node;
    let lambda = scalar(trace, at, "lambda", &args[4])?.node;
    let one = trace.graph.constant(1.0);
    let rest = trace.graph.sub(one, lambda, at);
    let mut returns = Vec::with_capacity(length);
    let mut later = None;
    for step in (0..length).rev() {
        trace.check_size()?;
        let value = v_next.0[step].node;
        // Beyond the window there is only the value: the weights of the last step add up to one.
        let ahead = match (later, trace.graph.as_constant(lambda)) {
            (None, _) | (_, Some(0.0)) => value,
            (Some(later), Some(1.0)) => later,
            (Some(later), _) => {
                let bootstrap = trace.graph.mul(rest, value, at);
                let longer = trace.graph.mul(lambda, later, at);
                trace.graph.add(bootstrap, longer, at)
            }
        };
        let goes_on = trace.graph.sub(one, terminated.0[step].node, at);
        let discount = trace.graph.mul(gamma, goes_on, at);
        let future = trace.graph.mul(discount, ahead, at);
        let node = trace.graph.add(reward.0[step].node, future, at);
        returns.push(trace.value(node, Kind::Number));
        later = Some(node);
    }
    Ok(Dynamic::from(returns.into_iter().rev().collect::<Steps>()))
}

/// A list of scalars, one per step, that is not empty.
fn per_step(
    trace: &mut Trace,
    at: Span,
    operand: &Operand,
    what: &str,
    hint: &str,
) -> Result<Steps, Complaint> {
    match list_to_steps(trace, at, operand)? {
        Operand::Steps(steps) if !steps.0.is_empty() && steps.shape() == Shape::Scalar => Ok(steps),
        other => Err(Complaint::new(format!("{what} {}", other.describe())).hint(hint)),
    }
}
