//! Runs a compiled plan: one compute pass a call, one submission.

use super::clock::Clock;
use super::context::Context;
use super::objective::{GpuCompiler, GpuObjective, ObjectiveDispatch, ObjectiveLayout, ObjectivePipelines};
use crate::{Buf, ByteBuf, CompiledObjective, Error, Executor, ObjectiveCompiler, Program};
use kelvin_trace::recording;
use std::any::Any;
use std::cell::OnceCell;
use std::collections::VecDeque;
use std::sync::{Arc, mpsc};
use std::time::Instant;

/// Submissions that may wait on the device. More would keep the caller ahead of the device for no gain, at
/// the price of one upload buffer for every write.
const IN_FLIGHT: usize = 16;

/// A buffer of the plan.
pub(super) struct PlanBuffer {
    pub(super) buffer: wgpu::Buffer,
    /// Elements, as the plan says: the device's buffer may be longer.
    pub(super) len: usize,
}

/// An op, or a part of one, ready to be recorded.
pub(super) enum Dispatch {
    Kernel(KernelDispatch),
    Objective(ObjectiveDispatch),
}

/// An op as its dispatches.
pub(super) struct OpDispatches {
    /// What a profile calls it.
    pub(super) label: String,
    pub(super) dispatches: Vec<Dispatch>,
}

/// A launch of a built-in kernel.
pub(super) struct KernelDispatch {
    pub(super) pipeline: wgpu::ComputePipeline,
    pub(super) bind_group: wgpu::BindGroup,
    pub(super) groups: [u32; 3],
}

impl KernelDispatch {
    pub(super) fn record(&self, pass: &mut wgpu::ComputePass<'_>) {
        let [x, y, z] = self.groups;
        pass.set_pipeline(&self.pipeline);
        pass.set_bind_group(0, &self.bind_group, &[]);
        pass.dispatch_workgroups(x, y, z);
    }
}

pub(super) struct GpuExecutor {
    context: Arc<Context>,
    floats: Vec<PlanBuffer>,
    bytes: Vec<PlanBuffer>,
    programs: Vec<(String, Vec<OpDispatches>)>,
    objective_layout: Arc<ObjectiveLayout>,
    objective: Option<ObjectivePipelines>,
    /// What reading maps; as long as the longest float buffer.
    staging: wgpu::Buffer,
    /// Floats it holds.
    staged: usize,
    in_flight: VecDeque<wgpu::SubmissionIndex>,
    /// Made when somebody records for the first time.
    clock: OnceCell<Option<Clock>>,
}

impl GpuExecutor {
    pub(super) fn new(
        context: Arc<Context>,
        floats: Vec<PlanBuffer>,
        bytes: Vec<PlanBuffer>,
        programs: Vec<(String, Vec<OpDispatches>)>,
        objective_layout: Arc<ObjectiveLayout>,
    ) -> Result<Self, Error> {
        let staged = floats.iter().map(|buffer| buffer.len).max().unwrap_or(0);
        let usage = wgpu::BufferUsages::COPY_DST | wgpu::BufferUsages::MAP_READ;
        let staging = context.buffer("staging", staged, usage)?;
        let in_flight = VecDeque::with_capacity(IN_FLIGHT + 1);
        Ok(Self {
            context,
            floats,
            bytes,
            programs,
            objective_layout,
            objective: None,
            staging,
            staged,
            in_flight,
            clock: OnceCell::new(),
        })
    }

    /// A program's name and ops.
    fn program(&self, program: Program) -> Result<&(String, Vec<OpDispatches>), Error> {
        let found = self.programs.get(program.0);
        found.ok_or_else(|| Error::Misuse(format!("program {} belongs to another plan", program.0)))
    }

    fn record(&self, name: &str, op: &OpDispatches, pass: &mut wgpu::ComputePass<'_>) -> Result<(), Error> {
        for dispatch in &op.dispatches {
            match dispatch {
                Dispatch::Kernel(kernel) => kernel.record(pass),
                Dispatch::Objective(over) => match &self.objective {
                    Some(pipelines) => pipelines.record(pass, over),
                    None => {
                        let reason = format!("program `{name}` runs before an objective has been set");
                        return Err(Error::Misuse(reason));
                    }
                },
            }
        }
        Ok(())
    }

    /// Runs programs with a pass an op, waits, and notes when each ran. False where the device has no clock.
    fn run_timed(&mut self, programs: &[Program]) -> Result<bool, Error> {
        if self.clock.get().is_none() {
            let ops = self.programs.iter().map(|(_, ops)| ops.len()).sum();
            let clock = Clock::new(&self.context, ops)?;
            self.clock.get_or_init(|| clock);
        }
        let Some(Some(clock)) = self.clock.get() else { return Ok(false) };
        let (mut encoder, mut labels) = (self.encoder(), Vec::new());
        for program in programs {
            let (name, ops) = self.program(*program)?;
            for op in ops {
                let timestamp_writes = clock.writes(labels.len());
                let descriptor = wgpu::ComputePassDescriptor { label: None, timestamp_writes };
                self.record(name, op, &mut encoder.begin_compute_pass(&descriptor))?;
                labels.push(op.label.clone());
            }
        }
        if labels.is_empty() {
            return Ok(true);
        }
        let size = clock.resolve(&mut encoder, labels.len());
        let staging = clock.staging.clone();
        let mut stamps = vec![0u64; size as usize / size_of::<u64>()];
        self.fetch(encoder, &staging, size, |bytes| {
            bytemuck::cast_slice_mut(&mut stamps).copy_from_slice(bytes);
        })?;
        if let Some(Some(clock)) = self.clock.get() {
            clock.note(labels.iter().map(String::as_str), &stamps, Instant::now());
        }
        Ok(true)
    }

    fn submit(&mut self, encoder: wgpu::CommandEncoder) -> Result<wgpu::SubmissionIndex, Error> {
        let submission = self.context.submit(encoder)?;
        self.context.check()?;
        self.in_flight.push_back(submission.clone());
        if self.in_flight.len() > IN_FLIGHT
            && let Some(oldest) = self.in_flight.pop_front()
        {
            self.context.wait(&oldest)?;
        }
        Ok(submission)
    }

    /// Reads buffers that together fit in the staging buffer, one after another in it.
    fn read_staged(&mut self, wanted: &mut [(Buf, &mut [f32])]) -> Result<(), Error> {
        let mut encoder = self.encoder();
        let mut size = 0;
        for (buf, out) in wanted.iter() {
            let from = self.floats.get(buf.0).filter(|from| out.len() <= from.len);
            let from = from.ok_or_else(|| outside("read", buf.0, out.len()))?;
            encoder.copy_buffer_to_buffer(&from.buffer, 0, &self.staging, size, size_of_val(*out) as u64);
            size += size_of_val(*out) as u64;
        }
        if size == 0 {
            return Ok(());
        }
        let staging = self.staging.clone();
        self.fetch(encoder, &staging, size, |bytes| {
            let mut staged = bytes;
            for (_, out) in wanted {
                let (bytes, rest) = staged.split_at(size_of_val(*out));
                bytemuck::cast_slice_mut(out).copy_from_slice(bytes);
                staged = rest;
            }
        })
    }

    /// Submits, waits for everything, and shows the first `size` bytes of a mappable buffer.
    fn fetch(
        &mut self,
        encoder: wgpu::CommandEncoder,
        staging: &wgpu::Buffer,
        size: u64,
        take: impl FnOnce(&[u8]),
    ) -> Result<(), Error> {
        let submission = self.submit(encoder)?;
        let (sender, receiver) = mpsc::channel();
        staging.map_async(wgpu::MapMode::Read, 0..size, move |result| {
            // The receiver is gone only after an error that has been returned already.
            let _ = sender.send(result);
        });
        // In order, so that the time limit holds for one submission and not for all that wait.
        while let Some(oldest) = self.in_flight.pop_front() {
            self.context.wait(&oldest)?;
        }
        self.context.wait(&submission)?;
        // Another thread that polls the device, to compile an objective, may be the one that runs the callback.
        let patience = self.context.patience();
        let Ok(mapped) = receiver.recv_timeout(patience) else { return self.context.is_silent(patience) };
        let refused = |error: &dyn std::fmt::Display| {
            // Where the device is gone, that is why.
            let lost = self.context.ask().err();
            lost.unwrap_or_else(|| Error::Refused(format!("a result cannot be read back: {error}")))
        };
        mapped.map_err(|error| refused(&error))?;
        let view = staging.get_mapped_range(0..size).map_err(|error| refused(&error))?;
        take(&view);
        drop(view);
        staging.unmap();
        self.context.check()
    }

    fn encoder(&self) -> wgpu::CommandEncoder {
        self.context.device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default())
    }
}

impl Executor for GpuExecutor {
    fn write(&mut self, buf: Buf, data: &[f32]) -> Result<(), Error> {
        let to = self.floats.get(buf.0).filter(|to| data.len() <= to.len);
        let to = to.ok_or_else(|| outside("write", buf.0, data.len()))?;
        self.context.queue().write_buffer(&to.buffer, 0, bytemuck::cast_slice(data));
        self.context.check()
    }

    /// On the GPU bytes travel in words of four: a write that is neither whole words nor the whole buffer is
    /// an error, since it would overwrite bytes it was not given.
    fn write_bytes(&mut self, buf: ByteBuf, data: &[u8]) -> Result<(), Error> {
        let to = self.bytes.get(buf.0).filter(|to| data.len() <= to.len);
        let to = to.ok_or_else(|| outside("write of bytes", buf.0, data.len()))?;
        let (words, rest) = data.as_chunks::<4>();
        if !rest.is_empty() && data.len() != to.len {
            let message = format!("a write of {} of {} bytes ends inside a word", data.len(), to.len);
            return Err(Error::Misuse(message));
        }
        self.context.queue().write_buffer(&to.buffer, 0, words.as_flattened());
        if !rest.is_empty() {
            let mut last = [0; 4];
            last[..rest.len()].copy_from_slice(rest);
            self.context.queue().write_buffer(&to.buffer, words.as_flattened().len() as u64, &last);
        }
        self.context.check()
    }

    /// Returns when at most [`IN_FLIGHT`] submissions are unfinished.
    fn run(&mut self, programs: &[Program]) -> Result<(), Error> {
        if recording() && self.run_timed(programs)? {
            return Ok(());
        }
        let mut encoder = self.encoder();
        let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor::default());
        for program in programs {
            let (name, ops) = self.program(*program)?;
            ops.iter().try_for_each(|op| self.record(name, op, &mut pass))?;
        }
        drop(pass);
        self.submit(encoder).map(drop)
    }

    fn read_all(&mut self, wanted: &mut [(Buf, &mut [f32])]) -> Result<(), Error> {
        let mut rest = wanted;
        while !rest.is_empty() {
            let mut total = 0;
            // None is longer than the staging buffer, so there is at least one.
            let fits = |(_, out): &&(Buf, &mut [f32])| {
                total += out.len();
                total <= self.staged
            };
            let count = rest.iter().take_while(fits).count().max(1);
            let (now, later) = rest.split_at_mut(count);
            self.read_staged(now)?;
            rest = later;
        }
        Ok(())
    }

    fn take_over(&mut self, from: &mut dyn Executor, pairs: &[(Buf, Buf)]) -> Result<(), Error> {
        let foreign = || Error::Misuse("buffers of another device cannot be taken over".into());
        let from = from.as_any_mut().downcast_mut::<Self>().ok_or_else(foreign)?;
        if !Arc::ptr_eq(&self.context, &from.context) {
            return Err(foreign());
        }
        let mut encoder = self.encoder();
        for (ours, theirs) in pairs {
            match (self.floats.get(ours.0), from.floats.get(theirs.0)) {
                (Some(to), Some(from)) if to.len == from.len => {
                    encoder.copy_buffer_to_buffer(&from.buffer, 0, &to.buffer, 0, to.buffer.size());
                }
                _ => {
                    return Err(Error::Misuse(format!("buffers {ours:?} and {theirs:?} differ in length")));
                }
            }
        }
        self.submit(encoder).map(drop)
    }

    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }

    fn set_objective(&mut self, objective: CompiledObjective) -> Result<(), Error> {
        let foreign = || Error::Misuse("an objective was compiled by another device".into());
        let objective = objective.0.downcast::<GpuObjective>().map_err(|_| foreign())?;
        if !Arc::ptr_eq(&objective.context, &self.context) {
            return Err(foreign());
        }
        self.objective = Some(objective.pipelines);
        Ok(())
    }

    fn objective_compiler(&self) -> Box<dyn ObjectiveCompiler> {
        Box::new(GpuCompiler::new(Arc::clone(&self.context), Arc::clone(&self.objective_layout)))
    }
}

fn outside(what: &str, index: usize, len: usize) -> Error {
    Error::Misuse(format!("{what} of {len} elements goes beyond buffer {index}"))
}
