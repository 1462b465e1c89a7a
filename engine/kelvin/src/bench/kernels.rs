//! The kernels of an update, each with its own roofline.

use super::updates::Subject;
use super::{Bench, record};
use crate::failure::Failure;
use kelvin_compute::Cost;
use serde::Serialize;
use std::collections::BTreeMap;

/// Updates that are recorded.
const UPDATES: usize = 40;

/// One kernel of an update.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct KernelRow {
    /// The update's measurement.
    pub update: String,
    /// The kernel and its sizes.
    pub kernel: String,
    /// Launches in an update.
    pub launches: usize,
    /// Milliseconds of all of them, in an update.
    pub ms: f64,
    /// Floating-point operations of all of them.
    pub flops: u64,
    /// Bytes that all of them must move.
    pub bytes: u64,
    /// How near that is to what the device's measured rates would allow; 1 is there.
    pub of_bound: Option<f64>,
}

/// Times the kernels of an update, the longest first. Empty where the device has no clock for them.
pub(super) fn measure(
    bench: &Bench<'_>,
    update: &str,
    subject: &mut Subject,
) -> Result<Vec<KernelRow>, Failure> {
    let recording = record()?;
    subject.update(UPDATES)?;
    let trace = recording.finish();
    let mut kernels = BTreeMap::<String, (usize, Cost)>::new();
    for (label, cost) in subject.model.update_kernels() {
        let kernel = kernels.entry(label).or_default();
        *kernel = (kernel.0 + 1, kernel.1 + cost);
    }
    let totals = trace.totals();
    let row = |(kernel, (launches, cost)): (String, (usize, Cost))| {
        let seconds = totals.get(kernel.as_str())?.time.as_secs_f64() / UPDATES as f64;
        Some(KernelRow {
            update: update.to_owned(),
            launches,
            ms: 1e3 * seconds,
            flops: cost.flops,
            bytes: cost.bytes,
            of_bound: bench.least_seconds(cost).map(|least| least / seconds),
            kernel,
        })
    };
    let mut rows: Vec<_> = kernels.into_iter().filter_map(row).collect();
    rows.sort_by(|a, b| b.ms.total_cmp(&a.ms));
    Ok(rows)
}
