//! The graph as text, for people.

use std::fmt::Write as _;

use crate::graph::Graph;
use crate::lower::Lowered;
use crate::ops::{Field, NodeId, Op};

impl Lowered {
    /// One node a line: name, shape, operation, place in the script. First what loss and metrics need, then
    /// what only the gradient needs. Constants stand where they are used.
    pub(crate) fn listing(&self) -> String {
        let graph = &self.graph;
        let values: Vec<NodeId> =
            std::iter::once(self.loss).chain(self.metrics.iter().map(|(_, id)| *id)).collect();
        let forward = graph.live(&values);
        let shown = |id: &NodeId| graph.as_constant(*id).is_none();

        let mut text = String::from("loss and metrics\n");
        for id in graph.ids().filter(|id| forward[id.index()]).filter(shown) {
            line(&mut text, graph, id);
        }
        // Writing to a String cannot fail.
        let _ = writeln!(text, "  loss = {}", name(graph, self.loss));
        for (metric, id) in &self.metrics {
            let _ = writeln!(text, "  metric {metric:?} = {}", name(graph, *id));
        }
        text.push_str("gradient of the mean loss\n");
        for id in graph.ids().filter(|id| !forward[id.index()]).filter(shown) {
            line(&mut text, graph, id);
        }
        for (head, id) in &self.grads {
            let _ = writeln!(text, "  grad {} = {}", head.name(), name(graph, *id));
        }
        text
    }
}

fn line(text: &mut String, graph: &Graph, id: NodeId) {
    let left = format!("  {:<5} {:<6}  {}", name(graph, id), graph.shape(id).name(), describe(graph, id));
    let span = graph.span(id).to_string();
    let _ = if span.is_empty() { writeln!(text, "{left}") } else { writeln!(text, "{left:<56} {span}") };
}

fn name(graph: &Graph, id: NodeId) -> String {
    graph.as_constant(id).map_or_else(|| format!("x{}", id.index()), |value| format!("{value:?}"))
}

fn describe(graph: &Graph, id: NodeId) -> String {
    let op = graph.op(id);
    let operands: Vec<String> = op.operands().map(|operand| name(graph, operand)).collect();
    let call = |function: &str| format!("{function} {}", operands.join(" "));
    match *op {
        Op::Const(_) => name(graph, id),
        Op::Param(slot) => format!("param {slot}"),
        Op::Sample(Field::Reward(step)) => format!("reward of step {step}"),
        Op::Sample(Field::Terminated(step)) => format!("terminated at step {step}"),
        Op::Sample(Field::Action(step)) => format!("action of step {step}"),
        Op::Sample(Field::Weight) => "weight".into(),
        Op::Output(pass, head) => format!("output {} {}", pass.name(), head.name()),
        Op::Unary(op, _) => call(op.name()),
        Op::Binary(op, ..) => call(op.name()),
        Op::Compare(op, ..) => format!("{} {} {}", operands[0], op.symbol(), operands[1]),
        Op::And(..) => call("and"),
        Op::Or(..) => call("or"),
        Op::Not(_) => call("not"),
        Op::Select(..) => call("select"),
        Op::At(..) => format!("{}[{}]", operands[0], operands[1]),
        Op::OneHot(_) => call("one_hot"),
        Op::Reduce(op, _) => call(&format!("reduce_{}", op.name())),
        Op::ArgMax(_) => call("argmax"),
        Op::StopGradient(_) => call("stop_gradient"),
        Op::ScaleGradient(..) => call("scale_gradient"),
    }
}
