//! What is drawn of a graph: its nodes with their words and places, and the edges between them.
//!
//! Constants stand in the formulas of what uses them. A leaf (a parameter, a network output, a stored number) that is used
//! in several layers is drawn above each, since an edge across the whole picture tells less than a name.

use std::collections::BTreeMap;

use eframe::egui::{Pos2, Rect, Vec2, vec2};
use kelvin_objective::{Graph, Net, NodeId, Op, Shape, Source, Traced};

use super::layout;

/// Height of a node.
const HEIGHT: f32 = 40.0;
/// Width of a letter of a node's formula, in its font of [`FONT`] points.
const LETTER: f32 = 7.0;
/// Size of a formula's font.
pub const FONT: f32 = 11.5;
/// Letters of a formula that are shown.
const MOST_LETTERS: usize = 34;
/// Nodes that are drawn at most. A picture of more shows nobody anything, and takes long to lay out.
const MOST_NODES: usize = 8000;

/// What a node is, for its colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// An output of the network that is trained.
    Online,
    /// An output of the target network.
    Target,
    /// A number stored with the sample.
    Sample,
    /// A live parameter.
    Param,
    /// An operation.
    Operation,
    /// What stops or scales a gradient.
    Gradient,
}

/// What a node is to the run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Role {
    /// The number that is minimised.
    Loss,
    /// A metric with this name.
    Metric(String),
}

/// A node of the picture.
#[derive(Clone, Debug)]
pub struct Node {
    /// Its name in listings and reports of faults: `x11`; of a leaf, how a script reads it.
    pub name: String,
    /// What it computes: `net.q[t.action] - x9`.
    pub formula: String,
    /// The operation's name in listings: `sub`.
    pub operation: &'static str,
    /// What it is.
    pub kind: Kind,
    /// What the run makes of it.
    pub roles: Vec<Role>,
    /// One number, or one per action.
    pub shape: Shape,
    /// Line in the script, from 1; none if it stands in an import or nowhere.
    pub line: Option<usize>,
    /// Its place in words, where it has one: `21:15`, `soft.rhai:3:4`.
    pub place: String,
    /// The text of that line.
    pub source: String,
    /// Where it is drawn.
    pub rect: Rect,
}

impl Node {
    /// The formula as far as it is shown.
    pub fn title(&self) -> String {
        if self.formula.chars().count() <= MOST_LETTERS {
            return self.formula.clone();
        }
        self.formula.chars().take(MOST_LETTERS - 1).chain(['…']).collect()
    }

    fn size(&self) -> Vec2 {
        let letters = self.title().chars().count().max(self.note().chars().count()).max(4);
        vec2(letters as f32 * LETTER + 20.0, HEIGHT)
    }

    /// The small line below the formula: what else a reader wants to know.
    pub fn note(&self) -> String {
        let roles = self.roles.iter().map(|role| match role {
            Role::Loss => "loss".to_owned(),
            Role::Metric(name) => format!("metric {name}"),
        });
        let is_leaf = self.name == self.formula;
        let name = (!is_leaf).then(|| self.name.clone());
        let shape = match self.shape {
            Shape::Scalar => "scalar",
            Shape::Action => "[action]",
        };
        roles.chain(name).chain([shape.to_owned()]).collect::<Vec<_>>().join(" · ")
    }
}

/// An edge of the picture.
#[derive(Clone, Debug)]
pub struct Edge {
    /// The operand.
    pub from: usize,
    /// What uses it.
    pub to: usize,
    /// Its way, downwards.
    pub route: Vec<Pos2>,
}

/// A graph, ready to be drawn.
#[derive(Clone, Debug, Default)]
pub struct Drawing {
    /// Its nodes, operands before users.
    pub nodes: Vec<Node>,
    /// Its edges.
    pub edges: Vec<Edge>,
    /// Its size; it begins at the origin.
    pub size: Vec2,
    /// Nodes that there was no room for.
    pub left_out: usize,
}

impl Drawing {
    /// Lays out what loss and metrics of a script need, which consists of `sources` and was traced for windows of this
    /// length.
    pub fn new(traced: &Traced, window: usize, sources: &[Source]) -> Self {
        let graph = &traced.graph;
        let used = traced.used();
        let drawn: Vec<NodeId> =
            graph.ids().filter(|id| used[id.index()] && graph.as_constant(*id).is_none()).collect();
        // What is nearest to the loss comes last.
        let left_out = drawn.len().saturating_sub(MOST_NODES);
        let drawn = &drawn[left_out..];

        let mut drawing = Self { left_out, ..Self::default() };
        let mut edges: Vec<(usize, usize)> = Vec::new();
        // Where the copies of a leaf stand: by the leaf, and how far what uses it is from the end.
        let mut leaves: BTreeMap<(NodeId, usize), usize> = BTreeMap::new();
        let mut inner: BTreeMap<NodeId, usize> = BTreeMap::new();
        let heights = heights(graph, drawn);
        for &id in drawn {
            if is_leaf(graph, id) && !is_root(traced, id) {
                continue;
            }
            let operands: Vec<NodeId> = graph.op(id).operands().collect();
            let mut from = Vec::new();
            for operand in operands {
                if is_leaf(graph, operand)
                    && !is_root(traced, operand)
                    && graph.as_constant(operand).is_none()
                {
                    let copy = *leaves.entry((operand, heights[&id])).or_insert_with(|| {
                        drawing.nodes.push(node(traced, operand, window, sources));
                        drawing.nodes.len() - 1
                    });
                    from.push(copy);
                } else if let Some(&at) = inner.get(&operand) {
                    from.push(at);
                }
            }
            drawing.nodes.push(node(traced, id, window, sources));
            let at = drawing.nodes.len() - 1;
            inner.insert(id, at);
            from.dedup();
            edges.extend(from.into_iter().map(|from| (from, at)));
        }
        let sizes: Vec<Vec2> = drawing.nodes.iter().map(Node::size).collect();
        let placed = layout::place(&sizes, &edges);
        for ((node, centre), size) in drawing.nodes.iter_mut().zip(&placed.centres).zip(sizes) {
            node.rect = Rect::from_center_size(*centre, size);
        }
        let routes = edges.into_iter().zip(placed.routes);
        drawing.edges = routes.map(|((from, to), route)| Edge { from, to, route }).collect();
        drawing.size = placed.size;
        drawing
    }
}

fn is_leaf(graph: &Graph, id: NodeId) -> bool {
    graph.op(id).operands().next().is_none()
}

fn is_root(traced: &Traced, id: NodeId) -> bool {
    traced.loss == id || traced.metrics.iter().any(|(_, metric)| *metric == id)
}

/// How far each node is from the end: the longest way.
fn heights(graph: &Graph, drawn: &[NodeId]) -> BTreeMap<NodeId, usize> {
    let mut heights: BTreeMap<NodeId, usize> = drawn.iter().map(|id| (*id, 0)).collect();
    for &id in drawn.iter().rev() {
        let height = heights[&id];
        for operand in graph.op(id).operands() {
            if let Some(other) = heights.get_mut(&operand) {
                *other = (*other).max(height + 1);
            }
        }
    }
    heights
}

fn node(traced: &Traced, id: NodeId, window: usize, sources: &[Source]) -> Node {
    let graph = &traced.graph;
    let kind = match graph.op(id) {
        Op::Output(pass, _) => match pass.net {
            Net::Online => Kind::Online,
            Net::Target => Kind::Target,
        },
        Op::Sample(_) => Kind::Sample,
        Op::Param(_) => Kind::Param,
        Op::StopGradient(_) | Op::ScaleGradient(..) => Kind::Gradient,
        _ => Kind::Operation,
    };
    let formula = graph.formula(id, window);
    let span = graph.span(id);
    let source = sources.get(usize::from(span.file)).filter(|_| !span.is_none());
    let loss = (traced.loss == id).then_some(Role::Loss);
    let metrics = traced.metrics.iter().filter(|(_, metric)| *metric == id);
    Node {
        name: if is_leaf(graph, id) { formula.clone() } else { graph.name(id, window) },
        formula,
        operation: graph.op(id).name(),
        kind,
        roles: loss.into_iter().chain(metrics.map(|(name, _)| Role::Metric(name.clone()))).collect(),
        shape: graph.shape(id),
        line: (span.file == 0 && !span.is_none()).then_some(span.line as usize),
        place: match (&source, span.file) {
            (None, _) => String::new(),
            (Some(_), 0) => format!("{}:{}", span.line, span.column),
            (Some(source), _) => {
                let file = source.path.file_name().unwrap_or_default().to_string_lossy();
                format!("{file}:{}:{}", span.line, span.column)
            }
        },
        source: source
            .and_then(|source| source.text.lines().nth(span.line as usize - 1))
            .map(|line| line.trim().to_owned())
            .unwrap_or_default(),
        rect: Rect::ZERO,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kelvin_objective::{Head, Layout, Script};
    use std::path::Path;

    fn drawn(text: &str, window: usize) -> Drawing {
        let text = format!("fn config() {{ #{{}} }}\n{text}");
        let script = Script::load_with(Path::new("/nowhere/s.rhai"), &text).unwrap_or_else(|d| panic!("{d}"));
        let layout = Layout::of_run(32, 6, window, vec![Head::Q]);
        let traced = script.trace(&layout, &BTreeMap::new()).unwrap_or_else(|d| panic!("{d}"));
        Drawing::new(&traced, window, script.sources())
    }

    const TEXT: &str = "fn params() { #{ gamma: param(0.9, 0.0, 1.0, \"discount\") } }\n\
        fn target(t, p) { t.reward + p.gamma * max(t.next.q) }\n\
        fn loss(net, y, t, p) { let e = net.q[t.action] - y; metric(\"e\", abs(e)); 0.5 * e ** 2 }";

    #[test]
    fn nodes_say_what_they_are_and_where_they_stand() {
        let drawing = drawn(TEXT, 1);
        let find = |formula: &str| {
            let found = drawing.nodes.iter().find(|node| node.formula == formula);
            found.unwrap_or_else(|| panic!("no {formula} in {:#?}", drawing.nodes))
        };
        assert_eq!((find("net.q").kind, find("net.q").shape), (Kind::Online, Shape::Action));
        assert_eq!((find("t.next.q").kind, find("t.next.q").line), (Kind::Target, Some(3)));
        assert_eq!((find("p.gamma").kind, find("t.reward").kind), (Kind::Param, Kind::Sample));
        assert_eq!(find("net.q[t.action]").line, Some(4));
        assert!(find("net.q[t.action]").source.starts_with("fn loss(net, y"));
        assert!(find("net.q[t.action]").place.starts_with("4:"));
        assert!(drawing.nodes.iter().any(|node| node.kind == Kind::Gradient), "y is stopped");
        let loss = drawing.nodes.iter().find(|node| node.roles == [Role::Loss]).expect("a loss");
        assert!(loss.formula.starts_with("0.5 * x") || loss.formula.ends_with("* 0.5"), "{loss:?}");
        assert!(drawing.nodes.iter().any(|node| node.roles == [Role::Metric("e".into())]));
        // Constants stand in formulas.
        assert!(drawing.nodes.iter().all(|node| node.operation != "constant"));
    }

    #[test]
    fn a_leaf_stands_above_each_layer_that_uses_it() {
        let drawing = drawn(
            "fn loss(net, t, p) { let a = net.q[0]; exp(exp(exp(a))) * a + t.reward * exp(t.reward) }",
            1,
        );
        let rewards = drawing.nodes.iter().filter(|node| node.formula == "t.reward").count();
        assert_eq!(rewards, 2);
        for edge in &drawing.edges {
            assert!(drawing.nodes[edge.from].rect.max.y < drawing.nodes[edge.to].rect.min.y);
            if drawing.nodes[edge.from].kind == Kind::Sample {
                assert_eq!(edge.route.len(), 2, "it stands right above");
            }
        }
    }

    #[test]
    fn a_loss_that_is_a_leaf_is_drawn() {
        let drawing = drawn("fn loss(net, t, p) { net.q[0] }", 1);
        assert_eq!(drawing.nodes.last().map(|node| node.roles.as_slice()), Some(&[Role::Loss][..]));
        assert!(drawing.size.x > 0.0 && drawing.size.y > 0.0);
    }
}
