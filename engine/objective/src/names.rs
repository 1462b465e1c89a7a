//! What nodes are called: alike in listings, in kernels and in reports of faults.

use crate::graph::Graph;
use crate::ops::{BinaryOp, Field, NodeId, Op, UnaryOp};

/// Name of a node in listings and reports: a constant's value, a network output or a parameter as a script
/// writes it, else its [`identifier`].
pub(crate) fn name(graph: &Graph, id: NodeId, window: usize) -> String {
    match *graph.op(id) {
        Op::Const(bits) => format!("{:?}", f64::from_bits(bits)),
        Op::Output(pass, head) => pass.script_name(head, window),
        Op::Param(slot) => match graph.param(slot) {
            Some(name) => format!("p.{name}"),
            None => identifier(graph, id, window),
        },
        _ => identifier(graph, id, window),
    }
}

/// Name of a node in a kernel; `net.steps.q[3]` is `net_steps_q_3` there.
pub(crate) fn identifier(graph: &Graph, id: NodeId, window: usize) -> String {
    match *graph.op(id) {
        Op::Param(slot) => match graph.param(slot) {
            // An identifier in Rhai is one in WGSL.
            Some(name) => format!("p_{name}"),
            None => format!("param_{slot}"),
        },
        Op::Sample(Field::Reward(step)) => format!("reward_{step}"),
        Op::Sample(Field::Terminated(step)) => format!("terminated_{step}"),
        Op::Sample(Field::Action(step)) => format!("action_{step}"),
        Op::Sample(Field::BehaviourLogp(step)) => format!("behaviour_logp_{step}"),
        Op::Sample(Field::Valid(step)) => format!("valid_{step}"),
        Op::Sample(Field::Weight) => "weight".into(),
        Op::Output(pass, head) => {
            pass.script_name(head, window).replace(['.', '['], "_").trim_end_matches(']').to_string()
        }
        _ => format!("x{}", id.index()),
    }
}

/// The operation of a node on its operands, such as `log x11`.
pub(crate) fn operation(graph: &Graph, id: NodeId, window: usize) -> String {
    let op = graph.op(id);
    let operands: Vec<String> = op.operands().map(|operand| name(graph, operand, window)).collect();
    match *op {
        Op::Const(_) => name(graph, id, window),
        Op::Compare(op, ..) => format!("{} {} {}", operands[0], op.symbol(), operands[1]),
        Op::At(..) => format!("{}[{}]", operands[0], operands[1]),
        Op::Param(_) | Op::Sample(_) | Op::Output(..) => op.name().into(),
        _ => format!("{} {}", op.name(), operands.join(" ")),
    }
}

/// The operation of a node in a script's notation, its leaves as a script reads them: `net.q[t.action] - x9`. For pictures,
/// where the names of operands are few and places are many.
pub(crate) fn formula(graph: &Graph, id: NodeId, window: usize) -> String {
    let op = graph.op(id);
    let short = |id: NodeId| match *graph.op(id) {
        // Shortest digits that a kernel's `f32` can tell apart.
        Op::Const(bits) => (f64::from_bits(bits) as f32).to_string(),
        Op::Sample(field) => field.script_name(window),
        _ => name(graph, id, window),
    };
    let operands: Vec<String> = op.operands().map(short).collect();
    let infix = |symbol: &str| format!("{} {symbol} {}", operands[0], operands[1]);
    match *op {
        Op::Const(_) | Op::Sample(_) | Op::Output(..) | Op::Param(_) => short(id),
        Op::Unary(UnaryOp::Neg, _) => format!("-{}", operands[0]),
        Op::Binary(BinaryOp::Add, ..) => infix("+"),
        Op::Binary(BinaryOp::Sub, ..) => infix("-"),
        Op::Binary(BinaryOp::Mul, ..) => infix("*"),
        Op::Binary(BinaryOp::Div, ..) => infix("/"),
        Op::Binary(BinaryOp::Pow, ..) => infix("**"),
        Op::Compare(op, ..) => infix(op.symbol()),
        Op::And(..) => infix("&"),
        Op::Or(..) => infix("|"),
        Op::Not(_) => format!("!{}", operands[0]),
        Op::At(..) => format!("{}[{}]", operands[0], operands[1]),
        Op::Reduce(op, _) => format!("{}({})", op.name(), operands[0]),
        _ => format!("{}({})", op.name(), operands.join(", ")),
    }
}
