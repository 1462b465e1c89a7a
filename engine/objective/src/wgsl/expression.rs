//! Values as text.

use std::fmt::Write as _;

use crate::ops::{BinaryOp, CmpOp, Field, Head, NodeId, Op, Pass, Shape, UnaryOp};
use crate::reads::Region;

use super::entry::Entry;
use super::text::{Kind, Text};

/// The action of an action loop.
pub(super) const LOOP: &str = "a";

impl Entry<'_> {
    /// A value as text: at action `at` where it has one number per action.
    pub(super) fn expression(&mut self, id: NodeId, at: Option<&str>) -> Text {
        // Within a loop an action-shaped value has a name for the loop's own action only.
        if let Some(name) = &self.names[id.index()]
            && (self.graph.shape(id) == Shape::Scalar || at == Some(LOOP))
        {
            return name.clone();
        }
        match *self.graph.op(id) {
            Op::Const(bits) => Text::literal(f64::from_bits(bits)),
            Op::Param(slot) => {
                self.used.note("uniforms");
                let lane = ['x', 'y', 'z', 'w'][slot % 4];
                Text::atom(format!("uniforms[{}].{lane}", slot / 4), Kind::Float)
            }
            Op::Sample(field) => self.sample(field),
            Op::Output(pass, head) => self.output(pass, head, at),
            Op::Unary(op, x) => {
                let x = self.expression(x, at).float();
                match op {
                    UnaryOp::Neg => x.minus(),
                    UnaryOp::Exp => self.call("exp", &[x]),
                    UnaryOp::Log => self.call("log", &[x]),
                    UnaryOp::Sqrt => self.call("sqrt", &[x]),
                    UnaryOp::Abs => self.call("abs", &[x]),
                    UnaryOp::Tanh => self.call("tanh_of", &[x]),
                    UnaryOp::Sigmoid => self.call("sigmoid_of", &[x]),
                }
            }
            Op::Binary(op, x, y) => {
                let (x, y) = (self.expression(x, at).float(), self.expression(y, at).float());
                match op {
                    BinaryOp::Add => x.sum('+', y),
                    BinaryOp::Sub => x.sum('-', y),
                    BinaryOp::Mul => x.product('*', y),
                    BinaryOp::Div => x.product('/', y),
                    BinaryOp::Min => self.call("min_of", &[x, y]),
                    BinaryOp::Max => self.call("max_of", &[x, y]),
                    BinaryOp::Pow => self.call("pow_of", &[x, y]),
                }
            }
            Op::Compare(op, x, y) => {
                let (x, y) = (self.expression(x, at).float(), self.expression(y, at).float());
                x.compare(op, y)
            }
            Op::And(x, y) => {
                let (x, y) = (self.expression(x, at).truth(), self.expression(y, at).truth());
                x.logic("&&", y)
            }
            Op::Or(x, y) => {
                let (x, y) = (self.expression(x, at).truth(), self.expression(y, at).truth());
                x.logic("||", y)
            }
            Op::Not(x) => self.expression(x, at).truth().not(),
            Op::Select(c, x, y) => {
                let (x, y) = (self.expression(x, at).float(), self.expression(y, at).float());
                let c = self.expression(c, at).truth();
                self.call("select", &[y, x, c])
            }
            Op::At(x, index) => {
                let index = self.index(index);
                self.expression(x, Some(&index))
            }
            Op::OneHot(index) => {
                let here = Text::atom(at.unwrap_or("0u"), Kind::Index);
                here.compare(CmpOp::Eq, Text::atom(self.index(index), Kind::Index))
            }
            // Reductions are named by their loop before anything reads them.
            Op::Reduce(..) => Text::atom(self.variable(id), Kind::Float),
            Op::ArgMax(_) => Text::atom(self.variable(id), Kind::Index),
            Op::BatchMean(_) => {
                self.used.note("stats");
                let slot = self.lowered.stages.slot(id).unwrap_or(0);
                Text::atom(format!("stats[{slot}]"), Kind::Float)
            }
            Op::StopGradient(x) | Op::ScaleGradient(x, _) => self.expression(x, at),
        }
    }

    fn call(&mut self, function: &'static str, arguments: &[Text]) -> Text {
        self.used.note(function);
        Text::call(function, arguments)
    }

    fn sample(&mut self, field: Field) -> Text {
        self.used.note("field");
        let row = self.layout.field(field);
        match field {
            Field::Action(_) => {
                self.used.note("action");
                Text::atom(format!("action({row}u, i)"), Kind::Index)
            }
            _ => Text::atom(format!("field({row}u, i)"), Kind::Float),
        }
    }

    fn output(&mut self, pass: Pass, head: Head, at: Option<&str>) -> Text {
        // The regions were made from the passes of this graph.
        let (region, position) = self.lowered.reads.place(pass).unwrap_or((Region::Trained, 0));
        let at = if head.shape() == Shape::Action { at } else { None };
        let column = self.column(head);
        let place = self.place(position, column, at);
        Text::atom(format!("{}[{place}]", buffer(region)), Kind::Float)
    }

    pub(super) fn column(&self, head: Head) -> usize {
        // The verifier has checked that the network has the head.
        self.layout.column(head).unwrap_or(0)
    }

    fn index(&mut self, id: NodeId) -> String {
        match self.graph.as_constant(id) {
            Some(value) => format!("{}u", value as usize),
            None => self.expression(id, None).index().text,
        }
    }
}

/// Name of a region's binding; WGSL keeps the word `target` for itself.
pub(super) fn buffer(region: Region) -> &'static str {
    match region {
        Region::Trained => "trained",
        Region::Online => "online",
        Region::Target => "target_net",
    }
}

/// Name of a sample's row at a state.
pub(super) fn row(position: usize) -> String {
    match position {
        0 => "row".into(),
        position => format!("row_{position}"),
    }
}

/// `row + 18u + a`
pub(super) fn element(row: &str, column: usize, at: Option<&str>) -> String {
    let mut text = row.to_string();
    // Writing to a String cannot fail.
    if column > 0 {
        let _ = write!(text, " + {column}u");
    }
    if let Some(at) = at.filter(|&at| at != "0u") {
        let _ = write!(text, " + {at}");
    }
    text
}
