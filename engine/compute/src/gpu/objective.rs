//! The objective's kernel: the one that comes from outside, and may change while a run goes on.
//!
//! Its bind-group layout is fixed by [`crate::objective`], all eight bindings whether a text uses them or
//! not, so a new kernel is a new pipeline and nothing else.

use super::context::Context;
use super::executor::{Dispatch, PlanBuffer};
use super::validate;
use crate::objective::WORKGROUP;
use crate::{CompiledObjective, Error, ObjectiveBufs, ObjectiveCompiler, ObjectiveKernel};
use std::sync::Arc;
use wgpu::BufferBindingType::{Storage, Uniform};
use wgpu::BufferUsages;

/// Name of the entry point, and of the kernel in errors.
const ENTRY_POINT: &str = "objective";

/// The fixed layout, and stand-in buffers to try a kernel on.
pub(super) struct ObjectiveLayout {
    group: wgpu::BindGroupLayout,
    pipeline: wgpu::PipelineLayout,
    /// A dispatch over buffers of the plan's lengths that nothing else uses; `None` without an objective.
    trial: Option<Dispatch>,
}

impl ObjectiveLayout {
    pub(super) fn new(
        context: &Context,
        floats: &[PlanBuffer],
        first: Option<ObjectiveBufs>,
    ) -> Result<Self, Error> {
        let read = Storage { read_only: true };
        let write = Storage { read_only: false };
        let types = [Uniform, read, read, read, read, read, write, write];
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

    /// The op as a dispatch whose pipeline is set later.
    pub(super) fn dispatch(
        &self,
        context: &Context,
        floats: &[PlanBuffer],
        bufs: &ObjectiveBufs,
    ) -> Result<Dispatch, Error> {
        self.bind(context, &in_order(bufs).map(|buf| &floats[buf.0].buffer), bufs)
    }

    fn bind(
        &self,
        context: &Context,
        buffers: &[&wgpu::Buffer],
        bufs: &ObjectiveBufs,
    ) -> Result<Dispatch, Error> {
        let bind_group = context.bind_group(&self.group, buffers)?;
        Ok(Dispatch {
            pipeline: None,
            bind_group,
            groups: [bufs.batch.div_ceil(WORKGROUP as usize) as u32, 1, 1],
        })
    }
}

/// The buffers by binding.
fn in_order(bufs: &ObjectiveBufs) -> [crate::Buf; 8] {
    let ObjectiveBufs { uniforms, samples, online, online_next, target, target_next, grad, metrics, .. } =
        *bufs;
    [uniforms, samples, online, online_next, target, target_next, grad, metrics]
}

/// What a [`CompiledObjective`] of this device holds.
pub(super) struct GpuObjective {
    pub(super) context: Arc<Context>,
    pub(super) pipeline: wgpu::ComputePipeline,
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
    fn try_out(&self, pipeline: &wgpu::ComputePipeline, trial: &Dispatch) -> Result<(), Error> {
        let run = || {
            let mut encoder = self.context.device.create_command_encoder(&Default::default());
            let mut pass = encoder.begin_compute_pass(&Default::default());
            let [x, y, z] = trial.groups;
            pass.set_pipeline(pipeline);
            pass.set_bind_group(0, &trial.bind_group, &[]);
            pass.dispatch_workgroups(x, y, z);
            drop(pass);
            self.context.queue.submit([encoder.finish()])
        };
        let submission = self.context.guarded(run).map_err(|error| refused(error.to_string()))?;
        self.context.wait(submission)
    }
}

impl ObjectiveCompiler for GpuCompiler {
    fn compile(&self, kernel: &ObjectiveKernel) -> Result<CompiledObjective, Error> {
        let trial = self.layout.trial.as_ref();
        let trial = trial.ok_or_else(|| Error::Misuse("this plan has no objective to compile for".into()))?;
        let module = validate::module(&kernel.wgsl).map_err(refused)?;
        check_entry_point(&module).map_err(refused)?;
        let source = kernel.wgsl.clone();
        let pipeline = self.context.pipeline(ENTRY_POINT, source, ENTRY_POINT, &self.layout.pipeline, &[])?;
        self.try_out(&pipeline, trial)?;
        Ok(CompiledObjective(Box::new(GpuObjective { context: Arc::clone(&self.context), pipeline })))
    }
}

fn check_entry_point(module: &naga::Module) -> Result<(), String> {
    let entry = module.entry_points.iter().find(|entry| entry.name == ENTRY_POINT);
    let entry = entry.ok_or_else(|| format!("it has no entry point `{ENTRY_POINT}`"))?;
    let expected = [WORKGROUP, 1, 1];
    if entry.workgroup_size != expected {
        return Err(format!("its workgroup size is {:?}, not {expected:?}", entry.workgroup_size));
    }
    Ok(())
}

fn refused(reason: String) -> Error {
    Error::Kernel { kernel: ENTRY_POINT.into(), reason }
}
