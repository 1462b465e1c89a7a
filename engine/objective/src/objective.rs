//! From a traced graph to the two kernels: the passes in their order.

use std::sync::Arc;

use crate::cpu::CpuKernel;
use crate::error::CompileError;
use crate::fault::Fault;
use crate::graph::Graph;
use crate::inputs::Inputs;
use crate::layout::Layout;
use crate::lower::{Lowered, lower};
use crate::ops::NodeId;
use crate::reads::Reads;
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

impl Traced {
    /// Which nodes loss and metrics need, indexed by arena position; the rest was recorded and never used.
    pub fn used(&self) -> Vec<bool> {
        let metrics = self.metrics.iter().map(|(_, id)| *id);
        self.graph.live(&std::iter::once(self.loss).chain(metrics).collect::<Vec<_>>())
    }
}

/// A differentiated objective in both executable forms.
#[derive(Clone, Debug)]
pub struct Objective {
    layout: Layout,
    lowered: Arc<Lowered>,
    wgsl: String,
    cpu: CpuKernel,
    metric_names: Vec<String>,
}

impl Objective {
    /// Checks, simplifies, differentiates and emits a traced script for buffers of these sizes. The kernels
    /// compute loss, metrics, and the gradient of the batch's mean loss with respect to the outputs of the
    /// online network, in every state of the window that the loss lets one flow into.
    ///
    /// # Errors
    /// If the graph is not legal (shapes, sizes, numbers that no `f32` holds, too many batch means), or if the
    /// loss does not depend on the online network.
    pub fn compile(traced: Traced, layout: &Layout) -> Result<Self, CompileError> {
        let lowered = lower(traced, layout)?;
        let wgsl = wgsl::emit(&lowered, layout);
        wgsl::validate(&wgsl)?;
        Ok(Objective {
            cpu: CpuKernel::new(&lowered, layout),
            metric_names: lowered.metrics.iter().map(|(name, _)| name.clone()).collect(),
            wgsl,
            lowered: Arc::new(lowered),
            layout: layout.clone(),
        })
    }

    /// The GPU kernel's text, accepted by naga: entry point `objective`, to be run after `batch_means_0`,
    /// `batch_means_1`, … where there are [`phases`](Self::phases).
    pub fn wgsl(&self) -> &str {
        &self.wgsl
    }

    /// The CPU kernel.
    pub fn cpu(&self) -> &CpuKernel {
        &self.cpu
    }

    /// Forward passes whose outputs the kernels read, and where the gradient goes.
    pub fn reads(&self) -> &Reads {
        &self.lowered.reads
    }

    /// Entry points that compute batch means and run before `objective`, in order; 0 if there are none, at most
    /// [`MAX_PHASES`](crate::MAX_PHASES).
    pub fn phases(&self) -> usize {
        self.lowered.stages.phases()
    }

    /// Names of the metrics in slots 1, 2, …
    pub fn metric_names(&self) -> &[String] {
        &self.metric_names
    }

    /// Readable listing of loss, metrics and gradient, one node a line with its shape and place; names match
    /// those in the WGSL text.
    pub fn graph_text(&self) -> String {
        self.lowered.listing(&self.layout)
    }

    /// Replays a batch in `f32` and finds the operation that made a loss or its gradient NaN or infinite: a
    /// network output, else the first node of the graph, values before gradients. `None` if all are finite.
    ///
    /// # Panics
    /// If an input that the objective reads is shorter than its shape.
    pub fn fault(&self, inputs: &Inputs<f32>) -> Option<Fault> {
        self.lowered.fault(&self.layout, inputs)
    }
}
