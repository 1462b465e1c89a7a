//! Kernels that treat each element by itself, and plain sums.

use crate::case::{Case, U, compare};
use crate::support::cases;
use crate::{Body, Test};
use kelvin_compute::{AdamStep, Device, Op};

pub fn tests() -> Vec<Test> {
    let mut tests: Vec<Test> = Vec::new();
    let mut test = |name: String, body: Body| tests.push((name, body));
    for [from, to, batch, stack, pixels] in
        [[0, 0, 1, 4, 84 * 84], [3, 1, 3, 1, 25], [1, 2, 2, 3, 7], [5, 0, 1, 1, 1]]
    {
        let name = format!("decode_frames: {from} to {to}, batch {batch}, stack {stack}, {pixels} pixels");
        test(name, Box::new(move |device| decode_frames(device, [from, to], batch, stack, pixels)));
    }
    for len in [1, 255, 257, 100_003] {
        test(format!("adam: {len}"), Box::new(move |device| adam(device, len, 0.0)));
        test(format!("rmsprop: {len}"), Box::new(move |device| rmsprop(device, len, 0.0)));
    }
    test("adam: held".into(), Box::new(|device| adam(device, 300, 1.0)));
    test("rmsprop: held".into(), Box::new(|device| rmsprop(device, 300, 1.0)));
    test("guard: every place, in every mode".into(), Box::new(guard));
    // The last needs more workgroups than one dimension of a dispatch has.
    for len in [1, 300, 65_535 * 256 + 1] {
        test(format!("copy: {len}"), Box::new(move |device| copy(device, len)));
    }
    for [count, width] in [[1, 1], [32, 16], [257, 3], [70_001, 2]] {
        test(
            format!("column_means: {count} x {width}"),
            Box::new(move |device| column_means(device, count, width)),
        );
    }
    for max_norm in [Some(1e-3), Some(10.0), Some(1e6), None] {
        let name = format!("clip_norm: to {max_norm:?}");
        test(name, Box::new(move |device| clip_norm(device, max_norm)));
    }
    tests
}

fn decode_frames(
    device: &dyn Device,
    [from, to]: [usize; 2],
    batch: usize,
    stack: usize,
    pixels: usize,
) -> Result<(), String> {
    let mut case = Case::new();
    let bytes = case.input_bytes("bytes", (from + batch) * stack * pixels);
    let out = case.output("out", (to + batch + 1) * stack * pixels);
    case.op(Op::DecodeFrames { bytes, from, out, to, batch, stack, pixels });
    let cpu = case.on_cpu()?;
    // A GPU's division may be off by 2.5 units in the last place, which is at most 5 u of the quotient.
    compare(&cpu, &case.on_gpu(device)?, |output, i| 5.0 * U * f64::from(cpu[output][i].abs()))
}

fn copy(device: &dyn Device, len: usize) -> Result<(), String> {
    let mut case = Case::new();
    let from = case.input("from", len);
    let to = case.output("to", len + 1);
    case.op(Op::Copy { from, to, len });
    case.check_exact(device)
}

fn column_means(device: &dyn Device, count: usize, width: usize) -> Result<(), String> {
    let mut case = Case::new();
    let rows = case.input("rows", count * width);
    let means = case.output("means", width);
    case.op(Op::ColumnMeans { rows, means, count, width });
    case.check_sums(device)
}

fn clip_norm(device: &dyn Device, max_norm: Option<f32>) -> Result<(), String> {
    let mut case = Case::new();
    let grads = case.output("grads", 210_000);
    // One element; a whole chunk; one element more; a long range, not aligned; what lies between stays as it is.
    let ranges = vec![0..1, 4..4100, 4100..8197, 9001..205_006];
    let norms = case.output("norms", ranges.len() + 1);
    case.op(Op::ClipNorm { grads, ranges, max_norm, norms });
    let cpu = case.on_cpu()?;
    // A sum of squares has no cancellation: chains of at most 4096 / 256 + 8 additions, then 50 / 256 + 8,
    // make 33 roundings, halved by the root; the CPU's chains of 256 add as many. Random signs leave far
    // less.
    compare(&cpu, &case.on_gpu(device)?, |output, i| 64.0 * U * f64::from(cpu[output][i].abs()))
}

fn rmsprop(device: &dyn Device, len: usize, held: f32) -> Result<(), String> {
    let (decay, epsilon, learning_rate) = (0.99, 1e-5, 7e-4);
    let mut case = Case::new();
    let params = case.output("params", len);
    let grads = case.input("grads", len);
    let squares = case.random(len).into_iter().map(f32::abs).collect();
    let square = case.input_of("square", squares);
    case.compare(square, len);
    let hyper = case.input_of("hyper", AdamStep::new(learning_rate, 0.0, 0.0, 1).to_array().to_vec());
    let guard = case.input_of("guard", vec![0.0, 9.0, 2.0, 3.0, 4.0, held]);
    case.op(Op::RmsProp { params, grads, square, hyper, guard, decay, epsilon, len });
    if held != 0.0 {
        let inputs = [params, square].map(|buf| case.data(buf).to_vec());
        return compare(&inputs, &case.on_gpu(device)?, |_, _| 0.0);
    }
    let at = |buf, i: usize| f64::from(case.data(buf)[i]);
    let mean = |i| f64::from(decay) * at(square, i) + f64::from(1.0 - decay) * at(grads, i).powi(2);
    let change = |i| f64::from(learning_rate) * at(grads, i).abs() / (mean(i) + f64::from(epsilon)).sqrt();
    // As for Adam, with fewer operations.
    let bound = |output, i| match output {
        0 => 2.0 * U * at(params, i).abs() + 24.0 * U * change(i),
        _ => 6.0 * U * mean(i),
    };
    compare(&case.on_cpu()?, &case.on_gpu(device)?, bound)
}

fn adam(device: &dyn Device, len: usize, held: f32) -> Result<(), String> {
    let (beta1, beta2, epsilon) = (0.9, 0.999, 1.5e-4);
    let step = AdamStep::new(2.5e-4, beta1, beta2, 3);
    let mut case = Case::new();
    let params = case.output("params", len);
    let grads = case.input("grads", len);
    let m = case.output("m", len);
    let squares = case.random(len).into_iter().map(f32::abs).collect();
    let v = case.input_of("v", squares);
    case.compare(v, len);
    let hyper = case.input_of("hyper", step.to_array().to_vec());
    let guard = case.input_of("guard", vec![0.0, 9.0, 2.0, 3.0, 4.0, held]);
    case.op(Op::Adam { params, grads, m, v, hyper, guard, beta1, beta2, epsilon, len });
    if held != 0.0 {
        let inputs = [params, m, v].map(|buf| case.data(buf).to_vec());
        return compare(&inputs, &case.on_gpu(device)?, |_, _| 0.0);
    }

    let at = |buf, i: usize| f64::from(case.data(buf)[i]);
    let moment = |i| f64::from(beta1) * at(m, i).abs() + f64::from(1.0 - beta1) * at(grads, i).abs();
    let square = |i| f64::from(beta2) * at(v, i) + f64::from(1.0 - beta2) * at(grads, i).powi(2);
    let change = |i| {
        let root = (square(i) * f64::from(step.v_correction)).sqrt() + f64::from(epsilon);
        f64::from(step.learning_rate) * moment(i) * f64::from(step.m_correction) / root
    };
    // Moments: three roundings each way, of terms that may cancel. Parameters: one rounding each way, and of
    // the change about ten, a GPU's root (3 units) and division (2.5) among them.
    let bound = |output, i| match output {
        0 => 2.0 * U * at(params, i).abs() + 24.0 * U * change(i),
        1 => 6.0 * U * moment(i),
        _ => 6.0 * U * square(i),
    };
    compare(&case.on_cpu()?, &case.on_gpu(device)?, bound)
}

/// Against the definition itself, which the CPU's twin is tested against as well.
fn guard(device: &dyn Device) -> Result<(), String> {
    let failures: Vec<_> = cases::guard().iter().flat_map(|case| case.failures(device)).collect();
    if failures.is_empty() { Ok(()) } else { Err(failures.join("\n")) }
}
