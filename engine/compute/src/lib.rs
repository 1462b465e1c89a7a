//! Devices, networks and optimizers: what turns a batch of transitions into better parameters.
//!
//! **In** flow a [`ModelSpec`] (network, shapes, optimizer), an objective compiled from a script
//! ([`ObjectiveKernel`], which comes as WGSL and as a CPU function), and batches of byte observations.
//! **Out** flow the network's outputs ([`Model::act`]), metrics and faults ([`Model::report`]), and checkpoints
//! ([`Model::export`]).
//!
//! **The one idea** is the [`Plan`]: a network, a batch size and an objective become a fixed list of kernel
//! launches over fixed buffers, made once. A [`Device`] compiles it into an [`Executor`], and from then on an
//! update is a replay: no buffer, pipeline or bind group is made for it, nobody decides anything.
//!
//! ```text
//! ModelSpec ─ Network ─▶ Plan (data) ─ Device::compile ─▶ Executor ◀─ write obs, samples; run; read
//!                          │                                 ▲
//!                          └ Op::Objective ◀─ the script's kernel, swapped in between two updates
//! ```
//!
//! There are two devices. The GPU (wgpu) runs `shaders/<op>.wgsl`; the CPU runs `cpu/<op>.rs`, its twin of the
//! same name and meaning, which is also the oracle that the GPU is tested against. Both are deterministic:
//! the same plan, device and inputs give the same bits, whatever the number of threads.
//!
//! A reader should start with [`Op`], the list of all kernels, and then see [`Model`], which assembles them.

mod check;
mod cost;
mod cpu;
mod device;
mod error;
mod executor;
mod gpu;
pub mod guard;
mod init;
mod model;
mod network;
pub mod objective;
mod plan;

pub use cost::Cost;
pub use cpu::CpuDevice;
pub use device::{DeviceRequest, Tiling, adapters, open, open_with};
pub use error::Error;
pub use executor::{CompiledObjective, Device, Executor, ObjectiveCompiler};
pub use gpu::{AdapterKind, AdapterReport};
pub use guard::{Faults, OnFault};
pub use init::Init;
pub use model::{
    AdamSpec, Batch, Clip, Model, ModelSpec, ModelState, Optimizer, Outputs, Report, RmsPropSpec, Tensor,
};
pub use network::{NetSpec, Network, ObsShape, Pass, TensorSpec};
pub use objective::{CpuObjective, ObjectiveIo, ObjectiveKernel, Reads};
pub use plan::{
    AdamStep, Buf, BufSpec, ByteBuf, ConvShape, DenseShape, Images, LayerParams, ObjectiveBufs, Op, Plan,
    Program,
};
