//! The compiled kernel on the devices: in `f32` on the processor, and as WGSL on an adapter.

use super::culprit::{Culprit, by_nodes};
use super::evaluation::{Case, Evaluation, Prepared, Reading};
use super::rounding::Arithmetic;
use super::subject::{Subject, Written};
use crate::failure::Failure;
use crate::staged;
use kelvin_compute::{Device, Executor, ObjectiveBufs, Op, Plan, Program};
use kelvin_objective::{Inputs, Net};
use std::sync::Arc;

/// The same program as the reference, in `f32`: what runs where there is no GPU.
pub struct OnCpu;

impl Evaluation for OnCpu {
    fn name(&self) -> &'static str {
        "kernel f32"
    }

    fn arithmetic(&self) -> Arithmetic {
        Arithmetic::Single
    }

    fn prepare<'a>(&'a self, subject: &'a Subject) -> Result<Prepared<'a>, Failure> {
        Ok(Box::new(move |case: &Case<'_>| Ok(Reading::all(&subject.run(case.inputs)))))
    }

    fn locate(&self, subject: &Subject, inputs: &Inputs<f32>) -> Result<Option<Culprit>, Failure> {
        by_nodes(self, subject, inputs)
    }
}

/// The kernel's WGSL on an adapter.
pub struct OnDevice(pub Arc<dyn Device>);

impl Evaluation for OnDevice {
    fn name(&self) -> &'static str {
        "kernel WGSL"
    }

    fn arithmetic(&self) -> Arithmetic {
        Arithmetic::Shader
    }

    fn prepare<'a>(&'a self, subject: &'a Subject) -> Result<Prepared<'a>, Failure> {
        let mut launch = Launch::new(&*self.0, subject)?;
        Ok(Box::new(move |case: &Case<'_>| {
            let written = launch.run(subject, case.inputs)?;
            let again = launch.run(subject, case.inputs)?;
            let bits =
                |written: &Written| written.values.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
            if bits(&written) != bits(&again) {
                return Err(Failure::failed("the same inputs gave other bits the second time"));
            }
            Ok(Reading::all(&written))
        }))
    }

    fn locate(&self, subject: &Subject, inputs: &Inputs<f32>) -> Result<Option<Culprit>, Failure> {
        by_nodes(self, subject, inputs)
    }
}

/// A plan of nothing but the objective.
struct Launch {
    executor: Box<dyn Executor>,
    program: Program,
    bufs: ObjectiveBufs,
}

impl Launch {
    fn new(device: &dyn Device, subject: &Subject) -> Result<Self, Failure> {
        let (layout, kernel) = (&subject.layout, staged::kernel(&subject.objective));
        let mut plan = Plan::new();
        let bufs =
            ObjectiveBufs::new(&mut plan, layout.batch, layout.outputs(), layout.window, &kernel.reads);
        let program = plan.program("objective", vec![Op::Objective(bufs)]);
        let mut executor = device.compile(&plan)?;
        let compiled = executor.objective_compiler().compile(&kernel)?;
        executor.set_objective(compiled)?;
        Ok(Self { executor, program, bufs })
    }

    fn run(&mut self, subject: &Subject, inputs: &Inputs<f32>) -> Result<Written, Failure> {
        let (bufs, layout, reads) = (self.bufs, &subject.layout, subject.objective.reads());
        // What it must write starts as NaN, so that an element that it forgets shows.
        let mut grad = vec![f32::NAN; bufs.lens()[0]];
        let mut metrics = vec![f32::NAN; layout.batch * layout.metric_slots];
        for (buf, data) in [
            (bufs.uniforms, &inputs.uniforms),
            (bufs.samples, &inputs.samples),
            (bufs.trained, &inputs.region(Net::Online, &reads.trained, layout)),
            (bufs.online, &inputs.region(Net::Online, &reads.online, layout)),
            (bufs.target, &inputs.region(Net::Target, &reads.target, layout)),
            (bufs.grad, &grad),
            (bufs.metrics, &metrics),
        ] {
            if !data.is_empty() {
                self.executor.write(buf, data)?;
            }
        }
        self.executor.run(&[self.program])?;
        self.executor.read_all(&mut [(bufs.grad, &mut grad), (bufs.metrics, &mut metrics)])?;
        let wide = |values: &[f32]| values.iter().map(|&value| f64::from(value)).collect::<Vec<_>>();
        Ok(Written::from_kernel(subject, &wide(&grad), &wide(&metrics)))
    }
}
