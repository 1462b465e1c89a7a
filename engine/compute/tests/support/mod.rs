//! What the tests of both devices share: ops with inputs, and what `f64` arithmetic makes of them.
#![allow(dead_code, reason = "each test executable uses a part")]

pub mod cases;
pub mod dqn;
pub mod objectives;
pub mod reference;
pub mod scenarios;

use kelvin_compute::{Buf, ByteBuf, Device, Op, Plan};
use rand::{RngExt, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;
use reference::Memory;

/// Ops over buffers that are all filled beforehand and all compared afterwards.
pub struct Case {
    pub name: String,
    pub plan: Plan,
    pub floats: Vec<(String, Buf, Vec<f32>)>,
    pub bytes: Vec<(ByteBuf, Vec<u8>)>,
    pub ops: Vec<Op>,
    /// Largest distance to the reference, absolute.
    pub tolerance: f64,
}

impl Case {
    pub fn new(name: impl Into<String>, tolerance: f64) -> Self {
        let (plan, name) = (Plan::new(), name.into());
        Self { name, plan, floats: Vec::new(), bytes: Vec::new(), ops: Vec::new(), tolerance }
    }

    pub fn buf(&mut self, name: &str, data: Vec<f32>) -> Buf {
        let buf = self.plan.buf(name, data.len());
        self.floats.push((name.to_owned(), buf, data));
        buf
    }

    pub fn byte_buf(&mut self, name: &str, data: Vec<u8>) -> ByteBuf {
        let buf = self.plan.byte_buf(name, data.len());
        self.bytes.push((buf, data));
        buf
    }

    /// Every buffer after the ops ran on `device`, in the order they were added.
    pub fn run(&self, device: &dyn Device) -> Vec<Vec<f32>> {
        let mut plan = self.plan.clone();
        let program = plan.program(self.name.clone(), self.ops.clone());
        let mut executor = device.compile(&plan).unwrap();
        for (_, buf, data) in &self.floats {
            executor.write(*buf, data).unwrap();
        }
        for (buf, data) in &self.bytes {
            executor.write_bytes(*buf, data).unwrap();
        }
        executor.run(&[program]).unwrap();
        let read = |(_, buf, data): &(String, Buf, Vec<f32>)| {
            // A pattern that no kernel leaves behind, so that a read that does nothing shows.
            let mut out = vec![f32::NAN; data.len()];
            executor.read(*buf, &mut out).unwrap();
            out
        };
        self.floats.iter().map(read).collect()
    }

    /// The inputs as the reference holds them.
    pub fn memory(&self) -> Memory {
        let mut memory = Memory::default();
        for (_, buf, data) in &self.floats {
            memory.floats.insert(*buf, data.iter().map(|value| f64::from(*value)).collect());
        }
        for (buf, data) in &self.bytes {
            memory.bytes.insert(*buf, data.clone());
        }
        memory
    }

    /// Where `device` and the reference differ; empty if nowhere.
    pub fn failures(&self, device: &dyn Device) -> Vec<String> {
        let mut memory = self.memory();
        for op in &self.ops {
            memory.run(op);
        }
        let mut failures = Vec::new();
        for ((name, buf, _), found) in self.floats.iter().zip(self.run(device)) {
            failures.extend(
                difference(&found, &memory.floats[buf], self.tolerance)
                    .map(|difference| format!("{}: buffer {name}: {difference}", self.name)),
            );
        }
        failures
    }
}

/// The first element further than `tolerance` from what is expected; a NaN is near where one is expected, and
/// nowhere else.
pub fn difference(found: &[f32], expected: &[f64], tolerance: f64) -> Option<String> {
    assert_eq!(found.len(), expected.len());
    let far = |(found, expected): (&f32, &f64)| {
        let distance = (f64::from(*found) - expected).abs();
        let near = distance <= tolerance; // False for NaN.
        // Infinite numbers of one sign have no distance.
        let same = f64::from(*found) == *expected || (found.is_nan() && expected.is_nan());
        (!near && !same).then_some((*found, *expected))
    };
    let far: Vec<_> = found.iter().zip(expected).map(far).collect();
    let first = far.iter().position(Option::is_some)?;
    let (found, expected) = far[first]?;
    let count = far.iter().flatten().count();
    Some(format!("[{first}] is {found}, not {expected} ± {tolerance:e} ({count} of {} differ)", far.len()))
}

/// Fails with everything that any case found.
pub fn assert_all(device: &dyn Device, cases: &[Case]) {
    let failures: Vec<String> = cases.iter().flat_map(|case| case.failures(device)).collect();
    assert!(failures.is_empty(), "{} failures:\n{}", failures.len(), failures.join("\n"));
}

/// Numbers from −1 to 1.
pub fn random(seed: u64, len: usize) -> Vec<f32> {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
    (0..len).map(|_| 2.0 * rng.random::<f32>() - 1.0).collect()
}

pub fn random_bytes(seed: u64, len: usize) -> Vec<u8> {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
    (0..len).map(|_| rng.random::<u8>()).collect()
}
