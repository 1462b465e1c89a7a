//! One script, one number: every shipped objective as finite differences, as the graph on the processor in `f64` and
//! `f32`, and as WGSL on an adapter.

use kelvin_compute::{CpuDevice, Device, DeviceRequest, open};
use kelvin_tests::inputs::{CIRCUMSTANCES, Circumstance, Inputs};
use kelvin_tests::kernel::{OnDevice, Written, in_f64, wide};
use kelvin_tests::scripts::{Compiled, shipped};
use kelvin_tests::suite::{Suite, adapter};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

const ACTIONS: [usize; 3] = [2, 3, 18];
const BATCHES: [usize; 3] = [1, 5, 32];

fn main() -> ExitCode {
    let mut suite = Suite::new();
    let gpu = adapter().map(|name| -> Arc<dyn Device> {
        Arc::from(open(&DeviceRequest::Named(name)).unwrap_or_else(|error| panic!("{error}")))
    });
    for script in shipped() {
        let name = script.file_stem().expect("a file").to_string_lossy().into_owned();
        let path = script.clone();
        suite.test(format!("{name}: gradient against finite differences"), move || differences(&path));
        let path = script.clone();
        suite.test(format!("{name}: f32 against f64"), move || precision(&path, &CpuDevice));
        suite.test_with(&gpu, format!("{name}: WGSL against f64"), move |gpu| precision(&script, &*gpu));
    }
    suite.run()
}

/// Calls `check` for every shape and circumstance; fails with all that it found.
fn everywhere(script: &Path, mut check: impl FnMut(&Compiled, &Circumstance, &Inputs) -> Vec<String>) {
    let mut found = Vec::new();
    for actions in ACTIONS {
        for batch in BATCHES {
            let compiled = Compiled::new(script, batch, actions);
            for circumstance in &CIRCUMSTANCES {
                let inputs = Inputs::draw(&compiled, circumstance);
                for fault in check(&compiled, circumstance, &inputs) {
                    found.push(format!("{actions} actions, batch {batch}, {}: {fault}", circumstance.name));
                }
            }
        }
    }
    let shown = found.iter().take(20).cloned().collect::<Vec<_>>().join("\n");
    assert!(found.is_empty(), "{} wrong:\n{shown}", found.len());
}

fn differences(script: &Path) {
    let mut steepest = 0.0_f64;
    everywhere(script, |compiled, circumstance, inputs| {
        let mut online = wide(&inputs.online);
        let exact = in_f64(compiled, inputs, &online);
        let slots = compiled.layout.metric_slots;
        let mut found = Vec::new();
        for element in 0..online.len() {
            let at = online[element];
            // In proportion to the output, so that adding it loses no digits.
            let h = 1e-5 * at.abs().max(1.0);
            let mut losses = |value: f64| -> Vec<f64> {
                online[element] = value;
                in_f64(compiled, inputs, &online).metrics.chunks(slots).map(|row| row[0]).collect()
            };
            let (above, below) = (losses(at + h), losses(at - h));
            online[element] = at;
            // Differences of samples are summed, and not sums subtracted, so that the other samples, which the
            // element should not touch, add exact zeros and no rounding.
            let difference: f64 = above.iter().zip(&below).map(|(above, below)| above - below).sum();
            let slope = difference / ((at + h) - (at - h));
            let gradient = exact.grad[element] * compiled.layout.batch as f64;
            // A Huber loss is quadratic or linear: central differences are exact but for rounding, except within
            // h of the threshold, where no sample of these batches lies. The loss, up to δ times the sum of a
            // few terms of the outputs' size, carries a dozen roundings of 1.1e-16, divided by 2 h.
            let largest = 4.0 * circumstance.size.abs().max(1.0) * circumstance.delta.max(1.0);
            let tolerance = 12.0 * 1.1e-16 * largest / (2.0 * h);
            let near = (slope - gradient).abs() <= tolerance;
            if !near {
                found.push(format!("element {element}: {gradient}, by differences {slope} ± {tolerance:e}"));
            }
            steepest = steepest.max(gradient.abs());
        }
        found
    });
    assert!(steepest > 0.1, "no gradient is above {steepest}: there was nothing to see");
}

fn precision(script: &Path, device: &dyn Device) {
    let mut on_device = None;
    everywhere(script, |compiled, circumstance, inputs| {
        let shape = (compiled.layout.batch, compiled.layout.actions);
        if on_device.as_ref().is_none_or(|(other, _)| *other != shape) {
            on_device =
                Some((shape, OnDevice::new(device, compiled).unwrap_or_else(|error| panic!("{error}"))));
        }
        let (_, kernel) = on_device.as_mut().expect("set above");
        let written = kernel.run(inputs).unwrap_or_else(|error| panic!("{error}"));
        let again = kernel.run(inputs).unwrap_or_else(|error| panic!("{error}"));
        let mut found =
            compare(compiled, circumstance, &written, &in_f64(compiled, inputs, &wide(&inputs.online)));
        if bits(&written) != bits(&again) {
            found.push("the same inputs gave other bits".to_owned());
        }
        found
    });
}

fn bits(written: &Written) -> Vec<u64> {
    written.grad.iter().chain(&written.metrics).map(|value| value.to_bits()).collect()
}

/// Half the distance from one to the next `f32`.
const U: f64 = 1.0 / (1 << 24) as f64;

/// What `f32` differs in from `f64` beyond what its arithmetic explains.
///
/// A target is a sum of a handful of terms as large as the largest output, each rounded a few times (a division or an
/// exponential on a GPU costs up to three roundings), and of τ times a logarithm that is right to about 2^-21: a
/// dozen roundings in all. It makes the td error, in which gradient and loss are Lipschitz with the constants 1 and δ.
fn compare(
    compiled: &Compiled,
    circumstance: &Circumstance,
    single: &Written,
    double: &Written,
) -> Vec<String> {
    let size = circumstance.size.abs().max(1.0);
    let actions = compiled.layout.actions as f64;
    let td_error = 12.0 * U * (size + circumstance.tau * (1.0 + actions.ln()));
    let bound = |metric: &str, value: f64| match metric {
        "loss" => circumstance.delta * td_error + 8.0 * U * value.abs(),
        "td_abs" => td_error,
        "q_max" => 0.0,
        // Exponents up to 2 size / τ, right to half a unit in the last place each.
        "entropy" => 8.0 * U * (1.0 + size / circumstance.tau) * (1.0 + actions.ln()),
        other => panic!("say here how well conditioned the metric `{other}` is"),
    };
    let mut found = Vec::new();
    let mut check = |what: String, single: f64, double: f64, bound: f64| {
        let near = (single - double).abs() <= bound;
        if !near {
            found.push(format!("{what}: {single}, in f64 {double} ± {bound:e}"));
        }
    };
    let batch = compiled.layout.batch as f64;
    for (element, (single, double)) in single.grad.iter().zip(&double.grad).enumerate() {
        check(format!("gradient {element}"), single * batch, double * batch, td_error);
    }
    let (slots, names) = (compiled.layout.metric_slots, compiled.staged.metric_names());
    for (slot, (single, double)) in single.metrics.iter().zip(&double.metrics).enumerate() {
        let (sample, slot) = (slot / slots, slot % slots);
        match names.get(slot) {
            Some(name) => check(format!("{name} of sample {sample}"), *single, *double, bound(name, *double)),
            None => check(format!("unused slot {slot} of sample {sample}"), *single, 0.0, 0.0),
        }
    }
    found
}
