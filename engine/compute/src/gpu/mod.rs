//! The GPU device: WGSL on wgpu (Vulkan, Metal, DirectX 12), any vendor.
//!
//! A plan goes through three hands: [`lower`] says which kernels run with which constants in how many
//! workgroups, [`build`] makes buffers, pipelines and bind groups of that, and [`executor`] records a
//! program's dispatches into one compute pass and submits it. After `build` nothing is made any more but
//! command buffers.
//!
//! Kernels are the files of `shaders/`, each the twin of the file of its name in `cpu/`; sizes reach them as
//! pipeline-overridable constants, so a driver sees them as numbers. No kernel adds floats atomically, so the
//! same input gives the same bits on the same adapter.

mod adapter;
mod build;
mod clip_chunks;
mod context;
mod executor;
mod kernels;
mod lower;
mod objective;
mod products;
mod split;
mod tile;
mod trusted;
mod validate;

pub(crate) use adapter::{Adapter, list};
pub use adapter::{AdapterKind, AdapterReport};

use crate::{Device, Error, Executor, Plan};
use context::Context;
use std::sync::Arc;

/// An opened adapter.
pub(crate) struct GpuDevice {
    context: Arc<Context>,
    description: String,
}

impl GpuDevice {
    /// Opens an adapter.
    pub(crate) fn open(adapter: &Adapter) -> Result<Self, Error> {
        let context = Arc::new(Context::open(&adapter.handle)?);
        Ok(Self { context, description: adapter.report.to_string() })
    }
}

impl Device for GpuDevice {
    fn describe(&self) -> String {
        self.description.clone()
    }

    fn compile(&self, plan: &Plan) -> Result<Box<dyn Executor>, Error> {
        plan.check()?;
        Ok(Box::new(build::executor(&self.context, plan)?))
    }
}
