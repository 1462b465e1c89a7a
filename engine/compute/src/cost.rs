//! What an op costs at the least, whatever runs it: the arithmetic of its formula, and each of its operands through memory
//! once. The roofline of a device (Williams, Waterman and Patterson 2009) follows from that.

use crate::objective::METRIC_SLOTS;
use crate::{ConvShape, DenseShape, Images, Op};
use std::iter::Sum;
use std::ops::Add;

/// Bytes of a float.
const F32: usize = size_of::<f32>();

/// Work that cannot be avoided.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cost {
    /// Floating-point operations; a multiplication and an addition are two.
    pub flops: u64,
    /// Bytes read and written.
    pub bytes: u64,
}

impl Cost {
    fn new(flops: usize, bytes: usize) -> Self {
        Self { flops: flops as u64, bytes: bytes as u64 }
    }

    /// Seconds that a device needs at least, at so many operations and bytes a second.
    pub fn seconds(&self, flops_per_s: f64, bytes_per_s: f64) -> f64 {
        (self.flops as f64 / flops_per_s).max(self.bytes as f64 / bytes_per_s)
    }
}

impl Add for Cost {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self { flops: self.flops + other.flops, bytes: self.bytes + other.bytes }
    }
}

impl Sum for Cost {
    fn sum<I: Iterator<Item = Self>>(costs: I) -> Self {
        costs.fold(Self::default(), Add::add)
    }
}

impl Op {
    /// What it costs at the least. The arithmetic of elementwise kernels and of the objective is left out: it is hidden
    /// behind their traffic.
    pub fn cost(&self) -> Cost {
        let conv = |s: &ConvShape, input_bytes: usize| {
            let floats = s.batch * s.output_len() + s.weight_len() + s.c_out;
            let pixels = s.batch * s.out_height() * s.out_width();
            let bytes = s.batch * s.input_len() * input_bytes + F32 * floats;
            Cost::new(2 * pixels * s.c_out * s.kernel * s.kernel * s.c_in, bytes)
        };
        let bytes_each = |x: &Images| match x {
            Images::Floats(_) => F32,
            Images::Frames { .. } => 1,
        };
        let dense = |s: &DenseShape| {
            let floats = s.batch * (s.inputs + s.outputs) + (s.inputs + 1) * s.outputs;
            Cost::new(2 * s.batch * s.outputs * s.inputs, F32 * floats)
        };
        let traffic = |floats: usize| Cost::new(0, F32 * floats);
        match self {
            Op::DecodeFrames { batch, stack, pixels, .. } => Cost::new(0, batch * stack * pixels * (F32 + 1)),
            Op::Conv2dForward { shape, x, .. } | Op::Conv2dBackwardParams { shape, x, .. } => {
                conv(shape, bytes_each(x))
            }
            Op::Conv2dBackwardInput { shape: s, relu, .. } => {
                let mask = relu.map_or(0, |_| s.batch * s.input_len());
                conv(s, F32) + traffic(mask)
            }
            Op::DenseForward { shape, .. } | Op::DenseBackwardParams { shape, .. } => dense(shape),
            Op::DenseBackwardInput { shape: s, relu, .. } => {
                let mask = relu.map_or(0, |_| s.batch * s.inputs);
                dense(s) + traffic(mask)
            }
            Op::Objective(o) => {
                let [trained, online, target] = o.lens();
                traffic(2 * trained + online + target + o.batch * METRIC_SLOTS)
            }
            Op::ColumnMeans { count, width, .. } => traffic((count + 1) * width),
            // Read for the norms; written only where one is too large.
            Op::ClipNorm { ranges, .. } => traffic(ranges.iter().map(ExactSizeIterator::len).sum()),
            Op::Guard { samples, grad_len, norm_count, .. } => traffic(samples + grad_len + norm_count),
            Op::Adam { len, .. } => traffic(7 * len),
            Op::RmsProp { len, .. } => traffic(5 * len),
            Op::Copy { len, .. } => traffic(2 * len),
        }
    }

    /// The kernel's name, and what there is of it in a network.
    pub fn label(&self) -> String {
        let conv = |name: &str, s: &ConvShape| {
            let ConvShape { batch, height, width, c_in, c_out, kernel, stride } = s;
            format!("{name} {batch}×{height}×{width}×{c_in} → {c_out} ({kernel}×{kernel}/{stride})")
        };
        let dense = |name: &str, s: &DenseShape| format!("{name} {}×{} → {}", s.batch, s.inputs, s.outputs);
        match self {
            Op::DecodeFrames { batch, .. } => format!("decode_frames {batch}"),
            Op::Conv2dForward { shape, .. } => conv("conv2d_forward", shape),
            Op::Conv2dBackwardInput { shape, .. } => conv("conv2d_backward_input", shape),
            Op::Conv2dBackwardParams { shape, .. } => conv("conv2d_backward_params", shape),
            Op::DenseForward { shape, .. } => dense("dense_forward", shape),
            Op::DenseBackwardInput { shape, .. } => dense("dense_backward_input", shape),
            Op::DenseBackwardParams { shape, .. } => dense("dense_backward_params", shape),
            Op::Objective(_) => "objective".into(),
            Op::ColumnMeans { .. } => "column_means".into(),
            Op::ClipNorm { .. } => "clip_norm".into(),
            Op::Guard { .. } => "guard".into(),
            Op::Adam { .. } => "adam".into(),
            Op::RmsProp { .. } => "rmsprop".into(),
            Op::Copy { len, .. } => format!("copy {len}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{LayerParams, Plan};

    #[test]
    fn the_first_convolution_of_the_nature_network_costs_what_is_known_of_it() {
        let mut plan = Plan::new();
        let [x, params, y] = ["x", "params", "y"].map(|name| plan.buf(name, 1));
        let shape = ConvShape { batch: 32, height: 84, width: 84, c_in: 4, c_out: 32, kernel: 8, stride: 4 };
        let layer = LayerParams { weight: 0, bias: 8192 };
        let cost = Op::Conv2dForward { shape, x: Images::Floats(x), params, layer, y, relu: true }.cost();
        // 400 pixels × 256 taps × 32 channels, twice; an image, the output's pixels, the weights.
        assert_eq!(cost.flops, 32 * 2 * 400 * 256 * 32);
        assert_eq!(cost.bytes, 4 * (32 * (28_224 + 12_800) + 8192 + 32));
        assert_eq!((cost + Cost::default()).seconds(1e12, 1e12), cost.flops as f64 / 1e12);
    }
}
