//! Turns nodes into steps and hands out slots.

use crate::layout::Layout;
use crate::lower::Lowered;
use crate::ops::{Head, NodeId, Op, Pass, Shape};
use crate::reads::Region;

use super::step::{Place, Source, Step, Task};
use super::{CpuKernel, Mean, Row, Stage};

/// Reads of a root are never done.
const ALWAYS: usize = usize::MAX;

pub(super) struct Builder<'a> {
    lowered: &'a Lowered,
    layout: &'a Layout,
    places: Vec<Option<Place>>,
    /// Reads of a node that are still to come.
    pending: Vec<usize>,
    /// Slots that may be used again, by shape.
    free: [Vec<Place>; 2],
    end: usize,
}

impl<'a> Builder<'a> {
    pub(super) fn new(lowered: &'a Lowered, layout: &'a Layout) -> Self {
        let nodes = lowered.graph.len();
        Builder {
            lowered,
            layout,
            places: vec![None; nodes],
            pending: vec![0; nodes],
            free: [Vec::new(), Vec::new()],
            end: 0,
        }
    }

    pub(super) fn kernel(mut self) -> CpuKernel {
        let once = self.steps_that_no_sample_changes();
        // What varies starts anew in every stage, behind what does not.
        let base = self.end;
        let mut scratch = base;
        let mut stages = Vec::new();
        for (stage, once) in once.into_iter().enumerate() {
            self.end = base;
            self.free = [Vec::new(), Vec::new()];
            let means: Vec<_> = self.lowered.stages.means_of(stage).map(|(_, mean)| mean).collect();
            let last = stage == self.lowered.stages.phases();
            let roots = if last { self.lowered.roots() } else { means.iter().map(|mean| mean.of).collect() };
            let each = self.steps_of_every_sample(&roots);
            let means =
                means.iter().map(|mean| Mean { of: self.place(mean.of), to: self.place(mean.id) }).collect();
            stages.push(Stage { once, each, means });
            scratch = scratch.max(self.end);
        }
        let reported =
            std::iter::once(self.lowered.loss).chain(self.lowered.metrics.iter().map(|(_, id)| *id));
        let row = |&grad: &crate::lower::Gradient| Row {
            position: grad.position,
            column: self.column(grad.head),
            width: self.layout.width(grad.head),
            from: self.place(grad.adjoint),
        };
        CpuKernel {
            batch: self.layout.batch,
            actions: self.layout.actions,
            outputs: self.layout.outputs(),
            metric_slots: self.layout.metric_slots,
            scratch,
            stages,
            states: Region::ALL.map(|region| self.lowered.reads.region(region).len()),
            reported: reported.map(|id| self.place(id)).collect(),
            grads: self.lowered.grads.iter().map(row).collect(),
        }
    }

    /// By stage. They get their slots first and keep them.
    fn steps_that_no_sample_changes(&mut self) -> Vec<Vec<Step>> {
        let (graph, stages) = (&self.lowered.graph, &self.lowered.stages);
        let mut once = vec![Vec::new(); stages.phases() + 1];
        let live = graph.live(&self.lowered.roots());
        for id in graph.ids().filter(|&id| live[id.index()] && !stages.varies(id)) {
            self.pending[id.index()] = ALWAYS;
            // A mean is put into its slot by the stage before.
            match graph.op(id) {
                Op::BatchMean(_) => self.places[id.index()] = Some(self.allocate(graph.shape(id))),
                _ => once[stages.stage(id)].push(self.step(id)),
            }
        }
        once
    }

    fn steps_of_every_sample(&mut self, roots: &[NodeId]) -> Vec<Step> {
        let (graph, stages) = (&self.lowered.graph, &self.lowered.stages);
        let varying = |id: &NodeId| stages.varies(*id);
        for id in graph.ids().filter(varying) {
            self.pending[id.index()] = 0;
        }
        for root in roots.iter().filter(|root| varying(root)) {
            self.pending[root.index()] = ALWAYS;
        }
        // Users come after their operands, so all reads of a node are known when it is met.
        for id in graph.ids().rev().filter(varying) {
            if self.pending[id.index()] > 0 {
                for operand in reads(self.lowered, graph.op(id)).filter(varying) {
                    let pending = &mut self.pending[operand.index()];
                    *pending = pending.saturating_add(1);
                }
            }
        }
        let needed: Vec<NodeId> =
            graph.ids().filter(varying).filter(|id| self.pending[id.index()] > 0).collect();
        needed.into_iter().map(|id| self.step(id)).collect()
    }

    fn step(&mut self, id: NodeId) -> Step {
        let graph = &self.lowered.graph;
        let op = graph.op(id);
        let task = self.task(op);
        for operand in reads(self.lowered, op) {
            self.release(operand);
        }
        let shape = graph.shape(id);
        let to = self.allocate(shape);
        self.places[id.index()] = Some(to);
        Step { task, to, len: self.width(shape) }
    }

    fn task(&self, op: &Op) -> Task {
        let place = |id| self.place(id);
        match *op {
            Op::Const(bits) => Task::Const(f64::from_bits(bits)),
            Op::Param(slot) => Task::Param(slot),
            Op::Sample(field) => Task::Sample(self.layout.field(field)),
            Op::Output(pass, head) => Task::Load(self.source(pass, head)),
            Op::Unary(op, x) => Task::Unary(op, place(x)),
            Op::Binary(op, x, y) => Task::Binary(op, place(x), place(y)),
            Op::Compare(op, x, y) => Task::Compare(op, place(x), place(y)),
            Op::And(x, y) => Task::And(place(x), place(y)),
            Op::Or(x, y) => Task::Or(place(x), place(y)),
            Op::Not(x) => Task::Not(place(x)),
            Op::Select(c, a, b) => Task::Select(place(c), place(a), place(b)),
            Op::At(x, i) => match *self.lowered.graph.op(x) {
                Op::Output(pass, head) => Task::Pick(self.source(pass, head), place(i)),
                _ => Task::At(place(x), place(i)),
            },
            Op::OneHot(i) => Task::OneHot(place(i)),
            Op::Reduce(op, x) => Task::Reduce(op, place(x)),
            Op::ArgMax(x) => Task::ArgMax(place(x)),
            Op::BatchMean(x) | Op::StopGradient(x) | Op::ScaleGradient(x, _) => Task::Copy(place(x)),
        }
    }

    fn source(&self, pass: Pass, head: Head) -> Source {
        // The regions were made from the passes of this graph.
        let (region, position) = self.lowered.reads.place(pass).expect("a pass that is read has a place");
        Source { region, position, column: self.column(head) }
    }

    fn column(&self, head: Head) -> usize {
        // The verifier has checked that the network has the head.
        self.layout.column(head).expect("a head that is read exists")
    }

    fn place(&self, id: NodeId) -> Place {
        // Operands precede their users (verified), so they have their place by now.
        self.places[id.index()].expect("operands precede users")
    }

    fn width(&self, shape: Shape) -> usize {
        match shape {
            Shape::Scalar => 1,
            Shape::Action => self.layout.actions,
        }
    }

    fn allocate(&mut self, shape: Shape) -> Place {
        self.free[shape as usize].pop().unwrap_or_else(|| {
            let start = self.end;
            self.end += self.width(shape);
            Place { start, stride: usize::from(shape == Shape::Action) }
        })
    }

    fn release(&mut self, id: NodeId) {
        let pending = &mut self.pending[id.index()];
        if *pending == ALWAYS {
            return;
        }
        *pending -= 1;
        if *pending == 0 {
            let place = self.place(id);
            self.free[self.lowered.graph.shape(id) as usize].push(place);
        }
    }
}

/// The operands a step reads from the scratch. A gather of a network output reads the one element where it
/// lies, not the row.
fn reads(lowered: &Lowered, op: &Op) -> impl Iterator<Item = NodeId> + use<> {
    let skipped = match *op {
        Op::At(x, _) if matches!(lowered.graph.op(x), Op::Output(..)) => Some(x),
        _ => None,
    };
    op.operands().filter(move |&operand| Some(operand) != skipped)
}
