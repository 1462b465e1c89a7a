//! Time from a saved script to a kernel that can run: parsed, traced, differentiated, simplified, emitted, and accepted
//! by naga.
//!
//! `cargo bench -p kelvin-objective`

use kelvin_objective::{Head, Layout, Script};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

fn main() {
    divan::main();
}

fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scripts").join(name).with_extension("rhai")
}

/// Loads and compiles over a window of `n` steps.
fn load(bencher: divan::Bencher<'_, '_>, name: &str, n: usize) {
    let path = script(name);
    let layout = Layout {
        batch: 32,
        actions: 18,
        window: n,
        heads: vec![Head::Q, Head::Logits, Head::V],
        param_slots: 64,
        metric_slots: 16,
        workgroup: 32,
    };
    bencher.bench(|| {
        let script = Script::load(&path).expect("a shipped script");
        script.compile(&layout, &BTreeMap::new()).expect("a shipped script")
    });
}

#[divan::bench(args = ["dqn", "double_dqn", "soft_kl", "soft_entropy", "munchausen"])]
fn one_step(bencher: divan::Bencher<'_, '_>, name: &str) {
    load(bencher, name, 1);
}

#[divan::bench(args = ["a2c_proper", "ql_online", "pgq", "soft_nstep", "soft_lambda"])]
fn five_steps(bencher: divan::Bencher<'_, '_>, name: &str) {
    load(bencher, name, 5);
}

#[divan::bench(args = [10, 100, 128])]
fn pcl(bencher: divan::Bencher<'_, '_>, n: usize) {
    load(bencher, "pcl", n);
}
