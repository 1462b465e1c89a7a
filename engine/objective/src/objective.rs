//! From a traced graph to the two kernels: the passes in their order.

use crate::cpu::CpuKernel;
use crate::error::CompileError;
use crate::graph::Graph;
use crate::layout::Layout;
use crate::lower::lower;
use crate::ops::NodeId;
use crate::wgsl;

/// What one run of a script on symbolic values leaves behind.
#[derive(Clone, Debug)]
pub struct Traced {
    /// The expressions.
    pub graph: Graph,
    /// Loss of one sample; scalar. The backup target inside it is already stopped.
    pub loss: NodeId,
    /// Named scalars to report beside the loss, in slots 1, 2, …
    pub metrics: Vec<(String, NodeId)>,
}

/// The forward passes an objective reads, beside the online network at `s_t`, which always runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Reads {
    /// Online network at the bootstrap state.
    pub online_next: bool,
    /// Target network at `s_t`.
    pub target: bool,
    /// Target network at the bootstrap state.
    pub target_next: bool,
}

/// A differentiated objective in both executable forms.
#[derive(Clone, Debug)]
pub struct Objective {
    wgsl: String,
    cpu: CpuKernel,
    reads: Reads,
    metric_names: Vec<String>,
    graph_text: String,
}

impl Objective {
    /// Checks, simplifies, differentiates and emits a traced script for buffers of these sizes. The kernels
    /// compute loss, metrics, and the gradient of the batch's mean loss with respect to the online outputs.
    ///
    /// # Errors
    /// If the graph is not legal (shapes, sizes, numbers that no `f32` holds), if the loss does not depend on
    /// the online network at `s_t`, or if a gradient would flow into it at the bootstrap state.
    pub fn compile(traced: Traced, layout: &Layout) -> Result<Self, CompileError> {
        let lowered = lower(traced, layout)?;
        let wgsl = wgsl::emit(&lowered, layout);
        wgsl::validate(&wgsl)?;
        Ok(Objective {
            cpu: CpuKernel::new(&lowered, layout),
            reads: lowered.reads(),
            graph_text: lowered.listing(),
            metric_names: lowered.metrics.into_iter().map(|(name, _)| name).collect(),
            wgsl,
        })
    }

    /// The GPU kernel's text, entry point `objective`; accepted by naga.
    pub fn wgsl(&self) -> &str {
        &self.wgsl
    }

    /// The CPU kernel.
    pub fn cpu(&self) -> &CpuKernel {
        &self.cpu
    }

    /// Forward passes whose outputs the kernels read.
    pub fn passes(&self) -> Reads {
        self.reads
    }

    /// Names of the metrics in slots 1, 2, …
    pub fn metric_names(&self) -> &[String] {
        &self.metric_names
    }

    /// Readable listing of loss, metrics and gradient, one node a line with its shape and place; names match
    /// those in the WGSL text.
    pub fn graph_text(&self) -> String {
        self.graph_text.clone()
    }
}
