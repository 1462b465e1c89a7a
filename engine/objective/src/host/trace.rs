//! What one run of a script fills, and how a registered function refuses.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use rhai::{Dynamic, EvalAltResult, Position};

use crate::clock::EvalStats;
use crate::graph::{Graph, MAX_NODES};
use crate::layout::Layout;
use crate::ops::{NodeId, Op, Span};
use crate::params::{Param, ParamKind};

use super::memory::Memory;
use super::operand::{Kind, Value};

/// Wall-clock limit of a run, for what few operations can make slow.
const MAX_TIME: Duration = Duration::from_secs(5);

/// Values a run may make, each of some dozen bytes. A path-consistency loss over 128 steps makes less than a
/// tenth.
const MAX_WORK: usize = 4_000_000;

/// Result of a registered function.
pub(crate) type Outcome = Result<Dynamic, Complaint>;

/// Why a registered function refuses. It travels through Rhai as the value of a runtime error.
#[derive(Clone, Debug)]
pub(crate) struct Complaint {
    pub message: String,
    pub hint: Option<String>,
    /// Where, if not at the call that refused.
    pub span: Option<Span>,
    /// Whether other plain numbers might have passed: a trial with made-up ones must not refuse a script
    /// for them.
    pub about_value: bool,
}

impl Complaint {
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), hint: None, span: None, about_value: false }
    }

    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    pub fn at(mut self, span: Span) -> Self {
        self.span = Some(span);
        self
    }

    pub fn about_value(mut self) -> Self {
        self.about_value = true;
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
    /// `schedule` and `on_eval`: plain numbers only.
    Steer,
    /// `reward`, on a traced reward.
    Reward,
    /// `target`, `loss` and `metrics`, on traced values.
    Trace,
    /// `behave`, on the traced outputs of one state.
    Behave,
}

impl Phase {
    /// Whether there are values in it that differ from sample to sample.
    pub fn is_traced(self) -> bool {
        matches!(self, Self::Reward | Self::Trace | Self::Behave)
    }
}

/// The state that the registered functions of one engine share.
pub(crate) struct Trace {
    pub phase: Phase,
    pub graph: Graph,
    pub layout: Layout,
    /// Parameters with the value each static one has in this trace.
    pub params: Vec<Param>,
    pub statics: BTreeMap<String, f64>,
    /// The rewards of the window as the script's `reward` makes them, if it has one.
    pub rewards: Option<Vec<Value>>,
    /// What `schedule` and `on_eval` are told.
    pub stats: Option<EvalStats>,
    /// Name and value of each `metric`.
    pub metrics: Vec<(String, NodeId)>,
    /// Place of the last call of any registered function: where an endless loop went round.
    pub last: Span,
    start: Instant,
    memory: Memory,
    /// Values looked at so far.
    work: usize,
}

impl Trace {
    /// For evaluating a file, `config()` and `params()`.
    pub fn for_load() -> Self {
        Self::plain(Phase::Load, Vec::new(), None)
    }

    /// For `schedule` and `on_eval`.
    pub fn for_steering(params: Vec<Param>, stats: EvalStats) -> Self {
        Self::plain(Phase::Steer, params, Some(stats))
    }

    fn plain(phase: Phase, params: Vec<Param>, stats: Option<EvalStats>) -> Self {
        let layout = Layout {
            batch: 1,
            actions: 1,
            window: 1,
            heads: Vec::new(),
            param_slots: 0,
            metric_slots: 0,
            workgroup: 1,
        };
        Self { stats, ..Self::new(phase, layout, params, BTreeMap::new()) }
    }

    /// For the functions that run on traced values; `statics` replaces defaults of static parameters and has
    /// been checked.
    pub fn new(phase: Phase, layout: Layout, params: Vec<Param>, statics: BTreeMap<String, f64>) -> Self {
        let live = params.iter().filter(|param| matches!(param.kind, ParamKind::Live { .. }));
        let names: Vec<String> = live.map(|param| param.name.clone()).collect();
        Self {
            phase,
            graph: Graph::new(layout.actions).with_params(names),
            layout,
            params,
            statics,
            rewards: None,
            stats: None,
            metrics: Vec::new(),
            last: Span::NONE,
            start: Instant::now(),
            memory: Memory::now(),
            work: 0,
        }
    }

    /// Records an operation.
    pub fn push(&mut self, op: Op, kind: Kind, at: Span) -> Value {
        let node = self.graph.push(op, at);
        self.value(node, kind)
    }

    /// A node as a value.
    pub fn value(&self, node: NodeId, kind: Kind) -> Value {
        Value { node, shape: self.graph.shape(node), kind }
    }

    /// Refuses to grow or to run without bound. To be called for every value that is made, since one
    /// operation of the interpreter may make as many as a list has elements.
    pub fn check_size(&mut self) -> Result<(), Complaint> {
        self.work += 1;
        if self.graph.len() > MAX_NODES {
            return Err(Complaint::new(format!("this script records more than {MAX_NODES} operations"))
                .hint("is there an endless loop? Every round of a loop is recorded anew"));
        }
        if self.work > MAX_WORK {
            return Err(endless(&format!("computes more than {MAX_WORK} values")));
        }
        let spent = if self.work.is_multiple_of(64) { self.spent() } else { None };
        match spent {
            Some(limit) => Err(endless(&format!("did not end within {limit}"))),
            None => Ok(()),
        }
    }

    /// The limit of time or memory that it ran into, if it did.
    pub fn spent(&self) -> Option<String> {
        if self.start.elapsed() > MAX_TIME {
            return Some(format!("{} seconds", MAX_TIME.as_secs()));
        }
        self.memory.is_spent().then(Memory::limit)
    }
}

/// The refusal of a script that ran into a limit of operations or time.
pub(crate) fn endless(what: &str) -> Complaint {
    Complaint::new(format!("the script {what}"))
        .hint("is there an endless loop? It runs once, on symbols, so a loop must end by plain numbers")
}
