//! What runs a plan: the CPU and the GPU behind one trait.

use crate::{Buf, ByteBuf, Error, ObjectiveKernel, Plan, Program};
use std::any::Any;
use std::collections::BTreeMap;
use std::time::Duration;

/// A plan made ready on one device, owning its buffers.
///
/// Writes and runs take effect in the order of the calls; only reading waits for the device.
pub trait Executor: Send {
    /// Copies `data` to the start of a buffer.
    fn write(&mut self, buf: Buf, data: &[f32]) -> Result<(), Error>;
    /// Copies `data` to the start of a byte buffer.
    fn write_bytes(&mut self, buf: ByteBuf, data: &[u8]) -> Result<(), Error>;
    /// Launches programs one after another, as one submission.
    fn run(&mut self, programs: &[Program]) -> Result<(), Error>;
    /// Waits for everything launched and copies the start of each buffer to the slice beside it: one wait for all
    /// of them if together they are no longer than the plan's longest buffer.
    fn read_all(&mut self, wanted: &mut [(Buf, &mut [f32])]) -> Result<(), Error>;
    /// Copies the start of one buffer to `out`, as [`Executor::read_all`] does.
    fn read(&mut self, buf: Buf, out: &mut [f32]) -> Result<(), Error> {
        self.read_all(&mut [(buf, out)])
    }
    /// Gives the first buffer of each pair what the second holds in `from`, an executor of the same device, without a
    /// way through the host: the CPU swaps the two, the GPU copies. On an error nothing was changed.
    fn take_over(&mut self, from: &mut dyn Executor, pairs: &[(Buf, Buf)]) -> Result<(), Error>;
    /// What [`Executor::take_over`] knows its own kind by.
    fn as_any_mut(&mut self) -> &mut dyn Any;
    /// Swaps the objective kernel of every [`Op::Objective`](crate::Op) of the plan. Until the first call a
    /// program that contains one is an error.
    fn set_objective(&mut self, objective: CompiledObjective) -> Result<(), Error>;
    /// A handle that compiles objectives for this executor, on any thread.
    fn objective_compiler(&self) -> Box<dyn ObjectiveCompiler>;
}

/// Compiles objective kernels away from the training thread.
pub trait ObjectiveCompiler: Send {
    /// Validates and compiles; on the GPU it also warms the kernel up, since drivers compile at first use.
    fn compile(&self, kernel: &ObjectiveKernel) -> Result<CompiledObjective, Error>;
}

/// An objective compiled by the device that made it.
pub struct CompiledObjective(pub(crate) Box<dyn Any + Send>);

/// Where plans are compiled: the CPU or one GPU adapter. Opened by [`crate::open`].
pub trait Device: Send + Sync {
    /// One line for a person: which device, and why it was taken.
    fn describe(&self) -> String;
    /// How each matrix product of the plans compiled so far is cut into tiles, by the product. Another tile adds in
    /// another order; the same tiles give the same bits. Empty where nothing is chosen.
    fn tiles(&self) -> BTreeMap<String, String> {
        BTreeMap::new()
    }
    /// Whether its kernels run on the cores that everything else runs on.
    fn on_cpu(&self) -> bool {
        false
    }
    /// Makes a plan ready: buffers, pipelines, bind groups.
    fn compile(&self, plan: &Plan) -> Result<Box<dyn Executor>, Error>;
    /// Calls the device lost if it answers nothing for so long, whatever it has to do. Without this, that is ten seconds on
    /// a GPU, two minutes on a software driver, and more for plans that may take longer. For tests; the CPU always answers.
    fn set_patience(&self, _: Duration) {}
    /// Ends the device as a driver does that resets it: whoever uses it finds it lost. For tests; the CPU cannot be lost.
    fn destroy(&self) {}
}
