//! The adapters of this machine.

use std::fmt;

/// What an adapter is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AdapterKind {
    /// A GPU with its own memory.
    Discrete,
    /// A GPU that shares the processor's memory.
    Integrated,
    /// A GPU lent to a virtual machine.
    Virtual,
    /// A driver that runs on the processor, such as Mesa's llvmpipe: correct, and slow.
    Software,
    /// The driver does not say.
    Unknown,
}

impl AdapterKind {
    /// Whether the engine takes such an adapter without being asked for it by name.
    pub fn is_gpu(self) -> bool {
        matches!(self, Self::Discrete | Self::Integrated | Self::Virtual)
    }
}

impl fmt::Display for AdapterKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Discrete => "discrete GPU",
            Self::Integrated => "integrated GPU",
            Self::Virtual => "virtual GPU",
            Self::Software => "software",
            Self::Unknown => "unknown kind",
        })
    }
}

/// What a person needs to know of an adapter; its `Display` is one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AdapterReport {
    /// As the driver calls it; what `--device NAME` is matched with.
    pub name: String,
    /// `vulkan`, `metal` or `dx12`.
    pub backend: String,
    /// Driver and its version.
    pub driver: String,
    /// What it is.
    pub kind: AdapterKind,
    /// Largest buffer a kernel can use, bytes.
    pub max_buffer_bytes: u64,
    /// Memory a workgroup can share, bytes.
    pub workgroup_bytes: u32,
    /// Invocations a workgroup can have.
    pub workgroup_invocations: u32,
}

impl fmt::Display for AdapterReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, backend, driver, kind, max_buffer_bytes, .. } = self;
        write!(f, "{name} ({kind}, {backend}, {driver}, buffers up to {} MiB)", max_buffer_bytes >> 20)
    }
}

/// An adapter that can be opened.
pub(crate) struct Adapter {
    pub(super) handle: wgpu::Adapter,
    pub(crate) report: AdapterReport,
}

/// All adapters, most wanted kind first. Empty where there is no driver, or not even a Vulkan loader.
pub(crate) fn list() -> Vec<Adapter> {
    let backends = wgpu::Backends::VULKAN | wgpu::Backends::METAL | wgpu::Backends::DX12;
    let descriptor =
        wgpu::InstanceDescriptor { backends, ..wgpu::InstanceDescriptor::new_without_display_handle() };
    let instance = wgpu::Instance::new(descriptor);
    let handles = pollster::block_on(instance.enumerate_adapters(backends));
    let mut adapters: Vec<_> =
        handles.into_iter().map(|handle| Adapter { report: report(&handle), handle }).collect();
    adapters.sort_by_key(|adapter| adapter.report.kind);
    adapters
}

fn report(adapter: &wgpu::Adapter) -> AdapterReport {
    let (info, limits) = (adapter.get_info(), adapter.limits());
    let kind = match info.device_type {
        wgpu::DeviceType::DiscreteGpu => AdapterKind::Discrete,
        wgpu::DeviceType::IntegratedGpu => AdapterKind::Integrated,
        wgpu::DeviceType::VirtualGpu => AdapterKind::Virtual,
        wgpu::DeviceType::Cpu => AdapterKind::Software,
        wgpu::DeviceType::Other => AdapterKind::Unknown,
    };
    AdapterReport {
        name: info.name,
        backend: info.backend.to_string(),
        driver: [info.driver, info.driver_info].join(" ").trim().to_owned(),
        kind,
        max_buffer_bytes: limits.max_buffer_size.min(limits.max_storage_buffer_binding_size),
        workgroup_bytes: limits.max_compute_workgroup_storage_size,
        workgroup_invocations: limits.max_compute_invocations_per_workgroup,
    }
}
