//! Finite differences of the loss, taken on the graph as it was traced: no gradient rule, no simplification and no
//! kernel comes into them.
//!
//! Each slope is a central difference, extrapolated from two steps, at the one of several step sizes where it is
//! known best. Its error is estimated there, from how far the two steps disagree and from what rounding does to the
//! loss. Where the slopes to the left and to the right differ however small the step, the loss has a kink and no
//! slope: that is said, and not compared.

use super::culprit::{Culprit, by_nodes};
use super::evaluation::{Case, Evaluation, Prepared, Reading};
use super::rounding::Arithmetic;
use super::subject::{Subject, Written};
use crate::failure::Failure;
use kelvin_objective::{Inputs, Shape, Values};
use rand::{RngExt, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

/// Step sizes that are tried, largest first: the loss varies over distances from τ = 0.001 to the outputs' size.
const STEPS: [f64; 4] = [1e-2, 5e-4, 2e-5, 1e-6];
/// One more, in proportion to the output: where the loss is as large as outputs of 10⁴ make it, a small step drowns
/// in its rounding.
const RELATIVE_STEP: f64 = 1e-3;
/// Numbers that may be computed a batch; large windows are sampled.
const BUDGET: usize = 20_000_000;
/// Most outputs that are looked at a batch.
const MOST: usize = 24;
/// A slope that is not known to this part of the steepest one of its sample is not compared.
const WORTH_COMPARING: f64 = 1e-3;

/// Finite differences in `f64`.
pub struct Differences;

impl Evaluation for Differences {
    fn name(&self) -> &'static str {
        "differences"
    }

    fn arithmetic(&self) -> Arithmetic {
        Arithmetic::Double
    }

    fn prepare<'a>(&'a self, subject: &'a Subject) -> Result<Prepared<'a>, Failure> {
        let mixes_samples = subject.mixes_samples();
        // Another part of a large window for each batch.
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(29);
        Ok(Box::new(move |case: &Case<'_>| {
            let mut readings = vec![Reading::Outside; case.exact.values.len()];
            for state in read_states(subject) {
                let first = Written::gradient(subject, state, 0, 0);
                let outputs = subject.layout.batch * subject.layout.outputs();
                readings[first..first + outputs].fill(Reading::NotSampled);
            }
            for probe in probes(subject, mixes_samples, &mut rng) {
                let field = Field::new(case, probe);
                for sample in probe.samples(&subject.layout.batch) {
                    let position = Written::gradient(subject, probe.state, sample, probe.output);
                    readings[position] = field.slope(sample);
                }
            }
            Ok(readings)
        }))
    }

    fn locate(&self, subject: &Subject, inputs: &Inputs<f32>) -> Result<Option<Culprit>, Failure> {
        by_nodes(self, subject, inputs)
    }
}

/// An online output that is moved: of every sample at once, or of one where batch means mix the samples.
#[derive(Clone, Copy, Debug)]
struct Probe {
    state: usize,
    output: usize,
    sample: Option<usize>,
}

impl Probe {
    fn samples(self, batch: &usize) -> std::ops::Range<usize> {
        match self.sample {
            Some(sample) => sample..sample + 1,
            None => 0..*batch,
        }
    }
}

/// States at which the online network is read. Those that the kernel does not train are among them: there the gradient
/// has to be 0.
fn read_states(subject: &Subject) -> Vec<usize> {
    let reads = subject.objective.reads();
    [reads.trained.as_slice(), &reads.online].concat()
}

/// The outputs to look at: all that the budget allows, drawn where it does not allow all.
fn probes(subject: &Subject, mixes_samples: bool, rng: &mut Xoshiro256PlusPlus) -> Vec<Probe> {
    let layout = &subject.layout;
    let samples: Vec<Option<usize>> = match mixes_samples {
        true => (0..layout.batch).map(Some).collect(),
        false => vec![None],
    };
    let of_state = |state| {
        let samples = &samples;
        (0..layout.outputs())
            .flat_map(move |output| samples.iter().map(move |&sample| Probe { state, output, sample }))
    };
    let mut all: Vec<Probe> = read_states(subject).into_iter().flat_map(of_state).collect();
    let graph = &subject.traced.graph;
    let numbers: usize =
        graph.ids().map(|id| if graph.shape(id) == Shape::Action { layout.actions } else { 1 }).sum();
    let evaluations = 4 * (STEPS.len() + 1) * numbers * layout.batch;
    let count = (BUDGET / evaluations).clamp(2, MOST).min(all.len());
    for chosen in 0..count {
        let other = rng.random_range(chosen..all.len());
        all.swap(chosen, other);
    }
    all.truncate(count);
    all
}

/// The loss around a batch along one output.
struct Field<'a> {
    case: &'a Case<'a>,
    probe: Probe,
    /// Losses at the batch itself, `[batch]`.
    here: Vec<f64>,
    /// For each step size: the step of each sample, and the losses at +1, -1, +½ and -½ steps.
    rungs: Vec<(Vec<f64>, [Vec<f64>; 4])>,
}

impl<'a> Field<'a> {
    fn new(case: &'a Case<'a>, probe: Probe) -> Self {
        let subject = case.subject;
        let frozen = subject.traced.evaluate(&subject.layout, case.wide, None);
        let size = |sample: usize| case.wide.online[index(subject, probe, sample)].abs();
        let batch = 0..subject.layout.batch;
        let mut sizes: Vec<Vec<f64>> = STEPS.iter().map(|&step| vec![step; batch.len()]).collect();
        sizes.insert(0, batch.map(|sample| RELATIVE_STEP * size(sample).max(1.0)).collect());
        let rungs = sizes.into_iter().map(|steps| {
            let losses = [1.0, -1.0, 0.5, -0.5].map(|part| moved(case, probe, &frozen, &steps, part));
            (steps, losses)
        });
        Self { rungs: rungs.collect(), here: losses(subject, &frozen), case, probe }
    }

    /// The slope of the summed loss along the output of one sample.
    fn slope(&self, sample: usize) -> Reading {
        let case = self.case;
        let touched = match self.probe.sample {
            Some(_) => 0..case.subject.layout.batch,
            None => sample..sample + 1,
        };
        let rounding: f64 =
            touched.clone().map(|sample| case.double.at(Written::loss(case.subject, sample))).sum();
        // Differences of samples are summed, and not sums subtracted, so that samples that the output does not touch
        // add exact zeros and no rounding.
        let between = |a: &[f64], b: &[f64]| touched.clone().map(|sample| a[sample] - b[sample]).sum::<f64>();
        let x = case.wide.online[index(case.subject, self.probe, sample)];
        let rungs = self.rungs.iter().map(|(steps, [up, down, half_up, half_down])| {
            let (h, half) = (steps[sample], 0.5 * steps[sample]);
            // The steps that were made, after rounding.
            let (width, half_width) = ((x + h) - (x - h), (x + half) - (x - half));
            let (whole, halved) = (between(up, down) / width, between(half_up, half_down) / half_width);
            // The loss may be 0 here and is rounded beside it.
            let largest = touched.clone().map(|sample| up[sample].abs().max(down[sample].abs()));
            let noise = rounding.max(4.0 * f64::EPSILON * largest.sum::<f64>());
            let bend = |up: &[f64], down: &[f64], h: f64| {
                between(up, &self.here) / ((x + h) - x) - between(&self.here, down) / (x - (x - h))
            };
            let (bend, half_bend) = (bend(up, down, h), bend(half_up, half_down, half));
            // How far the slopes to both sides differ at the point itself: bends fall with the step.
            let kink = 2.0 * half_bend - bend;
            Rung {
                step: h,
                // Errors of a central difference fall with the square of the step.
                slope: (4.0 * halved - whole) / 3.0,
                error: (whole - halved).abs() + 4.0 * noise / h + 0.5 * kink.abs(),
                bend: bend.abs(),
                half_bend: half_bend.abs(),
                noise: 8.0 * noise / h,
            }
        });
        let mut rungs: Vec<Rung> = rungs.collect();
        rungs.sort_by(|a, b| a.step.total_cmp(&b.step));
        // A bend within one step is within all larger ones, where a curve may hide it.
        let smooth = rungs.iter().take_while(|rung| !rung.is_bent()).count();
        let bent = smooth < rungs.len();
        // Where a step leaves the loss's domain, its error is NaN.
        let known = rungs[..smooth].iter().filter(|rung| rung.error.is_finite());
        let Some(&Rung { slope, error, .. }) = known.min_by(|a, b| a.error.total_cmp(&b.error)) else {
            return if bent { Reading::Kink } else { Reading::Unclear };
        };
        if error > WORTH_COMPARING * slope.abs().max(self.steepest(sample)) {
            return if bent { Reading::Kink } else { Reading::Unclear };
        }
        if self.kinks_cancel(sample, slope, error) {
            return Reading::Kink;
        }
        Reading::Estimate { value: slope, error }
    }

    /// Whether the loss is smooth here though its parts are not: `max(x, y) + min(x, y)` where both are equal. The
    /// kernel takes a side in each part, and together these are no slope; next to this point it has the right one.
    fn kinks_cancel(&self, sample: usize, slope: f64, error: f64) -> bool {
        let (case, subject) = (self.case, self.case.subject);
        let position = Written::gradient(subject, self.probe.state, sample, self.probe.output);
        let tolerance = error + case.double.at(position);
        let off = (case.exact.values[position] - slope).abs();
        let nearly_right = |gradient: f64| (gradient - slope).abs() <= tolerance + 0.01 * off;
        off > tolerance
            && [1.0, -1.0].into_iter().all(|side| {
                let mut inputs: Inputs<f64> = case.wide.clone();
                inputs.online[index(subject, self.probe, sample)] += side * STEPS[STEPS.len() - 1];
                nearly_right(subject.run(&inputs).values[position])
            })
    }

    /// The largest slope of the sample by the kernel, at least the size of a slope that would matter.
    fn steepest(&self, sample: usize) -> f64 {
        let (subject, exact) = (self.case.subject, self.case.exact);
        let states = 0..=subject.layout.window;
        let row = states.flat_map(|state| {
            (0..subject.layout.outputs()).map(move |output| Written::gradient(subject, state, sample, output))
        });
        row.map(|position| exact.values[position].abs())
            .filter(|slope| slope.is_finite())
            .fold(1e-3, f64::max)
    }
}

/// What one step size says.
struct Rung {
    step: f64,
    slope: f64,
    error: f64,
    /// How far the slopes to both sides differ, for the step and for half of it.
    bend: f64,
    half_bend: f64,
    /// What rounding makes of that.
    noise: f64,
}

impl Rung {
    /// Where the loss is smooth over the step, half the step halves the difference between the sides. A symmetric
    /// bend hides from a central difference, so it is looked for.
    fn is_bent(&self) -> bool {
        let straight = self.half_bend <= self.noise + 0.7 * self.bend || self.half_bend <= self.error;
        !straight
    }
}

fn index(subject: &Subject, probe: Probe, sample: usize) -> usize {
    (probe.state * subject.layout.batch + sample) * subject.layout.outputs() + probe.output
}

/// Losses at the batch with the output moved by a part of each sample's step.
fn moved(case: &Case<'_>, probe: Probe, frozen: &Values<f64>, steps: &[f64], part: f64) -> Vec<f64> {
    let subject = case.subject;
    let mut inputs: Inputs<f64> = case.wide.clone();
    for sample in probe.samples(&subject.layout.batch) {
        inputs.online[index(subject, probe, sample)] += part * steps[sample];
    }
    losses(subject, &subject.traced.evaluate(&subject.layout, &inputs, Some(frozen)))
}

fn losses(subject: &Subject, values: &Values<f64>) -> Vec<f64> {
    (0..subject.layout.batch).map(|sample| values.get(subject.traced.loss, sample)[0]).collect()
}
