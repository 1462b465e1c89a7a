//! The graph as text, for people.

use std::fmt::Write as _;

use crate::layout::Layout;
use crate::lower::Lowered;
use crate::names::{name, operation};
use crate::ops::{NodeId, Pass};

impl Lowered {
    /// One node a line: name, shape, operation, place in the script. First what loss and metrics need, then
    /// what only the gradient needs. Constants stand where they are used.
    pub(crate) fn listing(&self, layout: &Layout) -> String {
        let graph = &self.graph;
        let name = |id: NodeId| name(graph, id, layout.window);
        let forward = self.forward();
        let listed = |id: &NodeId| graph.as_constant(*id).is_none();
        let width = graph.ids().filter(listed).map(|id| name(id).len()).max().unwrap_or(0);
        let place = width + 51;
        let mut text = String::new();
        let lines = |text: &mut String, wanted: bool| {
            for id in graph.ids().filter(|id| listed(id) && forward[id.index()] == wanted) {
                let shape = graph.shape(id).name();
                let left =
                    format!("  {:<width$} {shape:<6}  {}", name(id), operation(graph, id, layout.window));
                let span = graph.span(id).to_string();
                // Writing to a String cannot fail, here and below.
                let _ = if span.is_empty() {
                    writeln!(text, "{left}")
                } else {
                    writeln!(text, "{left:<place$} {span}")
                };
            }
        };
        text.push_str("loss and metrics\n");
        lines(&mut text, true);
        let _ = writeln!(text, "  loss = {}", name(self.loss));
        for (metric, id) in &self.metrics {
            let _ = writeln!(text, "  metric {metric:?} = {}", name(*id));
        }
        text.push_str("gradient of the mean loss\n");
        lines(&mut text, false);
        for grad in &self.grads {
            let output = Pass::online(self.reads.trained[grad.position]);
            let _ = writeln!(
                text,
                "  grad {} = {}",
                output.script_name(grad.head, layout.window),
                name(grad.adjoint)
            );
        }
        text
    }
}
