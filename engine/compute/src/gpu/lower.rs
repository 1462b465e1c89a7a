//! Ops to kernel launches: which kernels, with which constants, over which buffers, in how many workgroups.
//! Pure: no device is involved, so shapes are decided here and nowhere else.

use super::clip_chunks::{CHUNK_WORDS, clip_chunks};
use super::kernels::{self, Kernel};
use super::products::ProductOp;
use super::split::one_invocation;
use super::tile::Form;
use super::tiles::Tiles;
use crate::objective::METRIC_SLOTS;
use crate::{Buf, Error, ObjectiveBufs, OnFault, Op};
use std::ops::Range;

/// Workgroups in one dimension of a dispatch, at most: the least that WebGPU promises.
pub(super) const MAX_GROUPS: usize = 65_535;
/// Invocations a workgroup of the kernels that take one element, or one part of a sum, each.
pub(super) const LANES: usize = 256;

/// What a launch binds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Slot {
    /// A float buffer of the plan.
    Buf(usize),
    /// A byte buffer of the plan.
    Bytes(usize),
    /// The plan's scratch buffer: parts of split sums.
    Scratch,
    /// A constant table, by its index in [`Lowering::tables`].
    Table(usize),
}

impl From<Buf> for Slot {
    fn from(buf: Buf) -> Self {
        Slot::Buf(buf.0)
    }
}

/// Values of a kernel's pipeline-overridable constants.
pub(super) type Constants = Vec<(&'static str, f64)>;

/// One dispatch of a built-in kernel.
#[derive(Debug)]
pub(super) struct Launch {
    pub(super) kernel: &'static Kernel,
    /// How it computes a product, if it does.
    pub(super) form: Option<Form>,
    pub(super) constants: Constants,
    pub(super) bindings: Vec<Slot>,
    pub(super) groups: [u32; 3],
}

/// One dispatch.
#[derive(Debug)]
pub(super) enum Step {
    Launch(Launch),
    Objective(ObjectiveBufs),
}

/// The ops of a plan, lowered one after another.
#[derive(Debug)]
pub(super) struct Lowering<'a> {
    tiles: &'a Tiles,
    /// Constant buffers that launches read.
    pub(super) tables: Vec<Vec<u32>>,
    /// Floats of scratch that the hungriest launch needs.
    pub(super) scratch_len: usize,
}

impl<'a> Lowering<'a> {
    pub(super) fn new(tiles: &'a Tiles) -> Self {
        Self { tiles, tables: Vec::new(), scratch_len: 0 }
    }

    /// The dispatches of an op of a checked plan.
    pub(super) fn lower(&mut self, op: &Op) -> Result<Vec<Step>, Error> {
        if let Op::Objective(bufs) = op {
            return Ok(vec![Step::Objective(*bufs)]);
        }
        if let Some(product) = ProductOp::new(op) {
            let (launches, scratch_len) =
                product.launches(self.tiles.choose(&product), self.tiles.busy_lanes())?;
            self.need_scratch(scratch_len);
            return steps(launches);
        }
        let launches = match op {
            Op::DecodeFrames { bytes, from, out, to, batch, stack, pixels } => vec![elementwise(
                &kernels::DECODE_FRAMES,
                constants([
                    ("FROM", from * stack * pixels),
                    ("TO", to * stack * pixels),
                    ("BATCH", *batch),
                    ("STACK", *stack),
                    ("PIXELS", *pixels),
                ]),
                vec![Slot::Bytes(bytes.0), (*out).into()],
                batch * stack * pixels,
            )],
            Op::Copy { from, to, len } => vec![elementwise(
                &kernels::COPY,
                constants([("LEN", *len)]),
                vec![(*from).into(), (*to).into()],
                *len,
            )],
            Op::Adam { params, grads, m, v, hyper, guard, beta1, beta2, epsilon, len } => vec![elementwise(
                &kernels::ADAM,
                vec![
                    ("LEN", *len as f64),
                    ("BETA1", f64::from(*beta1)),
                    ("BETA2", f64::from(*beta2)),
                    ("EPSILON", f64::from(*epsilon)),
                ],
                [*grads, *hyper, *guard, *params, *m, *v].map(Slot::from).to_vec(),
                *len,
            )],
            Op::RmsProp { params, grads, square, hyper, guard, decay, epsilon, len } => vec![elementwise(
                &kernels::RMSPROP,
                vec![("LEN", *len as f64), ("DECAY", f64::from(*decay)), ("EPSILON", f64::from(*epsilon))],
                [*grads, *hyper, *guard, *params, *square].map(Slot::from).to_vec(),
                *len,
            )],
            Op::ColumnMeans { rows, means, count, width } => vec![Launch {
                kernel: &kernels::COLUMN_MEANS,
                form: None,
                constants: constants([("COUNT", *count), ("WIDTH", *width)]),
                bindings: vec![(*rows).into(), (*means).into()],
                groups: [*width as u32, 1, 1],
            }],
            Op::ClipNorm { grads, ranges, max_norm, norms } => {
                self.clip_norm(*grads, ranges, *max_norm, *norms)
            }
            Op::Guard { metrics, samples, grad, grad_len, norms, norm_count, guard, on_fault } => {
                let turns = [*samples, *grad_len, *norm_count].map(|len| len.div_ceil(LANES)).iter().sum();
                one_invocation("guard", turns)?;
                let sizes = constants([
                    ("SAMPLES", *samples),
                    ("WIDTH", METRIC_SLOTS),
                    ("GRAD_LEN", *grad_len),
                    ("NORMS", *norm_count),
                    ("SKIP", usize::from(*on_fault == OnFault::Skip)),
                    ("STOP", usize::from(*on_fault == OnFault::Stop)),
                ]);
                let bindings = [*metrics, *grad, *norms, *guard].map(Slot::from).to_vec();
                vec![Launch {
                    kernel: &kernels::GUARD,
                    form: None,
                    constants: sizes,
                    bindings,
                    groups: [1, 1, 1],
                }]
            }
            Op::Objective(_) => unreachable!("returned above"),
            Op::Conv2dForward { .. }
            | Op::DenseForward { .. }
            | Op::Conv2dBackwardParams { .. }
            | Op::DenseBackwardParams { .. }
            | Op::Conv2dBackwardInput { .. }
            | Op::DenseBackwardInput { .. } => unreachable!("a product, returned above"),
        };
        steps(launches)
    }

    fn clip_norm(
        &mut self,
        grads: Buf,
        ranges: &[Range<usize>],
        max_norm: Option<f32>,
        norms: Buf,
    ) -> Vec<Launch> {
        let table = clip_chunks(ranges);
        let chunks = table.len() / CHUNK_WORDS;
        if chunks == 0 {
            return vec![];
        }
        self.need_scratch(chunks);
        self.tables.push(table);
        let table = Slot::Table(self.tables.len() - 1);
        let groups = [chunks as u32, 1, 1];
        vec![
            Launch {
                kernel: &kernels::CLIP_NORM_SQUARES,
                form: None,
                constants: vec![],
                bindings: vec![table, grads.into(), Slot::Scratch],
                groups,
            },
            Launch {
                kernel: &kernels::CLIP_NORM_SCALE,
                form: None,
                constants: vec![
                    ("CLIP", f64::from(u8::from(max_norm.is_some()))),
                    ("MAX_NORM", f64::from(max_norm.unwrap_or_default())),
                ],
                bindings: vec![table, Slot::Scratch, grads.into(), norms.into()],
                groups,
            },
        ]
    }

    fn need_scratch(&mut self, len: usize) {
        self.scratch_len = self.scratch_len.max(len);
    }
}

/// Launches of a size that WebGPU promises.
fn steps(launches: Vec<Launch>) -> Result<Vec<Step>, Error> {
    for launch in &launches {
        if launch.groups.iter().any(|groups| *groups as usize > MAX_GROUPS) {
            let (name, groups) = (launch.kernel.name, launch.groups);
            let reason =
                format!("{name} needs {groups:?} workgroups, more than {MAX_GROUPS} in one dimension");
            return Err(Error::Unsupported(format!("{reason}; {}", Error::LESS)));
        }
    }
    Ok(launches.into_iter().map(Step::Launch).collect())
}

/// One invocation an element, workgroups in a grid when they are many.
pub(super) fn elementwise(
    kernel: &'static Kernel,
    constants: Constants,
    bindings: Vec<Slot>,
    len: usize,
) -> Launch {
    let workgroups = len.div_ceil(LANES);
    let rows = workgroups.div_ceil(MAX_GROUPS);
    let groups = [workgroups.div_ceil(rows) as u32, rows as u32, 1];
    Launch { kernel, form: None, constants, bindings, groups }
}

pub(super) fn constants<const N: usize>(values: [(&'static str, usize); N]) -> Constants {
    values.map(|(name, value)| (name, value as f64)).to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_elements_become_a_grid_that_covers_them() {
        for len in [1, 256, 257, MAX_GROUPS * LANES, MAX_GROUPS * LANES + 1, 100_000_000] {
            let [x, y, z] =
                elementwise(&kernels::COPY, vec![], vec![], len).groups.map(|groups| groups as usize);
            assert!(x <= MAX_GROUPS && y <= MAX_GROUPS && z == 1);
            assert!(x * y * LANES >= len && x * (y - 1) * LANES < len, "{len}: {x} × {y}");
        }
    }
}
