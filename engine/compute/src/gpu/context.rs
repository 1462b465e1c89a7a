//! One opened GPU: its device and queue, and what is made on it.
//!
//! wgpu's default answer to an error is a panic. Here errors of creation are caught by error scopes and
//! returned; whatever comes later, from a callback, is kept and returned by the next call ([`super::loss`]).

use super::loss::{Health, abandon};
use super::pipeline_cache::PipelineCache;
use crate::Error;
use std::sync::{Arc, Mutex};
use wgpu::ErrorFilter::{Internal, OutOfMemory, Validation};

/// An opened adapter.
#[derive(Debug)]
pub(super) struct Context {
    pub(super) device: wgpu::Device,
    /// Taken when this is dropped, and not before.
    queue: Option<wgpu::Queue>,
    /// Of the built-in kernels, where the driver has one.
    pub(super) pipelines: Option<PipelineCache>,
    /// Whether the driver runs on the processor.
    pub(super) software: bool,
    pub(super) health: Arc<Health>,
    /// What was submitted last.
    pub(super) last: Mutex<Option<wgpu::SubmissionIndex>>,
}

impl Context {
    /// Opens `adapter` with the limits WebGPU promises, but buffers and workgroups as large as it has.
    pub(super) fn open(adapter: &wgpu::Adapter) -> Result<Self, Error> {
        let available = adapter.limits();
        let mut limits = wgpu::Limits::default().or_worse_values_from(&available);
        limits.max_buffer_size = available.max_buffer_size;
        limits.max_storage_buffer_binding_size = available.max_storage_buffer_binding_size;
        limits.max_compute_workgroup_storage_size = available.max_compute_workgroup_storage_size;
        limits.max_compute_invocations_per_workgroup = available.max_compute_invocations_per_workgroup;
        limits.max_compute_workgroup_size_x = available.max_compute_workgroup_size_x;
        let descriptor = wgpu::DeviceDescriptor {
            label: Some("kelvin"),
            required_limits: limits,
            required_features: adapter.features()
                & (wgpu::Features::PIPELINE_CACHE | wgpu::Features::TIMESTAMP_QUERY),
            ..Default::default()
        };
        let (device, queue) = pollster::block_on(adapter.request_device(&descriptor)).map_err(|error| {
            Error::NoDevice(format!(
                "{} cannot be opened: {error}; try another device",
                adapter.get_info().name
            ))
        })?;
        let health = Health::watch(&device);
        let software = adapter.get_info().device_type == wgpu::DeviceType::Cpu;
        // Mesa's llvmpipe compiles at the first dispatch, too late for its cache.
        let caches = !software && device.features().contains(wgpu::Features::PIPELINE_CACHE);
        let pipelines = caches.then(|| PipelineCache::open(&device, &adapter.get_info())).flatten();
        Ok(Self { device, queue: Some(queue), pipelines, software, health, last: Mutex::default() })
    }

    /// Where work is submitted.
    pub(super) fn queue(&self) -> &wgpu::Queue {
        self.queue.as_ref().expect("only `drop` takes it")
    }

    /// Runs `create`; the first error that wgpu found in it is returned as what `refused` makes of it.
    pub(super) fn guarded<T>(
        &self,
        create: impl FnOnce() -> T,
        refused: impl FnOnce(wgpu::Error) -> Error,
    ) -> Result<T, Error> {
        self.health.check_lost()?;
        let scopes = [OutOfMemory, Internal, Validation].map(|filter| self.device.push_error_scope(filter));
        let value = create();
        // Scopes end in the reverse order of their beginning.
        let mut error = None;
        for scope in scopes.into_iter().rev() {
            error = error.or(pollster::block_on(scope.pop()));
        }
        let Some(error) = error else { return Ok(value) };
        // What is made on a device that is gone is found not to fit, and that is not why.
        self.ask()?;
        Err(refused(error))
    }

    /// A zero-filled buffer of at least `words` 32-bit words; `name` is for diagnostics.
    pub(super) fn buffer(
        &self,
        name: &str,
        words: usize,
        usage: wgpu::BufferUsages,
    ) -> Result<wgpu::Buffer, Error> {
        // A binding must not be empty, and kernels may read it by vectors of four words.
        let size = 4 * words.max(1).next_multiple_of(4) as u64;
        let limits = self.device.limits();
        let most = limits.max_buffer_size.min(limits.max_storage_buffer_binding_size);
        if size > most {
            let mib = |bytes: u64| bytes.div_ceil(1 << 20);
            return Err(Error::Unsupported(format!(
                "buffer `{name}` needs {} MiB, and this adapter binds at most {} MiB; {}",
                mib(size),
                mib(most),
                Error::LESS
            )));
        }
        let descriptor = wgpu::BufferDescriptor { label: Some(name), size, usage, mapped_at_creation: false };
        self.guarded(
            || self.device.create_buffer(&descriptor),
            |error| Error::Unsupported(format!("no buffer `{name}` of {size} bytes: {error}")),
        )
    }

    /// A text from outside, with all of wgpu's run-time checks. Its label is for diagnostics.
    pub(super) fn module(
        &self,
        descriptor: wgpu::ShaderModuleDescriptor<'_>,
    ) -> Result<wgpu::ShaderModule, Error> {
        let kernel = descriptor.label.unwrap_or_default().to_owned();
        self.guarded(|| self.device.create_shader_module(descriptor), |error| refused(&kernel, &error))
    }

    /// A compute pipeline from one entry point of a module.
    pub(super) fn pipeline(
        &self,
        kernel: &str,
        module: &wgpu::ShaderModule,
        entry_point: &str,
        layout: &wgpu::PipelineLayout,
        constants: &[(&str, f64)],
        cache: Option<&PipelineCache>,
    ) -> Result<wgpu::ComputePipeline, Error> {
        let descriptor = wgpu::ComputePipelineDescriptor {
            label: Some(kernel),
            layout: Some(layout),
            module,
            entry_point: Some(entry_point),
            compilation_options: wgpu::PipelineCompilationOptions {
                constants,
                // Every kernel writes its workgroup memory before it reads it.
                zero_initialize_workgroup_memory: false,
            },
            cache: cache.map(|cache| &cache.handle),
        };
        self.guarded(|| self.device.create_compute_pipeline(&descriptor), |error| refused(kernel, &error))
    }

    /// Layouts of a pipeline whose bindings 0, 1, … of group 0 are buffers of these types.
    pub(super) fn layouts(
        &self,
        types: impl Iterator<Item = wgpu::BufferBindingType>,
    ) -> Result<(wgpu::BindGroupLayout, wgpu::PipelineLayout), Error> {
        let entry = |(binding, ty)| wgpu::BindGroupLayoutEntry {
            binding,
            visibility: wgpu::ShaderStages::COMPUTE,
            ty: wgpu::BindingType::Buffer { ty, has_dynamic_offset: false, min_binding_size: None },
            count: None,
        };
        let entries: Vec<_> = (0..).zip(types).map(entry).collect();
        let create = || {
            let group = self.device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor {
                label: None,
                entries: &entries,
            });
            let pipeline = self.device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
                label: None,
                bind_group_layouts: &[Some(&group)],
                immediate_size: 0,
            });
            (group, pipeline)
        };
        self.guarded(create, |error| Error::Unsupported(error.to_string()))
    }

    /// Binds whole buffers to bindings 0, 1, ….
    pub(super) fn bind_group(
        &self,
        layout: &wgpu::BindGroupLayout,
        buffers: &[&wgpu::Buffer],
    ) -> Result<wgpu::BindGroup, Error> {
        let resources = buffers.iter().map(|buffer| buffer.as_entire_binding());
        let entries: Vec<_> = (0..)
            .zip(resources)
            .map(|(binding, resource)| wgpu::BindGroupEntry { binding, resource })
            .collect();
        let descriptor = wgpu::BindGroupDescriptor { label: None, layout, entries: &entries };
        let create = || self.device.create_bind_group(&descriptor);
        self.guarded(create, |error| Error::Unsupported(error.to_string()))
    }
}

impl Drop for Context {
    fn drop(&mut self) {
        if self.health.is_lost()
            && let Some(queue) = self.queue.take()
        {
            abandon(queue);
        }
    }
}

pub(super) fn refused(kernel: &str, error: &wgpu::Error) -> Error {
    Error::Kernel { kernel: kernel.into(), reason: error.to_string() }
}
