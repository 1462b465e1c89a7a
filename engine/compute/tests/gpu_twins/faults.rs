//! What a GPU cannot do is an error that says so.

use crate::Test;
use crate::support::scenarios::{reads, spec};
use kelvin_compute::{DenseShape, Device, Error, LayerParams, Model, ModelSpec, NetSpec, ObsShape, Op, Plan};

pub fn tests() -> Vec<Test> {
    vec![
        ("faults: a plan that does not fit its buffers".into(), Box::new(misfit)),
        ("faults: a buffer larger than the adapter binds".into(), Box::new(too_large)),
        ("faults: a window too long for the adapter names what to lower".into(), Box::new(long_window)),
        ("faults: a sum too long for one invocation".into(), Box::new(too_long)),
        ("faults: writes and reads beyond a buffer, and inside a word".into(), Box::new(beyond)),
    ]
}

fn refused(device: &dyn Device, plan: &Plan, expected: fn(&Error) -> bool) -> Result<(), String> {
    match device.compile(plan) {
        Ok(_) => Err("accepted".into()),
        Err(error) if expected(&error) => Ok(()),
        Err(error) => Err(format!("another error: {error}")),
    }
}

fn misfit(device: &dyn Device) -> Result<(), String> {
    let mut plan = Plan::new();
    let (from, to) = (plan.buf("from", 3), plan.buf("to", 4));
    plan.program("p", vec![Op::Copy { from, to, len: 4 }]);
    refused(device, &plan, |error| matches!(error, Error::Misuse(_)))
}

fn too_large(device: &dyn Device) -> Result<(), String> {
    let mut plan = Plan::new();
    plan.buf("replay", 1 << 40);
    refused(device, &plan, |error| matches!(error, Error::Unsupported(reason) if reason.contains("`replay`")))
}

fn long_window(device: &dyn Device) -> Result<(), String> {
    let states: Vec<_> = (0..128).collect();
    let atari = ObsShape { stack: 4, height: 84, width: 84 };
    let reads = reads(&states, &[], &[128]);
    let spec = ModelSpec { net: NetSpec::Nature, obs: atari, window: 128, batch: 4096, ..spec(&reads) };
    match Model::new(device, spec) {
        Err(Error::Unsupported(reason)) if reason.contains("a shorter window (n)") => Ok(()),
        Err(error) => Err(format!("another error: {error}")),
        Ok(_) => Err("accepted".into()),
    }
}

fn too_long(device: &dyn Device) -> Result<(), String> {
    let mut plan = Plan::new();
    let shape = DenseShape { batch: 1, inputs: 1, outputs: 40_000 };
    let layer = LayerParams { weight: 0, bias: 40_000 };
    let (dy, params, dx) = (plan.buf("dy", 40_000), plan.buf("params", 80_000), plan.buf("dx", 1));
    plan.program("p", vec![Op::DenseBackwardInput { shape, dy, params, layer, relu: None, dx }]);
    refused(device, &plan, |error| matches!(error, Error::Unsupported(reason) if reason.contains("40000")))
}

fn beyond(device: &dyn Device) -> Result<(), String> {
    let mut plan = Plan::new();
    let (floats, bytes) = (plan.buf("floats", 3), plan.byte_buf("bytes", 7));
    let mut executor = device.compile(&plan).map_err(|error| error.to_string())?;
    let results = [
        ("a long write", executor.write(floats, &[0.0; 4]), false),
        ("a short write", executor.write(floats, &[1.0; 2]), true),
        ("a long read", executor.read(floats, &mut [0.0; 4]), false),
        ("a write inside a word", executor.write_bytes(bytes, &[0; 6]), false),
        ("a write of words", executor.write_bytes(bytes, &[0; 4]), true),
        ("a write of everything", executor.write_bytes(bytes, &[0; 7]), true),
        ("an empty read", executor.read(floats, &mut []), true),
    ];
    for (what, result, allowed) in results {
        if result.is_ok() != allowed {
            return Err(format!("{what}: {result:?}"));
        }
    }
    let mut out = [9.0; 3];
    executor.read(floats, &mut out).map_err(|error| error.to_string())?;
    if out == [1.0, 1.0, 0.0] { Ok(()) } else { Err(format!("{out:?}")) }
}
