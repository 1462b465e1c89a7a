//! Batches of made-up numbers, and a kernel run on them.

use kelvin_objective::{
    Field, Graph, Head, Inputs, KernelIo, Layout, Net, NodeId, Objective, Op, Pass, Real, Span, Traced,
};

/// The online network at the window's first state, and the target network there.
pub const ONLINE: Pass = Pass::online(0);
pub const TARGET: Pass = Pass::target(0);

/// Place of a node in these tests: the line counts the calls that made it.
pub fn line(line: u32) -> Span {
    Span { file: 0, line, column: 5 }
}

pub fn layout(batch: usize, actions: usize, window: usize, heads: &[Head]) -> Layout {
    Layout { batch, actions, window, heads: heads.to_vec(), param_slots: 64, metric_slots: 16, workgroup: 32 }
}

pub fn traced(graph: Graph, loss: NodeId) -> Traced {
    Traced { graph, loss, metrics: vec![] }
}

pub fn output(graph: &mut Graph, pass: Pass, head: Head) -> NodeId {
    graph.push(Op::Output(pass, head), Span::NONE)
}

/// SplitMix64: enough randomness for test data, the same on every machine.
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Random(seed)
    }

    /// Uniform in `low..high`, rounded to `f32` so that both precisions read the same number.
    pub fn between(&mut self, low: f64, high: f64) -> f64 {
        f64::from((low + (high - low) * self.unit()) as f32)
    }

    pub fn below(&mut self, n: usize) -> usize {
        ((self.unit() * n as f64) as usize).min(n - 1)
    }

    fn unit(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64
    }
}

/// The inputs of a kernel, for all states of the window.
#[derive(Clone)]
pub struct Data {
    pub layout: Layout,
    pub inputs: Inputs<f64>,
}

impl Data {
    /// Network outputs uniform in `low..high`, rewards and log-probabilities in -1..1, a third of the samples
    /// terminated (from some step of the window on).
    pub fn random(layout: &Layout, params: &[f64], low: f64, high: f64, seed: u64) -> Data {
        let mut random = Random::new(seed);
        let (batch, window) = (layout.batch, layout.window);
        let mut samples = vec![0.0; layout.fields() * batch];
        for sample in 0..batch {
            let end = if random.below(3) == 0 { random.below(window) } else { window };
            let mut set = |field: Field, value: f64| samples[layout.field(field) * batch + sample] = value;
            for step in 0..window {
                let live = step <= end;
                set(Field::Reward(step), if live { random.between(-1.0, 1.0) } else { 0.0 });
                set(Field::Terminated(step), f64::from(u8::from(step >= end)));
                set(Field::Action(step), random.below(layout.actions) as f64);
                set(Field::BehaviourLogp(step), random.between(-1.0, 0.0));
                set(Field::Valid(step), f64::from(u8::from(live)));
            }
            set(Field::Weight, random.between(0.1, 1.0));
        }
        let mut uniforms = vec![0.0; layout.param_slots];
        for (slot, param) in uniforms.iter_mut().zip(params) {
            *slot = f64::from(*param as f32);
        }
        let size = (window + 1) * batch * layout.outputs();
        let mut outputs = || (0..size).map(|_| random.between(low, high)).collect();
        let inputs = Inputs { uniforms, samples, online: outputs(), target: outputs() };
        Data { layout: layout.clone(), inputs }
    }

    pub fn outputs(&self) -> usize {
        self.layout.outputs()
    }

    pub fn field(&self, field: Field, sample: usize) -> f64 {
        self.inputs.samples[self.layout.field(field) * self.layout.batch + sample]
    }

    pub fn set(&mut self, field: Field, sample: usize, value: f64) {
        self.inputs.samples[self.layout.field(field) * self.layout.batch + sample] = value;
    }

    pub fn action(&self, step: usize, sample: usize) -> usize {
        self.field(Field::Action(step), sample) as usize
    }

    pub fn reward(&self, step: usize, sample: usize) -> f64 {
        self.field(Field::Reward(step), sample)
    }

    pub fn terminated(&self, step: usize, sample: usize) -> f64 {
        self.field(Field::Terminated(step), sample)
    }

    pub fn row(&self, pass: Pass, sample: usize) -> &[f64] {
        let outputs = match pass.net {
            Net::Online => &self.inputs.online,
            Net::Target => &self.inputs.target,
        };
        &outputs[self.start(pass.state, sample)..][..self.outputs()]
    }

    pub fn row_mut(&mut self, pass: Pass, sample: usize) -> &mut [f64] {
        let (start, outputs) = (self.start(pass.state, sample), self.outputs());
        let all = match pass.net {
            Net::Online => &mut self.inputs.online,
            Net::Target => &mut self.inputs.target,
        };
        &mut all[start..][..outputs]
    }

    fn start(&self, state: usize, sample: usize) -> usize {
        (state * self.layout.batch + sample) * self.outputs()
    }

    /// The inputs in another precision.
    pub fn to<T: Real>(&self) -> Inputs<T> {
        let convert = |values: &[f64]| values.iter().map(|&x| T::from_f64(x)).collect::<Vec<T>>();
        let Inputs { uniforms, samples, online, target } = &self.inputs;
        Inputs {
            uniforms: convert(uniforms),
            samples: convert(samples),
            online: convert(online),
            target: convert(target),
        }
    }

    pub fn run<T: Real>(&self, objective: &Objective) -> Output {
        let (layout, reads, inputs) = (&self.layout, objective.reads(), self.to::<T>());
        let trained = inputs.region(Net::Online, &reads.trained, layout);
        // Poisoned, so that an element the kernel forgets shows.
        let mut grad = vec![T::NAN; trained.len()];
        let mut metrics = vec![T::NAN; layout.batch * layout.metric_slots];
        objective.cpu().run(KernelIo {
            uniforms: &inputs.uniforms,
            samples: &inputs.samples,
            trained: &trained,
            online: &inputs.region(Net::Online, &reads.online, layout),
            target: &inputs.region(Net::Target, &reads.target, layout),
            grad: &mut grad,
            metrics: &mut metrics,
        });
        Output {
            grad: grad.iter().map(|x| x.to_f64()).collect(),
            loss: metrics.chunks(layout.metric_slots).map(|row| row[0].to_f64()).collect(),
            metrics: metrics.iter().map(|x| x.to_f64()).collect(),
        }
    }
}

/// What a kernel wrote.
pub struct Output {
    /// `[trained states, batch, outputs]`
    pub grad: Vec<f64>,
    /// `[batch]`
    pub loss: Vec<f64>,
    /// `[batch, metric_slots]`
    pub metrics: Vec<f64>,
}

/// `|a - b| <= tolerance`, false for NaN on either side.
pub fn close(a: f64, b: f64, tolerance: f64) -> bool {
    (a - b).abs() <= tolerance
}
