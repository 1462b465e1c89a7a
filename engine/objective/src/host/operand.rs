//! The values a script computes with, and what each may be used for.

use std::rc::Rc;

use rhai::Dynamic;

use crate::ops::{NodeId, Shape};

use super::plain;
use super::records::Record;

/// A traced value: a node of the graph, and what it means. To a script it is one number per sample, or one
/// number per sample and action.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Value {
    pub node: NodeId,
    /// That of the node.
    pub shape: Shape,
    pub kind: Kind,
}

/// What a traced value means, beyond its number. Kept so that an index, a condition or a policy is only
/// accepted where one was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Any number.
    Number,
    /// Outcome of a comparison: 0 or 1.
    Condition,
    /// A stored 0 or 1, such as `t.terminated`: both a number and a condition.
    Flag,
    /// Index of an action.
    Action,
    /// `softmax` of these logits.
    Probabilities(NodeId),
    /// `log_softmax` of these logits.
    LogProbabilities(NodeId),
}

/// One traced value per step of the window, all of one shape: the step axis is a list on this side, not a
/// dimension of the graph.
#[derive(Clone, Debug)]
pub(crate) struct Steps(pub Rc<[Value]>);

impl Steps {
    /// The axes beside `step`: those of each element.
    pub fn shape(&self) -> Shape {
        self.0.first().map_or(Shape::Scalar, |value| value.shape)
    }

    /// Whether every element has one of these kinds.
    pub fn all(&self, kind: impl Fn(Kind) -> bool) -> bool {
        self.0.iter().all(|value| kind(value.kind))
    }
}

impl FromIterator<Value> for Steps {
    fn from_iter<I: IntoIterator<Item = Value>>(values: I) -> Self {
        Self(values.into_iter().collect())
    }
}

impl IntoIterator for Steps {
    type Item = Value;
    type IntoIter = std::vec::IntoIter<Value>;

    fn into_iter(self) -> Self::IntoIter {
        Vec::from(&*self.0).into_iter()
    }
}

/// An argument, sorted by what can be done with it.
#[derive(Clone, Debug)]
pub(crate) enum Operand {
    Int(i64),
    Float(f64),
    Bool(bool),
    Text(String),
    One(Value),
    Steps(Steps),
    List(Vec<Operand>),
    /// Nothing that can be computed with; the text says what it is.
    Other(String),
}

impl Operand {
    pub fn read(value: Dynamic) -> Self {
        let value = value.flatten();
        if let Ok(int) = value.as_int() {
            return Self::Int(int);
        }
        if let Ok(float) = value.as_float() {
            return Self::Float(float);
        }
        if let Ok(truth) = value.as_bool() {
            return Self::Bool(truth);
        }
        if let Some(one) = value.read_lock::<Value>() {
            return Self::One(*one);
        }
        if let Some(steps) = value.read_lock::<Steps>() {
            return Self::Steps(steps.clone());
        }
        if let Some(list) = value.read_lock::<rhai::Array>() {
            return Self::List(list.iter().cloned().map(Self::read).collect());
        }
        if let Some(record) = value.read_lock::<Record>() {
            return Self::Other(format!("the record `{}`", record.name()));
        }
        if value.is_string() || value.is_char() {
            return Self::Text(value.to_string());
        }
        let kind = match () {
            () if value.is_unit() => NOTHING.to_owned(),
            () if value.is_map() => "a map".to_owned(),
            () if value.is_fnptr() => "a function".to_owned(),
            () if value.type_name().contains("Range") => "a range".to_owned(),
            () => format!("a {}", value.type_name().rsplit("::").next().unwrap_or("value")),
        };
        Self::Other(kind)
    }

    /// Whether it is `()`: what a `let` or a loop leaves behind.
    pub fn is_nothing(&self) -> bool {
        matches!(self, Self::Other(kind) if kind == NOTHING)
    }

    /// A number that the script knows while it runs.
    pub fn plain(&self) -> Option<f64> {
        match self {
            Self::Int(int) => Some(*int as f64),
            Self::Float(float) => Some(*float),
            _ => None,
        }
    }

    /// Whether any part of it is traced.
    pub fn is_traced(&self) -> bool {
        match self {
            Self::One(_) | Self::Steps(_) => true,
            Self::List(items) => items.iter().any(Self::is_traced),
            _ => false,
        }
    }

    /// For sentences: "expected a number, found …".
    pub fn describe(&self) -> String {
        match self {
            Self::Int(int) => format!("the number {int}"),
            Self::Float(float) => format!("the number {}", plain::show(*float)),
            Self::Bool(truth) => truth.to_string(),
            Self::Text(text) => format!("the text {text:?}"),
            Self::One(value) => value.describe().to_owned(),
            Self::Steps(steps) if steps.shape() == Shape::Action => {
                format!("{} steps of one number per action", steps.0.len())
            }
            Self::Steps(steps) => format!("a list of {} steps", steps.0.len()),
            Self::List(items) => format!("a list of {}", items.len()),
            Self::Other(kind) => kind.clone(),
        }
    }
}

const NOTHING: &str = "nothing";

impl Value {
    fn describe(self) -> &'static str {
        match (self.kind, self.shape) {
            (Kind::Condition, Shape::Scalar) => "a condition",
            (Kind::Condition, Shape::Action) => "one condition per action",
            (Kind::Action, _) => "an action",
            (_, Shape::Scalar) => "a traced number",
            (_, Shape::Action) => "one number per action",
        }
    }
}
