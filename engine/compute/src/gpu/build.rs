//! Makes everything a plan needs on a device: buffers, pipelines and bind groups, each once.

use super::context::Context;
use super::executor::{Dispatch, GpuExecutor, KernelDispatch, OpDispatches, PlanBuffer};
use super::kernels::{Access, Kernel};
use super::lower::{Launch, Lowering, Slot, Step};
use super::objective::ObjectiveLayout;
use super::pipeline_cache::PipelineCache;
use super::tile::Form;
use super::tiles::Tiles;
use super::trusted;
use crate::{BufSpec, Error, Plan};
use std::collections::HashMap;
use std::sync::Arc;
use wgpu::BufferUsages;

/// Compiles a checked plan.
pub(super) fn executor(context: &Arc<Context>, tiles: &Tiles, plan: &Plan) -> Result<GpuExecutor, Error> {
    let mut lowering = Lowering::new(tiles);
    let mut programs = Vec::with_capacity(plan.programs.len());
    for (name, ops) in &plan.programs {
        let steps = ops.iter().map(|op| Ok((op.label(), lowering.lower(op)?)));
        programs.push((name.clone(), steps.collect::<Result<Vec<_>, Error>>()?));
    }

    let buffers = Buffers::new(context, plan, &lowering)?;
    let objective = Arc::new(ObjectiveLayout::new(context, &buffers.floats, first_objective(&programs))?);
    let mut pipelines = Pipelines::new(context, context.pipelines.as_ref());
    let mut compiled = Vec::with_capacity(programs.len());
    for (name, ops) in programs {
        let mut dispatch = |step: &Step| match step {
            Step::Launch(launch) => pipelines.dispatch(launch, &buffers).map(Dispatch::Kernel),
            Step::Objective(bufs) => {
                objective.dispatch(context, &buffers.floats, bufs).map(Dispatch::Objective)
            }
        };
        let ops = ops.into_iter().map(|(label, steps)| {
            let dispatches = steps.iter().map(&mut dispatch).collect::<Result<_, _>>()?;
            Ok(OpDispatches { label, dispatches })
        });
        compiled.push((name, ops.collect::<Result<Vec<_>, Error>>()?));
    }
    let Buffers { floats, bytes, .. } = buffers;
    GpuExecutor::new(Arc::clone(context), floats, bytes, compiled, objective)
}

/// A program's name, and the label and dispatches of each of its ops.
type ProgramSteps = (String, Vec<(String, Vec<Step>)>);

fn first_objective(programs: &[ProgramSteps]) -> Option<crate::ObjectiveBufs> {
    programs.iter().flat_map(|(_, ops)| ops).flat_map(|(_, steps)| steps).find_map(|step| match step {
        Step::Objective(bufs) => Some(*bufs),
        Step::Launch(_) => None,
    })
}

/// The plan's buffers, and those that only kernels know.
pub(super) struct Buffers {
    floats: Vec<PlanBuffer>,
    bytes: Vec<PlanBuffer>,
    scratch: wgpu::Buffer,
    tables: Vec<wgpu::Buffer>,
}

impl Buffers {
    pub(super) fn new(context: &Context, plan: &Plan, lowering: &Lowering<'_>) -> Result<Self, Error> {
        let storage = BufferUsages::STORAGE | BufferUsages::COPY_DST;
        let floats = |spec: &BufSpec| {
            // Which buffer holds the objective's uniforms is not worth a pass over the plan.
            let usage = storage | BufferUsages::COPY_SRC | BufferUsages::UNIFORM;
            Ok(PlanBuffer { buffer: context.buffer(&spec.name, spec.len, usage)?, len: spec.len })
        };
        let bytes = |spec: &BufSpec| {
            Ok(PlanBuffer {
                buffer: context.buffer(&spec.name, spec.len.div_ceil(4), storage)?,
                len: spec.len,
            })
        };
        let table = |words: &Vec<u32>| {
            let buffer = context.buffer("table", words.len(), storage)?;
            context.queue().write_buffer(&buffer, 0, bytemuck::cast_slice(words));
            Ok(buffer)
        };
        Ok(Self {
            floats: plan.bufs.iter().map(floats).collect::<Result<_, Error>>()?,
            bytes: plan.byte_bufs.iter().map(bytes).collect::<Result<_, Error>>()?,
            scratch: context.buffer("scratch", lowering.scratch_len, storage)?,
            tables: lowering.tables.iter().map(table).collect::<Result<_, Error>>()?,
        })
    }

    fn get(&self, slot: Slot) -> &wgpu::Buffer {
        match slot {
            Slot::Buf(index) => &self.floats[index].buffer,
            Slot::Bytes(index) => &self.bytes[index].buffer,
            Slot::Scratch => &self.scratch,
            Slot::Table(index) => &self.tables[index],
        }
    }
}

/// A kernel's name, its form and the bits of its constants.
type PipelineKey = (&'static str, Option<Form>, Vec<(&'static str, u64)>);

/// Pipelines made so far: layers of the same shape share one, and so do the passes of a network.
pub(super) struct Pipelines<'a> {
    context: &'a Context,
    cache: Option<&'a PipelineCache>,
    layouts: HashMap<&'static str, (wgpu::BindGroupLayout, wgpu::PipelineLayout)>,
    built: HashMap<PipelineKey, wgpu::ComputePipeline>,
}

impl<'a> Pipelines<'a> {
    /// What is built can be kept in a cache, and found there.
    pub(super) fn new(context: &'a Context, cache: Option<&'a PipelineCache>) -> Self {
        Self { context, cache, layouts: HashMap::new(), built: HashMap::new() }
    }

    pub(super) fn dispatch(&mut self, launch: &Launch, buffers: &Buffers) -> Result<KernelDispatch, Error> {
        let pipeline = self.pipeline(launch)?;
        let bound: Vec<_> = launch.bindings.iter().map(|slot| buffers.get(*slot)).collect();
        let (layout, _) = &self.layouts[launch.kernel.name];
        let bind_group = self.context.bind_group(layout, &bound)?;
        Ok(KernelDispatch { pipeline, bind_group, groups: launch.groups })
    }

    fn pipeline(&mut self, launch: &Launch) -> Result<wgpu::ComputePipeline, Error> {
        let kernel = launch.kernel;
        let bits = launch.constants.iter().map(|(name, value)| (*name, value.to_bits()));
        let key = (kernel.name, launch.form, bits.collect());
        if let Some(pipeline) = self.built.get(&key) {
            return Ok(pipeline.clone());
        }
        if !self.layouts.contains_key(kernel.name) {
            self.layouts.insert(kernel.name, self.context.layouts(binding_types(kernel))?);
        }
        let (_, layout) = &self.layouts[kernel.name];
        let module = trusted::module(self.context, kernel, launch.form)?;
        let pipeline =
            self.context.pipeline(kernel.name, &module, "main", layout, &launch.constants, self.cache)?;
        self.built.insert(key, pipeline.clone());
        Ok(pipeline)
    }
}

fn binding_types(kernel: &Kernel) -> impl Iterator<Item = wgpu::BufferBindingType> {
    kernel
        .bindings
        .iter()
        .map(|access| wgpu::BufferBindingType::Storage { read_only: *access == Access::Read })
}
