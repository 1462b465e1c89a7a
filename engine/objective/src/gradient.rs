//! Reverse mode: one rule per operation, and a short walk that applies them.
//!
//! An adjoint is the derivative of the batch's mean loss with respect to a node. It may be of smaller shape
//! than its node: a scalar adjoint of an action-shaped node stands for the same number at every action.
//!
//! Two conventions keep the numbers safe and the kernels short:
//! - *`select` stays outermost in an adjoint.* The side not taken has adjoint 0, and `0 · ∞` further down
//!   (the slope of `sqrt` at 0, of `log` at 0) would be NaN; so a factor is multiplied inside the select, never
//!   onto it, or selected anew by the same choices where these have become many ([`Reverse::linear`]).
//! - *A maximum is a choice.* Its whole gradient goes to the element that was taken: the first maximal action,
//!   or the left operand of a tied `min` or `max`.

use crate::error::CompileError;
use crate::graph::Graph;
use crate::mask::{Masks, Support};
use crate::ops::{BinaryOp, CmpOp, Head, Net, NodeId, Op, Pass, ReduceOp, Shape, Span, UnaryOp};

/// Selects and sums that are copied to carry a factor inside; Huber's loss has three. Copying all of them
/// would double an adjoint at every round of `x = max(x, a) * 0.5 + min(x, b) * 0.3`.
const MOST_COPIED: u32 = 4;

/// Appends to `graph` the gradient of the mean of `loss` over a batch: its adjoint for every head of the online
/// network, in every state, that it may depend on.
pub(crate) fn gradient(
    graph: &mut Graph,
    loss: NodeId,
    batch: usize,
) -> Result<Vec<(usize, Head, NodeId)>, CompileError> {
    let active = active(graph);
    let seed = graph.constant(1.0 / batch as f64);
    let mut adjoints: Vec<Option<NodeId>> = vec![None; loss.index() + 1];
    adjoints[loss.index()] = active[loss.index()].then_some(seed);

    let mut reverse = Reverse { graph, masks: Masks::default(), span: Span::NONE };
    for id in reverse.graph.ids().take(loss.index() + 1).rev() {
        let Some(adjoint) = adjoints[id.index()] else { continue };
        reverse.span = reverse.graph.span(id);
        reverse.graph.check_size(reverse.span)?;
        for (operand, contribution) in reverse.rule(id, adjoint) {
            if !active[operand.index()] || reverse.is_zero(contribution) {
                continue;
            }
            let contribution = reverse.unbroadcast(contribution, id, operand);
            let total = &mut adjoints[operand.index()];
            *total = Some(match *total {
                None => contribution,
                Some(others) => reverse.accumulate(others, contribution),
            });
        }
    }

    let graph = reverse.graph;
    let of_output = |(id, adjoint): (NodeId, Option<NodeId>)| match *graph.op(id) {
        Op::Output(Pass { net: Net::Online, state }, head) => Some((state, head, adjoint?)),
        _ => None,
    };
    Ok(graph.ids().zip(adjoints).filter_map(of_output).collect())
}

/// The error for a loss that no online output can change.
pub(crate) fn nothing_to_learn(heads: &[Head], span: Span) -> CompileError {
    let names: Vec<String> = heads.iter().map(|head| format!("net.{}", head.name())).collect();
    CompileError::new(
        format!("the loss does not depend on {}: nothing would be learned", names.join(" or ")),
        format!(
            "use {} in loss() outside of stop_gradient(); comparisons, argmax and the target let no gradient through",
            names.first().map_or("net", String::as_str)
        ),
        span,
    )
}

/// Which nodes an online output can change smoothly.
fn active(graph: &Graph) -> Vec<bool> {
    let mut active = vec![false; graph.len()];
    for id in graph.ids() {
        active[id.index()] = match *graph.op(id) {
            Op::Output(pass, _) => pass.net == Net::Online,
            Op::Const(_) | Op::Param(_) | Op::Sample(_) => false,
            Op::Compare(..) | Op::And(..) | Op::Or(..) | Op::Not(_) => false,
            Op::OneHot(_) | Op::ArgMax(_) | Op::StopGradient(_) => false,
            Op::Unary(_, x) | Op::Reduce(_, x) | Op::At(x, _) => active[x.index()],
            Op::BatchMean(x) | Op::ScaleGradient(x, _) => active[x.index()],
            Op::Binary(_, a, b) | Op::Select(_, a, b) => active[a.index()] || active[b.index()],
        };
    }
    active
}

struct Reverse<'g> {
    graph: &'g mut Graph,
    masks: Masks,
    /// Place of the node whose rule is being applied; its adjoint's nodes inherit it.
    span: Span,
}

impl Reverse<'_> {
    /// The table. `y` is the node's own value, `g` its adjoint; each line gives an operand and what the node
    /// adds to that operand's adjoint.
    fn rule(&mut self, y: NodeId, g: NodeId) -> Vec<(NodeId, NodeId)> {
        match *self.graph.op(y) {
            Op::Unary(op, x) => vec![(x, self.unary_rule(op, x, y, g))],
            Op::Binary(op, a, b) => {
                let (to_a, to_b) = self.binary_rule(op, a, b, y, g);
                vec![(a, to_a), (b, to_b)]
            }
            // Only the side taken; see the conventions above.
            Op::Select(c, a, b) => vec![(a, self.keep_where(c, g)), (b, self.keep_unless(c, g))],
            // y = x[i]: the adjoint goes to place i.
            Op::At(x, i) => vec![(x, self.place_at(i, g))],
            // y = Σ x: every element alike.
            Op::Reduce(ReduceOp::Sum, x) => vec![(x, g)],
            // y = max x: a subgradient, all of it to the first maximal element.
            Op::Reduce(ReduceOp::Max, x) => {
                let first = self.graph.push(Op::ArgMax(x), self.span);
                vec![(x, self.place_at(first, g))]
            }
            // y = (1/B) Σ_i x_i: each of the B samples had its share in the y of all, so x receives the mean of
            // their adjoints.
            Op::BatchMean(x) => {
                let mean = self.graph.push(Op::BatchMean(g), self.span);
                let to_x = match self.masks.masked(self.graph, g) {
                    // Zeroed for all samples, perhaps.
                    true => {
                        let zero = self.graph.constant(0.0);
                        let any = self.graph.push(Op::Compare(CmpOp::Ne, mean, zero), self.span);
                        self.keep_where(any, mean)
                    }
                    false => mean,
                };
                vec![(x, to_x)]
            }
            Op::ScaleGradient(x, factor) => vec![(x, self.times(g, factor))],
            // Piecewise constant, or constant by request.
            Op::Compare(..) | Op::And(..) | Op::Or(..) | Op::Not(_) => vec![],
            Op::OneHot(_) | Op::ArgMax(_) | Op::StopGradient(_) => vec![],
            // Leaves.
            Op::Const(_) | Op::Param(_) | Op::Sample(_) | Op::Output(..) => vec![],
        }
    }

    fn unary_rule(&mut self, op: UnaryOp, x: NodeId, y: NodeId, g: NodeId) -> NodeId {
        match op {
            // y = -x: -g
            UnaryOp::Neg => self.negated(g),
            // y = e^x: g y
            UnaryOp::Exp => self.times(g, y),
            // y = log x: g / x
            UnaryOp::Log => self.over(g, x),
            // y = √x: g / 2y
            UnaryOp::Sqrt => {
                let two = self.graph.constant(2.0);
                let twice = self.graph.mul(two, y, self.span);
                self.over(g, twice)
            }
            // y = |x|: g, -g, and 0 at 0
            UnaryOp::Abs => {
                let zero = self.graph.constant(0.0);
                let above = self.graph.push(Op::Compare(CmpOp::Gt, x, zero), self.span);
                let below = self.graph.push(Op::Compare(CmpOp::Lt, x, zero), self.span);
                self.linear(g, &mut |this, g| {
                    let minus = this.graph.unary(UnaryOp::Neg, g, this.span);
                    let down = this.keep_where(below, minus);
                    this.graph.select(above, g, down, this.span)
                })
            }
            // y = tanh x: g (1 - y²)
            UnaryOp::Tanh => {
                let one = self.graph.constant(1.0);
                let square = self.graph.mul(y, y, self.span);
                let slope = self.graph.sub(one, square, self.span);
                self.times(g, slope)
            }
            // y = 1 / (1 + e^-x): g y (1 - y)
            UnaryOp::Sigmoid => {
                let one = self.graph.constant(1.0);
                let rest = self.graph.sub(one, y, self.span);
                let slope = self.graph.mul(y, rest, self.span);
                self.times(g, slope)
            }
        }
    }

    fn binary_rule(&mut self, op: BinaryOp, a: NodeId, b: NodeId, y: NodeId, g: NodeId) -> (NodeId, NodeId) {
        match op {
            // y = a + b: g, g
            BinaryOp::Add => (g, g),
            // y = a - b: g, -g
            BinaryOp::Sub => (g, self.negated(g)),
            // y = a b: g b, g a
            BinaryOp::Mul => (self.times(g, b), self.times(g, a)),
            // y = a / b: g / b, -(g y) / b
            BinaryOp::Div => {
                let to_a = self.over(g, b);
                let scaled = self.times(to_a, y);
                (to_a, self.negated(scaled))
            }
            // y = the smaller, the larger: to the one taken, a on a tie
            BinaryOp::Min => self.split_by_choice(CmpOp::Le, a, b, g),
            BinaryOp::Max => self.split_by_choice(CmpOp::Ge, a, b, g),
            // y = a^b, a ≥ 0: g b a^(b-1), and g y log a, which tends to 0 at a = 0
            BinaryOp::Pow => {
                let one = self.graph.constant(1.0);
                let zero = self.graph.constant(0.0);
                let less = self.graph.sub(b, one, self.span);
                let lower = self.graph.binary(BinaryOp::Pow, a, less, self.span);
                let slope = self.graph.mul(b, lower, self.span);
                let to_a = self.times(g, slope);
                let positive = self.graph.push(Op::Compare(CmpOp::Gt, a, zero), self.span);
                let log = self.graph.unary(UnaryOp::Log, a, self.span);
                let growth = self.graph.mul(y, log, self.span);
                let scaled = self.times(g, growth);
                (to_a, self.keep_where(positive, scaled))
            }
        }
    }

    fn split_by_choice(&mut self, first_wins: CmpOp, a: NodeId, b: NodeId, g: NodeId) -> (NodeId, NodeId) {
        let first = self.graph.push(Op::Compare(first_wins, a, b), self.span);
        (self.keep_where(first, g), self.keep_unless(first, g))
    }

    /// `g` where the condition holds, else 0.
    fn keep_where(&mut self, condition: NodeId, g: NodeId) -> NodeId {
        let zero = self.graph.constant(0.0);
        self.graph.select(condition, g, zero, self.span)
    }

    /// 0 where the condition holds, else `g`.
    fn keep_unless(&mut self, condition: NodeId, g: NodeId) -> NodeId {
        let zero = self.graph.constant(0.0);
        self.graph.select(condition, zero, g, self.span)
    }

    /// `g` at one action, 0 at the others.
    fn place_at(&mut self, index: NodeId, g: NodeId) -> NodeId {
        let chosen = self.graph.push(Op::OneHot(index), self.span);
        self.keep_where(chosen, g)
    }

    fn negated(&mut self, g: NodeId) -> NodeId {
        self.linear(g, &mut |this, g| this.graph.unary(UnaryOp::Neg, g, this.span))
    }

    fn times(&mut self, g: NodeId, factor: NodeId) -> NodeId {
        self.linear(g, &mut |this, g| this.graph.mul(g, factor, this.span))
    }

    fn over(&mut self, g: NodeId, divisor: NodeId) -> NodeId {
        self.linear(g, &mut |this, g| this.graph.div(g, divisor, this.span))
    }

    /// Applies a map with `f(0) = 0` to an adjoint, inside the selects that may have zeroed it; around them,
    /// behind one condition for all, where they are many.
    fn linear(&mut self, g: NodeId, f: &mut dyn FnMut(&mut Self, NodeId) -> NodeId) -> NodeId {
        if self.is_zero(g) {
            return g;
        }
        if !self.masks.masked(self.graph, g) {
            return f(self, g);
        }
        if !self.is_small(g) {
            let support = self.masks.support(self.graph, g, self.span);
            let mapped = f(self, g);
            return self.keep_within(support, mapped);
        }
        match *self.graph.op(g) {
            Op::Select(c, a, b) => {
                let (a, b) = (self.linear(a, f), self.linear(b, f));
                self.graph.select(c, a, b, self.span)
            }
            Op::Binary(BinaryOp::Add, a, b) => {
                let (a, b) = (self.linear(a, f), self.linear(b, f));
                self.graph.add(a, b, self.span)
            }
            _ => f(self, g),
        }
    }

    fn keep_within(&mut self, support: Support, g: NodeId) -> NodeId {
        match support {
            Support::Everywhere => g,
            Support::Nowhere => self.graph.constant(0.0),
            Support::Where(condition) => self.keep_where(condition, g),
        }
    }

    fn is_zero(&self, g: NodeId) -> bool {
        self.graph.as_constant(g) == Some(0.0)
    }

    /// `a + b`, joined side by side where both are selected by the same condition: exact, and what turns the
    /// two halves of a Huber loss into one select.
    fn accumulate(&mut self, a: NodeId, b: NodeId) -> NodeId {
        if self.is_zero(a) {
            return b;
        }
        if self.is_zero(b) {
            return a;
        }
        match (*self.graph.op(a), *self.graph.op(b)) {
            (Op::Select(c, a_true, a_false), Op::Select(d, b_true, b_false))
                if c == d && self.is_small(a) && self.is_small(b) =>
            {
                let if_true = self.accumulate(a_true, b_true);
                let if_false = self.accumulate(a_false, b_false);
                self.graph.select(c, if_true, if_false, self.span)
            }
            _ => self.graph.add(a, b, self.span),
        }
    }

    /// An operand that was repeated along the action axis receives the sum over it.
    fn unbroadcast(&mut self, contribution: NodeId, node: NodeId, operand: NodeId) -> NodeId {
        let repeated = self.graph.shape(node) == Shape::Action && self.graph.shape(operand) == Shape::Scalar;
        if repeated { self.sum_over_actions(contribution) } else { contribution }
    }

    fn sum_over_actions(&mut self, g: NodeId) -> NodeId {
        if !self.masks.masked(self.graph, g) {
            return self.plain_sum(g);
        }
        let small = self.is_small(g);
        match *self.graph.op(g) {
            Op::Select(c, a, b) if small && self.graph.shape(c) == Shape::Scalar => {
                let (a, b) = (self.sum_over_actions(a), self.sum_over_actions(b));
                return self.graph.select(c, a, b, self.span);
            }
            Op::Binary(BinaryOp::Add, a, b) if small => {
                let (a, b) = (self.sum_over_actions(a), self.sum_over_actions(b));
                return self.graph.add(a, b, self.span);
            }
            // Placed at one action, it is the whole sum, and zeroed where it was.
            Op::Select(c, a, b)
                if matches!(self.graph.op(c), Op::OneHot(_))
                    && self.graph.shape(a) == Shape::Scalar
                    && self.is_zero(b) =>
            {
                return a;
            }
            _ => {}
        }
        let support = match self.masks.support(self.graph, g, self.span) {
            // Some action's share is not zeroed.
            Support::Where(c) if self.graph.shape(c) == Shape::Action => {
                let one = self.graph.constant(1.0);
                let kept = self.keep_where(c, one);
                Support::Where(self.graph.max(kept, self.span))
            }
            support => support,
        };
        let sum = self.plain_sum(g);
        self.keep_within(support, sum)
    }

    fn plain_sum(&mut self, g: NodeId) -> NodeId {
        match self.graph.shape(g) {
            Shape::Action => self.graph.sum(g, self.span),
            Shape::Scalar => {
                let actions = self.graph.constant(self.graph.actions() as f64);
                self.graph.mul(actions, g, self.span)
            }
        }
    }

    /// Whether an adjoint is taken apart and copied, select by select.
    fn is_small(&mut self, g: NodeId) -> bool {
        self.masks.spread(self.graph, g) <= MOST_COPIED
    }
}
