//! What was measured, as tables for people and as JSON for programs.

use super::{KernelRow, Measurement, Rates, Series, Unit};
use crate::console::grouped;
use crate::memory::readable;
use serde::Serialize;
use std::fmt;
use sysinfo::{CpuRefreshKind, RefreshKind, System};

/// Everything that was measured.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// Of the program.
    pub version: &'static str,
    /// The processor, as it calls itself.
    pub processor: String,
    /// Threads that are used.
    pub threads: usize,
    /// Where kernels ran.
    pub device: String,
    /// What it can do at its best.
    pub rates: Option<Rates>,
    /// A line each.
    pub measurements: Vec<Measurement>,
    /// Kernels of updates, if asked for.
    pub kernels: Vec<KernelRow>,
    /// How cost grows, if asked for.
    pub scaling: Vec<Series>,
}

impl Report {
    pub(super) fn new(device: String, rates: Option<Rates>) -> Self {
        let cpu = RefreshKind::nothing().with_cpu(CpuRefreshKind::nothing());
        let brand = System::new_with_specifics(cpu)
            .ok()
            .and_then(|system| Some(system.cpus().first()?.brand().trim().to_owned()));
        Self {
            version: env!("CARGO_PKG_VERSION"),
            processor: brand.filter(|brand| !brand.is_empty()).unwrap_or_else(|| "unknown".to_owned()),
            threads: rayon::current_num_threads(),
            device,
            rates,
            measurements: Vec::new(),
            kernels: Vec::new(),
            scaling: Vec::new(),
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { version, processor, threads, device, rates, measurements, kernels, scaling } = self;
        writeln!(f, "kelvin {version} on {processor}, {threads} threads; {device}")?;
        if let Some(rates) = rates {
            writeln!(f, "{rates}")?;
        }
        if !measurements.is_empty() {
            let names = width(measurements.iter().map(|one| &one.name), "measurement");
            writeln!(
                f,
                "\n{:names$}      median        best      10 % … 90 %          bound  of it    memory",
                "measurement"
            )?;
            measurements.iter().try_for_each(|one| write_row(f, one, names))?;
        }
        for one in measurements.iter().filter(|one| !one.phases.is_empty()) {
            let shares: Vec<_> =
                one.phases.iter().map(|(phase, share)| format!("{phase} {:.1} %", 100.0 * share)).collect();
            writeln!(f, "\n{}: {}", one.name, shares.join(", "))?;
        }
        let mut update = "";
        let names = width(kernels.iter().map(|row| &row.kernel), "");
        for row in kernels {
            if row.update != update {
                update = &row.update;
                writeln!(f, "\n{:names$}  launches       ms   GFLOP/s    GB/s  of bound", update)?;
            }
            let rate = |count: u64| count as f64 / row.ms / 1e6;
            let KernelRow { kernel, launches, ms, flops, bytes, of_bound, .. } = row;
            writeln!(
                f,
                "{kernel:names$}  {launches:8} {ms:8.3} {:9.0} {:7.1}  {:>8}",
                rate(*flops),
                rate(*bytes),
                percent(*of_bound)
            )?;
        }
        scaling.iter().try_for_each(|series| write!(f, "\n{series}"))
    }
}

fn write_row(f: &mut fmt::Formatter<'_>, one: &Measurement, names: usize) -> fmt::Result {
    let number = |value: f64| match one.unit {
        Unit::Milliseconds => format!("{value:.2}"),
        Unit::FramesPerSecond => grouped(value.round() as u64),
    };
    let unit = match one.unit {
        Unit::Milliseconds => "ms",
        Unit::FramesPerSecond => "/s",
    };
    let bound = one.bound.map_or_else(String::new, number);
    let of_bound = percent(one.of_bound);
    let memory = one.peak_memory.map_or_else(String::new, readable);
    writeln!(
        f,
        "{:names$}  {:>7} {unit}  {:>7} {unit}  {:>7} … {:<7}  {bound:>9}  {of_bound:>5}  {memory:>8}",
        one.name,
        number(one.median),
        number(one.best),
        number(one.p10),
        number(one.p90),
    )
}

fn percent(share: Option<f64>) -> String {
    share.map_or_else(String::new, |share| format!("{:.0} %", 100.0 * share))
}

fn width<'a>(names: impl Iterator<Item = &'a String>, heading: &str) -> usize {
    names.map(|name| name.chars().count()).max().unwrap_or(0).max(heading.len())
}
