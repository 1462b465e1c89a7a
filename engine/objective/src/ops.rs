//! The vocabulary of the graph: every operation a traced objective can hold.
//!
//! Each value belongs to one sample and is either a number or one number per action ([`Shape`]). The passes
//! match these enums exhaustively, so an operation without a gradient rule, a WGSL form or a CPU form does
//! not compile.

pub use crate::leaf::{Field, Head, Net, Pass};

/// Index of a node in its [`Graph`](crate::Graph).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(pub(crate) u32);

impl NodeId {
    /// Position in the arena; operands always come before their users.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// Shape of a value, per sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Shape {
    /// One number.
    Scalar,
    /// One number per action, `[actions]`.
    Action,
}

impl Shape {
    /// Shape of an elementwise operation on two values: a scalar is repeated along the action axis.
    pub fn broadcast(self, other: Shape) -> Shape {
        self.max(other)
    }

    /// `"scalar"` or `"action"`.
    pub fn name(self) -> &'static str {
        match self {
            Shape::Scalar => "scalar",
            Shape::Action => "action",
        }
    }
}

/// Place in a script; lines and columns count from 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Span {
    /// Index into the script's list of sources; 0 is the script itself, the rest its imports.
    pub file: u16,
    /// Line, 0 in [`Span::NONE`].
    pub line: u32,
    /// Column in characters, 0 in [`Span::NONE`].
    pub column: u32,
}

impl Span {
    /// No place: a node that no script line asked for by itself, such as a shared constant.
    pub const NONE: Span = Span { file: 0, line: 0, column: 0 };

    /// Whether this is [`Span::NONE`].
    pub fn is_none(self) -> bool {
        self.line == 0
    }
}

impl std::fmt::Display for Span {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (self.is_none(), self.file) {
            (true, _) => Ok(()),
            (false, 0) => write!(f, "{}:{}", self.line, self.column),
            (false, file) => write!(f, "import {file}, {}:{}", self.line, self.column),
        }
    }
}

/// Elementwise functions of one value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum UnaryOp {
    /// `-x`
    Neg,
    /// `e^x`
    Exp,
    /// Natural logarithm.
    Log,
    /// Square root.
    Sqrt,
    /// `|x|`; its derivative at 0 is taken as 0.
    Abs,
    /// Hyperbolic tangent.
    Tanh,
    /// `1 / (1 + e^-x)`
    Sigmoid,
}

impl UnaryOp {
    /// All of them, for tests that go through the vocabulary.
    pub const ALL: [UnaryOp; 7] = [
        UnaryOp::Neg,
        UnaryOp::Exp,
        UnaryOp::Log,
        UnaryOp::Sqrt,
        UnaryOp::Abs,
        UnaryOp::Tanh,
        UnaryOp::Sigmoid,
    ];

    /// Name in listings.
    pub fn name(self) -> &'static str {
        match self {
            UnaryOp::Neg => "neg",
            UnaryOp::Exp => "exp",
            UnaryOp::Log => "log",
            UnaryOp::Sqrt => "sqrt",
            UnaryOp::Abs => "abs",
            UnaryOp::Tanh => "tanh",
            UnaryOp::Sigmoid => "sigmoid",
        }
    }
}

/// Elementwise functions of two values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BinaryOp {
    /// `x + y`
    Add,
    /// `x - y`
    Sub,
    /// `x * y`
    Mul,
    /// `x / y`
    Div,
    /// The smaller one; on a tie the gradient goes to `x`.
    Min,
    /// The larger one; on a tie the gradient goes to `x`.
    Max,
    /// `x^y` for `x >= 0`; a negative base is not a number. [`Graph::pow`](crate::Graph::pow) expands whole
    /// exponents to products, which are right for any base.
    Pow,
}

impl BinaryOp {
    /// All of them, for tests that go through the vocabulary.
    pub const ALL: [BinaryOp; 7] = [
        BinaryOp::Add,
        BinaryOp::Sub,
        BinaryOp::Mul,
        BinaryOp::Div,
        BinaryOp::Min,
        BinaryOp::Max,
        BinaryOp::Pow,
    ];

    /// Name in listings.
    pub fn name(self) -> &'static str {
        match self {
            BinaryOp::Add => "add",
            BinaryOp::Sub => "sub",
            BinaryOp::Mul => "mul",
            BinaryOp::Div => "div",
            BinaryOp::Min => "min",
            BinaryOp::Max => "max",
            BinaryOp::Pow => "pow",
        }
    }
}

/// Comparisons; the result is 0 or 1 and has no gradient.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CmpOp {
    /// `x < y`
    Lt,
    /// `x <= y`
    Le,
    /// `x > y`
    Gt,
    /// `x >= y`
    Ge,
    /// `x == y`
    Eq,
    /// `x != y`
    Ne,
}

impl CmpOp {
    /// All of them, for tests that go through the vocabulary.
    pub const ALL: [CmpOp; 6] = [CmpOp::Lt, CmpOp::Le, CmpOp::Gt, CmpOp::Ge, CmpOp::Eq, CmpOp::Ne];

    /// The operator, in scripts, listings and WGSL alike.
    pub fn symbol(self) -> &'static str {
        match self {
            CmpOp::Lt => "<",
            CmpOp::Le => "<=",
            CmpOp::Gt => ">",
            CmpOp::Ge => ">=",
            CmpOp::Eq => "==",
            CmpOp::Ne => "!=",
        }
    }
}

/// Reductions over the action axis. Log-sum-exp is not among them: it is
/// [`Graph::log_sum_exp`](crate::Graph::log_sum_exp), built from these two, so that its gradient and every
/// kernel share the shifted exponentials.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ReduceOp {
    /// Sum, in action order.
    Sum,
    /// Maximum; the subgradient goes to the first maximal action.
    Max,
}

impl ReduceOp {
    /// All of them, for tests that go through the vocabulary.
    pub const ALL: [ReduceOp; 2] = [ReduceOp::Sum, ReduceOp::Max];

    /// Name in listings.
    pub fn name(self) -> &'static str {
        match self {
            ReduceOp::Sum => "sum",
            ReduceOp::Max => "max",
        }
    }
}

/// One node. Truth values are the numbers 0 and 1; any other number counts as true.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Op {
    /// A number, as the bits of an `f64` so that nodes can be hashed; see [`Op::constant`].
    Const(u64),
    /// Live parameter in this slot of the uniform buffer. Scalar.
    Param(usize),
    /// A stored number of the sample. Scalar.
    Sample(Field),
    /// A network output; the head's shape.
    Output(Pass, Head),
    /// Elementwise function.
    Unary(UnaryOp, NodeId),
    /// Elementwise function, broadcasting.
    Binary(BinaryOp, NodeId, NodeId),
    /// 1 where the comparison holds, else 0, broadcasting.
    Compare(CmpOp, NodeId, NodeId),
    /// Both true, broadcasting.
    And(NodeId, NodeId),
    /// Either true, broadcasting.
    Or(NodeId, NodeId),
    /// Not true.
    Not(NodeId),
    /// `Select(condition, if_true, if_false)`, broadcasting. The side not taken has no influence, not even
    /// when it is NaN.
    Select(NodeId, NodeId, NodeId),
    /// `At(x, index)`: the element of an action-shaped `x` at a scalar index. Scalar.
    At(NodeId, NodeId),
    /// 1 at the given scalar index, else 0. Action-shaped.
    OneHot(NodeId),
    /// Reduction over the actions. Scalar.
    Reduce(ReduceOp, NodeId),
    /// First index of the maximum over the actions. Scalar, no gradient.
    ArgMax(NodeId),
    /// Mean of a scalar over the samples of the batch: the same number for each of them. Scalar.
    BatchMean(NodeId),
    /// The value, without its gradient.
    StopGradient(NodeId),
    /// `ScaleGradient(x, factor)`: the value of `x`; the gradient is multiplied by the scalar `factor`, into
    /// which no gradient flows.
    ScaleGradient(NodeId, NodeId),
}

impl Op {
    /// A number.
    pub fn constant(value: f64) -> Op {
        Op::Const(value.to_bits())
    }

    /// Name in listings, without the operands: `mul`, `<`, `reduce_max`; of a leaf, what it is.
    pub fn name(&self) -> &'static str {
        match *self {
            Op::Const(_) => "constant",
            Op::Param(_) => "live parameter",
            Op::Sample(_) => "stored with the sample",
            Op::Output(..) => "network output",
            Op::Unary(op, _) => op.name(),
            Op::Binary(op, ..) => op.name(),
            Op::Compare(op, ..) => op.symbol(),
            Op::And(..) => "and",
            Op::Or(..) => "or",
            Op::Not(_) => "not",
            Op::Select(..) => "select",
            Op::At(..) => "at",
            Op::OneHot(_) => "one_hot",
            Op::Reduce(ReduceOp::Sum, _) => "reduce_sum",
            Op::Reduce(ReduceOp::Max, _) => "reduce_max",
            Op::ArgMax(_) => "argmax",
            Op::BatchMean(_) => "batch_mean",
            Op::StopGradient(_) => "stop_gradient",
            Op::ScaleGradient(..) => "scale_gradient",
        }
    }

    /// The number, if this is one.
    pub fn as_constant(&self) -> Option<f64> {
        match self {
            Op::Const(bits) => Some(f64::from_bits(*bits)),
            _ => None,
        }
    }

    /// The nodes it reads, in order.
    pub fn operands(&self) -> impl Iterator<Item = NodeId> + use<> {
        let slots: [Option<NodeId>; 3] = match *self {
            Op::Const(_) | Op::Param(_) | Op::Sample(_) | Op::Output(..) => [None; 3],
            Op::Unary(_, a)
            | Op::Not(a)
            | Op::OneHot(a)
            | Op::Reduce(_, a)
            | Op::ArgMax(a)
            | Op::BatchMean(a)
            | Op::StopGradient(a) => [Some(a), None, None],
            Op::Binary(_, a, b)
            | Op::Compare(_, a, b)
            | Op::And(a, b)
            | Op::Or(a, b)
            | Op::At(a, b)
            | Op::ScaleGradient(a, b) => [Some(a), Some(b), None],
            Op::Select(a, b, c) => [Some(a), Some(b), Some(c)],
        };
        slots.into_iter().flatten()
    }

    /// The same operation on other operands.
    pub fn map(&self, mut f: impl FnMut(NodeId) -> NodeId) -> Op {
        match *self {
            Op::Const(_) | Op::Param(_) | Op::Sample(_) | Op::Output(..) => *self,
            Op::Unary(op, a) => Op::Unary(op, f(a)),
            Op::Binary(op, a, b) => Op::Binary(op, f(a), f(b)),
            Op::Compare(op, a, b) => Op::Compare(op, f(a), f(b)),
            Op::And(a, b) => Op::And(f(a), f(b)),
            Op::Or(a, b) => Op::Or(f(a), f(b)),
            Op::Not(a) => Op::Not(f(a)),
            Op::Select(c, a, b) => Op::Select(f(c), f(a), f(b)),
            Op::At(x, i) => Op::At(f(x), f(i)),
            Op::OneHot(i) => Op::OneHot(f(i)),
            Op::Reduce(op, x) => Op::Reduce(op, f(x)),
            Op::ArgMax(x) => Op::ArgMax(f(x)),
            Op::BatchMean(x) => Op::BatchMean(f(x)),
            Op::StopGradient(x) => Op::StopGradient(f(x)),
            Op::ScaleGradient(x, k) => Op::ScaleGradient(f(x), f(k)),
        }
    }
}
