//! Rewrites a graph into a shorter one with the same values: dead nodes dropped, gathers pushed to the leaves,
//! and the algebra that rounding allows.
//!
//! A rule is listed only if it changes no bit of an `f32` or `f64` result except the sign of a zero. So
//! `x · 0`, `x / x`, `exp(log x)` and any reordering of sums stay as they are. There is one deliberate
//! exception, which gains digits: [`Rewriter::split_shift`].

use std::collections::HashMap;

use crate::error::CompileError;
use crate::fold::fits_f32;
use crate::graph::Graph;
use crate::ops::{BinaryOp, CmpOp, Net, NodeId, Op, ReduceOp, Shape, Span, UnaryOp};

/// What becomes of `stop_gradient` and `scale_gradient`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Marks {
    /// Kept: the graph has not been differentiated yet.
    Keep,
    /// Replaced by their operand.
    Drop,
}

/// Factors of a product among which a constant is looked for.
const FACTORS: u32 = 8;

/// A new graph holding what the roots need, and where they are in it.
///
/// # Errors
/// If it grows beyond the size a graph may have: gathers at different indices copy what they read.
pub(crate) fn simplify(
    graph: &Graph,
    roots: &[NodeId],
    marks: Marks,
) -> Result<(Graph, Vec<NodeId>), CompileError> {
    let mut rewriter =
        Rewriter { graph: graph.emptied(), gathered: HashMap::new(), varying: Vec::new(), marks };
    let live = graph.live(roots);
    // Operands precede users, so a live node's operands have all been moved before it.
    let mut moved = vec![NodeId(0); graph.len()];
    for id in graph.ids().filter(|id| live[id.index()]) {
        let op = graph.op(id).map(|operand| moved[operand.index()]);
        moved[id.index()] = rewriter.rewrite(op, graph.span(id));
        rewriter.graph.check_size(graph.span(id))?;
    }
    let roots: Vec<NodeId> = roots.iter().map(|root| moved[root.index()]).collect();
    Ok(rewriter.graph.sweep(&roots))
}

impl Graph {
    /// Drops what the roots do not need; rewriting leaves the operands of replaced nodes behind.
    fn sweep(&self, roots: &[NodeId]) -> (Graph, Vec<NodeId>) {
        let live = self.live(roots);
        let mut kept = self.emptied();
        let mut moved = vec![NodeId(0); self.len()];
        for id in self.ids().filter(|id| live[id.index()]) {
            let op = self.op(id).map(|operand| moved[operand.index()]);
            moved[id.index()] = kept.push(op, self.span(id));
        }
        let roots = roots.iter().map(|root| moved[root.index()]).collect();
        (kept, roots)
    }
}

struct Rewriter {
    graph: Graph,
    gathered: HashMap<(NodeId, NodeId), NodeId>,
    /// Which nodes may differ between the samples of a batch; see [`Rewriter::varies`].
    varying: Vec<bool>,
    marks: Marks,
}

impl Rewriter {
    /// The node for `op`, by the first rule that applies.
    fn rewrite(&mut self, op: Op, span: Span) -> NodeId {
        let shape = self.graph.infer(&op);
        match self.shorter(op, span) {
            // `select(action-shaped condition, s, s)` is s repeated along the axis, not s: keep such nodes.
            Some(id) if self.graph.shape(id) == shape => id,
            _ => self.graph.push(op, span),
        }
    }

    fn shorter(&mut self, op: Op, span: Span) -> Option<NodeId> {
        match op {
            Op::Unary(op, x) => self.unary(op, x, span),
            Op::Binary(op, x, y) => self.binary(op, x, y, span),
            Op::And(x, y) => self.logic(x, y, true),
            Op::Or(x, y) => self.logic(x, y, false),
            Op::Not(x) => match *self.graph.op(x) {
                Op::Not(inner) if self.is_truth(inner) => Some(inner),
                _ => None,
            },
            Op::Select(c, a, b) => self.select(c, a, b, span),
            Op::At(x, i) => Some(self.gather(x, i, span)),
            Op::BatchMean(x) if !self.varies(x) => Some(x),
            Op::StopGradient(x) if self.marks == Marks::Drop || self.is_frozen(x) => Some(x),
            Op::ScaleGradient(x, _) if self.marks == Marks::Drop => Some(x),
            Op::BatchMean(_) | Op::StopGradient(_) | Op::ScaleGradient(..) => None,
            Op::Const(_) | Op::Param(_) | Op::Sample(_) | Op::Output(..) => None,
            Op::Compare(..) | Op::OneHot(_) | Op::Reduce(..) | Op::ArgMax(_) => None,
        }
    }

    fn unary(&mut self, op: UnaryOp, x: NodeId, span: Span) -> Option<NodeId> {
        match (op, *self.graph.op(x)) {
            (UnaryOp::Neg, Op::Unary(UnaryOp::Neg, inner)) => Some(inner),
            (UnaryOp::Neg, Op::Binary(BinaryOp::Sub, a, b)) => {
                Some(self.rewrite(Op::Binary(BinaryOp::Sub, b, a), span))
            }
            (UnaryOp::Neg, Op::Binary(BinaryOp::Mul, k, rest)) => {
                let k = self.graph.as_constant(k)?;
                Some(self.scaled(-k, rest, span))
            }
            (UnaryOp::Abs, Op::Unary(UnaryOp::Abs, _)) => Some(x),
            (UnaryOp::Abs, Op::Unary(UnaryOp::Neg, inner)) => {
                Some(self.rewrite(Op::Unary(UnaryOp::Abs, inner), span))
            }
            _ => None,
        }
    }

    fn binary(&mut self, op: BinaryOp, x: NodeId, y: NodeId, span: Span) -> Option<NodeId> {
        let (kx, ky) = (self.graph.as_constant(x), self.graph.as_constant(y));
        match op {
            BinaryOp::Add if kx == Some(0.0) => Some(y),
            BinaryOp::Add if ky == Some(0.0) => Some(x),
            BinaryOp::Add if x == y => Some(self.scaled(2.0, x, span)),
            BinaryOp::Add => match (*self.graph.op(x), *self.graph.op(y)) {
                (_, Op::Unary(UnaryOp::Neg, minus)) => {
                    Some(self.rewrite(Op::Binary(BinaryOp::Sub, x, minus), span))
                }
                (Op::Unary(UnaryOp::Neg, minus), _) => {
                    Some(self.rewrite(Op::Binary(BinaryOp::Sub, y, minus), span))
                }
                _ => None,
            },
            BinaryOp::Sub if ky == Some(0.0) => Some(x),
            BinaryOp::Sub if kx == Some(0.0) => Some(self.rewrite(Op::Unary(UnaryOp::Neg, y), span)),
            BinaryOp::Sub => match *self.graph.op(y) {
                Op::Unary(UnaryOp::Neg, minus) => {
                    Some(self.rewrite(Op::Binary(BinaryOp::Add, x, minus), span))
                }
                Op::Binary(BinaryOp::Add, shift, rest) => self.split_shift(x, shift, rest, span),
                _ => None,
            },
            // Constants to the left, so that equal products meet.
            BinaryOp::Mul => match (kx, ky) {
                (Some(k), None) => self.scaled_shorter(k, y, span, FACTORS),
                (None, Some(k)) => Some(self.scaled(k, x, span)),
                _ => None,
            },
            BinaryOp::Div => match ky {
                Some(k) if has_exact_reciprocal(k) => Some(self.scaled(1.0 / k, x, span)),
                _ => None,
            },
            BinaryOp::Min | BinaryOp::Max => (x == y).then_some(x),
            BinaryOp::Pow => None,
        }
    }

    /// `k x`
    fn scaled(&mut self, k: f64, x: NodeId, span: Span) -> NodeId {
        self.scaled_shorter(k, x, span, FACTORS).unwrap_or_else(|| {
            let k = self.graph.constant(k);
            self.graph.mul(k, x, span)
        })
    }

    /// `k x` without one more multiplication. Looks no further than `factors` deep, so that a product of very
    /// many is not searched, and copied, at each of them.
    fn scaled_shorter(&mut self, k: f64, x: NodeId, span: Span, factors: u32) -> Option<NodeId> {
        if k == 1.0 {
            return Some(x);
        }
        if k == -1.0 {
            return Some(self.rewrite(Op::Unary(UnaryOp::Neg, x), span));
        }
        match *self.graph.op(x) {
            Op::Unary(UnaryOp::Neg, inner) => Some(self.scaled(-k, inner, span)),
            // Exact because scaling by a power of two only moves the exponent.
            Op::Binary(BinaryOp::Mul, inner, rest) => match self.graph.as_constant(inner) {
                Some(inner) => {
                    let exact = has_exact_reciprocal(k) || has_exact_reciprocal(inner);
                    (exact && fits_f32(k * inner)).then(|| self.scaled(k * inner, rest, span))
                }
                None if has_exact_reciprocal(k) && factors > 0 => {
                    let inner = self.scaled_shorter(k, inner, span, factors - 1)?;
                    Some(self.rewrite(Op::Binary(BinaryOp::Mul, inner, rest), span))
                }
                None => None,
            },
            _ => None,
        }
    }

    /// `x - (max + log Σ)` as `(x - max) - log Σ`: not equal to the bit but closer to the truth. `x` and the
    /// maximum are of one size and cancel almost exactly, while `max + log Σ` rounds at the size of the
    /// maximum. Scripts that write `q / tau - logsumexp(q / tau)` get `log_softmax`'s digits this way.
    fn split_shift(&mut self, x: NodeId, shift: NodeId, rest: NodeId, span: Span) -> Option<NodeId> {
        let max = match *self.graph.op(shift) {
            Op::StopGradient(inner) => inner,
            _ => shift,
        };
        if !matches!(*self.graph.op(max), Op::Reduce(ReduceOp::Max, _)) {
            return None;
        }
        let difference = self.rewrite(Op::Binary(BinaryOp::Sub, x, shift), span);
        Some(self.rewrite(Op::Binary(BinaryOp::Sub, difference, rest), span))
    }

    /// `and` (neutral element: true) and `or` (neutral element: false) with a constant.
    fn logic(&mut self, x: NodeId, y: NodeId, neutral: bool) -> Option<NodeId> {
        for (known, other) in [(x, y), (y, x)] {
            match self.graph.as_constant(known).map(|k| k != 0.0) {
                Some(truth) if truth == neutral => return self.is_truth(other).then_some(other),
                Some(truth) => return Some(self.graph.constant(f64::from(u8::from(truth)))),
                None => {}
            }
        }
        (x == y && self.is_truth(x)).then_some(x)
    }

    fn select(&mut self, c: NodeId, a: NodeId, b: NodeId, span: Span) -> Option<NodeId> {
        if let Some(k) = self.graph.as_constant(c) {
            return Some(if k != 0.0 { a } else { b });
        }
        if a == b {
            return Some(a);
        }
        if let Op::Not(inner) = *self.graph.op(c) {
            return Some(self.rewrite(Op::Select(inner, b, a), span));
        }
        let (ka, kb) = (self.graph.as_constant(a), self.graph.as_constant(b));
        (ka == Some(1.0) && kb == Some(0.0) && self.is_truth(c)).then_some(c)
    }

    /// `x[i]` with the gather moved onto the network outputs: `(q / tau)[i]` is `q[i] / tau`, one division
    /// instead of one an action.
    fn gather(&mut self, x: NodeId, i: NodeId, span: Span) -> NodeId {
        // Not by recursion: a chain of operations may be as long as a script.
        let mut pending = vec![x];
        while let Some(&x) = pending.last() {
            let op = *self.graph.op(x);
            let unknown = op.operands().filter(|&operand| self.gathered(operand, i).is_none());
            let id = match op {
                _ if self.gathered(x, i).is_some() => {
                    pending.pop();
                    continue;
                }
                Op::Output(..) => self.graph.push(Op::At(x, i), span),
                Op::OneHot(j) => self.rewrite(Op::Compare(CmpOp::Eq, i, j), span),
                elementwise => {
                    let unknown: Vec<NodeId> = unknown.collect();
                    if !unknown.is_empty() {
                        pending.extend(unknown);
                        continue;
                    }
                    // All operands are known by now.
                    let op = elementwise.map(|operand| self.gathered(operand, i).unwrap_or(operand));
                    self.rewrite(op, span)
                }
            };
            self.gathered.insert((x, i), id);
        }
        self.gathered(x, i).unwrap_or(x)
    }

    /// `x[i]`, if it is known.
    fn gathered(&self, x: NodeId, i: NodeId) -> Option<NodeId> {
        match self.graph.shape(x) {
            Shape::Scalar => Some(x),
            Shape::Action => self.gathered.get(&(x, i)).copied(),
        }
    }

    /// Whether a value may differ between the samples of a batch. Takes note of the nodes pushed since the
    /// last time; operands precede users.
    fn varies(&mut self, id: NodeId) -> bool {
        for new in self.graph.ids().skip(self.varying.len()) {
            let varies = match self.graph.op(new) {
                Op::Sample(_) | Op::Output(..) => true,
                Op::BatchMean(_) => false,
                op => op.operands().any(|operand| self.varying[operand.index()]),
            };
            self.varying.push(varies);
        }
        self.varying[id.index()]
    }

    /// Whether a value is 0 or 1 by construction.
    fn is_truth(&self, id: NodeId) -> bool {
        matches!(self.graph.op(id), Op::Compare(..) | Op::And(..) | Op::Or(..) | Op::Not(_) | Op::OneHot(_))
    }

    /// Whether no gradient could reach through a value anyway.
    fn is_frozen(&self, id: NodeId) -> bool {
        match *self.graph.op(id) {
            Op::StopGradient(_) | Op::Const(_) | Op::Param(_) | Op::Sample(_) => true,
            Op::Output(pass, _) => pass.net == Net::Target,
            _ => self.is_truth(id),
        }
    }
}

/// Whether dividing by `k` and multiplying by `1 / k` agree to the bit in `f32` and `f64`: `k` a power of two,
/// its reciprocal a normal number.
fn has_exact_reciprocal(k: f64) -> bool {
    let mantissa = k.to_bits() & ((1 << 52) - 1);
    mantissa == 0 && (2f64.powi(-100)..=2f64.powi(100)).contains(&k.abs())
}
