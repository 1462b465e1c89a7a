//! The script run on numbers, as a second opinion; and the operation at which it begins to disagree.

use super::culprit::{Culprit, PartOf, anchor_state, parts};
use super::evaluation::{Case, Evaluation, Prepared, Reading};
use super::inputs::wide;
use super::rounding::Arithmetic;
use super::subject::{Subject, Written};
use crate::failure::Failure;
use kelvin_objective::{Inputs, NodeId, Op, Operation, ParamKind, Script, Shape, Values};

/// Relative distance of numbers that are the same for the search of the operation responsible. It need not be tight:
/// what is searched for is known to be there.
const SAME: f64 = 1e-7;
/// Nodes that are looked at for one operation: several have the same value where one is the other, stopped.
const CANDIDATES: usize = 6;

/// The script on `f64` with tangents. It is evaluated for the objective that the script is, and for no other.
pub struct Eager<'a> {
    /// The script.
    pub script: &'a Script,
}

impl Eager<'_> {
    fn evaluate(&self, subject: &Subject, inputs: &Inputs<f64>) -> Result<kelvin_objective::Eager, Failure> {
        let mut params = subject.statics.clone();
        for param in self.script.params() {
            if let ParamKind::Live { slot } = param.kind {
                params.insert(param.name.clone(), inputs.uniforms[slot]);
            }
        }
        Ok(self.script.eager(&subject.layout, &params, inputs)?)
    }
}

impl Evaluation for Eager<'_> {
    fn name(&self) -> &'static str {
        "eager"
    }

    fn arithmetic(&self) -> Arithmetic {
        Arithmetic::Double
    }

    fn prepare<'a>(&'a self, subject: &'a Subject) -> Result<Prepared<'a>, Failure> {
        Ok(Box::new(move |case: &Case<'_>| {
            let eager = self.evaluate(subject, case.wide)?;
            let missing = vec![f64::NAN; subject.layout.batch];
            let metric = |(name, _): &(String, NodeId)| {
                let found = eager.metrics.iter().find(|(other, _)| other == name);
                found.map_or(missing.clone(), |(_, values)| values.clone())
            };
            let metrics: Vec<_> = subject.traced.metrics.iter().map(metric).collect();
            Ok(Reading::all(&Written::from_parts(subject, &eager.losses, &metrics, &eager.grad)))
        }))
    }

    /// The first operation of the script whose result and derivative no node of the graph has.
    fn locate(&self, subject: &Subject, inputs: &Inputs<f32>) -> Result<Option<Culprit>, Failure> {
        let inputs = wide(inputs);
        let eager = self.evaluate(subject, &inputs)?;
        let search = Search {
            subject,
            direction: &eager.direction,
            values: subject.traced.evaluate(&subject.layout, &inputs, None),
            mixes_samples: subject.mixes_samples(),
            inputs: &inputs,
        };
        let different =
            eager.trail.iter().find_map(|operation| Some((operation, search.differs(operation)?)));
        Ok(different.map(|(operation, how)| {
            let message = format!("`{}` {how}", operation.name);
            Culprit { message, span: operation.span }
        }))
    }
}

/// Looks for nodes that are what the script computed.
struct Search<'a> {
    subject: &'a Subject,
    inputs: &'a Inputs<f64>,
    /// Of every node, by the graph as it was traced.
    values: Values<f64>,
    /// Along which the script's derivatives were taken, `[n + 1, batch, outputs]`.
    direction: &'a [f64],
    mixes_samples: bool,
}

impl Search<'_> {
    /// How an operation differs from all nodes; `None` if one is the same.
    fn differs(&self, operation: &Operation) -> Option<&'static str> {
        let batch = self.subject.layout.batch;
        let width = operation.actions.unwrap_or(1);
        let rows = operation.values.chunks(batch * width).zip(operation.slopes.chunks(batch * width));
        for (values, slopes) in rows {
            let candidates = self.candidates(operation, values, width);
            if candidates.is_empty() {
                return Some("has a value that no node of the graph has");
            }
            if !candidates.iter().any(|&id| self.agrees(id, values, slopes, width)) {
                return Some("has a value or a derivative in the kernel that is not the script's");
            }
        }
        None
    }

    /// Nodes of the same values, those of the same place first.
    fn candidates(&self, operation: &Operation, values: &[f64], width: usize) -> Vec<NodeId> {
        let graph = &self.subject.traced.graph;
        let shape = if operation.actions.is_some() { Shape::Action } else { Shape::Scalar };
        let same_values = |id: &NodeId| {
            let rows = values.chunks(width).enumerate();
            rows.into_iter().all(|(sample, row)| {
                row.iter().zip(self.values.get(*id, sample)).all(|(a, b)| same(*a, *b, 1.0))
            })
        };
        let mut found: Vec<NodeId> =
            graph.ids().filter(|&id| graph.shape(id) == shape).filter(same_values).collect();
        found.sort_by_key(|&id| graph.span(id) != operation.span);
        found.truncate(CANDIDATES);
        found
    }

    /// Whether the kernel of a node alone has these values, and a gradient with these derivatives.
    fn agrees(&self, id: NodeId, values: &[f64], slopes: &[f64], width: usize) -> bool {
        if matches!(self.subject.traced.graph.op(id), Op::Const(_)) {
            return slopes.iter().all(|&slope| slope == 0.0);
        }
        let batch = self.subject.layout.batch;
        parts(self.subject, id).iter().all(|part| {
            let of_sample = |numbers: &[f64], sample: usize| {
                let row = &numbers[sample * width..][..width];
                match part.of {
                    PartOf::Whole => row[0],
                    PartOf::ActionTaken => row[self.action(sample).min(width - 1)],
                    PartOf::Sum => row.iter().sum(),
                }
            };
            // The number is the loss, or else the first metric.
            let (subject, slot) = match &part.pure {
                Some(pure) => (pure, 0),
                None => (&part.anchored, 1),
            };
            let written = subject.run(self.inputs);
            let same_values = (0..batch).all(|sample| {
                same(of_sample(values, sample), written.values[Written::loss(subject, sample) + slot], 1.0)
            });
            let (kernel, steepest) = self.slopes(subject, &written, part.pure.is_none());
            let script: Vec<f64> = (0..batch).map(|sample| of_sample(slopes, sample)).collect();
            let same_slopes = match self.mixes_samples {
                true => same(kernel.iter().sum(), script.iter().sum(), steepest),
                false => kernel.iter().zip(&script).all(|(a, b)| same(*a, *b, steepest)),
            };
            same_values && same_slopes
        })
    }

    /// Derivative of each sample's loss along the direction, without that of the anchor if there is one; and the
    /// largest slope.
    fn slopes(&self, subject: &Subject, written: &Written, anchored: bool) -> (Vec<f64>, f64) {
        let (layout, mut steepest) = (&subject.layout, 1.0f64);
        let (anchor_state, anchor_width) = (anchor_state(self.subject), layout.width(layout.heads[0]));
        let mut slopes = vec![0.0; layout.batch];
        for (sample, slope) in slopes.iter_mut().enumerate() {
            for state in 0..=layout.window {
                for output in 0..layout.outputs() {
                    let of_anchor = anchored && state == anchor_state && output < anchor_width;
                    let by = written.values[Written::gradient(subject, state, sample, output)]
                        - f64::from(u8::from(of_anchor));
                    *slope +=
                        by * self.direction[(state * layout.batch + sample) * layout.outputs() + output];
                    steepest = steepest.max(by.abs());
                }
            }
        }
        (slopes, steepest)
    }

    /// The action taken at the first step.
    fn action(&self, sample: usize) -> usize {
        let layout = &self.subject.layout;
        self.inputs.samples[layout.field(kelvin_objective::Field::Action(0)) * layout.batch + sample] as usize
    }
}

/// Whether two numbers are the same but for rounding at their own size, or at `size`. Both may be NaN.
fn same(a: f64, b: f64, size: f64) -> bool {
    a == b || (a.is_nan() && b.is_nan()) || (a - b).abs() <= SAME * a.abs().max(b.abs()).max(size)
}
