//! Which device a run uses, and why.

use crate::gpu::{self, Adapter, AdapterReport, GpuDevice};
use crate::{CpuDevice, Device, Error, Executor, Plan};
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

/// The device a person asked for; `--device` on the command line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum DeviceRequest {
    /// A GPU if there is one, the processor otherwise. Never a software adapter.
    #[default]
    Auto,
    /// A GPU, or an error. Never a software adapter.
    Gpu,
    /// The processor.
    Cpu,
    /// The first adapter whose name contains this, in any case: the only way to a software adapter.
    Named(String),
}

impl FromStr for DeviceRequest {
    type Err = Infallible;

    /// `auto`, `gpu`, `cpu`; anything else is part of an adapter's name.
    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(match text.to_lowercase().as_str() {
            "auto" => Self::Auto,
            "gpu" => Self::Gpu,
            "cpu" => Self::Cpu,
            _ => Self::Named(text.to_owned()),
        })
    }
}

impl fmt::Display for DeviceRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Auto => "auto",
            Self::Gpu => "gpu",
            Self::Cpu => "cpu",
            Self::Named(name) => name,
        })
    }
}

/// Every adapter of this machine, GPUs first, software ones last. Empty where there is no driver.
pub fn adapters() -> Vec<AdapterReport> {
    gpu::list().into_iter().map(|adapter| adapter.report).collect()
}

/// Where a GPU's tiles come from: the shapes in which its workgroups compute matrix products.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Tiling {
    /// Measured when a plan is compiled, for about two seconds, and kept in the cache folder; estimated on software
    /// adapters and where `KELVIN_AUTOTUNE=off`.
    #[default]
    Auto,
    /// Measured on any adapter, and kept in this file.
    Measured(PathBuf),
    /// Estimated from the adapter's limits.
    Estimated,
    /// This one for everything, as [`Device::tiles`] names them.
    Fixed(String),
}

impl Tiling {
    /// Every tile, by the name that [`Tiling::Fixed`] takes; not every adapter can run all of them.
    pub fn names() -> Vec<String> {
        gpu::tile_names()
    }
}

/// Opens the device asked for. [`Device::describe`] says which one it became, and why.
///
/// [`Error::NoDevice`] if there is none of that kind; it lists the adapters that were seen.
pub fn open(request: &DeviceRequest) -> Result<Box<dyn Device>, Error> {
    open_with(request, &Tiling::Auto)
}

/// As [`open`], with a say in how a GPU computes.
pub fn open_with(request: &DeviceRequest, tiling: &Tiling) -> Result<Box<dyn Device>, Error> {
    if *request == DeviceRequest::Cpu {
        return Ok(Box::new(Explained { device: CpuDevice, why: "as asked for".into() }));
    }
    let adapters = gpu::list();
    match request {
        DeviceRequest::Cpu => unreachable!("returned above"),
        DeviceRequest::Auto => match adapters.iter().find(|adapter| adapter.report.kind.is_gpu()) {
            None => {
                let why = format!("no GPU found ({})", seen(&adapters));
                Ok(Box::new(Explained { device: CpuDevice, why }))
            }
            Some(adapter) => match GpuDevice::open(adapter, tiling) {
                Ok(device) => Ok(Box::new(Explained { device, why: "the first GPU found".into() })),
                Err(error) => Ok(Box::new(Explained { device: CpuDevice, why: error.to_string() })),
            },
        },
        DeviceRequest::Gpu => {
            let adapter = adapters.iter().find(|adapter| adapter.report.kind.is_gpu());
            let adapter = adapter.ok_or_else(|| {
                Error::NoDevice(format!(
                    "no GPU found ({}); install the vendor's Vulkan driver, or use `--device cpu`",
                    seen(&adapters)
                ))
            })?;
            open_adapter(adapter, tiling, "the first GPU found")
        }
        DeviceRequest::Named(name) => {
            let wanted = name.to_lowercase();
            // Every name contains the empty one, which nobody can have meant.
            let is_wanted = |adapter: &&Adapter| {
                !wanted.is_empty() && adapter.report.name.to_lowercase().contains(&wanted)
            };
            let adapter = adapters.iter().find(is_wanted);
            let adapter = adapter.ok_or_else(|| {
                Error::NoDevice(format!(
                    "no adapter is called `{name}` ({}); use a part of one of these names, `auto`, `gpu` or `cpu`",
                    seen(&adapters)
                ))
            })?;
            open_adapter(adapter, tiling, "asked for by name")
        }
    }
}

fn open_adapter(adapter: &Adapter, tiling: &Tiling, why: &str) -> Result<Box<dyn Device>, Error> {
    Ok(Box::new(Explained { device: GpuDevice::open(adapter, tiling)?, why: why.into() }))
}

/// The adapters in words, for a message.
fn seen(adapters: &[Adapter]) -> String {
    if adapters.is_empty() {
        return "no Vulkan, Metal or DirectX 12 adapter at all".into();
    }
    let names = adapters.iter().map(|adapter| format!("{} [{}]", adapter.report.name, adapter.report.kind));
    format!("seen: {}", names.collect::<Vec<_>>().join(", "))
}

/// A device that also says why it was taken.
struct Explained<D> {
    device: D,
    why: String,
}

impl<D: Device> Device for Explained<D> {
    fn describe(&self) -> String {
        format!("{}: {}", self.device.describe(), self.why)
    }

    fn tiles(&self) -> BTreeMap<String, String> {
        self.device.tiles()
    }

    fn on_cpu(&self) -> bool {
        self.device.on_cpu()
    }

    fn compile(&self, plan: &Plan) -> Result<Box<dyn Executor>, Error> {
        self.device.compile(plan)
    }

    fn set_patience(&self, patience: Duration) {
        self.device.set_patience(patience);
    }

    fn destroy(&self) {
        self.device.destroy();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_read_from_the_command_line() {
        let read = |text: &str| text.parse::<DeviceRequest>().unwrap();
        assert_eq!(read("auto"), DeviceRequest::Auto);
        assert_eq!(read("GPU"), DeviceRequest::Gpu);
        assert_eq!(read("cpu"), DeviceRequest::Cpu);
        assert_eq!(read("LLVMpipe"), DeviceRequest::Named("LLVMpipe".into()));
        assert_eq!(read("H200").to_string(), "H200");
    }

    #[test]
    fn auto_and_cpu_always_open_and_say_why() {
        assert!(open(&DeviceRequest::Cpu).unwrap().describe().contains("as asked for"));
        let auto = open(&DeviceRequest::Auto).unwrap().describe();
        assert!(auto.contains("GPU found") || auto.contains("cannot be opened"), "{auto}");
        assert!(!auto.contains("(software"), "{auto}");
    }

    #[test]
    fn an_unknown_name_is_an_error_that_lists_adapters() {
        let error = open(&DeviceRequest::Named("no such adapter".into())).err().unwrap().to_string();
        assert!(error.contains("`no such adapter`") && error.contains("adapter"), "{error}");
        for adapter in adapters() {
            assert!(error.contains(&adapter.name), "{error}");
        }
        assert!(open(&DeviceRequest::Named(String::new())).is_err());
    }
}
