//! A program of one op with data, run on either device and compared.

use kelvin_compute::{Buf, ByteBuf, CpuDevice, Device, Error, Op, Plan, Program};
use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::{Rng, SeedableRng};

/// A plan with one program, and what goes into and comes out of its buffers.
pub struct Case {
    pub plan: Plan,
    floats: Vec<(Buf, Vec<f32>)>,
    bytes: Vec<(ByteBuf, Vec<u8>)>,
    outputs: Vec<(Buf, usize)>,
    program: Option<Program>,
    rng: Xoshiro256PlusPlus,
}

impl Case {
    pub fn new() -> Self {
        let rng = Xoshiro256PlusPlus::seed_from_u64(1);
        Self { plan: Plan::new(), floats: vec![], bytes: vec![], outputs: vec![], program: None, rng }
    }

    /// Numbers in `[-1, 1)`, every fifth one zero as after a ReLU.
    pub fn random(&mut self, len: usize) -> Vec<f32> {
        let mut one = || match self.rng.next_u32() {
            bits if bits % 5 == 0 => 0.0,
            bits => (bits >> 8) as f32 / (1 << 23) as f32 - 1.0,
        };
        (0..len).map(|_| one()).collect()
    }

    /// A buffer of random numbers.
    pub fn input(&mut self, name: &str, len: usize) -> Buf {
        let data = self.random(len);
        self.input_of(name, data)
    }

    pub fn input_of(&mut self, name: &str, data: Vec<f32>) -> Buf {
        let buf = self.plan.buf(name, data.len());
        self.floats.push((buf, data));
        buf
    }

    pub fn input_bytes(&mut self, name: &str, len: usize) -> ByteBuf {
        let data = (0..len).map(|_| self.rng.next_u32() as u8).collect();
        let buf = self.plan.byte_buf(name, len);
        self.bytes.push((buf, data));
        buf
    }

    /// A buffer to compare. It starts with random numbers that must be overwritten, or left alone, by both
    /// twins.
    pub fn output(&mut self, name: &str, len: usize) -> Buf {
        let buf = self.input(name, len);
        self.outputs.push((buf, len));
        buf
    }

    /// Also compares an input that is changed in place.
    pub fn compare(&mut self, buf: Buf, len: usize) {
        self.outputs.push((buf, len));
    }

    pub fn op(&mut self, op: Op) {
        self.program = Some(self.plan.program("test", vec![op]));
    }

    pub fn data(&self, buf: Buf) -> &[f32] {
        self.floats.iter().find(|(other, _)| *other == buf).map_or(&[], |(_, data)| data)
    }

    /// Runs the op `times` times, each on the same inputs; outputs of each time.
    fn run(
        &self,
        device: &dyn Device,
        times: usize,
        input: fn(f32) -> f32,
    ) -> Result<Vec<Vec<Vec<f32>>>, Error> {
        let mut executor = device.compile(&self.plan)?;
        let mut runs = Vec::new();
        for _ in 0..times {
            for (buf, data) in &self.floats {
                executor.write(*buf, &data.iter().copied().map(input).collect::<Vec<_>>())?;
            }
            for (buf, data) in &self.bytes {
                executor.write_bytes(*buf, data)?;
            }
            executor.run(&[self.program.expect("a case has an op")])?;
            let mut outputs = Vec::new();
            for (buf, len) in &self.outputs {
                let mut out = vec![f32::NAN; *len];
                executor.read(*buf, &mut out)?;
                outputs.push(out);
            }
            runs.push(outputs);
        }
        Ok(runs)
    }

    /// Outputs on the CPU.
    pub fn on_cpu(&self) -> Result<Vec<Vec<f32>>, String> {
        Ok(self.run(&CpuDevice, 1, |value| value).map_err(|error| error.to_string())?.remove(0))
    }

    /// Outputs on the GPU, which must be the same bits three times.
    pub fn on_gpu(&self, device: &dyn Device) -> Result<Vec<Vec<f32>>, String> {
        let mut runs = self.run(device, 3, |value| value).map_err(|error| error.to_string())?;
        let first = runs.remove(0);
        let bits = |outputs: &[Vec<f32>]| outputs.concat().into_iter().map(f32::to_bits).collect::<Vec<_>>();
        match runs.iter().position(|other| bits(other) != bits(&first)) {
            None => Ok(first),
            Some(i) => Err(format!("run {} gave other bits than the first", i + 2)),
        }
    }

    /// Compares the twins of an op whose outputs are sums of products.
    ///
    /// Both twins round, in different orders. A sum of `n` terms in any order is off by at most `n u
    /// Σ|terms|` with `u` = 2⁻²⁴; errors of random sign give about `√n u` of a typical partial sum, which for
    /// terms of random sign is itself `Σ|terms| / √n`: about `u Σ|terms|`, for any `n`. The bound is 16 times
    /// that. `Σ|terms|` is what the op makes of the inputs' absolute values.
    pub fn check_sums(&self, device: &dyn Device) -> Result<(), String> {
        let scales = self.run(&CpuDevice, 1, f32::abs).map_err(|error| error.to_string())?.remove(0);
        let bound = |output: usize, i: usize| 16.0 * U * f64::from(scales[output][i]);
        compare(&self.on_cpu()?, &self.on_gpu(device)?, bound)
    }

    /// Compares twins that must give the same bits.
    pub fn check_exact(&self, device: &dyn Device) -> Result<(), String> {
        compare(&self.on_cpu()?, &self.on_gpu(device)?, |_, _| 0.0)
    }
}

/// Half the distance from one to the next `f32`.
pub const U: f64 = 1.0 / (1 << 24) as f64;

/// Fails at the first element that is not within `bound(output, element)`; a NaN is never within.
pub fn compare(
    cpu: &[Vec<f32>],
    gpu: &[Vec<f32>],
    bound: impl Fn(usize, usize) -> f64,
) -> Result<(), String> {
    for (output, (cpu, gpu)) in cpu.iter().zip(gpu).enumerate() {
        if cpu.len() != gpu.len() {
            return Err(format!("output {output}: {} and {} elements", cpu.len(), gpu.len()));
        }
        for (i, (cpu, gpu)) in cpu.iter().zip(gpu).enumerate() {
            let (difference, bound) = (f64::from(*cpu) - f64::from(*gpu), bound(output, i));
            let within = difference.abs() <= bound;
            if !within {
                return Err(format!("output {output}[{i}]: CPU {cpu}, GPU {gpu}, bound {bound:e}"));
            }
        }
    }
    Ok(())
}
