//! The policy that acts, as a script writes it: a small program for the CPU, run once a step and environment.

use crate::cpu::CpuKernel;
use crate::error::CompileError;
use crate::graph::Graph;
use crate::layout::Layout;
use crate::lower::Lowered;
use crate::ops::NodeId;
use crate::reads::Reads;
use crate::simplify::{Marks, simplify};
use crate::stages::Stages;
use crate::verify::verify;

/// A script's `behave`, compiled. Immutable: threads may share it.
#[derive(Clone, Debug)]
pub struct Behaviour {
    kernel: CpuKernel,
}

impl Behaviour {
    /// `policy` is a node with one number per action, made of the online network's outputs at state 0.
    pub(crate) fn compile(graph: &Graph, policy: NodeId, layout: &Layout) -> Result<Self, CompileError> {
        let layout = Layout { batch: 1, ..layout.clone() };
        verify(graph, &[policy], &layout, Marks::Keep)?;
        let (graph, roots) = simplify(graph, &[policy], Marks::Drop)?;
        verify(&graph, &roots, &layout, Marks::Drop)?;
        let lowered = Lowered {
            stages: Stages::new(&graph, &roots),
            reads: Reads { online: vec![0], ..Reads::default() },
            loss: roots[0],
            metrics: Vec::new(),
            grads: Vec::new(),
            graph,
        };
        Ok(Self { kernel: CpuKernel::new(&lowered, &layout) })
    }

    /// Probabilities of the actions in one state, into `out`, `[actions]`: what `behave` returned, divided by
    /// its sum. `uniforms` are the live parameters, `[param_slots]`; `outputs` is one row of the online network,
    /// all heads. `scratch` is any vector that is kept from call to call; nothing else is allocated.
    ///
    /// # Errors
    /// What is wrong, if a result is negative or not finite, or if all are 0.
    ///
    /// # Panics
    /// If `uniforms` or `outputs` are shorter than the layout says.
    pub fn probabilities(
        &self,
        uniforms: &[f32],
        outputs: &[f32],
        scratch: &mut Vec<f32>,
        out: &mut [f32],
    ) -> Result<(), String> {
        self.kernel.value(uniforms, outputs, scratch, out);
        if let Some((action, value)) = out.iter().enumerate().find(|(_, p)| !(p.is_finite() && **p >= 0.0)) {
            return Err(format!("behave gives action {action} the probability {value}"));
        }
        let sum: f64 = out.iter().map(|&p| f64::from(p)).sum();
        if sum == 0.0 {
            return Err("behave gives every action the probability 0".to_owned());
        }
        for p in out {
            *p = (f64::from(*p) / sum) as f32;
        }
        Ok(())
    }
}
