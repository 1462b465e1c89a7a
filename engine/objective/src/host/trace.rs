//! What one run of a script fills, and how a registered function refuses.

use std::collections::BTreeMap;

use rhai::{Dynamic, EvalAltResult, Position};

use crate::graph::{Graph, MAX_NODES};
use crate::layout::Layout;
use crate::ops::{NodeId, Op, Span};
use crate::params::Param;

use super::operand::{Kind, Value};

/// Result of a registered function.
pub(crate) type Outcome = Result<Dynamic, Complaint>;

/// Why a registered function refuses. It travels through Rhai as the value of a runtime error.
#[derive(Clone, Debug)]
pub(crate) struct Complaint {
    pub message: String,
    pub hint: Option<String>,
    /// Where, if not at the call that refused.
    pub span: Option<Span>,
}

impl Complaint {
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), hint: None, span: None }
    }

    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    pub fn at(mut self, span: Span) -> Self {
        self.span = Some(span);
        self
    }

    pub fn into_error(self, position: Position) -> Box<EvalAltResult> {
        EvalAltResult::ErrorRuntime(Dynamic::from(self), position).into()
    }
}

/// Which of the script's functions runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// The file itself, `config()` and `params()`: plain numbers only.
    Load,
    /// `target` and `loss`, on traced values.
    Trace,
}

/// The state that the registered functions of one engine share.
pub(crate) struct Trace {
    pub phase: Phase,
    pub graph: Graph,
    pub layout: Layout,
    /// Parameters with the value each static one has in this trace.
    pub params: Vec<Param>,
    pub statics: BTreeMap<String, f64>,
    /// Name and value of each `metric`.
    pub metrics: Vec<(String, NodeId)>,
    /// Place of the last call of any registered function: where an endless loop went round.
    pub last: Span,
}

impl Trace {
    /// For evaluating a file, `config()` and `params()`.
    pub fn for_load() -> Self {
        let layout = Layout {
            batch: 1,
            actions: 1,
            window: 1,
            heads: Vec::new(),
            param_slots: 0,
            metric_slots: 0,
            workgroup: 1,
        };
        Self::new(Phase::Load, layout, Vec::new(), BTreeMap::new())
    }

    /// For `target` and `loss`; `statics` replaces defaults of static parameters and has been checked.
    pub fn for_trace(layout: Layout, params: Vec<Param>, statics: BTreeMap<String, f64>) -> Self {
        Self::new(Phase::Trace, layout, params, statics)
    }

    fn new(phase: Phase, layout: Layout, params: Vec<Param>, statics: BTreeMap<String, f64>) -> Self {
        let graph = Graph::new(layout.actions);
        Self { phase, graph, layout, params, statics, metrics: Vec::new(), last: Span::NONE }
    }

    /// Records an operation.
    pub fn push(&mut self, op: Op, kind: Kind, at: Span) -> Value {
        Value { node: self.graph.push(op, at), kind }
    }

    /// Refuses to grow without bound.
    pub fn check_size(&self) -> Result<(), Complaint> {
        if self.graph.len() <= MAX_NODES {
            return Ok(());
        }
        Err(Complaint::new(format!("this script records more than {MAX_NODES} operations"))
            .hint("is there an endless loop? Every round of a loop is recorded anew"))
    }
}
