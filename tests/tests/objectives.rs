//! One script, one number: every shipped objective as the script run on numbers, as finite differences, as its kernel
//! on the processor in `f64` and `f32`, and as WGSL on an adapter. What is compared, and how far apart it may be, is
//! `kelvin gradcheck`'s.

use kelvin::gradcheck::{Differences, Eager, Evaluation, Gradcheck, OnCpu, OnDevice};
use kelvin_compute::{Device, DeviceRequest, open};
use kelvin_objective::{Layout, Objective, Script, reference_tables};
use kelvin_tests::command::repository;
use kelvin_tests::scripts::{layout, load, shipped};
use kelvin_tests::suite::{Suite, adapter};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

/// Actions and batch of each shape. A workgroup has 32 samples; 33 take two.
const SHAPES: [(usize, usize); 10] =
    [(2, 1), (2, 5), (2, 32), (3, 1), (3, 5), (3, 32), (18, 1), (18, 5), (18, 32), (3, 33)];
/// A software driver takes a second to compile a kernel, so it is not given them all.
const SHAPES_OF_WGSL: [(usize, usize); 4] = [(2, 1), (18, 5), (3, 32), (3, 33)];

fn main() -> ExitCode {
    let mut suite = Suite::new();
    let gpu = adapter().map(|name| -> Arc<dyn Device> {
        Arc::from(open(&DeviceRequest::Named(name)).unwrap_or_else(|error| panic!("{error}")))
    });
    let vocabulary = repository().join("tests/objectives/vocabulary.rhai");
    for path in shipped().into_iter().chain([vocabulary.clone()]) {
        let name = path.file_stem().expect("a file").to_string_lossy().into_owned();
        let script = path.clone();
        suite.test(format!("{name}: on the processor"), move || on_the_processor(&script));
        suite.test_with(&gpu, format!("{name}: WGSL"), move |gpu| on_an_adapter(&path, gpu));
    }
    suite.test("vocabulary: no function is missing", move || names_every_function(&vocabulary));
    suite.run()
}

fn on_the_processor(path: &Path) {
    let script = load(path);
    agrees(&script, vec![&Eager { script: &script }, &Differences, &OnCpu], &SHAPES);
}

fn on_an_adapter(path: &Path, device: Arc<dyn Device>) {
    agrees(&load(path), vec![&OnDevice(device)], &SHAPES_OF_WGSL);
}

fn agrees(script: &Script, evaluations: Vec<&dyn Evaluation>, shapes: &[(usize, usize)]) {
    let shapes: Vec<Layout> = shapes.iter().map(|&(actions, batch)| layout(script, batch, actions)).collect();
    let gradcheck = Gradcheck { script, evaluations, compile: Objective::compile };
    let report = gradcheck.run(&shapes, || {}).unwrap_or_else(|failure| panic!("{failure}"));
    assert!(report.agrees(), "{report}");
    for row in &report.rows {
        assert!(row.tally.compared > 0, "nothing was compared:\n{report}");
    }
}

fn names_every_function(path: &Path) {
    let text = std::fs::read_to_string(path).expect("the script");
    let tables = reference_tables();
    let rows = tables.functions.lines().skip(2);
    let names = rows.filter_map(|row| row.trim_start_matches("| `").split('(').next());
    let missing: Vec<&str> = names.filter(|name| !text.contains(&format!("{name}("))).collect();
    assert!(missing.is_empty(), "not in {}: {missing:?}", path.display());
}
