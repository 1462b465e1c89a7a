//! How cost grows: with environments, with the batch, with the window.

use super::measure::repeat;
use super::updates::{PCL, STANDARD, Subject, Workload};
use super::{Bench, Report};
use crate::failure::Failure;
use kelvin_chart::{Axis, BLUE, Canvas, Corner, Curve, GREY, Panel, Stroke, draw};
use kelvin_env::{EnvOptions, VecEnv};
use serde::Serialize;
use std::fmt;
use std::path::Path;

/// Numbers of environments.
const ENVS: [usize; 7] = [1, 2, 4, 8, 16, 32, 64];
/// Numbers of samples in a batch.
const BATCHES: [usize; 6] = [32, 64, 128, 256, 512, 1024];
/// Lengths of windows; all of their states are trained.
const WINDOWS: [usize; 7] = [1, 2, 5, 10, 20, 50, 100];
/// Windows in their batch.
const WINDOWS_A_BATCH: usize = 8;
/// Pixels of the picture.
const SIZE: (u32, u32) = (1560, 520);

/// Cost against size.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Series {
    /// What was done, and what of it grows.
    pub name: &'static str,
    /// What sizes count.
    pub counts: &'static str,
    /// Size, and milliseconds.
    pub points: Vec<(usize, f64)>,
}

/// Measures all of it, and draws it into `folder`.
pub(super) fn run(bench: &Bench<'_>, folder: &Path) -> Result<Report, Failure> {
    std::fs::create_dir_all(folder)
        .map_err(|error| Failure::failed(format!("cannot make the folder {}: {error}", folder.display())))?;
    let mut report = Report::new(bench.device.describe(), bench.rates);
    let dqn = |batch: usize| update(bench, STANDARD[0].of(batch));
    let pcl = |n: usize| update(bench, PCL.of(WINDOWS_A_BATCH).over(n));
    report.scaling = vec![
        grow(bench, "act and step all environments", "environments", &ENVS, |envs| tick(bench, envs))?,
        grow(bench, "DQN update", "batch", &BATCHES, dqn)?,
        grow(bench, "path consistency update, 8 windows", "window, steps", &WINDOWS, pcl)?,
    ];
    let path = draw(folder, "scaling.svg", SIZE, |canvas| picture(canvas, &report.scaling))
        .map_err(|error| Failure::failed(error.to_string()))?;
    bench.console.line(format!("drew {}", path.display()));
    Ok(report)
}

fn grow(
    bench: &Bench<'_>,
    name: &'static str,
    counts: &'static str,
    sizes: &[usize],
    cost: impl Fn(usize) -> Result<f64, Failure>,
) -> Result<Series, Failure> {
    let point = |size: &usize| {
        bench.console.line(format!("measuring {name}, {counts}: {size} …"));
        Ok((*size, cost(*size)?))
    };
    Ok(Series { name, counts, points: sizes.iter().map(point).collect::<Result<_, Failure>>()? })
}

/// Milliseconds of an update.
fn update(bench: &Bench<'_>, work: Workload) -> Result<f64, Failure> {
    let mut subject = Subject::standard(bench.device.as_ref(), work, 1)?;
    Ok(median(repeat(bench.request.effort, |count| subject.update(count))?))
}

/// Milliseconds of acting for so many environments, and stepping them.
fn tick(bench: &Bench<'_>, count: usize) -> Result<f64, Failure> {
    let options = EnvOptions { roms: bench.request.roms.clone(), ..EnvOptions::default() };
    let mut envs = VecEnv::new(&bench.request.env, &options, count, 1)?;
    let mut subject = Subject::standard(bench.device.as_ref(), STANDARD[0].of(1), count)?;
    let actions = envs.spec().actions.len();
    let mut step = 0;
    let samples = repeat(bench.request.effort, |repeated| {
        for _ in 0..repeated {
            subject.act(1)?;
            step += 1;
            envs.step(&(0..count).map(|env| (step / 3 + 7 * env) % actions).collect::<Vec<_>>())?;
        }
        Ok(())
    })?;
    Ok(median(samples))
}

fn median(mut samples: Vec<f64>) -> f64 {
    samples.sort_by(f64::total_cmp);
    samples[samples.len() / 2]
}

/// A panel for each series, with the line that one unit's cost would give if nothing were shared.
fn picture(canvas: &Canvas<'_>, all: &[Series]) -> Result<(), kelvin_chart::Error> {
    for (canvas, series) in canvas.split_evenly((1, all.len())).iter().zip(all) {
        let points: Vec<_> = series.points.iter().map(|(size, ms)| (*size as f64, *ms)).collect();
        let exponents = |values: &dyn Fn(&(f64, f64)) -> f64| {
            let logs = points.iter().map(values).map(f64::log10);
            let (least, most) = logs.fold((f64::MAX, f64::MIN), |(a, b), log| (a.min(log), b.max(log)));
            (least.floor(), most.ceil())
        };
        let (x, y) = (exponents(&|point| point.0), exponents(&|point| point.1));
        let largest = points.last().copied().unwrap_or((1.0, 1.0));
        let linear = points.iter().map(|(size, _)| (*size, size * largest.1 / largest.0)).collect();
        Panel {
            title: series.name,
            x: Axis { name: series.counts, from: x.0, to: x.1, logarithmic: true },
            y: Axis { name: "ms", from: y.0, to: y.1, logarithmic: true },
            curves: vec![
                Curve { name: "in proportion".into(), color: GREY, stroke: Stroke::Dashed, points: linear },
                Curve { name: "measured".into(), color: BLUE, stroke: Stroke::Dotted, points },
            ],
            corner: Corner::Left,
        }
        .draw(canvas)?;
    }
    Ok(())
}

impl fmt::Display for Series {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}\n{:>14}           ms     ms each", self.name, self.counts)?;
        for (size, ms) in &self.points {
            writeln!(f, "{size:>14}  {ms:>11.3} {:>11.4}", ms / *size as f64)?;
        }
        Ok(())
    }
}
