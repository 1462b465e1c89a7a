//! The GPU device: WGSL on wgpu (Vulkan, Metal, DirectX 12), any vendor.
//!
//! A plan goes through three hands: [`lower`] says which kernels run with which constants in how many
//! workgroups, [`build`] makes buffers, pipelines and bind groups of that, and [`executor`] records a
//! program's dispatches into one compute pass and submits it. After `build` nothing is made any more but
//! command buffers.
//!
//! Kernels are the files of `shaders/`, each the twin of the file of its name in `cpu/`; sizes reach them as
//! pipeline-overridable constants, so a driver sees them as numbers. No kernel adds floats atomically, so the
//! same input gives the same bits on the same adapter with the same tiles.
//!
//! Layers are matrix products ([`products`]), computed in [`tile`]s; which tile, [`estimate`] says by arithmetic, or
//! [`tune`] by the clock, and [`tiles`] remembers.

mod adapter;
mod build;
mod cache;
mod clip_chunks;
mod clock;
mod context;
mod estimate;
mod executor;
mod kernels;
mod loss;
mod lower;
mod objective;
mod pipeline_cache;
mod products;
mod split;
mod tile;
mod tiles;
mod trusted;
mod tune;
mod validate;

pub(crate) use adapter::{Adapter, list};
pub use adapter::{AdapterKind, AdapterReport};
pub(crate) use tile::names as tile_names;

use crate::{Device, Error, Executor, Plan, Tiling};
use context::Context;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tiles::Tiles;

/// An opened adapter.
pub(crate) struct GpuDevice {
    context: Arc<Context>,
    report: AdapterReport,
    tiles: Tiles,
}

impl GpuDevice {
    /// Opens an adapter.
    pub(crate) fn open(adapter: &Adapter, tiling: &Tiling) -> Result<Self, Error> {
        let report = adapter.report.clone();
        let tiles = Tiles::new(&report, tiling)?;
        Ok(Self { context: Arc::new(Context::open(&adapter.handle)?), report, tiles })
    }
}

impl Device for GpuDevice {
    fn describe(&self) -> String {
        format!("{}, {}", self.report, self.tiles.describe())
    }

    fn tiles(&self) -> BTreeMap<String, String> {
        self.tiles.by_name()
    }

    fn compile(&self, plan: &Plan) -> Result<Box<dyn Executor>, Error> {
        plan.check()?;
        self.context.expect(plan);
        if tune::measure(&self.context, &self.tiles, plan)? {
            self.tiles.keep(&self.report);
        }
        let executor = build::executor(&self.context, &self.tiles, plan)?;
        if let Some(pipelines) = &self.context.pipelines {
            pipelines.keep();
        }
        Ok(Box::new(executor))
    }

    fn set_patience(&self, patience: Duration) {
        self.context.set_patience(patience);
    }

    fn destroy(&self) {
        self.context.device.destroy();
    }
}
