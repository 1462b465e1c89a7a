//! From a script to what a device runs: the one place where the script compiler and the devices meet.

use crate::config::Config;
use crate::failure::Failure;
use kelvin_compute::objective::{METRIC_SLOTS, PARAM_SLOTS, WORKGROUP};
use kelvin_compute::{CpuObjective, ObjectiveIo, ObjectiveKernel, Passes};
use kelvin_objective::{KernelIo, Layout, Objective, ParamKind, Script};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The shapes an objective is staged for.
pub fn layout(config: &Config, actions: usize) -> Layout {
    Layout {
        batch: config.batch,
        actions,
        window: config.n,
        heads: config.heads.iter().map(|head| (*head).into()).collect(),
        param_slots: PARAM_SLOTS,
        metric_slots: METRIC_SLOTS,
        workgroup: WORKGROUP,
    }
}

/// A script staged for one configuration.
pub struct Staged {
    /// What was compiled.
    pub script: Script,
    objective: Arc<Objective>,
}

impl Staged {
    /// Traces and compiles `script`.
    pub fn new(script: Script, layout: &Layout, params: &BTreeMap<String, f64>) -> Result<Self, Failure> {
        let objective = script.compile(layout, &static_params(&script, params))?;
        Ok(Self { script, objective: Arc::new(objective) })
    }

    /// Both forms of the kernel, for a device.
    pub fn kernel(&self) -> ObjectiveKernel {
        let reads = self.objective.passes();
        ObjectiveKernel {
            wgsl: self.objective.wgsl().to_owned(),
            cpu: Arc::new(OnCpu(Arc::clone(&self.objective))),
            passes: Passes {
                online_next: reads.online_next,
                target: reads.target,
                target_next: reads.target_next,
            },
        }
    }

    /// The graph and its gradient, as a listing.
    pub fn graph_text(&self) -> String {
        self.objective.graph_text()
    }

    /// Names of what the kernel reports, the loss first.
    pub fn metric_names(&self) -> Vec<String> {
        std::iter::once("loss".to_owned()).chain(self.objective.metric_names().iter().cloned()).collect()
    }

    /// The kernel's uniforms for these parameter values.
    pub fn uniforms(&self, params: &BTreeMap<String, f64>) -> Vec<f32> {
        let mut uniforms = vec![0.0; PARAM_SLOTS];
        for param in self.script.params() {
            if let ParamKind::Live { slot } = param.kind {
                uniforms[slot] = params.get(&param.name).copied().unwrap_or(param.default) as f32;
            }
        }
        uniforms
    }
}

/// A script's parameters at its defaults, save those that were pinned by hand. A pinned value outside the
/// range that the script now gives is an error.
pub fn param_values(script: &Script, config: &Config) -> Result<BTreeMap<String, f64>, Failure> {
    let mut values = BTreeMap::new();
    for param in script.params() {
        let pinned = config.params.get(&param.name).filter(|_| config.pinned.contains(&param.name));
        let value = *pinned.unwrap_or(&param.default);
        param.check(value).map_err(|message| {
            script.diagnostic(
                format!("--set {}={value} does not fit this version: {message}", param.name),
                "widen the parameter's range, or start a new run",
            )
        })?;
        values.insert(param.name.clone(), value);
    }
    Ok(values)
}

fn static_params(script: &Script, params: &BTreeMap<String, f64>) -> BTreeMap<String, f64> {
    let is_static = |name: &str| {
        script
            .params()
            .iter()
            .any(|param| param.name == name && !matches!(param.kind, ParamKind::Live { .. }))
    };
    params.iter().filter(|(name, _)| is_static(name)).map(|(name, value)| (name.clone(), *value)).collect()
}

struct OnCpu(Arc<Objective>);

impl CpuObjective for OnCpu {
    fn run(&self, io: ObjectiveIo<'_>) {
        self.0.cpu().run(KernelIo {
            uniforms: io.uniforms,
            samples: io.samples,
            online: io.online,
            online_next: io.online_next,
            target: io.target,
            target_next: io.target_next,
            grad: io.grad,
            metrics: io.metrics,
        });
    }
}
