//! The objective's kernel: the one that comes from outside, and may change while a run goes on.
//!
//! Its bind-group layout is fixed by [`crate::objective`], all eight bindings whether a text uses them or
//! not, so a new kernel is a few new pipelines and nothing else: one for each of its passes of batch means, which
//! all bind the same group, and one for the objective. Each writes to a buffer of that group, so wgpu puts a
//! barrier between any two of them.

use super::context::Context;
use super::executor::PlanBuffer;
use super::validate;
use crate::objective::{MAX_PHASES, WORKGROUP};
use crate::{CompiledObjective, Error, ObjectiveBufs, ObjectiveCompiler, ObjectiveKernel};
use std::sync::Arc;
use wgpu::BufferBindingType::{Storage, Uniform};
use wgpu::BufferUsages;

/// Name of the last entry point, and of the kernel in errors.
const ENTRY_POINT: &str = "objective";

/// Name of the entry point of a pass of batch means.
fn phase_name(phase: usize) -> String {
    format!("batch_means_{phase}")
}

/// The fixed layout, and stand-in buffers to try a kernel on.
pub(super) struct ObjectiveLayout {
    group: wgpu::BindGroupLayout,
    pipeline: wgpu::PipelineLayout,
    /// Over buffers of the plan's lengths that nothing else uses; `None` without an objective.
    trial: Option<ObjectiveDispatch>,
}

/// The op without its pipelines, which change.
pub(super) struct ObjectiveDispatch {
    bind_group: wgpu::BindGroup,
    groups: u32,
}

/// The pipelines of one kernel.
pub(super) struct ObjectivePipelines {
    phases: Vec<wgpu::ComputePipeline>,
    objective: wgpu::ComputePipeline,
}

impl ObjectivePipelines {
    /// Records all dispatches, in order.
    pub(super) fn record(&self, pass: &mut wgpu::ComputePass<'_>, over: &ObjectiveDispatch) {
        pass.set_bind_group(0, &over.bind_group, &[]);
        for phase in &self.phases {
            pass.set_pipeline(phase);
            pass.dispatch_workgroups(1, 1, 1);
        }
        pass.set_pipeline(&self.objective);
        pass.dispatch_workgroups(over.groups, 1, 1);
    }
}

impl ObjectiveLayout {
    pub(super) fn new(
        context: &Context,
        floats: &[PlanBuffer],
        first: Option<ObjectiveBufs>,
    ) -> Result<Self, Error> {
        let read = Storage { read_only: true };
        let write = Storage { read_only: false };
        let types = [Uniform, read, read, read, read, write, write, write];
        let (group, pipeline) = context.layouts(types.into_iter())?;
        let mut layout = Self { group, pipeline, trial: None };
        if let Some(bufs) = first {
            let usage = BufferUsages::STORAGE | BufferUsages::UNIFORM;
            let stand_in =
                |buf: crate::Buf| context.buffer("trial of an objective", floats[buf.0].len, usage);
            let buffers = in_order(&bufs).map(stand_in).into_iter().collect::<Result<Vec<_>, _>>()?;
            layout.trial = Some(layout.bind(context, &buffers.iter().collect::<Vec<_>>(), &bufs)?);
        }
        Ok(layout)
    }

    /// The op over buffers of the plan.
    pub(super) fn dispatch(
        &self,
        context: &Context,
        floats: &[PlanBuffer],
        bufs: &ObjectiveBufs,
    ) -> Result<ObjectiveDispatch, Error> {
        self.bind(context, &in_order(bufs).map(|buf| &floats[buf.0].buffer), bufs)
    }

    fn bind(
        &self,
        context: &Context,
        buffers: &[&wgpu::Buffer],
        bufs: &ObjectiveBufs,
    ) -> Result<ObjectiveDispatch, Error> {
        let bind_group = context.bind_group(&self.group, buffers)?;
        Ok(ObjectiveDispatch { bind_group, groups: bufs.batch.div_ceil(WORKGROUP as usize) as u32 })
    }
}

/// The buffers by binding.
fn in_order(bufs: &ObjectiveBufs) -> [crate::Buf; 8] {
    let ObjectiveBufs { uniforms, samples, trained, online, target, stats, grad, metrics, .. } = *bufs;
    [uniforms, samples, trained, online, target, stats, grad, metrics]
}

/// What a [`CompiledObjective`] of this device holds.
pub(super) struct GpuObjective {
    pub(super) context: Arc<Context>,
    pub(super) pipelines: ObjectivePipelines,
}

/// Compiles objectives for one executor.
pub(super) struct GpuCompiler {
    context: Arc<Context>,
    layout: Arc<ObjectiveLayout>,
}

impl GpuCompiler {
    pub(super) fn new(context: Arc<Context>, layout: Arc<ObjectiveLayout>) -> Self {
        Self { context, layout }
    }

    /// Runs the kernel once on the stand-ins: drivers may compile at the first dispatch, and a kernel that
    /// hangs is found here.
    fn try_out(&self, pipelines: &ObjectivePipelines, trial: &ObjectiveDispatch) -> Result<(), Error> {
        let run = || {
            let mut encoder = self.context.device.create_command_encoder(&Default::default());
            let mut pass = encoder.begin_compute_pass(&Default::default());
            pipelines.record(&mut pass, trial);
            drop(pass);
            self.context.submit(encoder)
        };
        let submission = self.context.guarded(run, |error| refused(error.to_string()))??;
        self.context.wait(&submission)
    }
}

impl ObjectiveCompiler for GpuCompiler {
    fn compile(&self, kernel: &ObjectiveKernel) -> Result<CompiledObjective, Error> {
        let trial = self.layout.trial.as_ref();
        let trial = trial.ok_or_else(|| Error::Misuse("this plan has no objective to compile for".into()))?;
        let checked = validate::module(&kernel.wgsl).map_err(refused)?;
        check_entry_points(&checked, kernel.phases).map_err(refused)?;
        let source = wgpu::ShaderSource::Wgsl(kernel.wgsl.as_str().into());
        let module =
            self.context.module(wgpu::ShaderModuleDescriptor { label: Some(ENTRY_POINT), source })?;
        let pipeline = |entry: &str| {
            self.context.pipeline(ENTRY_POINT, &module, entry, &self.layout.pipeline, &[], None)
        };
        let phases =
            (0..kernel.phases).map(|phase| pipeline(&phase_name(phase))).collect::<Result<_, _>>()?;
        let pipelines = ObjectivePipelines { phases, objective: pipeline(ENTRY_POINT)? };
        self.try_out(&pipelines, trial)?;
        Ok(CompiledObjective(Box::new(GpuObjective { context: Arc::clone(&self.context), pipelines })))
    }
}

/// An entry point that is missing, or would not be run, is a mistake of whoever made the kernel.
fn check_entry_points(module: &naga::Module, phases: usize) -> Result<(), String> {
    if phases > MAX_PHASES {
        return Err(format!("it has {phases} passes of batch means; at most {MAX_PHASES} are run"));
    }
    let expected: Vec<_> = (0..phases).map(phase_name).chain([ENTRY_POINT.to_owned()]).collect();
    for name in &expected {
        let entry = module.entry_points.iter().find(|entry| entry.name == *name);
        let entry = entry.ok_or_else(|| format!("it has no entry point `{name}`"))?;
        if entry.workgroup_size != [WORKGROUP, 1, 1] {
            let size = entry.workgroup_size;
            return Err(format!("the workgroup size of `{name}` is {size:?}, not {:?}", [WORKGROUP, 1, 1]));
        }
    }
    match module.entry_points.iter().find(|entry| !expected.contains(&entry.name)) {
        Some(entry) => {
            Err(format!("its entry point `{}` is none of {expected:?}, which are run", entry.name))
        }
        None => Ok(()),
    }
}

fn refused(reason: String) -> Error {
    Error::Kernel { kernel: ENTRY_POINT.into(), reason }
}
