//! What the device can do at its best: copy a large buffer, and multiply two large matrices.

use super::measure::{Effort, repeat};
use crate::failure::Failure;
use kelvin_compute::{DenseShape, Device, Executor, LayerParams, Op, Plan};
use serde::Serialize;
use std::fmt;

/// Floats that are copied: 64 MB, more than caches hold.
const COPIED: usize = 16 << 20;
/// Sides of the matrices that are tried, until one takes long enough to say something.
const SIDES: [usize; 4] = [256, 512, 1024, 2048];
/// Time from which a product says something.
const LONG_ENOUGH: f64 = 5.0;

/// Measured rates of a device.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Rates {
    /// Bytes read or written a second by a copy.
    pub bytes_per_s: f64,
    /// Floating-point operations a second of an `f32` matrix product.
    pub flops_per_s: f64,
}

impl Rates {
    pub(super) fn measure(device: &dyn Device, effort: Effort) -> Result<Self, Failure> {
        let mut plan = Plan::new();
        let (from, to) = (plan.buf("from", COPIED), plan.buf("to", COPIED));
        let copy = Op::Copy { from, to, len: COPIED };
        let bytes_per_s = copy.cost().bytes as f64 / best(device, plan, copy, effort)?;
        let mut flops_per_s = 0.0;
        for side in SIDES {
            let (op, plan) = product(side);
            let cost = op.cost();
            let seconds = best(device, plan, op, effort)?;
            flops_per_s = f64::max(flops_per_s, cost.flops as f64 / seconds);
            if 1e3 * seconds > LONG_ENOUGH {
                break;
            }
        }
        Ok(Self { bytes_per_s, flops_per_s })
    }
}

/// A dense layer with square matrices.
fn product(side: usize) -> (Op, Plan) {
    let mut plan = Plan::new();
    let (x, y) = (plan.buf("x", side * side), plan.buf("y", side * side));
    let params = plan.buf("params", side * side + side);
    let layer = LayerParams { weight: 0, bias: side * side };
    let shape = DenseShape { batch: side, inputs: side, outputs: side };
    (Op::DenseForward { shape, x, params, layer, y, relu: false }, plan)
}

/// Seconds of the fastest run of an op.
fn best(device: &dyn Device, mut plan: Plan, op: Op, effort: Effort) -> Result<f64, Failure> {
    let program = plan.program("measured", vec![op]);
    let done = plan.buf("done", 1);
    let mut executor: Box<dyn Executor> = device.compile(&plan)?;
    let samples = repeat(effort, |count| {
        for _ in 0..count {
            executor.run(&[program])?;
        }
        // Reading anything waits for all of it.
        Ok(executor.read(done, &mut [0.0])?)
    })?;
    Ok(samples.into_iter().fold(f64::INFINITY, f64::min) / 1e3)
}

impl fmt::Display for Rates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the device copies {:.1} GB/s and multiplies at {:.0} GFLOP/s (f32)",
            self.bytes_per_s / 1e9,
            self.flops_per_s / 1e9
        )
    }
}
