//! The GPU kernel: one WGSL text, one invocation a sample.
//!
//! Scalars become `let`s. A value with one number per action is never stored: each loop over the actions
//! computes it anew from the network's outputs, so the kernel needs no private arrays. Reductions that wait
//! for nothing but each other's inputs share a loop ([`schedule`]); a log-sum-exp is thus one loop for the
//! maximum and one for the sum. Variable names are those of the graph listing, and the comment behind a
//! statement is its line and column in the script.

mod header;
mod schedule;
mod text;

use std::collections::HashMap;
use std::fmt::Write as _;

use crate::error::CompileError;
use crate::graph::Graph;
use crate::layout::Layout;
use crate::lower::Lowered;
use crate::ops::{BinaryOp, CmpOp, Field, Head, NodeId, Op, Pass, ReduceOp, Shape, Span, UnaryOp};
use crate::verify::defect;
use header::header;
use schedule::Schedule;
use text::{Kind, Text};

/// Expressions longer than this get a name of their own.
const LONG: usize = 64;

/// The text of the kernel; entry point `objective`.
pub(crate) fn emit(lowered: &Lowered, layout: &Layout) -> String {
    let mut emitter = Emitter::new(lowered, layout);
    emitter.body();
    let body = emitter.out;
    let mut text = header(layout, &body);
    text.push_str(&body);
    text.push_str("}\n");
    text
}

/// Asks naga whether a driver would take the text.
pub(crate) fn validate(text: &str) -> Result<(), CompileError> {
    let refused =
        |error: String| defect(&format!("the generated kernel is not valid WGSL:\n{error}\n{text}"));
    let module = naga::front::wgsl::parse_str(text).map_err(|error| refused(error.emit_to_string(text)))?;
    let flags = naga::valid::ValidationFlags::all();
    naga::valid::Validator::new(flags, naga::valid::Capabilities::empty())
        .validate(&module)
        .map_err(|error| refused(error.emit_to_string(text)))?;
    Ok(())
}

struct Emitter<'a> {
    lowered: &'a Lowered,
    graph: &'a Graph,
    layout: &'a Layout,
    schedule: Schedule,
    /// Values that have a name in the text so far.
    names: HashMap<NodeId, Text>,
    out: String,
}

impl<'a> Emitter<'a> {
    fn new(lowered: &'a Lowered, layout: &'a Layout) -> Self {
        Emitter {
            lowered,
            graph: &lowered.graph,
            layout,
            schedule: Schedule::new(lowered),
            names: HashMap::new(),
            out: String::new(),
        }
    }

    fn body(&mut self) {
        for level in 0..self.schedule.levels() {
            for id in self.schedule.scalars(level) {
                self.scalar(id);
            }
            let reductions = self.schedule.reductions(level + 1);
            if !reductions.is_empty() {
                self.reduction_loop(&reductions);
            }
        }
        self.write_metrics();
        self.write_gradient();
    }

    fn statement(&mut self, indent: usize, code: &str, comment: &str) {
        let gap = if comment.is_empty() { "" } else { " // " };
        let _ = writeln!(self.out, "{:indent$}{code}{gap}{comment}", "", indent = 4 * indent);
    }

    /// Names a scalar that is read more than once, inside a loop, or too long to stand where it is used.
    fn scalar(&mut self, id: NodeId) {
        let leaf = matches!(self.graph.op(id), Op::Param(_) | Op::Sample(_));
        let shared = self.schedule.uses(id) > 1 || self.schedule.in_loop(id);
        let text = self.expression(id, None);
        if leaf || shared || text.text.len() > LONG {
            self.bind(1, id, text);
        }
    }

    fn bind(&mut self, indent: usize, id: NodeId, text: Text) {
        let name = match *self.graph.op(id) {
            Op::Param(slot) => format!("param_{slot}"),
            Op::Sample(Field::Reward(step)) => format!("reward_{step}"),
            Op::Sample(Field::Terminated(step)) => format!("terminated_{step}"),
            Op::Sample(Field::Action(step)) => format!("action_{step}"),
            Op::Sample(Field::Weight) => "weight".into(),
            _ => format!("x{}", id.index()),
        };
        let span = self.graph.span(id).to_string();
        self.statement(indent, &format!("let {name} = {};", text.text), &span);
        self.names.insert(id, Text::atom(name, text.kind));
    }

    /// One loop over the actions for all reductions of a level.
    fn reduction_loop(&mut self, reductions: &[NodeId]) {
        let maximum_of = |x: NodeId| {
            reductions.iter().copied().find(|&id| *self.graph.op(id) == Op::Reduce(ReduceOp::Max, x))
        };
        let mut declarations = Vec::new();
        let mut updates = Vec::new();
        let mut chosen = Vec::new();
        for &id in reductions {
            let (op, variable) = (*self.graph.op(id), self.variable(id));
            if let Op::ArgMax(x) = op {
                let best =
                    maximum_of(x).map_or_else(|| format!("best{}", id.index()), |max| self.variable(max));
                if maximum_of(x).is_none() {
                    declarations.push((format!("var {best} = {LOWEST};"), Span::NONE));
                }
                declarations.push((format!("var {variable} = 0u;"), self.graph.span(id)));
                updates.push(Update::ArgMax { x, best, variable });
                chosen.push(x);
            }
        }
        for &id in reductions {
            let (op, variable, span) = (*self.graph.op(id), self.variable(id), self.graph.span(id));
            match op {
                Op::Reduce(ReduceOp::Sum, x) => {
                    declarations.push((format!("var {variable} = 0.0;"), span));
                    updates.push(Update::Sum { x, variable });
                }
                Op::Reduce(ReduceOp::Max, x) => {
                    declarations.push((format!("var {variable} = {LOWEST};"), span));
                    // An argmax of the same values keeps the maximum up to date.
                    if !chosen.contains(&x) {
                        updates.push(Update::Max { x, variable });
                    }
                }
                _ => {}
            }
        }
        for (declaration, span) in declarations {
            self.statement(1, &declaration, &span.to_string());
        }
        self.action_loop(&updates);
        for &id in reductions {
            let kind = if matches!(self.graph.op(id), Op::ArgMax(_)) { Kind::Index } else { Kind::Float };
            self.names.insert(id, Text::atom(self.variable(id), kind));
        }
    }

    fn action_loop(&mut self, updates: &[Update]) {
        self.statement(1, "for (var a = 0u; a < ACTIONS; a++) {", "");
        let outer = self.names.clone();
        let reads: Vec<NodeId> = updates.iter().flat_map(Update::reads).collect();
        let uses = self.schedule.uses_in_loop(self.graph, &reads);
        for (id, count) in uses {
            let text = self.expression(id, Some(LOOP));
            let written = reads.contains(&id);
            if count > 1 || (text.text.len() > LONG && !written) {
                self.bind(2, id, text);
            }
        }
        for update in updates {
            let value = |this: &Self, x: NodeId| this.expression(x, Some(LOOP)).float().text;
            match update {
                Update::Sum { x, variable } => {
                    let x = value(self, *x);
                    self.statement(2, &format!("{variable} += {x};"), "");
                }
                Update::Max { x, variable } => {
                    let x = value(self, *x);
                    self.statement(2, &format!("{variable} = max_of({variable}, {x});"), "");
                }
                Update::ArgMax { x, best, variable } => {
                    let x = value(self, *x);
                    let code = format!("if (exceeds({x}, {best})) {{ {best} = {x}; {variable} = a; }}");
                    self.statement(2, &code, "");
                }
                Update::Write { x, column } => {
                    let x = value(self, *x);
                    let place = column_of("row", *column, Some(LOOP));
                    self.statement(2, &format!("grad[{place}] = {x};"), "");
                }
            }
        }
        self.names = outer;
        self.statement(1, "}", "");
    }

    /// The loss, NaN if an output of a network that it reads is infinite or NaN. A broken network has to end
    /// the run, and what the script does with its outputs is no sign of one: a comparison, an argmax, a clip
    /// or a driver that assumes finite numbers makes a sound number of a NaN. So it is looked for where it
    /// enters, in the bits, and chosen as bits.
    fn write_loss(&mut self) {
        let loss = self.expression(self.lowered.loss, None).float().text;
        self.statement(1, &format!("let loss = {loss};"), "");
        self.statement(1, "var largest = 0u;", "");
        self.statement(1, "for (var k = 0u; k < OUTPUTS; k++) {", "");
        for pass in self.lowered.passes() {
            let code = format!("largest = max(largest, size_bits({}[row + k]));", buffer(pass));
            self.statement(2, &code, "");
        }
        self.statement(1, "}", "");
        self.statement(1, "let broken = largest >= 0x7f800000u;", "");
        let code = "metrics[slot] = bitcast<f32>(select(bitcast<u32>(loss), 0x7fc00000u, broken));";
        self.statement(1, code, "loss, or NaN");
    }

    fn write_metrics(&mut self) {
        self.out.push('\n');
        self.statement(1, "let slot = i * METRIC_SLOTS;", "");
        self.write_loss();
        for (number, (name, id)) in self.lowered.metrics.iter().enumerate() {
            let value = self.expression(*id, None).float().text;
            let code = format!("metrics[slot + {}u] = {value};", number + 1);
            // Escaped, because a name may hold what ends a comment.
            self.statement(1, &code, &format!("\"{}\"", name.escape_default()));
        }
        let written = self.lowered.metrics.len() + 1;
        if written < self.layout.metric_slots {
            let code =
                format!("for (var m = {written}u; m < METRIC_SLOTS; m++) {{ metrics[slot + m] = 0.0; }}");
            self.statement(1, &code, "");
        }
    }

    fn write_gradient(&mut self) {
        self.out.push('\n');
        let mut rows = Vec::new();
        let mut column = 0;
        for &(head, x) in &self.lowered.grads {
            match head.shape() {
                Shape::Action => rows.push(Update::Write { x, column }),
                Shape::Scalar => {
                    let value = self.expression(x, None).float().text;
                    let place = column_of("row", column, None);
                    self.statement(1, &format!("grad[{place}] = {value};"), "");
                }
            }
            column += self.layout.width(head);
        }
        if !rows.is_empty() {
            self.action_loop(&rows);
        }
    }

    /// Name of a reduction's accumulator.
    fn variable(&self, id: NodeId) -> String {
        format!("x{}", id.index())
    }

    /// A value as text: at action `at` where it has one number per action.
    fn expression(&self, id: NodeId, at: Option<&str>) -> Text {
        // Within a loop an action-shaped value has a name for the loop's own action only.
        if let Some(name) = self.names.get(&id)
            && (self.graph.shape(id) == Shape::Scalar || at == Some(LOOP))
        {
            return name.clone();
        }
        let any = |id: NodeId| self.expression(id, at);
        let float = |id: NodeId| self.expression(id, at).float();
        let truth = |id: NodeId| self.expression(id, at).truth();
        match *self.graph.op(id) {
            Op::Const(bits) => Text::literal(f64::from_bits(bits)),
            Op::Param(slot) => {
                let lane = ['x', 'y', 'z', 'w'][slot % 4];
                Text::atom(format!("uniforms[{}].{lane}", slot / 4), Kind::Float)
            }
            Op::Sample(field) => self.sample(field),
            Op::Output(pass, head) => self.output(pass, head, at),
            Op::Unary(UnaryOp::Neg, x) => float(x).minus(),
            Op::Unary(op, x) => Text::call(function(op), &[float(x)], Kind::Float),
            Op::Binary(op, x, y) => {
                let (x, y) = (float(x), float(y));
                match op {
                    BinaryOp::Add => x.sum('+', y),
                    BinaryOp::Sub => x.sum('-', y),
                    BinaryOp::Mul => x.product('*', y),
                    BinaryOp::Div => x.product('/', y),
                    BinaryOp::Min => Text::call("min_of", &[x, y], Kind::Float),
                    BinaryOp::Max => Text::call("max_of", &[x, y], Kind::Float),
                    BinaryOp::Pow => Text::call("pow", &[x, y], Kind::Float),
                }
            }
            Op::Compare(op, x, y) => float(x).compare(op, float(y)),
            Op::And(x, y) => truth(x).logic("&&", truth(y)),
            Op::Or(x, y) => truth(x).logic("||", truth(y)),
            Op::Not(x) => truth(x).not(),
            Op::Select(c, x, y) => Text::call("select", &[float(y), float(x), truth(c)], Kind::Float),
            Op::At(x, index) => self.expression(x, Some(&self.index(index))),
            Op::OneHot(index) => {
                let here = Text::atom(at.unwrap_or("0u"), Kind::Index);
                here.compare(CmpOp::Eq, Text::atom(self.index(index), Kind::Index))
            }
            // Reductions are named by their loop before anything reads them.
            Op::Reduce(..) => Text::atom(self.variable(id), Kind::Float),
            Op::ArgMax(_) => Text::atom(self.variable(id), Kind::Index),
            Op::StopGradient(x) | Op::ScaleGradient(x, _) => any(x),
        }
    }

    fn sample(&self, field: Field) -> Text {
        let element = match self.layout.field(field) {
            0 => "samples[i]".to_string(),
            1 => "samples[BATCH + i]".to_string(),
            row => format!("samples[{row}u * BATCH + i]"),
        };
        let text = Text::atom(element, Kind::Float);
        if matches!(field, Field::Action(_)) { text.index() } else { text }
    }

    fn output(&self, pass: Pass, head: Head, at: Option<&str>) -> Text {
        // The verifier has checked that the head exists.
        let column = self.layout.column(head).unwrap_or(0);
        let at = if head.shape() == Shape::Action { at } else { None };
        Text::atom(format!("{}[{}]", buffer(pass), column_of("row", column, at)), Kind::Float)
    }

    fn index(&self, id: NodeId) -> String {
        match self.graph.as_constant(id) {
            Some(value) => format!("{}u", value as usize),
            None => self.expression(id, None).index().text,
        }
    }
}

/// The action of an action loop.
const LOOP: &str = "a";

/// Where the maximum starts: WGSL has no literal for -∞.
const LOWEST: &str = "-3.4028235e38";

/// What one line of an action loop does with the value `x` of the current action.
enum Update {
    Sum { x: NodeId, variable: String },
    Max { x: NodeId, variable: String },
    ArgMax { x: NodeId, best: String, variable: String },
    Write { x: NodeId, column: usize },
}

impl Update {
    /// The values it reads, as often as its line names them.
    fn reads(&self) -> Vec<NodeId> {
        match *self {
            Update::Sum { x, .. } | Update::Max { x, .. } | Update::Write { x, .. } => vec![x],
            Update::ArgMax { x, .. } => vec![x, x],
        }
    }
}

fn buffer(pass: Pass) -> &'static str {
    match pass {
        Pass::Online => "online",
        Pass::OnlineNext => "online_next",
        Pass::Target => "target_now",
        Pass::TargetNext => "target_next",
    }
}

fn function(op: UnaryOp) -> &'static str {
    match op {
        UnaryOp::Neg => "-",
        UnaryOp::Exp => "exp",
        UnaryOp::Log => "log",
        UnaryOp::Sqrt => "sqrt",
        UnaryOp::Abs => "abs",
        UnaryOp::Tanh => "tanh_of",
        UnaryOp::Sigmoid => "sigmoid_of",
    }
}

/// `row + 18u + a`
fn column_of(row: &str, column: usize, at: Option<&str>) -> String {
    let mut text = row.to_string();
    if column > 0 {
        let _ = write!(text, " + {column}u");
    }
    if let Some(at) = at.filter(|&at| at != "0u") {
        let _ = write!(text, " + {at}");
    }
    text
}
