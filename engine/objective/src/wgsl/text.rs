//! WGSL expressions as text: literals, and parentheses where the grammar or the order of rounding needs them.

use crate::ops::CmpOp;

/// What an expression is in WGSL. The graph knows numbers only; a truth stays a `bool` and an action a `u32`
/// until an operation wants a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Float,
    Bool,
    Index,
}

/// How tightly an expression binds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Tie {
    Logic,
    Compare,
    Sum,
    Product,
    Minus,
    Atom,
}

/// An expression.
#[derive(Clone, Debug)]
pub(super) struct Text {
    pub(super) text: String,
    pub(super) kind: Kind,
    tie: Tie,
}

impl Text {
    /// A name, a call or an indexed buffer.
    pub(super) fn atom(text: impl Into<String>, kind: Kind) -> Self {
        Text { text: text.into(), kind, tie: Tie::Atom }
    }

    /// A float literal that reads back as the same `f32`. The verifier lets no other constant come this far.
    pub(super) fn literal(value: f64) -> Self {
        let single = value as f32;
        let tie = if single.is_sign_negative() { Tie::Minus } else { Tie::Atom };
        Text { text: format!("{single:?}"), kind: Kind::Float, tie }
    }

    /// A function that returns a number.
    pub(super) fn call(function: &str, arguments: &[Text]) -> Self {
        let arguments: Vec<&str> = arguments.iter().map(|argument| argument.text.as_str()).collect();
        Text::atom(format!("{function}({})", arguments.join(", ")), Kind::Float)
    }

    pub(super) fn minus(self) -> Self {
        Text { text: format!("-{}", self.within(Tie::Atom)), kind: Kind::Float, tie: Tie::Minus }
    }

    /// `x + y`, `x - y`. The right side keeps its parentheses: `x + (y + z)` rounds differently from
    /// `x + y + z`.
    pub(super) fn sum(self, sign: char, right: Text) -> Self {
        self.infix(sign, right, Tie::Sum)
    }

    /// `x * y`, `x / y`
    pub(super) fn product(self, sign: char, right: Text) -> Self {
        self.infix(sign, right, Tie::Product)
    }

    fn infix(self, sign: char, right: Text, tie: Tie) -> Self {
        let text = format!("{} {sign} {}", self.within(tie), right.within(tie.next()));
        Text { text, kind: Kind::Float, tie }
    }

    pub(super) fn compare(self, op: CmpOp, right: Text) -> Self {
        let text = format!("{} {} {}", self.within(Tie::Sum), op.symbol(), right.within(Tie::Sum));
        Text { text, kind: Kind::Bool, tie: Tie::Compare }
    }

    /// `x && y`, `x || y`; WGSL does not let the two mix without parentheses.
    pub(super) fn logic(self, sign: &str, right: Text) -> Self {
        let text = format!("{} {sign} {}", self.within(Tie::Compare), right.within(Tie::Compare));
        Text { text, kind: Kind::Bool, tie: Tie::Logic }
    }

    pub(super) fn not(self) -> Self {
        Text { text: format!("!{}", self.within(Tie::Atom)), kind: Kind::Bool, tie: Tie::Minus }
    }

    /// As a number.
    pub(super) fn float(self) -> Self {
        match self.kind {
            Kind::Float => self,
            Kind::Bool => Text::call("select", &[Text::literal(0.0), Text::literal(1.0), self]),
            Kind::Index => Text::call("f32", &[self]),
        }
    }

    /// As a truth: any number but 0.
    pub(super) fn truth(self) -> Self {
        match self.kind {
            Kind::Float => self.compare(CmpOp::Ne, Text::literal(0.0)),
            Kind::Bool => self,
            Kind::Index => self.compare(CmpOp::Ne, Text::atom("0u", Kind::Index)),
        }
    }

    /// As an action in `0..ACTIONS`.
    pub(super) fn index(self) -> Self {
        match self.kind {
            Kind::Index => self,
            Kind::Float | Kind::Bool => {
                Text::atom(format!("min(u32({}), ACTIONS - 1u)", self.text), Kind::Index)
            }
        }
    }

    fn within(&self, tie: Tie) -> String {
        if self.tie < tie { format!("({})", self.text) } else { self.text.clone() }
    }
}

impl Tie {
    fn next(self) -> Tie {
        match self {
            Tie::Logic => Tie::Compare,
            Tie::Compare => Tie::Sum,
            Tie::Sum => Tie::Product,
            Tie::Product => Tie::Minus,
            Tie::Minus | Tie::Atom => Tie::Atom,
        }
    }
}
