//! From a script to what a device runs: the one place where the script compiler and the devices meet.

use crate::config::Config;
use crate::failure::Failure;
use crate::params::{self, Values};
use kelvin_compute::objective as device;
use kelvin_compute::{CpuObjective, ObjectiveIo, ObjectiveKernel, Reads};
use kelvin_objective::{Behaviour, KernelIo, Layout, Objective, PARAM_SLOTS, ParamKind, Script};
use std::sync::Arc;

// What the script compiler bakes into a kernel is what devices make room for.
const _: () = {
    assert!(kelvin_objective::PARAM_SLOTS == device::PARAM_SLOTS);
    assert!(kelvin_objective::METRIC_SLOTS == device::METRIC_SLOTS);
    assert!(kelvin_objective::STAT_SLOTS == device::STAT_SLOTS);
    assert!(kelvin_objective::MAX_PHASES == device::MAX_PHASES);
    assert!(kelvin_objective::WORKGROUP == device::WORKGROUP);
};

/// The shapes an objective is staged for.
pub fn layout(config: &Config, actions: usize) -> Layout {
    let heads = config.heads.iter().map(|head| (*head).into()).collect();
    Layout::of_run(config.batch, actions, config.n, heads)
}

/// A script staged for one configuration.
#[derive(Clone)]
pub struct Staged {
    /// What was compiled.
    pub script: Script,
    objective: Arc<Objective>,
    behaviour: Option<Behaviour>,
}

impl Staged {
    /// Traces and compiles `script` with the static ones of these parameter values.
    pub fn new(script: Script, layout: &Layout, values: &Values) -> Result<Self, Failure> {
        let statics = params::statics(&script, values);
        let objective = Arc::new(script.compile(layout, &statics)?);
        let behaviour = script.behaviour(layout, &statics)?;
        Ok(Self { script, objective, behaviour })
    }

    /// Both forms of the kernel, for a device.
    pub fn kernel(&self) -> ObjectiveKernel {
        kernel(&self.objective)
    }

    /// The states whose outputs the kernel reads.
    pub fn reads(&self) -> Reads {
        reads(&self.objective)
    }

    /// The graph and its gradient, as a listing.
    pub fn graph_text(&self) -> String {
        self.objective.graph_text()
    }

    /// The compiled objective.
    pub fn objective(&self) -> &Objective {
        &self.objective
    }

    /// The policy that the script acts by, if it says so.
    pub fn behaviour(&self) -> Option<&Behaviour> {
        self.behaviour.as_ref()
    }

    /// Names of what the kernel reports, the loss first.
    pub fn metric_names(&self) -> Vec<String> {
        std::iter::once("loss".to_owned()).chain(self.objective.metric_names().iter().cloned()).collect()
    }

    /// The kernel's uniforms for these parameter values.
    pub fn uniforms(&self, values: &Values) -> Vec<f32> {
        let mut uniforms = vec![0.0; PARAM_SLOTS];
        for param in self.script.params() {
            if let ParamKind::Live { slot } = param.kind {
                uniforms[slot] = values.get(&param.name).copied().unwrap_or(param.default) as f32;
            }
        }
        uniforms
    }
}

/// Both forms of a compiled objective, for a device.
pub fn kernel(objective: &Arc<Objective>) -> ObjectiveKernel {
    ObjectiveKernel {
        wgsl: objective.wgsl().to_owned(),
        cpu: Arc::new(OnCpu(Arc::clone(objective))),
        reads: reads(objective),
        phases: objective.phases(),
    }
}

fn reads(objective: &Objective) -> Reads {
    let reads = objective.reads();
    Reads { trained: reads.trained.clone(), online: reads.online.clone(), target: reads.target.clone() }
}

struct OnCpu(Arc<Objective>);

impl CpuObjective for OnCpu {
    fn run(&self, io: ObjectiveIo<'_>) {
        self.0.cpu().run(KernelIo {
            uniforms: io.uniforms,
            samples: io.samples,
            trained: io.trained,
            online: io.online,
            target: io.target,
            grad: io.grad,
            metrics: io.metrics,
        });
    }
}
