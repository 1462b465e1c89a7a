//! One opened GPU: its device and queue, and everything by which it can say that something went wrong.
//!
//! wgpu's default answer to an error is a panic. Here errors of creation are caught by error scopes and
//! returned; whatever comes later, from a callback, is kept and returned by the next call.

use super::pipeline_cache::PipelineCache;
use crate::Error;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use wgpu::ErrorFilter::{Internal, OutOfMemory, Validation};

/// Longest wait for one submission. A submission is at most a few updates, which take milliseconds on a GPU
/// and seconds, first compilation included, on a software driver.
pub(super) const TIMEOUT: Duration = Duration::from_secs(120);

/// An opened adapter.
#[derive(Debug)]
pub(super) struct Context {
    pub(super) device: wgpu::Device,
    pub(super) queue: wgpu::Queue,
    /// Of the built-in kernels, where the driver has one.
    pub(super) pipelines: Option<PipelineCache>,
    /// Whether the driver runs on the processor.
    pub(super) software: bool,
    /// The first fault that no call could return when it happened.
    fault: Arc<Mutex<Option<String>>>,
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
        let fault = Arc::new(Mutex::new(None));
        let keep = |fault: &Arc<Mutex<Option<String>>>| {
            let fault = Arc::clone(fault);
            move |message: String| {
                fault.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(message);
            }
        };
        let lost = keep(&fault);
        device.set_device_lost_callback(move |_, message| lost(message));
        let uncaptured = keep(&fault);
        device.on_uncaptured_error(Arc::new(move |error: wgpu::Error| uncaptured(error.to_string())));
        let software = adapter.get_info().device_type == wgpu::DeviceType::Cpu;
        // Mesa's llvmpipe compiles at the first dispatch, too late for its cache.
        let caches = !software && device.features().contains(wgpu::Features::PIPELINE_CACHE);
        let pipelines = caches.then(|| PipelineCache::open(&device, &adapter.get_info())).flatten();
        Ok(Self { device, queue, pipelines, software, fault })
    }

    /// Runs `create` and returns the first error wgpu found in it.
    pub(super) fn guarded<T>(&self, create: impl FnOnce() -> T) -> Result<T, wgpu::Error> {
        let scopes = [OutOfMemory, Internal, Validation].map(|filter| self.device.push_error_scope(filter));
        let value = create();
        // Scopes end in the reverse order of their beginning.
        let mut error = None;
        for scope in scopes.into_iter().rev() {
            error = error.or(pollster::block_on(scope.pop()));
        }
        error.map_or(Ok(value), Err)
    }

    /// A kept fault, as the error of the present call.
    pub(super) fn check(&self) -> Result<(), Error> {
        match &*self.fault.lock().unwrap_or_else(PoisonError::into_inner) {
            None => Ok(()),
            Some(fault) => Err(Error::Lost(fault.clone())),
        }
    }

    /// Waits until a submission has run.
    pub(super) fn wait(&self, submission: wgpu::SubmissionIndex) -> Result<(), Error> {
        let wait = wgpu::PollType::Wait { submission_index: Some(submission), timeout: Some(TIMEOUT) };
        let waited = self.device.poll(wait);
        self.check()?;
        waited.map(drop).map_err(|error| match error {
            wgpu::PollError::Timeout => Error::Lost(format!(
                "no answer for {} s: a kernel hangs, or the driver does",
                TIMEOUT.as_secs()
            )),
            other => Error::Lost(other.to_string()),
        })
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
        self.guarded(|| self.device.create_buffer(&descriptor))
            .map_err(|error| Error::Unsupported(format!("no buffer `{name}` of {size} bytes: {error}")))
    }

    /// A text from outside, with all of wgpu's run-time checks. Its label is for diagnostics.
    pub(super) fn module(
        &self,
        descriptor: wgpu::ShaderModuleDescriptor<'_>,
    ) -> Result<wgpu::ShaderModule, Error> {
        let kernel = descriptor.label.unwrap_or_default().to_owned();
        self.guarded(|| self.device.create_shader_module(descriptor))
            .map_err(|error| refused(&kernel, &error))
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
        self.guarded(|| self.device.create_compute_pipeline(&descriptor))
            .map_err(|error| refused(kernel, &error))
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
        self.guarded(|| {
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
        })
        .map_err(|error| Error::Unsupported(error.to_string()))
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
        self.guarded(|| self.device.create_bind_group(&descriptor))
            .map_err(|error| Error::Unsupported(error.to_string()))
    }
}

pub(super) fn refused(kernel: &str, error: &wgpu::Error) -> Error {
    Error::Kernel { kernel: kernel.into(), reason: error.to_string() }
}
