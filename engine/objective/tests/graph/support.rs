//! Batches of made-up numbers, and a kernel run on them.

use kelvin_objective::{Graph, Head, KernelIo, Layout, NodeId, Objective, Op, Pass, Real, Span, Traced};

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

/// The inputs of a kernel.
#[derive(Clone)]
pub struct Data {
    pub layout: Layout,
    pub uniforms: Vec<f64>,
    pub samples: Vec<f64>,
    /// In the order of `Pass`.
    pub passes: [Vec<f64>; 4],
}

impl Data {
    /// Network outputs uniform in `low..high`, rewards in -1..1, a third of the samples terminated (from some
    /// step of the window on).
    pub fn random(layout: &Layout, params: &[f64], low: f64, high: f64, seed: u64) -> Data {
        let mut random = Random::new(seed);
        let (batch, window) = (layout.batch, layout.window);
        let mut samples = vec![0.0; (3 * window + 1) * batch];
        for sample in 0..batch {
            let end = if random.below(3) == 0 { random.below(window) } else { window };
            for step in 0..window {
                samples[step * batch + sample] = if step <= end { random.between(-1.0, 1.0) } else { 0.0 };
                samples[(window + step) * batch + sample] = f64::from(u8::from(step >= end));
                samples[(2 * window + step) * batch + sample] = random.below(layout.actions) as f64;
            }
            samples[3 * window * batch + sample] = random.between(0.1, 1.0);
        }
        let mut uniforms = vec![0.0; layout.param_slots];
        for (slot, param) in uniforms.iter_mut().zip(params) {
            *slot = f64::from(*param as f32);
        }
        let mut outputs = || (0..batch * layout.outputs()).map(|_| random.between(low, high)).collect();
        let passes = [outputs(), outputs(), outputs(), outputs()];
        Data { layout: layout.clone(), uniforms, samples, passes }
    }

    pub fn outputs(&self) -> usize {
        self.layout.outputs()
    }

    pub fn action(&self, step: usize, sample: usize) -> usize {
        self.samples[(2 * self.layout.window + step) * self.layout.batch + sample] as usize
    }

    pub fn reward(&self, step: usize, sample: usize) -> f64 {
        self.samples[step * self.layout.batch + sample]
    }

    pub fn terminated(&self, step: usize, sample: usize) -> f64 {
        self.samples[(self.layout.window + step) * self.layout.batch + sample]
    }

    pub fn row(&self, pass: Pass, sample: usize) -> &[f64] {
        &self.passes[pass as usize][sample * self.outputs()..][..self.outputs()]
    }

    pub fn run<T: Real>(&self, objective: &Objective) -> Output {
        let convert = |values: &[f64]| values.iter().map(|&x| T::from_f64(x)).collect::<Vec<T>>();
        let [online, online_next, target, target_next] = self.passes.each_ref().map(|pass| convert(pass));
        // Poisoned, so that an element the kernel forgets shows.
        let mut grad = vec![T::NAN; self.layout.batch * self.outputs()];
        let mut metrics = vec![T::NAN; self.layout.batch * self.layout.metric_slots];
        objective.cpu().run(KernelIo {
            uniforms: &convert(&self.uniforms),
            samples: &convert(&self.samples),
            online: &online,
            online_next: &online_next,
            target: &target,
            target_next: &target_next,
            grad: &mut grad,
            metrics: &mut metrics,
        });
        let slots = self.layout.metric_slots;
        Output {
            grad: grad.iter().map(|x| x.to_f64()).collect(),
            loss: metrics.chunks(slots).map(|row| row[0].to_f64()).collect(),
            metrics: metrics.iter().map(|x| x.to_f64()).collect(),
        }
    }
}

/// What a kernel wrote.
pub struct Output {
    /// `[batch, outputs]`
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
