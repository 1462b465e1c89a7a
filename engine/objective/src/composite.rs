//! Functions that scripts know by one name and the graph by several nodes, each in the form that keeps its
//! digits. Every one is differentiated through its parts; none has a rule of its own.

use crate::graph::Graph;
use crate::ops::{BinaryOp, CmpOp, NodeId, Op, ReduceOp, Shape, Span, UnaryOp};

/// Largest whole exponent written out as products; beyond it `pow` is as exact and shorter.
const LARGEST_EXPANDED_POWER: f64 = 64.0;

/// Short names for single operations.
impl Graph {
    /// Elementwise function of one value.
    pub fn unary(&mut self, op: UnaryOp, x: NodeId, span: Span) -> NodeId {
        self.push(Op::Unary(op, x), span)
    }

    /// Elementwise function of two values, broadcasting.
    pub fn binary(&mut self, op: BinaryOp, x: NodeId, y: NodeId, span: Span) -> NodeId {
        self.push(Op::Binary(op, x, y), span)
    }

    /// `x + y`
    pub fn add(&mut self, x: NodeId, y: NodeId, span: Span) -> NodeId {
        self.binary(BinaryOp::Add, x, y, span)
    }

    /// `x - y`
    pub fn sub(&mut self, x: NodeId, y: NodeId, span: Span) -> NodeId {
        self.binary(BinaryOp::Sub, x, y, span)
    }

    /// `x * y`
    pub fn mul(&mut self, x: NodeId, y: NodeId, span: Span) -> NodeId {
        self.binary(BinaryOp::Mul, x, y, span)
    }

    /// `x / y`
    pub fn div(&mut self, x: NodeId, y: NodeId, span: Span) -> NodeId {
        self.binary(BinaryOp::Div, x, y, span)
    }

    /// `if_true` where the condition is not 0, else `if_false`.
    pub fn select(&mut self, condition: NodeId, if_true: NodeId, if_false: NodeId, span: Span) -> NodeId {
        self.push(Op::Select(condition, if_true, if_false), span)
    }

    /// Element of an action-shaped value at a scalar index.
    pub fn at(&mut self, x: NodeId, index: NodeId, span: Span) -> NodeId {
        self.push(Op::At(x, index), span)
    }

    /// The value without its gradient.
    pub fn stop_gradient(&mut self, x: NodeId, span: Span) -> NodeId {
        self.push(Op::StopGradient(x), span)
    }

    /// Sum over the actions; `x` is action-shaped. Scalar.
    pub fn sum(&mut self, x: NodeId, span: Span) -> NodeId {
        self.push(Op::Reduce(ReduceOp::Sum, x), span)
    }

    /// Maximum over the actions; `x` is action-shaped. Scalar.
    pub fn max(&mut self, x: NodeId, span: Span) -> NodeId {
        self.push(Op::Reduce(ReduceOp::Max, x), span)
    }
}

/// Elementwise composites.
impl Graph {
    /// `x^n` as products, by repeated squaring; a negative `n` gives the reciprocal of the product. Right for
    /// negative `x` too, where `pow` is not.
    pub fn powi(&mut self, x: NodeId, n: i32, span: Span) -> NodeId {
        let mut product = None;
        let mut square = x;
        let mut rest = n.unsigned_abs();
        while rest > 0 {
            if rest & 1 == 1 {
                product = Some(product.map_or(square, |p| self.mul(p, square, span)));
            }
            rest >>= 1;
            if rest > 0 {
                square = self.mul(square, square, span);
            }
        }
        let one = self.constant(1.0);
        match product {
            // 1 at every action: a scalar would have lost the axis.
            None if self.shape(x) == Shape::Action => {
                let either = self.push(Op::Compare(CmpOp::Eq, x, x), span);
                self.select(either, one, one, span)
            }
            None => one,
            Some(product) if n < 0 => self.div(one, product, span),
            Some(product) => product,
        }
    }

    /// `x^y`: products where `y` is a whole constant up to 64 in size, a square root where it is 1/2, and
    /// otherwise [`BinaryOp::Pow`], which needs `x >= 0`.
    pub fn pow(&mut self, x: NodeId, y: NodeId, span: Span) -> NodeId {
        match self.as_constant(y) {
            Some(n) if n.fract() == 0.0 && n.abs() <= LARGEST_EXPANDED_POWER => self.powi(x, n as i32, span),
            Some(0.5) => self.unary(UnaryOp::Sqrt, x, span),
            _ => self.binary(BinaryOp::Pow, x, y, span),
        }
    }

    /// `min(max(x, low), high)`; on a bound the gradient passes.
    pub fn clip(&mut self, x: NodeId, low: NodeId, high: NodeId, span: Span) -> NodeId {
        let raised = self.binary(BinaryOp::Max, x, low, span);
        self.binary(BinaryOp::Min, raised, high, span)
    }

    /// Huber loss: `x²/2` where `|x| <= delta`, else `delta (|x| - delta/2)`. Its slope is `x` clipped to
    /// `±delta`.
    pub fn huber(&mut self, x: NodeId, delta: NodeId, span: Span) -> NodeId {
        let half = self.constant(0.5);
        let size = self.unary(UnaryOp::Abs, x, span);
        let inside = self.push(Op::Compare(CmpOp::Le, size, delta), span);
        let square = self.mul(x, x, span);
        let parabola = self.mul(half, square, span);
        let half_delta = self.mul(half, delta, span);
        let beyond = self.sub(size, half_delta, span);
        let line = self.mul(delta, beyond, span);
        self.select(inside, parabola, line, span)
    }
}

/// Composites over the action axis; `x`, `logits`, `p` are action-shaped.
impl Graph {
    /// Mean over the actions. Scalar.
    pub fn mean(&mut self, x: NodeId, span: Span) -> NodeId {
        let sum = self.sum(x, span);
        let actions = self.constant(self.actions() as f64);
        self.div(sum, actions, span)
    }

    /// `log Σ_a exp(x_a)`, shifted by the maximum so that no exponential overflows. Scalar.
    pub fn log_sum_exp(&mut self, x: NodeId, span: Span) -> NodeId {
        let shifted = self.shifted(x, span);
        let sum = self.sum(shifted.exp, span);
        let log = self.unary(UnaryOp::Log, sum, span);
        self.add(shifted.max, log, span)
    }

    /// `log (1/A) Σ_a exp(x_a)`: log-sum-exp under the uniform reference policy (eq. 29 without τ). Scalar.
    pub fn log_mean_exp(&mut self, x: NodeId, span: Span) -> NodeId {
        let shifted = self.shifted(x, span);
        let mean = self.mean(shifted.exp, span);
        let log = self.unary(UnaryOp::Log, mean, span);
        self.add(shifted.max, log, span)
    }

    /// `exp(x_a) / Σ exp(x)`. Action-shaped.
    pub fn softmax(&mut self, logits: NodeId, span: Span) -> NodeId {
        let shifted = self.shifted(logits, span);
        let sum = self.sum(shifted.exp, span);
        self.div(shifted.exp, sum, span)
    }

    /// `(x_a - max x) - log Σ exp(x - max x)`. Action-shaped. Subtracting the log-sum-exp itself would first
    /// round `max + log Σ` at the size of the maximum: with `q / tau` near 1e7 that alone loses the
    /// probabilities.
    pub fn log_softmax(&mut self, logits: NodeId, span: Span) -> NodeId {
        let shifted = self.shifted(logits, span);
        let sum = self.sum(shifted.exp, span);
        let log = self.unary(UnaryOp::Log, sum, span);
        self.sub(shifted.difference, log, span)
    }

    /// Entropy `-Σ p log p` of the policy with these logits, in nats. Scalar.
    pub fn entropy_of_logits(&mut self, logits: NodeId, span: Span) -> NodeId {
        let log_p = self.log_softmax(logits, span);
        let p = self.softmax(logits, span);
        let terms = self.mul(p, log_p, span);
        let sum = self.sum(terms, span);
        self.unary(UnaryOp::Neg, sum, span)
    }

    /// `KL[p ‖ reference]` of the policies with these logits, in nats. Scalar.
    pub fn kl_of_logits(&mut self, logits: NodeId, reference: NodeId, span: Span) -> NodeId {
        let log_p = self.log_softmax(logits, span);
        let log_reference = self.log_softmax(reference, span);
        let p = self.softmax(logits, span);
        let ratio = self.sub(log_p, log_reference, span);
        let terms = self.mul(p, ratio, span);
        self.sum(terms, span)
    }

    /// The exponentials that all of the above share. The maximum is stopped: it cancels out of each value
    /// built on it, so a gradient through it would only add rounding.
    fn shifted(&mut self, x: NodeId, span: Span) -> Shifted {
        let max = self.max(x, span);
        let max = self.stop_gradient(max, span);
        let difference = self.sub(x, max, span);
        let exp = self.unary(UnaryOp::Exp, difference, span);
        Shifted { max, difference, exp }
    }
}

struct Shifted {
    max: NodeId,
    difference: NodeId,
    exp: NodeId,
}
