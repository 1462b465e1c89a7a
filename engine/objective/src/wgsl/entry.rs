//! One entry point: the statements of a stage, from the network's outputs to what it writes.

use std::collections::{HashMap, HashSet};
use std::fmt::Write as _;

use crate::graph::Graph;
use crate::layout::Layout;
use crate::lower::{Gradient, Lowered};
use crate::names::identifier;
use crate::ops::{NodeId, Op, ReduceOp, Shape};
use crate::reads::Region;
use crate::stages::Mean;

use super::expression::{LOOP, buffer, element, row};
use super::header::Used;
use super::schedule::Schedule;
use super::text::{Kind, Text};

/// Expressions longer than this get a name of their own.
const LONG: usize = 64;

/// Where the maximum starts: WGSL has no literal for -∞.
const LOWEST: &str = "-3.4028235e38";

pub(super) struct Entry<'a> {
    pub(super) lowered: &'a Lowered,
    pub(super) graph: &'a Graph,
    pub(super) layout: &'a Layout,
    pub(super) used: &'a mut Used,
    /// Values that have a name in the text so far.
    pub(super) names: Vec<Option<Text>>,
    /// Rows that the text reads or writes, by position of their state.
    pub(super) rows: Vec<bool>,
    stage: usize,
    schedule: Schedule,
    /// Blocks that the statements stand in.
    depth: usize,
    out: String,
}

/// What one line of an action loop does with the value `x` of the current action.
enum Update {
    Sum { x: NodeId, to: NodeId },
    Max { x: NodeId, to: NodeId },
    ArgMax { x: NodeId, best: String, to: NodeId },
    Write { grad: Gradient, column: usize },
}

impl Update {
    /// The value it reads, and how often its line names it.
    fn read(&self) -> (NodeId, usize) {
        match *self {
            Update::Sum { x, .. } | Update::Max { x, .. } => (x, 1),
            Update::ArgMax { x, .. } => (x, 2),
            Update::Write { grad, .. } => (grad.adjoint, 1),
        }
    }
}

impl<'a> Entry<'a> {
    pub(super) fn new(lowered: &'a Lowered, layout: &'a Layout, stage: usize, used: &'a mut Used) -> Self {
        let states = Region::ALL.map(|region| lowered.reads.region(region).len());
        let last = stage == lowered.stages.phases();
        Entry {
            lowered,
            graph: &lowered.graph,
            layout,
            used,
            names: vec![None; lowered.graph.len()],
            rows: vec![false; states.into_iter().max().unwrap_or(0)],
            stage,
            schedule: Schedule::new(lowered, stage),
            depth: if last { 1 } else { 2 },
            out: String::new(),
        }
    }

    /// The whole function.
    pub(super) fn function(mut self) -> String {
        let workgroup = self.layout.workgroup;
        if self.stage == self.lowered.stages.phases() {
            self.values();
            self.write_metrics();
            self.write_gradient();
            let rows = self.declare_rows();
            return format!(
                "\n@compute @workgroup_size({workgroup})\n\
                 fn objective(@builtin(global_invocation_id) id: vec3<u32>) {{\n\
                 \x20   let i = id.x;\n    if (i >= BATCH) {{ return; }}\n{rows}{}}}\n",
                self.out
            );
        }
        let means: Vec<(usize, Mean)> = self.lowered.stages.means_of(self.stage).collect();
        self.values();
        for (_, mean) in &means {
            let value = self.expression(mean.of, None).float().text;
            let code = format!("{} += {value};", self.variable(mean.id));
            self.statement(&code, Some(mean.id));
        }
        let body = std::mem::take(&mut self.out);
        let rows = self.declare_rows();
        self.depth = 1;
        for (_, mean) in &means {
            let code = format!("var {} = 0.0;", self.variable(mean.id));
            self.statement(&code, Some(mean.id));
        }
        let sums = std::mem::take(&mut self.out);
        self.finish_means(&means);
        format!(
            "\n@compute @workgroup_size({workgroup})\n\
             fn batch_means_{}(@builtin(local_invocation_index) lane: u32) {{\n\
             {sums}    for (var i = lane; i < BATCH; i += WORKGROUP) {{\n{rows}{body}    }}\n{}}}\n",
            self.stage, self.out
        )
    }

    /// From the lanes' sums to means. A lane adds up whole means, so that the order is always the same.
    fn finish_means(&mut self, means: &[(usize, Mean)]) {
        for (number, (_, mean)) in means.iter().enumerate() {
            let lane = if number == 0 { "lane".into() } else { format!("{number}u * WORKGROUP + lane") };
            let code = format!("partial[{lane}] = {};", self.variable(mean.id));
            self.statement(&code, None);
        }
        self.statement("workgroupBarrier();", None);
        let first = means.first().map_or(0, |(slot, _)| *slot);
        self.statement(&format!("for (var m = lane; m < {}u; m += WORKGROUP) {{", means.len()), None);
        self.depth += 1;
        self.statement("var sum = 0.0;", None);
        let add = "for (var k = 0u; k < WORKGROUP; k++) { sum += partial[m * WORKGROUP + k]; }";
        self.statement(add, None);
        let slot = if first == 0 { "m".into() } else { format!("{first}u + m") };
        self.statement(&format!("stats[{slot}] = sum / f32(BATCH);"), None);
        self.depth -= 1;
        self.statement("}", None);
        self.used.note("stats");
        self.used.partial(means.len());
    }

    /// Everything that the stage's writes need.
    fn values(&mut self) {
        for level in 0..self.schedule.levels() {
            for id in self.schedule.take_scalars(level) {
                self.scalar(id);
            }
            let reductions = self.schedule.take_reductions(level + 1);
            if !reductions.is_empty() {
                self.reduction_loop(&reductions);
            }
        }
    }

    /// A line; behind it the place in the script of the node it computes.
    fn statement(&mut self, code: &str, of: Option<NodeId>) {
        let comment = of.map(|id| self.place_in_script(id)).unwrap_or_default();
        self.commented(code, &comment);
    }

    /// Nothing for a constant, which many lines may share.
    fn place_in_script(&self, id: NodeId) -> String {
        match self.graph.as_constant(id) {
            Some(_) => String::new(),
            None => self.graph.span(id).to_string(),
        }
    }

    fn commented(&mut self, code: &str, comment: &str) {
        let gap = if comment.is_empty() { "" } else { " // " };
        // Writing to a String cannot fail.
        let _ = writeln!(self.out, "{:indent$}{code}{gap}{comment}", "", indent = 4 * self.depth);
    }

    /// Names a scalar that is read more than once, inside a loop, or too long to stand where it is used.
    fn scalar(&mut self, id: NodeId) {
        let leaf = matches!(self.graph.op(id), Op::Param(_) | Op::Sample(_) | Op::BatchMean(_));
        let shared = self.schedule.uses(id) > 1 || self.schedule.in_loop(id);
        let text = self.expression(id, None);
        if leaf || shared || text.text.len() > LONG {
            self.bind(id, text);
        }
    }

    fn bind(&mut self, id: NodeId, text: Text) {
        let name = self.variable(id);
        self.statement(&format!("let {name} = {};", text.text), Some(id));
        self.names[id.index()] = Some(Text::atom(name, text.kind));
    }

    pub(super) fn variable(&self, id: NodeId) -> String {
        identifier(self.graph, id, self.layout.window)
    }

    /// One loop over the actions for all reductions of a level.
    fn reduction_loop(&mut self, reductions: &[NodeId]) {
        let mut maxima = HashMap::new();
        let mut chosen = HashSet::new();
        for &id in reductions {
            match *self.graph.op(id) {
                Op::Reduce(ReduceOp::Max, x) => _ = maxima.insert(x, id),
                Op::ArgMax(x) => _ = chosen.insert(x),
                _ => {}
            }
        }
        let mut updates = Vec::new();
        for &id in reductions {
            let variable = self.variable(id);
            match *self.graph.op(id) {
                Op::Reduce(ReduceOp::Sum, x) => {
                    self.statement(&format!("var {variable} = 0.0;"), Some(id));
                    updates.push(Update::Sum { x, to: id });
                }
                Op::Reduce(ReduceOp::Max, x) => {
                    self.statement(&format!("var {variable} = {LOWEST};"), Some(id));
                    // An argmax of the same values keeps the maximum up to date.
                    if !chosen.contains(&x) {
                        updates.push(Update::Max { x, to: id });
                    }
                }
                Op::ArgMax(x) => {
                    let best = match maxima.get(&x) {
                        Some(&max) => self.variable(max),
                        None => {
                            let best = format!("best{}", id.index());
                            self.statement(&format!("var {best} = {LOWEST};"), Some(id));
                            best
                        }
                    };
                    self.statement(&format!("var {variable} = 0u;"), Some(id));
                    updates.push(Update::ArgMax { x, best, to: id });
                }
                _ => {}
            }
        }
        self.action_loop(&updates);
        for &id in reductions {
            let kind = if matches!(self.graph.op(id), Op::ArgMax(_)) { Kind::Index } else { Kind::Float };
            self.names[id.index()] = Some(Text::atom(self.variable(id), kind));
        }
    }

    fn action_loop(&mut self, updates: &[Update]) {
        self.statement("for (var a = 0u; a < ACTIONS; a++) {", None);
        self.depth += 1;
        let reads: Vec<(NodeId, usize)> = updates.iter().map(Update::read).collect();
        let written: HashSet<NodeId> = reads.iter().map(|(id, _)| *id).collect();
        let mut bound = Vec::new();
        for (id, count) in self.schedule.uses_in_loop(self.graph, &reads) {
            let text = self.expression(id, Some(LOOP));
            if count > 1 || (text.text.len() > LONG && !written.contains(&id)) {
                self.bind(id, text);
                bound.push(id);
            }
        }
        for update in updates {
            let x = self.expression(update.read().0, Some(LOOP)).float().text;
            match update {
                Update::Sum { to, .. } => {
                    self.statement(&format!("{} += {x};", self.variable(*to)), Some(*to));
                }
                Update::Max { to, .. } => {
                    let max = self.variable(*to);
                    self.used.note("max_of");
                    self.statement(&format!("{max} = max_of({max}, {x});"), Some(*to));
                }
                Update::ArgMax { best, to, .. } => {
                    let variable = self.variable(*to);
                    self.used.note("exceeds");
                    let code = format!("if (exceeds({x}, {best})) {{ {best} = {x}; {variable} = a; }}");
                    self.statement(&code, Some(*to));
                }
                Update::Write { grad, column } => {
                    let place = self.place(grad.position, *column, Some(LOOP));
                    self.statement(&format!("grad[{place}] = {x};"), Some(grad.adjoint));
                }
            }
        }
        // Within a loop an action-shaped value has a name for the loop's own action only.
        for id in bound {
            self.names[id.index()] = None;
        }
        self.depth -= 1;
        self.statement("}", None);
    }

    fn write_metrics(&mut self) {
        self.out.push('\n');
        self.statement("let slot = i * METRIC_SLOTS;", None);
        self.write_loss();
        for (number, (name, id)) in self.lowered.metrics.iter().enumerate() {
            let value = self.expression(*id, None).float().text;
            // Escaped, because a name may hold what ends a comment.
            let comment = format!("\"{}\" {}", name.escape_default(), self.place_in_script(*id));
            self.commented(&format!("metrics[slot + {}u] = {value};", number + 1), comment.trim_end());
        }
        let written = self.lowered.metrics.len() + 1;
        if written < self.layout.metric_slots {
            let code =
                format!("for (var m = {written}u; m < METRIC_SLOTS; m++) {{ metrics[slot + m] = 0.0; }}");
            self.statement(&code, None);
        }
    }

    /// The loss, NaN if an output of a network that it reads is infinite or NaN. A broken network has to end
    /// the run, and what the script does with its outputs is no sign of one: a comparison, an argmax, a clip
    /// or a driver that assumes finite numbers makes a sound number of a NaN. So it is looked for where it
    /// enters, in the bits, and chosen as bits.
    fn write_loss(&mut self) {
        let loss = self.expression(self.lowered.loss, None).float().text;
        self.statement(&format!("let loss = {loss};"), Some(self.lowered.loss));
        self.statement("var largest = 0u;", None);
        let states = Region::ALL.map(|region| (region, self.lowered.reads.region(region).len()));
        let look = "largest = max(largest, size_bits";
        if states.iter().any(|&(_, states)| states == 1) {
            self.statement("for (var k = 0u; k < OUTPUTS; k++) {", None);
            self.depth += 1;
            for (region, _) in states.iter().filter(|&&(_, states)| states == 1) {
                self.statement(&format!("{look}({}[row + k]));", buffer(*region)), None);
            }
            self.depth -= 1;
            self.statement("}", None);
        }
        for (region, states) in states.into_iter().filter(|&(_, states)| states > 1) {
            self.statement(&format!("for (var s = 0u; s < {states}u; s++) {{"), None);
            self.depth += 1;
            let code = format!("{look}({}[row + s * STATE + k]));", buffer(region));
            self.statement(&format!("for (var k = 0u; k < OUTPUTS; k++) {{ {code} }}"), None);
            self.depth -= 1;
            self.statement("}", None);
            self.used.note("STATE");
        }
        self.used.note("size_bits");
        self.statement("let broken = largest >= 0x7f800000u;", None);
        let code = "metrics[slot] = bitcast<f32>(select(bitcast<u32>(loss), 0x7fc00000u, broken));";
        self.commented(code, "loss, or NaN");
    }

    fn write_gradient(&mut self) {
        self.out.push('\n');
        let mut rows = Vec::new();
        for &grad in &self.lowered.grads {
            let column = self.column(grad.head);
            match grad.head.shape() {
                Shape::Action => rows.push(Update::Write { grad, column }),
                Shape::Scalar => {
                    let value = self.expression(grad.adjoint, None).float().text;
                    let place = self.place(grad.position, column, None);
                    self.statement(&format!("grad[{place}] = {value};"), Some(grad.adjoint));
                }
            }
        }
        if !rows.is_empty() {
            self.action_loop(&rows);
        }
    }

    /// An element of a sample's row at a state.
    pub(super) fn place(&mut self, position: usize, column: usize, at: Option<&str>) -> String {
        if let Some(used) = self.rows.get_mut(position) {
            *used = true;
        }
        element(&row(position), column, at)
    }

    /// The first elements of the rows that the body uses.
    fn declare_rows(&mut self) -> String {
        let indent = "    ".repeat(self.depth);
        let mut text = format!("{indent}let row = i * OUTPUTS;\n");
        for position in (1..self.rows.len()).filter(|&position| self.rows[position]) {
            let times = if position == 1 { String::new() } else { format!("{position}u * ") };
            // Writing to a String cannot fail.
            let _ = writeln!(text, "{indent}let {} = row + {times}STATE;", row(position));
            self.used.note("STATE");
        }
        text
    }
}
