//! One objective run by itself: on a device, as a plan of nothing else, or in `f64`.

use crate::inputs::Inputs;
use crate::scripts::Compiled;
use kelvin_compute::objective::sample_fields;
use kelvin_compute::{Device, Error, Executor, ObjectiveBufs, Op, Plan, Program};
use kelvin_objective::{KernelIo, Layout};

/// What a kernel wrote.
#[derive(Clone, Debug, PartialEq)]
pub struct Written {
    /// `[batch, outputs]`, the gradient of the mean loss.
    pub grad: Vec<f64>,
    /// `[batch, metric_slots]`, the loss first.
    pub metrics: Vec<f64>,
}

/// An objective on a device.
pub struct OnDevice {
    executor: Box<dyn Executor>,
    program: Program,
    bufs: ObjectiveBufs,
    layout: Layout,
}

impl OnDevice {
    /// Compiles it there.
    pub fn new(device: &dyn Device, compiled: &Compiled) -> Result<Self, Error> {
        let layout = compiled.layout.clone();
        let (mut plan, len) = (Plan::new(), layout.batch * layout.outputs());
        let bufs = ObjectiveBufs {
            batch: layout.batch,
            outputs: layout.outputs(),
            uniforms: plan.buf("uniforms", layout.param_slots),
            samples: plan.buf("samples", sample_fields(layout.window) * layout.batch),
            online: plan.buf("online", len),
            online_next: plan.buf("online_next", len),
            target: plan.buf("target", len),
            target_next: plan.buf("target_next", len),
            grad: plan.buf("grad", len),
            metrics: plan.buf("metrics", layout.metric_slots * layout.batch),
        };
        let program = plan.program("learn", vec![Op::Objective(bufs)]);
        let mut executor = device.compile(&plan)?;
        let kernel = executor.objective_compiler().compile(&compiled.staged.kernel())?;
        executor.set_objective(kernel)?;
        Ok(Self { executor, program, bufs, layout })
    }

    /// Runs it once. What it must write starts as NaN, so that an element that it forgets shows.
    pub fn run(&mut self, inputs: &Inputs) -> Result<Written, Error> {
        let bufs = self.bufs;
        let mut grad = vec![f32::NAN; self.layout.batch * self.layout.outputs()];
        let mut metrics = vec![f32::NAN; self.layout.batch * self.layout.metric_slots];
        for (buf, data) in [
            (bufs.uniforms, &inputs.uniforms),
            (bufs.samples, &inputs.samples),
            (bufs.online, &inputs.online),
            (bufs.online_next, &inputs.online_next),
            (bufs.target, &inputs.target),
            (bufs.target_next, &inputs.target_next),
            (bufs.grad, &grad),
            (bufs.metrics, &metrics),
        ] {
            self.executor.write(buf, data)?;
        }
        self.executor.run(&[self.program])?;
        self.executor.read(bufs.grad, &mut grad)?;
        self.executor.read(bufs.metrics, &mut metrics)?;
        Ok(Written { grad: wide(&grad), metrics: wide(&metrics) })
    }
}

/// The objective on the processor in `f64`, at outputs `online` in place of those of `inputs`.
pub fn in_f64(compiled: &Compiled, inputs: &Inputs, online: &[f64]) -> Written {
    let layout = &compiled.layout;
    let mut grad = vec![f64::NAN; layout.batch * layout.outputs()];
    let mut metrics = vec![f64::NAN; layout.batch * layout.metric_slots];
    compiled.objective.cpu().run(KernelIo {
        uniforms: &wide(&inputs.uniforms),
        samples: &wide(&inputs.samples),
        online,
        online_next: &wide(&inputs.online_next),
        target: &wide(&inputs.target),
        target_next: &wide(&inputs.target_next),
        grad: &mut grad,
        metrics: &mut metrics,
    });
    Written { grad, metrics }
}

/// The same numbers in `f64`.
pub fn wide(values: &[f32]) -> Vec<f64> {
    values.iter().map(|&value| f64::from(value)).collect()
}
